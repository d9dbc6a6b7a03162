"""`cmdb export` and `cmdb template`: what they print, their exit codes, and what is left when they are stopped."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import openpyxl
import pytest

from schemas.settings import settings
from tests.api.support import Cli
from tests.support import MANY, execute, vpc, vpc_id, write_csv
from tests.waiting import wait_until

CMDB = Path(sys.executable).with_name("cmdb")


@pytest.fixture
def two(cli: Cli, tmp_path: Path) -> None:
    """Two VPCs."""
    assert cli("import", str(write_csv(tmp_path / "vpcs.csv", [vpc(1), vpc(2, region="eu-west-1")]))).code == 0


def test_export_as_of_a_moment(cli: Cli, two: None, tmp_path: Path) -> None:
    """`--as-of` writes what was there; a time before all that is known is refused with the time to ask for."""
    del two
    path = tmp_path / "out.csv"
    assert cli("export", "vpc", "-o", str(path), "--as-of", "0m", "--metadata").code == 0
    assert "# asOf: 20" in path.read_text()
    done = cli("export", "vpc", "-o", str(path), "--as-of", "7d")
    assert (done.code, "is not known: it is since 20" in done.err) == (2, True)


def test_export_prints_what_it_wrote(cli: Cli, two: None, tmp_path: Path) -> None:
    """The file and the number of records; as JSON with the names of the contract; every option does its part."""
    del two
    path = tmp_path / "out.csv"
    done = cli("export", "VPCs", "-o", str(path))
    assert (done.code, done.err) == (0, "")
    assert str(path) in done.out
    assert "2 records" in done.out
    words = ("-w", "region eq us-east-1", "-w", "name contains NET", "-f", "Name, region", "--sort", "-name")
    more = ("--since", "1h", "--limit", "5", "--titles", "--delimiter", "semicolon", "--bom", "--no-guard")
    report = json.loads(cli("export", "vpc", "-o", str(path), *words, *more, "--json").out)
    assert (report["resourceType"], report["records"], report["columns"]) == ("vpc", 1, ["Name", "Region"])
    assert path.read_bytes().decode() == "\ufeffName;Region\r\nnet-1;us-east-1\r\n"


def test_several_types_go_into_one_file(cli: Cli, two: None, tmp_path: Path) -> None:
    """All of them, or those that are named; it prints how many records there are of each."""
    del two
    path = tmp_path / "cmdb.xlsx"
    assert (
        cli("import", str(write_csv(tmp_path / "sites.csv", [{"name": "fra", "slug": "fra"}])), "-t", "site").code == 0
    )
    done = cli("export", "--all", "-o", str(path), "--metadata")
    assert (done.code, done.err) == (0, "")
    assert f"2 types → {path}" in " ".join(done.out.split())
    assert "vpc 2, site 1" in done.out
    assert openpyxl.load_workbook(path).sheetnames == ["VPC", "Site", "About"]
    report = json.loads(cli("export", "Sites, vpc", "-o", str(tmp_path / "two.json.gz"), "--json").out)
    assert (report["resourceType"], report["types"], report["records"]) == (None, {"vpc": 2, "site": 1}, 3)


def test_an_exported_workbook_is_corrected_and_imported(cli: Cli, two: None, tmp_path: Path) -> None:
    """The way of a person with a spreadsheet: export, change a cell, import; one record is updated."""
    del two
    path = tmp_path / "vpcs.xlsx"
    assert cli("export", "vpc", "-o", str(path), "--metadata", "--lineage").code == 0
    book = openpyxl.load_workbook(path)
    sheet = book.worksheets[0]
    assert (sheet["A2"].value, sheet["B2"].value) == (vpc_id(1), "net-1")
    sheet["B2"].value = "corrected"
    book.save(path)
    counts = json.loads(cli("import", str(path), "--json").out)["counts"]
    assert (counts["update"], counts["unchanged"], counts["rejected"]) == (1, 1, 0)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("export",), "Name the TYPE to export"),
        (("export", "-o", "x.xlsx"), "Name the TYPE to export, several as in vpc,subnet, or --all of them"),
        (("export", "vpc", "--all", "-o", "x.xlsx"), "Name the TYPE to export"),
        (("export", "vpc,subnet", "-o", "x.csv"), "A file of delimited text holds records of one type: name it .xlsx"),
        (("export", "--all", "-o", "x.parquet"), "or export each by itself"),
        (("export", "--all", "-o", "x.tfstate"), "has no known file extension: use .csv"),
        (("export", "vpc", "-o", "x.json", "--format", "terraform"), "a Terraform state is read only: write CSV"),
        (("export", "--all", "-o", "x.xlsx", "-w", "region eq x"), "vrf has no field 'region'"),
        (("export", "vpcc", "-o", "x.csv"), "did you mean vpc?"),
        (("export", "vpc", "-o", "x.pdf"), "has no known file extension: use .csv"),
        (("export", "vpc", "-o", "x.csv", "-w", "region eq"), "a value is missing at its end. Example"),
        (("export", "vpc", "-o", "x.csv", "-w", "regoin eq x"), "vpc has no field 'regoin': did you mean region?"),
        (("export", "vpc", "-o", "x.csv", "--delimiter", "é"), "--delimiter: write a sign that can stand between"),
        (("export", "vpc", "-o", "x.csv", "--delimiter", "::"), "--delimiter takes one character"),
        (("export", "vpc", "-o", "x.csv", "--since", "yesterday"), "'yesterday' is not a time"),
        (("export", "vpc", "-o", "x.csv", "--limit", "0"), "Invalid value for '--limit'"),
        (("template", "vpc", "-o", "x.pdf"), "Unknown template format 'pdf'"),
    ],
)
def test_usage_errors(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], says: str
) -> None:
    """A sentence, exit code 2, and no file."""
    monkeypatch.chdir(tmp_path)
    done = cli(*words)
    assert done.code == 2
    assert says in " ".join(re.sub(r"[│╭╮╰╯─]", " ", done.err).split())
    assert list(tmp_path.iterdir()) == []


def test_template_says_where_it_is(cli: Cli, tmp_path: Path) -> None:
    """The type by any of its names."""
    path = tmp_path / "t.json"
    done = cli("template", "TGW", "-o", str(path))
    assert (done.code, done.err) == (0, f"Transit gateway → {path}\n")
    assert json.loads(path.read_text())["metadata"]["resourceType"] == "transitGateway"


# A disk that is full --------------------------------------------------------------------------------------------------

FORMATS = ("a.csv", "a.csv.gz", "a.json", "a.ndjson", "a.xlsx", "a.parquet")


@pytest.fixture
def many(database_url: str) -> None:
    """So many VPCs that half a megabyte holds them in no format."""
    execute(database_url, MANY, count=20_000)


def test_a_full_disk_under_the_file(
    cli: Cli, many: None, small_disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The export fails with what to do; the old file is as it was, and there is no other."""
    del many
    monkeypatch.setenv("CMDB_HOME", str(tmp_path / "home"))
    settings.cache_clear()
    for name in FORMATS:
        path = small_disk / name
        path.write_text("old")
        done = cli("export", "vpc", "-o", str(path))
        assert done.code == 1, name
        assert f"No space left for '{path}'" in " ".join(done.err.split())
        assert [(file.name, file.read_text()) for file in small_disk.iterdir()] == [(name, "old")]
        path.unlink()


