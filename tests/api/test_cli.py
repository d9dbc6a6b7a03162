"""Every command of `cmdb`, its JSON, its exit codes and its errors."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from api.cli.commands.registry import all_commands
from schemas.resources import RESOURCES
from schemas.settings import settings
from tasks.store.connection.engine import close_engine, engine
from tests.api.support import Cli
from tests.databases import as_superuser
from tests.support import execute, stored, vpc, vpc_id, write_csv

CMDB = Path(sys.executable).with_name("cmdb")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A file of two sound rows, and one with an error and a warning."""
    return write_csv(tmp_path / "vpcs.csv", [vpc(1), vpc(2), vpc(3, region="us-eest-1", state="gone")])


def test_import_prints_a_report_and_what_to_do_next(cli: Cli, source: Path) -> None:
    """Counts, rules, the first issues with a suggestion, and the command for the rejects; exit code 3."""
    done = cli("import", str(source))
    assert done.code == 3
    for words in ("3 read: 2 created, 0 updated, 0 unchanged, 1 rejected", "→ us-east-1?", "cmdb rejects"):
        assert words in done.out
    assert cli("import", str(source), "--map", "region=", "--set", "region=eu-west-1", "--map", "state=").code == 0


def test_import_json_is_one_object_with_the_contracts_names(cli: Cli, source: Path) -> None:
    """Standard output is one JSON object and nothing else."""
    done = cli("import", str(source), "--json")
    report = json.loads(done.out)
    names = ("runId", "status", "resourceType", "source", "mode", "dryRun", "counts", "durationSeconds")
    assert set(names) <= set(report)
    assert (report["status"], report["resourceType"], report["mode"], report["dryRun"]) == (
        "completed",
        "vpc",
        "upsert",
        False,
    )
    wanted = {"read": 3, "create": 2, "update": 0, "unchanged": 0, "rejected": 1, "warnings": 1}
    assert {name: report["counts"][name] for name in wanted} == wanted
    assert done.err == ""


def test_preview_tells_all_and_changes_nothing(cli: Cli, database_url: str, source: Path) -> None:
    """Format, encoding, columns, mapping with confidences, samples, exact count, validation and plan in one call."""
    report = json.loads(cli("preview", str(source), "--json").out)
    assert (report["format"], report["encoding"], report["delimiter"], report["records"]) == ("csv", "utf-8", ",", 3)
    assert report["columns"] == list(vpc(1))
    assert report["mapping"]["columns"][0] == {
        "column": "vpc_id",
        "field": "vpc_id",
        "confidence": 1.0,
        "how": "exact",
    }
    assert [sample["vpc_id"] for sample in report["samples"]] == [vpc_id(1), vpc_id(2)]
    assert report["samples"][0]["tags"] == {"Owner": "network"}
    assert (report["counts"]["create"], report["counts"]["rejected"], report["dryRun"]) == (2, 1, True)
    assert {(issue["row"], issue["rule"]) for issue in report["issues"]} == {(4, "format"), (4, "choice")}
    assert stored(database_url, "vpc") == []
    shown = cli("preview", str(source)).out
    assert "format csv, encoding utf-8, delimiter comma" in shown
    assert "would be created" in shown


def test_preview_tells_how_sheets_and_columns_are_read(cli: Cli, tmp_path: Path) -> None:
    """Each sheet with its type and the field of each of its columns; columns read together, and what overrides them."""
    book = Path(__file__).parents[1] / "data" / "cases" / "sheets_of_types.xlsx"
    words = ("--sheet", "Places=site", "--sheet", "Subnets=", "--map", "Ort=name", "--map", "Kurz=slug")
    report = json.loads(cli("preview", str(book), *words, "--json").out)
    assert [
        (sheet["name"], sheet["read"], sheet["resourceType"], [each["field"] for each in sheet["columns"]])
        for sheet in report["sheets"]
    ] == [
        ("VPC list", True, "vpc", ["vpc_id", "cidr_block", None]),
        ("Sites", True, "site", ["name", "slug"]),
        ("Subnets", False, None, []),
        ("Places", True, "site", ["name", "slug"]),
    ]
    rows = [{"network": "10.0.0.0", "netmask": "255.255.255.0", "site": "x"}]
    path = write_csv(tmp_path / "blocks.csv", rows)
    mapping = json.loads(cli("preview", str(path), "-t", "prefix", "--set", "site=!", "--json").out)["mapping"]
    assert mapping["joins"] == [{"field": "prefix", "column": "netmask", "measure": "mask"}]
    assert mapping["overrides"] == ["site"]


