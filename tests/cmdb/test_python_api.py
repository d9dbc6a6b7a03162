"""The Python API: a file is planned, applied, listed, exported and undone by calls alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import SecretStr

import cmdb
from schemas.settings import Settings
from tests.support import vpc, vpc_id, with_settings, write_csv

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def used(database_url: str) -> Settings:
    """Settings that name the test's database."""
    return with_settings(database_url=SecretStr(database_url))


def test_a_session(used: Settings, tmp_path: Path) -> None:
    """What a plan says is what its application does; an undo takes it back; each report has its counts."""
    path = write_csv(tmp_path / "vpcs.csv", [vpc(1), vpc(2), vpc(3, region="us-eest-1")])
    plan = cmdb.plan_file(path, settings=used)
    assert (plan.counts.create, plan.counts.rejected, cmdb.list_records("vpc", settings=used)) == (2, 1, [])
    applied = cmdb.apply_plan(plan, settings=used)
    assert (applied.status, applied.counts.create) == (cmdb.Status.COMPLETED, 2)
    [found] = cmdb.list_records("vpc", where=f"vpc_id = {vpc_id(2)}", settings=used)
    assert (found["key"], found["name"]) == (vpc_id(2), "net-2")
    exported = cmdb.export_file(cmdb.ExportJob(resource_type="vpc", path=tmp_path / "out.csv"), settings=used)
    assert exported.records == 2
    again = cmdb.import_file(cmdb.ImportJob(path=tmp_path / "out.csv"), settings=used)
    assert again.counts == cmdb.Counts(read=2, unchanged=2)
    synced = cmdb.sync(cmdb.SyncJob(url=(tmp_path / "out.csv").as_uri()), settings=used)
    assert synced.counts.unchanged == 2
    assert cmdb.undo(applied, settings=used).counts.delete == 2
    assert cmdb.list_records("vpc", settings=used) == []


def test_errors_are_of_one_kind(used: Settings, tmp_path: Path) -> None:
    """Whatever is wrong is a CmdbError that says what to do."""
    with pytest.raises(cmdb.RunFailed, match="name a file"):
        cmdb.import_file(tmp_path / "gone.csv", settings=used)
    with pytest.raises(cmdb.UnknownType):
        cmdb.list_records("vlna", settings=used)
    with pytest.raises(cmdb.UsageError):
        cmdb.apply_plan("00000000-0000-0000-0000-000000000000", settings=used)


def test_everything_that_is_named_is_there() -> None:
    """`from cmdb import *` gives each name, and each function says what it does."""
    for name in cmdb.__all__:
        assert getattr(cmdb, name).__doc__, name


def test_the_example(used: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The script of `examples/` runs as it stands."""
    assert used.database_url
    monkeypatch.setenv("CMDB_DATABASE_URL", used.database_url.get_secret_value())
    script = [sys.executable, str(EXAMPLES / "python_api.py")]
    done = subprocess.run(script, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "0 VPCs are left"