def test_a_full_disk_under_the_home(cli: Cli, many: None, small_disk: Path, tmp_path: Path) -> None:
    """A workbook and Parquet take room for temporary files too: nothing is left there, and no file is written."""
    del many
    for name in ("a.xlsx", "a.parquet"):
        done = cli("export", "vpc", "-o", str(tmp_path / name))
        assert done.code == 1, name
        assert "or for the run's temporary files under CMDB_HOME: make room" in " ".join(done.err.split())
    assert [list(small_disk.iterdir()), list(tmp_path.iterdir())] == [[], []]


# A process that is stopped --------------------------------------------------------------------------------------------


@pytest.fixture
def writing(command: str, database_url: str, tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """A process in the middle of writing over a file, and the file."""
    execute(database_url, MANY, count=60_000)
    path = tmp_path / "out" / "a.csv"
    path.parent.mkdir()
    path.write_text("old")
    # In small batches, so that it is still at it when it is stopped.
    environment = os.environ | {"CMDB_DATABASE_URL": database_url, "CMDB_BATCH_SIZE": "1000"}
    with subprocess.Popen(
        [command, "export", "vpc", "-o", str(path)], env=environment, stderr=subprocess.PIPE, text=True
    ) as process:

        def begun() -> bool:
            assert process.poll() is None, process.stderr
            return any(file.stat().st_size for file in path.parent.iterdir() if file != path)

        wait_until(begun)
        yield process, path
        process.kill()


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 130), (signal.SIGKILL, -9)])
def test_a_stopped_process_leaves_the_old_file(
    writing: tuple[subprocess.Popen[str], Path], database_url: str, sent: signal.Signals, code: int
) -> None:
    """Whatever stops it; where it is asked to stop, no other file is left, and no query goes on."""
    process, path = writing
    process.send_signal(sent)
    _, err = process.communicate(timeout=20)
    assert process.returncode == code, err
    assert path.read_text() == "old"
    if sent is signal.SIGKILL:
        return
    # Polars may raise KeyboardInterrupt beside Python, of which Python then says that it ignores one.
    assert err.endswith("Stopped; nothing was changed.\n")
    assert list(path.parent.iterdir()) == [path]
    assert not any(settings().temporary.iterdir())
    assert execute(database_url, "select query from pg_stat_activity where query ilike 'copy%'") == []