def test_dry_run_prints_a_diff(cli: Cli, tmp_path: Path, source: Path) -> None:
    """Each record with its sign; of an update, each field before and after; the summary last; no colours in a pipe."""
    cli("import", str(source))
    changed = write_csv(tmp_path / "changed.csv", [vpc(1, name="two\nlines"), vpc(4)])
    done = cli("import", str(changed), "--dry-run")
    assert done.code == 0
    assert "dry run: nothing was changed" in done.out
    diff = [
        "Changes",
        f"  ~ vpc {vpc_id(1)}  row 2",
        "      name: net-1 → two\\nlines",
        f"  + vpc {vpc_id(4)}  row 3",
        "",
        "Plan: 1 to create, 1 to update, 0 to retire, 0 to delete",
    ]
    assert "\n".join(diff) in done.out
    assert "\x1b" not in done.out
    path = tmp_path / "plan.json"
    assert "\n".join(diff) in cli("plan", str(changed), "-o", str(path)).out
    assert "Plan: no changes" in cli("import", str(source), "--dry-run").out


def test_a_long_diff_is_cut(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is left out is counted, and the hint shows it."""
    path = write_csv(tmp_path / "vpcs.csv", [vpc(n) for n in range(1, 14)])
    shown = cli("import", str(path), "--dry-run").out
    assert (shown.count("  + vpc "), "… and 3 more: set CMDB_SAMPLES to show" in shown) == (10, True)
    monkeypatch.setenv("CMDB_SAMPLES", "1000")
    settings.cache_clear()
    assert cli("import", str(path), "--dry-run").out.count("  + vpc ") == 13


@pytest.mark.parametrize(("more", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_a_diff_is_coloured_on_a_terminal(
    command: str, database_url: str, source: Path, more: dict[str, str], coloured: bool
) -> None:
    """A plus sign is green on a terminal, unless NO_COLOR is set."""
    terminal, end = pty.openpty()
    environment = os.environ | {"CMDB_DATABASE_URL": database_url, "TERM": "xterm-256color"} | more
    started = subprocess.Popen([command, "import", str(source), "--dry-run"], env=environment, stdout=end, stderr=end)
    os.close(end)
    shown = b""
    with suppress(OSError):  # the terminal is closed with the program
        while chunk := os.read(terminal, 1 << 16):
            shown += chunk
    os.close(terminal)
    assert started.wait() == 3
    assert (f"\x1b[1;32m+\x1b[0m vpc {vpc_id(1)}".encode() in shown) is coloured, shown.decode()
    assert f" vpc {vpc_id(1)}".encode() in shown


def test_runs_and_show(cli: Cli, source: Path, database_url: str) -> None:
    """Runs are listed newest first, and shown by the beginning of their id or as the last one."""
    first = json.loads(cli("import", str(source), "--json").out)["runId"]
    second = json.loads(cli("import", str(source), "--json").out)["runId"]
    listed = json.loads(cli("runs", "--json").out)
    assert [run["runId"] for run in listed] == [second, first]
    assert first[:8] in cli("runs", "--type", "vpcs", "--limit", "5").out
    assert json.loads(cli("show", first[:8], "--json", "--issues", "1").out)["issues"][0]["row"] == 4
    assert f"run {second}" in cli("show", "last").out
    unknown = cli("show", "zzz")
    assert (unknown.code, "cmdb runs" in unknown.err) == (2, True)
    execute(database_url, "truncate import_run")
    assert "cmdb import FILE" in cli("runs").out


def test_rejects_are_fixed_in_a_workbook_and_imported_again(cli: Cli, tmp_path: Path, source: Path) -> None:
    """The workbook has the original columns, marks each wrong cell with the reason, and imports once it is mended."""
    cli("import", str(source))
    path = tmp_path / "rejects.xlsx"
    assert cli("rejects", "last", "-o", str(path)).code == 0
    book = openpyxl.load_workbook(path)
    sheet = book.active
    assert sheet is not None
    assert [cell.value for cell in sheet[1]] == [*vpc(1), "# row", "# reason"]
    region, account, state = sheet["D2"], sheet["E2"], sheet["F2"]
    assert (region.value, account.value, account.number_format) == ("us-eest-1", "012345678901", "@")
    assert region.comment is not None
    assert "us-east-1" in region.comment.text
    assert (state.comment, account.comment) == (None, None)
    region.value, state.value = "us-east-1", "available"
    book.save(path)
    again = json.loads(cli("import", str(path), "--json").out)
    assert (again["counts"]["create"], again["counts"]["rejected"], again["notices"]) == (1, 0, [])


def test_rejects_as_csv_keep_every_cell(cli: Cli, database_url: str, tmp_path: Path) -> None:
    """Quotes, line ends and what looks like a formula come through as they were."""
    odd = vpc(1, name='=1+1 "x"\nyes', region="nowhere")
    cli("import", str(write_csv(tmp_path / "odd.csv", [odd])))
    path = tmp_path / "rejects.csv"
    assert cli("rejects", "last", "-o", str(path)).code == 0
    mended = path.read_text().replace("nowhere", "eu-west-1", 1)
    path.write_text(mended)
    assert json.loads(cli("import", str(path), "--json").out)["counts"]["create"] == 1
    [record] = stored(database_url, "vpc")
    assert (record["name"], record["tags"], record["region"]) == ('=1+1 "x"\nyes', {"Owner": "network"}, "eu-west-1")
    assert cli("rejects", "last", "-o", str(tmp_path / "x.pdf")).code == 2
    assert cli("rejects", "last", "-o", str(tmp_path / "no" / "x.csv")).code == 2


def test_types_and_settings(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """Types and their fields; settings with their source, and no secret among them."""
    listed = cli("types").out
    # A name may be a part of another's, as vpc is of vpcEndpoint.
    assert [name for name in RESOURCES if not re.search(rf"^\W*{name}\b", listed, re.MULTILINE)] == []
    assert "amazon_side_asn" in cli("types", "TGW").out
    assert json.loads(cli("types", "vpc", "--json").out)["key"] == ["vpc_id"]
    monkeypatch.setenv("CMDB_DATABASE_URL", "postgresql://me:hunter2@db/cmdb")
    settings.cache_clear()
    shown = cli("settings").out
    assert "CMDB_DATABASE_URL" in shown
    assert "environment" in shown
    assert "hunter2" not in shown + cli("settings", "--json").out


def test_db_upgrade_is_safe_to_repeat(cli: Cli, database_url: str) -> None:
    """An up-to-date database is left alone; an empty one gets its tables, also from a run."""
    assert "up to date" in cli("db", "upgrade").out
    execute(database_url, "drop schema public cascade")
    execute(database_url, "create schema public")
    assert "was upgraded" in cli("db", "upgrade").out
    assert stored(database_url, "vpc") == []


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("import",), 2, "Missing argument 'FILE...'"),
        (("import", "nope.csv"), 1, "nope.csv does not exist: name a file"),
        (("import", "."), 1, "is a folder, not a file"),
        (("import", "x.csv", "--mode", "delete"), 2, "'delete' is not one of"),
        (("import", "x.csv", "--set", "region"), 2, "write it as FIELD=VALUE"),
        (("import", "x.csv", "--max-errors", "many"), 2, "write a count, such as 100, or a percentage"),
        (("import", "x.csv", "--delimiter", "::"), 2, "--delimiter takes one character"),
        (("import", "x.csv", "--encoding", "utf-99"), 2, "Unknown encoding 'utf-99': try utf-8"),
        (("runs", "--type", "vpcc"), 2, "did you mean vpc?"),
    ],
)
def test_usage_errors(
    cli: Cli, words: tuple[str, ...], code: int, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each says what is wrong in a sentence; what the request itself has wrong is exit code 2."""
    monkeypatch.chdir(tmp_path)
    Path("x.csv").touch()
    done = cli(*words)
    assert done.code == code
    assert says in " ".join(re.sub(r"[│╭╮╰╯─]", " ", done.err).split())


@pytest.mark.parametrize(
    ("url", "code", "says"),
    [
        ("postgresql://cmdb@127.0.0.1:9/cmdb", 1, "The database does not answer: is it running"),
        ("mysql://root@localhost/cmdb", 2, "cmdb keeps its records in PostgreSQL"),
        ("not an address", 2, "CMDB_DATABASE_URL is not a database address"),
    ],
)
def test_a_database_that_is_not_there(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, source: Path, url: str, code: int, says: str
) -> None:
    """A database that is down or misnamed is told in one sentence."""
    monkeypatch.setenv("CMDB_DATABASE_URL", url)
    settings.cache_clear()
    done = cli("import", str(source))
    assert done.code == code
    assert says in " ".join(done.err.split())


def test_wrong_credentials(cli: Cli, monkeypatch: pytest.MonkeyPatch, source: Path, database_url: str) -> None:
    """A user that the server does not know is told without the password."""
    stranger = make_url(database_url).set(username="stranger", password="hunter2")
    monkeypatch.setenv("CMDB_DATABASE_URL", stranger.render_as_string(hide_password=False))
    settings.cache_clear()
    done = cli("import", str(source))
    assert done.code == 1
    assert "The database refused the user or password" in " ".join(done.err.split())
    assert "hunter2" not in done.err


def test_a_full_disk_for_temporary_files(cli: Cli, small_disk: Path, tmp_path: Path, database_url: str) -> None:
    """With no room for the run's copies the import fails with what to do, and nothing is changed."""
    rows = [vpc(n, name="x" * 200 + "\nof two lines") for n in range(1, 5000)]
    done = cli("import", str(write_csv(tmp_path / "wide.csv", rows)))
    assert done.code == 1
    assert "No space left for the run's temporary files" in " ".join(done.err.split())
    assert stored(database_url, "vpc") == []
    assert list(small_disk.iterdir()) == []


def test_a_full_disk_of_the_database(cli: Cli, small_database_disk: Path, tmp_path: Path, database_url: str) -> None:
    """With no room for the staging table the import fails with what to do, and nothing is changed."""
    url = make_url(database_url)
    server_user = Path(str(url.query["host"])).stat().st_uid
    folder = small_database_disk / "tablespace"
    folder.mkdir()
    os.chown(folder, server_user, -1)
    superuser = as_superuser(database_url)
    outside(superuser, f"create tablespace small location '{folder}'")
    outside(superuser, f"grant create on tablespace small to {url.username}")
    outside(database_url, f'alter database "{url.database}" set default_tablespace = small')
    # Only new connections hear of it.
    close_engine(database_url)
    done = cli("import", str(write_csv(tmp_path / "many.csv", [vpc(n, name="x" * 200) for n in range(1, 5000)])))
    outside(database_url, f'alter database "{url.database}" reset default_tablespace')
    outside(superuser, "drop tablespace small")
    close_engine(superuser)
    assert done.code == 1
    assert "The database's disk is full, and nothing was changed" in " ".join(done.err.split())
    assert stored(database_url, "vpc") == []


def outside(url: str, statement: str) -> None:
    """Run a statement that PostgreSQL wants outside of any transaction."""
    with engine(url).connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(statement))


