"""Rules of the user's own through the command line and the whole system, whose runs fork from a warm process."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from schemas.settings import settings
from tests.api.support import Cli
from tests.api.system import Start, execute, follow
from tests.conftest import temporary_home
from tests.databases import database
from tests.support import stored, vpc, write_csv

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_the_command_line(cli: Cli, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rules are listed, asked, left out by name and misspelt; one that is broken ends the command with its name."""
    shutil.copy(EXAMPLES / "rules.py", tmp_path / "rules.py")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CMDB_RULES", "rules.py")
    settings.cache_clear()
    shown = cli("rules", "tgw").out
    assert f"{tmp_path / 'rules.py'}:22" in shown
    assert "named_by_environment" not in shown
    rules = {rule["name"]: rule for rule in json.loads(cli("rules", "--json").out)}
    assert rules["named_by_environment"] == {
        "name": "named_by_environment",
        "types": ["vpc", "subnet"],
        "fields": ["name", "environment"],
        "severity": "warning",
        "message": "the name '{name}' does not end with '-{environment}'",
        "scope": "row",
        "source": f"{tmp_path / 'rules.py'}:10",
    }
    assert rules["overlap"]["source"] == "built in"
    path = str(write_csv(tmp_path / "vpcs.csv", [vpc(1, tags="")]))
    done = cli("preview", path)
    assert (done.code, "has_an_owner" in done.out) == (3, True)
    misspelt = cli("import", path, "--without-rule", "has_owner")
    assert (misspelt.code, "did you mean has_an_owner" in misspelt.err) == (2, True)
    done = cli("import", path, "--without-rule", "has_an_owner")
    assert (done.code, "was switched off for this run" in done.out) == (0, True)
    (tmp_path / "broken.py").write_text("1 / 0\n")
    monkeypatch.setenv("CMDB_RULES", "broken.py")
    settings.cache_clear()
    for words in (("import", path), ("rules",)):
        failed = cli(*words)
        assert failed.code == 1
        assert f"{tmp_path / 'broken.py'}, line 1" in failed.err
    assert len(stored(database_url, "vpc")) == 1


def test_the_system(
    start_system: Start, postgres_url: str, template_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that is named from the folder where `cmdb up` starts is asked by each run; a form may leave a rule out."""
    shutil.copy(EXAMPLES / "rules.py", tmp_path / "rules.py")
    monkeypatch.chdir(tmp_path)
    path = write_csv(tmp_path / "vpcs.csv", [vpc(1, tags=""), vpc(2)])
    with (
        temporary_home() as folder,
        database(postgres_url, template_database) as url,
        start_system(url, folder, CMDB_RULES="rules.py") as system,
        system.client() as client,
    ):
        listed = client.get("/api/rules", params={"resourceType": "site"}).json()
        assert [rule["name"] for rule in listed] == ["duplicate_key", "has_an_owner"]
        assert client.get("/api/rules", params={"resourceType": "nothing"}).status_code == 404
        *_, found = follow(client, execute(client, path))
        assert (found["status"], found["rejectedRecords"]) == ("completed", 1)
        off = {"withoutRules": ["has_an_owner", "names_are_unique"]}
        asked = client.post("/api/import/execute", files={"file": ("vpcs.csv", path.read_bytes())}, data=off)
        assert asked.status_code == 202, asked.text
        *_, ended = follow(client, asked.json()["importId"])
        assert (ended["status"], ended["rejectedRecords"]) == ("completed", 0)
        (tmp_path / "rules.py").write_text("1 / 0\n")
        *_, failed = follow(client, execute(client, path))
        assert failed["status"] == "failed"
        assert f"{tmp_path / 'rules.py'}, line 1" in failed["message"]
        assert len(stored(url, "vpc")) == 2
