"""Several files, patterns and pipes as the source of one import."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest

import cmdb
from schemas.errors import SourceError
from schemas.settings import settings
from tests.api.support import Cli
from tests.support import stored, vpc, vpc_id, write_csv


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with two files of VPCs that call their columns differently, and one of several types."""
    monkeypatch.chdir(tmp_path)
    write_csv(tmp_path / "a.csv", [vpc(1), vpc(2, region="us-eest-1")])
    other = {"VPC ID": vpc_id(3), "CIDR block": "10.3.0.0/16", "Region": "us-east-1", "Account": "012345678901"}
    write_csv(tmp_path / "b.csv", [other])
    site = {"name": "Bonn", "slug": "bon"}
    (tmp_path / "c.json").write_text(json.dumps({"vpcs": [vpc(4)], "sites": [site]}))
    return tmp_path


def report_of(cli: Cli, *words: str) -> dict[str, Any]:
    """The report of a command."""
    found: dict[str, Any] = json.loads(cli(*words, "--json").out)
    return found


def test_several_files_are_one_run(cli: Cli, database_url: str) -> None:
    """Files of one type are read one after the other, whatever their columns are called."""
    report = report_of(cli, "import", "a.csv", "b.csv", "c.json")
    assert (report["source"], report["counts"]["create"], report["counts"]["rejected"]) == ("a.csv and 2 more", 4, 1)
    assert {part["type"]: part["counts"]["create"] for part in report["parts"]} == {"site": 1, "vpc": 3}
    assert [record["vpc_id"] for record in stored(database_url, "vpc")] == [vpc_id(1), vpc_id(3), vpc_id(4)]
    assert [(issue["row"], issue["suggestion"]) for issue in report["issues"] if issue["severity"] == "error"] == [
        (3, "us-east-1")
    ]
    notices = " ".join(notice["message"] for notice in report["notices"])
    assert "'b.csv' is read as more of 'a.csv': its row 1 is counted as row 4" in notices
    assert "file 'b.csv': columns are read as in the first: 'VPC ID' as 'vpc_id'" in notices
    assert len(json.loads(cli("runs", "--json").out)) == 1
    again = report_of(cli, "import", "a.csv", "b.csv", "c.json")
    assert (again["repeats"], again["counts"]["unchanged"]) == (report["runId"], 4)
    assert report_of(cli, "import", "a.csv")["repeats"] is None


def test_a_field_that_a_file_lacks_stays(cli: Cli, database_url: str) -> None:
    """The second file has no names: those of its records stay as they are stored."""
    cli("import", str(write_csv(Path("old.csv"), [vpc(3, name="kept")])))
    assert cli("import", "a.csv", "b.csv").code == 3
    assert [(each["vpc_id"], each["name"]) for each in stored(database_url, "vpc")] == [
        (vpc_id(1), "net-1"),
        (vpc_id(3), "kept"),
    ]


def test_patterns(cli: Cli) -> None:
    """A quoted pattern gives its files in their order, each once; without any there is no run."""
    dry = cli("import", "*.csv", "a.csv", "--dry-run")
    assert "a.csv and 1 more → vpc" in dry.out
    assert "does it" not in dry.out
    assert cli("plan", "[ab].csv", "-o", "plan.json").code == 3
    assert cli("apply", "plan.json").code == 3
    none = cli("import", "*.xlsx")
    assert (none.code, "No file matches *.xlsx" in none.err) == (1, True)


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("import", "a.csv", "gone.csv"), 1, "gone.csv does not exist"),
        (("preview", "."), 1, "is a folder, not a file: name its files, as in './*.csv'"),
        (("import", "https://ipam.example.com/a.csv"), 2, "Use `cmdb sync https://ipam.example.com/a.csv`"),
    ],
)
def test_what_is_no_file_leaves_no_run(cli: Cli, words: tuple[str, ...], code: int, says: str) -> None:
    """The message says what to name, or to use; the history has nothing of it."""
    done = cli(*words)
    assert (done.code, says in " ".join(done.err.split())) == (code, True), done.err
    assert json.loads(cli("runs", "--json").out) == []
    with pytest.raises(SourceError):
        cmdb.import_file("gone.csv")
    assert json.loads(cli("runs", "--json").out) == []


def test_a_file_that_cannot_be_read_stops_all(cli: Cli, database_url: str) -> None:
    """All files are imported or none; the message names the file."""
    Path("d.csv").write_text("colour,shape\nred,round\n")
    done = cli("import", "a.csv", "d.csv")
    assert (done.code, "d.csv" in done.err) == (2, True), done.err
    assert stored(database_url, "vpc") == []
    assert cli("import", "a.csv", "d.csv", "--type", "vpc").code == 3


def test_a_saved_mapping_reads_several_files(cli: Cli, database_url: str) -> None:
    """Its type is that of all files."""
    for number in (1, 2):
        row = {"Netz": vpc_id(number), "Block": f"10.{number}.0.0/16", "Ort": "us-east-1", "Konto": "012345678901"}
        write_csv(Path(f"netz-{number}.csv"), [row])
    pairs = ("Netz=vpc_id", "Block=cidr_block", "Ort=region", "Konto=account_id")
    mapped = [word for pair in pairs for word in ("--map", pair)]
    assert cli("import", "netz-1.csv", "-t", "vpc", *mapped, "--save-mapping", "netze").code == 0
    assert cli("import", "netz-*.csv", "--mapping", "netze").code == 0
    assert [record["vpc_id"] for record in stored(database_url, "vpc")] == [vpc_id(1), vpc_id(2)]


def test_named_pipes(cli: Cli, database_url: str, folder: Path) -> None:
    """A pipe is read to its end, and nothing of it is left behind."""
    content = (folder / "a.csv").read_bytes()
    os.mkfifo("pipe.csv")
    writer = threading.Thread(target=lambda: (folder / "pipe.csv").write_bytes(content))
    writer.start()
    done = cli("import", "pipe.csv", "b.csv")
    writer.join()
    assert (done.code, "pipe.csv and 1 more" in done.out) == (3, True)
    assert len(stored(database_url, "vpc")) == 2
    assert not list(settings().temporary.iterdir())


def test_what_a_shell_substitutes(command: str, database_url: str) -> None:
    """`cmdb import <(…)` reads the output of a program."""
    words = ["bash", "-c", f"{command} import <(head -2 a.csv) --json"]
    environment = os.environ | {"CMDB_DATABASE_URL": database_url}
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, json.loads(done.stdout)["source"]) == (0, "pipe"), done.stderr
    assert len(stored(database_url, "vpc")) == 1