def test_version(cli: Cli) -> None:
    """`--version` names the program and its version."""
    assert re.fullmatch(r"cmdb \d+\.\d+\.\d+\n", cli("--version").out)


def test_every_command_has_help_with_an_example() -> None:
    """`--help` of each command says what it does, describes every option and gives an example."""
    commands: dict[str, Any] = all_commands()
    for name in ("db", "key", "audit"):
        commands |= commands.pop(name).commands
    for name, command in commands.items():
        assert command.help, name
        assert name == "settings" or "Example: " in (command.epilog or ""), name
        assert all(getattr(option, "help", None) for option in command.params if option.name != "json"), name


@pytest.mark.parametrize(
    ("words", "absent"),
    [
        (["--help"], {"polars", "sqlalchemy", "schemas.jobs"}),
        (["runs"], {"prefect", "flows.pipelines"}),
        (["key", "list"], {"prefect", "flows.pipelines"}),
    ],
)
def test_a_command_imports_only_what_it_needs(database_url: str, words: list[str], absent: set[str]) -> None:
    """`cmdb --help` imports no command, and a command that carries nothing out does not import what does."""
    program = "import sys, api.cli.main as cli\ntry: cli.main()\nfinally: sys.stderr.write(' '.join(sys.modules))"
    environment = os.environ | {"CMDB_DATABASE_URL": database_url}
    command = [sys.executable, "-c", program, *words]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout
    assert not absent & set(done.stderr.split())


