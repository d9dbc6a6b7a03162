"""Commands that read print the same with a database and with a server that has it, byte for byte."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.api.facade import Facade, Locked
from tests.api.remote import with_server
from tests.api.support import Cli, Done
from tests.support import vpc, vpc_id, write_csv

Both = Callable[..., Done]

CASES = Path(__file__).parents[1] / "data" / "cases"


@pytest.fixture
def both(cli: Cli, alone: Facade) -> Both:
    """Run a command with the database, then with the server; returns what both ended with and printed."""

    def run(*words: str) -> Done:
        local = printed(cli, *words)
        with with_server(alone.address):
            remote = printed(cli, *words)
        assert (remote.code, content(remote.out), remote.err) == (local.code, content(local.out), local.err)
        return local

    return run


def content(text: str) -> Any:
    """What a text says: of JSON, the same whatever the order of its members."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def printed(cli: Cli, *words: str) -> Done:
    """What a command prints, as text or as bytes."""
    raw = io.BytesIO()
    written = io.TextIOWrapper(raw, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", written)
        done = cli(*words)
    written.flush()
    return Done(done.code, done.out + raw.getvalue().decode(), done.err)


@pytest.fixture
def history(cli: Cli, tmp_path: Path) -> None:
    """Runs of every kind: applied, repeated, of several sheets, planned, undone, failed, with rejected rows."""
    rows = [vpc(1), vpc(2, region="eu-west-1"), vpc(3, region="us-eest-1", state="gone"), vpc(4, tags="Owner=net")]
    path = write_csv(tmp_path / "vpcs.csv", rows)
    changed = write_csv(tmp_path / "changed.csv", [vpc(1, name="renamed"), vpc(5)])
    joined = write_csv(tmp_path / "blocks.csv", [{"network": "10.0.0.0", "netmask": "255.255.255.0", "site": "x"}])
    nothing = write_csv(tmp_path / "nothing.csv", [{"a": "1", "b": "2"}])
    book = str(CASES / "sheets_of_types.xlsx")
    sheets = ("--sheet", "Places=site", "--sheet", "Subnets=", "--map", "Ort=name", "--map", "Kurz=slug")
    codes = [
        cli("import", str(path)).code,
        cli("import", str(path), "--max-errors", "0").code,
        cli("preview", str(changed)).code,
        cli("plan", str(changed), "-o", str(tmp_path / "plan.json")).code,
        cli("apply", str(tmp_path / "plan.json")).code,
        cli("undo", "last").code,
        cli("preview", book, *sheets).code,
        cli("import", book, *sheets).code,
        cli("preview", str(joined), "-t", "prefix", "--set", "site=!").code,
        cli("import", str(nothing)).code,
    ]
    assert codes[:6] == [3, 1, 0, 0, 0, 0]
    assert codes[-1] == 2


@pytest.mark.usefixtures("history")
def test_runs_and_reports(both: Both) -> None:
    """The list of runs, and the report of each, for people and for programs."""
    runs = json.loads(both("runs", "--json").out)
    assert len(runs) == 10
    assert {run["outcome"] for run in runs} >= {"applied", "previewed", "rejected", "failed"}
    assert both("runs").code == both("runs", "--type", "site", "--limit", "3").code == 0
    for run in runs:
        shown = both("show", run["runId"][:8], "--json", "--issues", "1")
        assert json.loads(shown.out)["runId"] == run["runId"]
        assert both("show", run["runId"]).code == 0
    assert json.loads(both("show", "last", "--json").out)["runId"] == runs[0]["runId"]
    for wrong in (["show", "zzz"], ["show", "zzz", "--json"], ["runs", "--type", "vpcc"]):
        assert both(*wrong).code == 2


@pytest.mark.usefixtures("history")
def test_records(both: Both) -> None:
    """Tables, single records, histories and free blocks."""
    assert vpc_id(4) in both("list", "vpc").out
    for words in (
        ("--where", "region = eu-west-1 or name contains '4'", "--where", 'tags.Owner != "a (b)"'),
        ("--fields", "name,vpc_id", "--sort", "-name", "--limit", "2"),
        ("--retired",),
    ):
        assert both("list", "vpc", *words).code == 0
    for output in ("table", "json", "ndjson", "yaml"):
        assert both("get", "vpc", vpc_id(1), "-o", output).code == 0
    assert [event["action"] for event in json.loads(both("history", "vpc", vpc_id(1), "--json").out)["history"]]
    assert both("history", "VPCs", vpc_id(1)).code == 0
    assert both("free", "10.0.0.0/8", "--size", "24", "--limit", "3", "--json").code == 0
    assert both("free", "2001:db8::/32", "--size", "128", "--json").code == 0
    for wrong in (
        ["get", "vpc", "vpc-none"],
        ["get", "vpcc", "x"],
        ["list", "vpc", "--where", "nothing = 1"],
        ["list", "vpc", "--sort", "nothing"],
        ["free", "10.0.0.0/8", "--size", "4"],
        ["free", "no block", "--json"],
    ):
        assert both(*wrong).code == 2, wrong


def test_what_needs_no_record(both: Both, tmp_path: Path) -> None:
    """Types, rules and templates, and what is wrong before a server is needed."""
    assert both("types", "vpc", "--json").code == both("rules").code == both("rules", "vpc", "--json").code == 0
    assert both("template", "vpc", "-o", str(tmp_path / "vpc.csv")).code == 0
    assert both("import", str(tmp_path / "none.csv")).code == 1
    assert both("import", str(tmp_path)).code == 1
    assert both("runs", "--limit", "0").code == 2


def test_keys_and_the_access_log(cli: Cli, locked: Locked) -> None:
    """Keys are made, listed, rotated and revoked with a key of the scope admin; so is the access log read."""
    with with_server(locked.facade.address, locked.keys["boss"]):
        made = cli("key", "create", "netops", "--allow", "read:*", "--days", "90", "--from", "10.20.0.0/16")
        assert (made.code, made.out[:5], "is the first one" in made.err) == (0, "cmdb_", False)
        assert cli("key", "rotate", "netops", "--keep", "5").out[:5] == "cmdb_"
        assert cli("key", "revoke", "netops").code == 0
        listed = json.loads(cli("key", "list", "--json").out)
        entries = [json.loads(line) for line in cli("audit", "list", "--json", "--who", "boss").out.splitlines()]
        verified = cli("audit", "verify", "--contains", entries[0]["hash"], "--json")
        assert cli("audit", "verify", "--contains", "0" * 64).code == 1
    local = json.loads(cli("key", "list", "--json").out)
    assert [(key["name"], key["status"]) for key in listed] == [("netops", "revoked")]
    assert listed[0].keys() == local[0].keys()
    assert {name: value for name, value in local[0].items() if not name.endswith("_at")}.items() <= listed[0].items()
    assert [entry["what"] for entry in entries][:3] == ["key-revoke", "key-rotate", "key-create"]
    assert (verified.code, json.loads(verified.out)["intact"]) == (0, True)
    log = [json.loads(line) for line in cli("audit", "list", "--json", "--who", "boss").out.splitlines()]
    assert log[-len(entries) :] == entries
