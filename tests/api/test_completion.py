"""The shell completes types, fields, runs, syncs and mappings: at once, and without an error."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from schemas.settings import settings
from tests.api.support import Cli
from tests.support import vpc, write_csv


def completed(cli: Cli, monkeypatch: pytest.MonkeyPatch, line: str) -> list[str]:
    """What Bash completes at the end of a line."""
    words = line.split(" ")
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", str(len(words) - 1))
    monkeypatch.setenv("_CMDB_COMPLETE", "complete_bash")
    done = cli()
    monkeypatch.delenv("_CMDB_COMPLETE")
    assert (done.code, done.err) == (0, "")
    return done.out.split()


@pytest.mark.parametrize(
    ("line", "choices"),
    [
        ("cmdb list vpc", ["vpc", "vpcEndpoint", "vpcPeering"]),
        ("cmdb export vpc,vla", ["vpc,vlan"]),
        ("cmdb import vpcs.csv --type transitGatewayR", ["transitGatewayRouteTable"]),
        ("cmdb list vpc --fields vpc_id,ci", ["vpc_id,cidr_block"]),
        ("cmdb list vlan --sort vid,-na", ["vid,-name"]),
        ("cmdb export vpc --where cidr_block", ["cidr_block"]),
        ("cmdb import vpcs.csv --type vpc --set reg", ["region="]),
        ("cmdb list nothing --fields availability_zone_i", ["availability_zone_id"]),
    ],
)
def test_types_and_fields(cli: Cli, monkeypatch: pytest.MonkeyPatch, line: str, choices: list[str]) -> None:
    """Those of the command's type; also after a comma and a sign."""
    assert completed(cli, monkeypatch, line) == choices


def test_fields_of_columns(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """The field of a column, which some shells give as one word."""
    monkeypatch.setenv("_TYPER_COMPLETE_ARGS", "cmdb import vpcs.csv --type vpc --map Ort=regi")
    monkeypatch.setenv("_CMDB_COMPLETE", "complete_zsh")
    assert '"Ort=region"' in cli().out


def test_names_in_the_database(cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The newest runs first, with the word for the last one; syncs and saved mappings by their names."""
    path = write_csv(tmp_path / "vpcs.csv", [vpc(1)])
    assert cli("sync", str(path), "--name", "lab").code == 0
    assert cli("import", str(path), "--save-mapping", "netops").code == 0
    runs = [run["runId"][:8] for run in json.loads(cli("runs", "--json").out)]
    assert completed(cli, monkeypatch, "cmdb show ") == ["last", *runs]
    assert completed(cli, monkeypatch, f"cmdb undo {runs[1][:7]}") == [runs[1]]
    assert completed(cli, monkeypatch, "cmdb sync l") == ["lab"]
    assert completed(cli, monkeypatch, "cmdb export vpc --mapping n") == ["netops"]


def test_a_database_that_does_not_answer(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is nothing to complete but what needs no database."""
    monkeypatch.setenv("CMDB_DATABASE_URL", "postgresql://cmdb@127.0.0.1:9/cmdb")
    settings.cache_clear()
    assert completed(cli, monkeypatch, "cmdb show ") == ["last"]
    assert completed(cli, monkeypatch, "cmdb sync ") == []
    monkeypatch.setenv("CMDB_DATABASE_URL", "not an address")
    settings.cache_clear()
    assert completed(cli, monkeypatch, "cmdb show l") == ["last"]


def test_no_server_is_started(command: str, tmp_path: Path) -> None:
    """Where the embedded server is not running, its folder is not even made."""
    words = {"COMP_WORDS": "cmdb show ", "COMP_CWORD": "2", "_CMDB_COMPLETE": "complete_bash"}
    environment = {name: value for name, value in os.environ.items() if name != "CMDB_DATABASE_URL"}
    done = subprocess.run(
        [command],
        env=environment | words | {"CMDB_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "last\n", "")
    assert not (tmp_path / "home").exists()