def test_a_small_import_is_quick_and_imports_no_prefect(database_url: str, source: Path) -> None:
    """Without a server the command leaves out Prefect, which alone takes a second to import."""
    program = (
        "import sys, api.cli.main as cli\ntry: cli.main()\nfinally: sys.stderr.write(str('prefect' in sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "import", str(source)],
        env=os.environ | {"CMDB_DATABASE_URL": database_url},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (3, "False")


def test_commands_start_without_libraries_that_few_of_them_use() -> None:
    """The HTTP client, the libraries of sources and workbooks, and Alembic are imported where they are used."""
    late = {"alembic", "boto3", "fastapi", "httpx", "openpyxl", "prefect"}
    program = f"import sys, api.cli.main; sys.exit(str({late} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stderr.strip() == "set()"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("types",), 0),
        (("types", "--json"), 0),
        (("--version",), 0),
        (("import", "vpcs.csv"), 3),
        (("import", "vpcs.csv", "--json"), 3),
    ],
)
def test_output_into_a_closed_pipe_is_no_error(
    command: str, database_url: str, source: Path, words: tuple[str, ...], code: int
) -> None:
    """`cmdb types | head -1` ends quietly, and with the exit code of what was done, when nobody reads any longer."""
    read, write = os.pipe()
    os.close(read)
    environment = os.environ | {"CMDB_DATABASE_URL": database_url}
    try:
        done = subprocess.run(
            [command, *words],
            env=environment,
            cwd=source.parent,
            stdout=write,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    finally:
        os.close(write)
    assert (done.returncode, done.stderr) == (code, "")
    assert len(stored(database_url, "vpc")) == (2 if "import" in words else 0)


@pytest.mark.parametrize(
    ("words", "code", "kind"),
    [
        (("import", "gone.csv"), 1, "run-failed"),
        (("import", "vpcs.csv", "--mod", "sync"), 2, "wrong-request"),
        (("import", "vpcs.csv", "--type", "vlna"), 2, "unknown-type"),
        (("import", "noise.bin"), 1, "run-failed"),
        (("show",), 2, "wrong-request"),
    ],
)
def test_errors_are_json_where_json_is_asked_for(
    cli: Cli, source: Path, words: tuple[str, ...], code: int, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One object with a code and a message, whatever is wrong, and nothing on standard error."""
    monkeypatch.chdir(source.parent)
    Path("noise.bin").write_bytes(bytes(range(256)) * 8)
    done = cli(*words, "--json")
    error = json.loads(done.out)["error"]
    assert (done.code, error["code"], bool(error["message"]), done.err) == (code, kind, True, "")


def test_a_missing_file_is_no_run(cli: Cli) -> None:
    """The history tells of imports, not of mistyped names."""
    assert (cli("import", "gone.csv").code, json.loads(cli("runs", "--json").out)) == (1, [])


def in_shell(words: str, url: str, folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """What a command line does in a shell."""
    environment = os.environ | {"CMDB_DATABASE_URL": url} | more
    shell = ["bash", "-c", words]
    return subprocess.run(shell, env=environment, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("output", [">&-", "> /dev/full"])
def test_a_report_that_cannot_be_printed_is_an_import_all_the_same(
    command: str, database_url: str, source: Path, output: str
) -> None:
    """Standard output is closed, or its disk is full: the exit code is that of the import, which is in the database."""
    done = in_shell(f"{command} import vpcs.csv {output}", database_url, source.parent)
    assert (done.returncode, done.stderr) == (3, "")
    assert len(stored(database_url, "vpc")) == 2
    # What only reads has failed where nobody can read it.
    done = in_shell(f"{command} runs {output}", database_url, source.parent)
    assert (done.returncode, "could not be written" in done.stderr) == (1, True)


def test_characters_that_the_terminal_lacks(command: str, database_url: str, source: Path) -> None:
    """An encoding without arrows and accents: they are spelt in ASCII; JSON escapes them, so that none is lost."""
    source.write_text(source.read_text().replace("net-1", "Zürich → 北"))
    said = [
        in_shell(f"{command} preview vpcs.csv {option}", database_url, source.parent, PYTHONIOENCODING="ascii")
        for option in ("", "--json")
    ]
    assert [(done.returncode, done.stderr) for done in said] == [(3, ""), (3, "")]
    assert "Zurich -> ?" in said[0].stdout
    assert "Zürich → 北" in str(json.loads(said[1].stdout))


def test_undo_and_history(cli: Cli, tmp_path: Path) -> None:
    """A run is shown before it is taken back; a record tells what happened to it."""
    path = write_csv(tmp_path / "vpcs.csv", [vpc(1)])
    cli("import", str(path))
    cli("import", str(write_csv(tmp_path / "vpcs.csv", [vpc(1, name="renamed"), vpc(2)])))
    told = cli("history", "vpc", vpc_id(1))
    assert "net-1" in told.out
    assert "renamed" in told.out
    dry = cli("undo", "last", "--dry-run")
    assert "1 would be deleted, 1 would be restored" in dry.out
    assert cli("import", str(tmp_path / "vpcs.csv"), "--max-errors", "0", "--set", "region=nowhere!").code == 1
    done = cli("undo", "last")  # neither the dry run nor the run that failed
    assert (done.code, "1 deleted, 1 restored" in done.out) == (0, True)
    assert cli("history", "vpc", vpc_id(2)).code == 2
    assert cli("undo", "nothing").code == 2


def test_free_blocks(cli: Cli, tmp_path: Path) -> None:
    """The lowest come first, one a line, with their count; as JSON however many there are; a mistake is told."""
    cli("import", str(write_csv(tmp_path / "prefixes.csv", [{"prefix": "10.0.0.0/24"}])), "--type", "prefix")
    done = cli("free", "10.0.0.0/22", "-n", "2")
    assert (done.code, done.out.split(), "3 free blocks of /24 in 10.0.0.0/22" in done.err) == (
        0,
        ["10.0.1.0/24", "10.0.2.0/24"],
        True,
    )
    found = json.loads(cli("free", "2001:db8::/32", "--size", "128", "-n", "1", "--json").out)
    assert found == {"size": 128, "within": ["2001:db8::/32"], "blocks": ["2001:db8::/128"], "total": 2**96}
    wrong = cli("free", "10.0.0.0/22", "--size", "8")
    assert (wrong.code, "give a size of 22 to 32" in wrong.err) == (2, True)


# Plans, syncs and what lies between two runs --------------------------------------------------------------------------


def test_a_plan_is_applied_once(cli: Cli, database_url: str, tmp_path: Path, source: Path) -> None:
    """The file of a plan names it; applying it loads what it says; twice, or with another file, it fails."""
    plan = tmp_path / "plan.json"
    made = cli("plan", str(source), "-o", str(plan))
    assert (made.code, "holds the plan, which is kept until" in " ".join(made.err.split())) == (3, True)
    assert stored(database_url, "vpc") == []
    source.unlink()
    assert cli("apply", str(plan)).code == 3
    assert [record["vpc_id"] for record in stored(database_url, "vpc")] == [vpc_id(1), vpc_id(2)]
    assert "applied" in cli("apply", str(plan)).err
    plan.write_text("{}")
    wrong = cli("apply", str(plan))
    assert (wrong.code, "`cmdb plan FILE" in wrong.err) == (2, True)


def test_syncs_are_listed_compared_and_approved(cli: Cli, tmp_path: Path) -> None:
    """A sync is known by its name; one that is held back is approved; two of its runs are compared."""
    path = write_csv(tmp_path / "vpcs.csv", [vpc(n) for n in range(10)])
    assert "No sync yet" in cli("syncs").out
    assert cli("sync", str(path), "--name", "lab", "--set", "region=us-east-1").code == 0
    write_csv(path, [vpc(n, name="renamed") for n in range(4)])
    held = cli("sync", "lab")
    assert (held.code, "cmdb approve" in " ".join((held.out + held.err).split())) == (1, True)
    assert f"  - vpc {vpc_id(9)}  retire\n\nPlan: 0 to create, 4 to update, 6 to retire, 0 to delete\n" in held.out
    first, second = reversed(json.loads(cli("runs", "--json").out))
    assert cli("approve", second["runId"][:8]).code == 0
    [row] = json.loads(cli("syncs", "--json").out)
    assert (row["name"], row["url"], row["status"], row["schedules"]) == ("lab", str(path), "completed", [])
    assert "lab" in cli("syncs").out
    last = json.loads(cli("runs", "--json").out)[0]["runId"]
    found = json.loads(cli("diff", first["runId"], last, "--json").out)
    assert found["counts"] == {"created": 0, "updated": 4, "deleted": 0, "retired": 6}
    renamed = next(change for change in found["changes"] if change["key"] == vpc_id(1))
    assert renamed["fields"]["name"] == ["net-1", "renamed"]
    shown = cli("diff", first["runId"], last).out
    assert f"  ~ vpc {vpc_id(1)}\n      name: net-1 → renamed\n" in shown
    assert f"  - vpc {vpc_id(9)}  retired\n" in shown
    assert shown.endswith("\n\n0 created, 4 updated, 0 deleted, 6 retired\n")
    assert "… and 9 more: --limit shows more" in cli("diff", first["runId"], last, "--limit", "1").out
    backwards = cli("diff", last, first["runId"])
    assert (backwards.code, "name the earlier one first" in " ".join(backwards.err.split())) == (2, True)
    assert "there are lab" in cli("sync", "nothing").err


# What was rejected comes back as it was read --------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
def test_rejects_carry_their_type_and_mapping(cli: Cli, database_url: str, tmp_path: Path, ending: str) -> None:
    """Columns of no known name, one that was left out, and a constant: corrected, the file imports as it is."""
    rows = [
        {"Netz": vpc_id(1), "Block": "10.1.0.0/16", "Ort": "us-east-1", "Name": "no"},
        {"Netz": vpc_id(2), "Block": "10.2.0.0/16", "Ort": "nowhere", "Name": "no"},
    ]
    path = write_csv(tmp_path / "netze.csv", rows)
    mapped = [word for pair in ("Netz=vpc_id", "Block=cidr_block", "Ort=region", "Name=") for word in ("--map", pair)]
    assert cli("import", str(path), "--type", "vpc", "--set", "account_id=012345678901", *mapped).code == 3
    rejects = tmp_path / f"rejects.{ending}"
    assert cli("rejects", "last", "-o", str(rejects)).code == 0
    if ending == "csv":
        rejects.write_text(rejects.read_text(encoding="utf-8").replace("nowhere", "eu-west-1", 1), encoding="utf-8")
    else:
        book = openpyxl.load_workbook(rejects)
        book["rejects"]["C2"] = "eu-west-1"
        book.save(rejects)
    again = json.loads(cli("import", str(rejects), "--json").out)
    assert (again["resourceType"], again["counts"]["create"], again["notices"]) == ("vpc", 1, []), again
    record = stored(database_url, "vpc")[1]
    assert (record["vpc_id"], record["region"], record["account_id"]) == (vpc_id(2), "eu-west-1", "012345678901")
    assert record["name"] is None


def test_rejects_of_several_types_carry_their_mappings(cli: Cli, database_url: str, tmp_path: Path) -> None:
    """Each sheet has its own type, by its name, and its own columns."""
    document = {
        "Vpcs": [{"VpcId": vpc_id(1), "CidrBlock": "10.1.0.0/99"}],
        "Subnets": [{"SubnetId": "subnet-0000000a", "VpcId": vpc_id(1), "CidrBlock": "10.1.1.0/24"}],
    }
    path = tmp_path / "network.json"
    path.write_text(json.dumps(document))
    given = ("--set", "region=us-east-1", "--set", "availability_zone=us-east-1a")
    assert cli("import", str(path), *given).code == 3
    rejects = tmp_path / "rejects.xlsx"
    assert cli("rejects", "last", "-o", str(rejects)).code == 0
    book = openpyxl.load_workbook(rejects)
    column = [cell.value for cell in book["vpc"][1]].index("CidrBlock") + 1
    book["vpc"].cell(2, column).value = "10.1.0.0/16"
    book.save(rejects)
    done = cli("import", str(rejects))
    assert done.code == 0, done.out + done.err
    [subnet] = stored(database_url, "subnet")
    assert (subnet["region"], subnet["availability_zone"]) == ("us-east-1", "us-east-1a")


def test_what_was_matched_is_shown_where_something_is_missing(cli: Cli, database_url: str, tmp_path: Path) -> None:
    """The error asks for the one column; the others are listed with their fields, and kept in the ledger."""
    path = write_csv(tmp_path / "vpcs.csv", [{"VPC": vpc_id(1), "AWS Region": "us-east-1", "Netz": "intern"}])
    done = cli("import", str(path), "--type", "vpc")
    assert done.code == 2
    assert "No column fills 'cidr_block'" in " ".join(done.err.split())
    assert re.search(r"AWS Region +region", done.err)
    [(kept,)] = execute(database_url, "select mapping from import_run")
    assert {match["column"]: match["field"] for match in kept["matches"]} == {"VPC": "vpc_id", "AWS Region": "region"}
