"""Commands that start runs do and print the same with a database and with a server, but for ids and times."""

from __future__ import annotations

import getpass
import io
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from schemas.model.tables import TABLES
from tests.api.remote import NO_DATABASE, with_server
from tests.api.support import Cli, Done
from tests.api.system import CMDB, Keyed, System
from tests.support import execute, rows, vpc, vpc_id, write_csv
from tests.waiting import wait_until

ROOT = Path(__file__).parents[2]

_MASKS = (
    (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "RUN"),
    (r"\b[0-9a-f]{64}\b", "HASH"),
    (r"\b(?=[0-9a-f]*\d)[0-9a-f]{8}\b", "ID"),
    (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d[\d:.]*( ?UTC|Z|[+-]\d\d:?\d\d)?", "TIME"),
    (r"\d+\.\d s\b(, [\d,]+ rows/s)?", "SECONDS"),
    (r'"durationSeconds": [\d.e-]+', '"durationSeconds": 0'),
    (r'"sizeBytes": \d+', '"sizeBytes": 0'),
    (r"[\d,]+ bytes", "BYTES"),
    (rf"\b({getpass.getuser()}|boss)\b", "USER"),
    (r"on the server at .*\n", ""),
    (r" +", " "),
)


def masked(text: str) -> Any:
    """What is printed, without ids, times and sizes; of JSON, in any order of its members; of an error, its code."""
    for pattern, name in _MASKS:
        text = re.sub(pattern, name, text)
    try:
        found = json.loads(text)
    except ValueError:
        # A server describes what is wrong with a request in its own terms.
        return "Error" if text.startswith("Error: ") else text
    return {"error": found["error"]["code"]} if "error" in found else found


@dataclass
class Session:
    """Commands in a folder, one after the other, and what each printed."""

    cli: Cli
    folder: Path
    seen: list[Any] = field(default_factory=list)

    def __call__(self, *words: str, stdin: bytes = b"") -> Done:
        """Run a command."""
        raw = io.BytesIO()
        written = io.TextIOWrapper(raw, encoding="utf-8")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "stdout", written)
            patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
            done = self.cli(*words)
        written.flush()
        done = Done(done.code, done.out + raw.getvalue().decode(errors="replace"), done.err)
        self.seen.append((words[0], done.code, masked(done.out), masked(done.err)))
        return done

    def write(self, name: str, *records: dict[str, str]) -> str:
        """Write a file; returns its path."""
        return str(write_csv(self.folder / name, records))


def imports(run: Session) -> None:
    """Import, with rejected rows, twice; show the run, and fix what was rejected."""
    path = run.write("vpcs.csv", vpc(1), vpc(2), vpc(3, region="us-eest-1", state="gone"))
    assert run("import", path).code == 3
    assert json.loads(run("import", path, "--json").out)["counts"]["unchanged"] == 2
    assert run("import", path, "--dry-run", "--map", "state=", "--set", "region=eu-west-1!").code == 0
    assert run("preview", path).code == 3
    assert run("preview", path, "--json").code == 3
    run("import", path, "--on-error", "abort", "--json")
    assert run("show", "last").code == 0
    assert json.loads(run("runs", "--json").out)[0]["outcome"] == "rejected"
    fixed = run.folder / "rejects.csv"
    assert run("import", path).code == 3
    assert run("rejects", "last", "-o", str(fixed)).code == 0
    assert run("rejects", "last", "-o", str(run.folder / "rejects.xlsx")).code == 0
    assert run("rejects", "last", "-o", str(run.folder / "rejects.pdf")).code == 2
    assert run("rejects", "last", "-o", str(run.folder / "none" / "rejects.csv")).code == 2
    fixed.write_text(fixed.read_text().replace("us-eest-1", "us-east-1", 1).replace("gone", "available", 1))
    assert run("import", str(fixed)).code == 0


def plans(run: Session) -> None:
    """Freeze a plan and apply it, once; see that records changed since; undo."""
    plan, later = str(run.folder / "plan.json"), str(run.folder / "later.json")
    assert run("plan", run.write("vpcs.csv", vpc(1), vpc(2)), "-o", plan).code == 0
    assert run("apply", plan, "--json").code == 0
    assert run("apply", plan).code == 2
    assert run("plan", run.write("renamed.csv", vpc(1, name="a"), vpc(3)), "-o", later, "--json").code == 0
    assert run("import", run.write("other.csv", vpc(1, name="b"))).code == 0
    assert run("apply", later).code == 1
    assert run("apply", later, "--moved", "skip").code == 3
    assert run("undo", "last", "--dry-run").code == 0
    assert run("undo", "last", "--json").code == 0
    assert run("history", "vpc", vpc_id(1)).code == 0
    failed = json.loads(run("import", run.write("x.csv", vpc(9, region="x")), "--on-error", "abort", "--json").out)
    assert run("undo", failed["runId"][:8]).code == 2
    assert run("apply", failed["runId"][:8]).code == 2


def exports(run: Session) -> None:
    """Every format, to a file and to standard output; what cannot be exported."""
    assert run("import", run.write("vpcs.csv", vpc(1), vpc(2, region="eu-west-1"))).code == 0
    for name in ("vpcs.csv.gz", "vpcs.xlsx"):
        path = run.folder / f"exported-{name}"
        assert run("export", "vpc", "-o", str(path), "--json").code == 0
        assert run("import", str(path)).out.count("2 unchanged") == 1
    assert run("export", "vpc,site", "-o", str(run.folder / "all.json"), "--metadata").code == 0
    assert run("export", "vpc", "--where", "region = eu-west-1", "--fields", "vpc_id,region").code == 0
    assert run("list", "vpc", "-o", "ndjson", "--sort", "-vpc_id", "--fields", "vpc_id").code == 0
    assert run("export", "site").code == 0
    for wrong in (
        ["vpc", "-o", str(run.folder / "vpcs.pdf")],
        ["vpc", "-o", str(run.folder / "none" / "vpcs.csv")],
        ["vpcc"],
        ["vpc", "--fields", "nothing"],
        ["vpc", "--where", "nothing = 1", "--json", "-o", str(run.folder / "x.csv")],
        ["vpc,site", "-o", str(run.folder / "x.csv")],
    ):
        assert run("export", *wrong).code == 2, wrong
    assert not list(run.folder.glob(".*"))


def pipes(run: Session) -> None:
    """Read from standard input, packed and of every format, under names that tell nothing."""
    sites = b"name,slug\nBonn,bon\nUlm,ulm\n"
    assert run("import", "-", "--type", "site", stdin=sites).code == 0
    assert run("import", "-", "--type", "site", "--json", stdin=b'[{"name": "Bonn", "slug": "bon"}]').code == 0
    for output in ("csv", "ndjson"):
        assert "2 unchanged" in run("import", "-", stdin=run("list", "site", "-o", output).out.encode()).out
    assert run("import", "-", str(run.folder / "none.csv"), stdin=sites).code == 1
    odd = run.folder / ".sites: ü.data"
    odd.write_bytes(sites)
    assert json.loads(run("import", str(odd), "--type", "site", "--json").out)["source"] == odd.name
    assert run("import", "-", stdin=b"").code == 1
    assert run("import", "-", "--format", "parquet", stdin=sites).code == 1


def failures(run: Session) -> None:
    """What is wrong with a request or a file has the same exit code and the same kind of error."""
    nothing, vpcs = run.write("nothing.csv", {"a": "1", "b": "2"}), run.write("vpcs.csv", vpc(1))
    lacking = run.write("lacking.csv", {"cidr_block": "10.0.0.0/16", "region": "us-east-1"})
    binary = run.folder / "binary.csv"
    binary.write_bytes(b"\x7fELF\x02\x01\x01" + bytes(200))
    for code, words in (
        (2, [nothing]),
        (2, [lacking, "--type", "vpc"]),
        (2, [vpcs, "--mapping", "unknown"]),
        (2, [vpcs, "--map", "name=nothing"]),
        (2, [vpcs, "--type", "vpcc"]),
        (2, [vpcs, "--without-rule", "none"]),
        (1, [str(binary)]),
        (1, [vpcs, "--format", "parquet"]),
    ):
        done = run("import", *words, "--json")
        assert (done.code, set(json.loads(done.out))) == (code, {"error"}), words
        assert run("preview", *words).code == code, words
        assert run("plan", *words, "-o", str(run.folder / "no.json")).code == code, words


def syncs(run: Session) -> None:
    """A sync, by its address and its name; one that a guard holds, and its approval; what lies between two runs."""
    path = run.write("core.csv", vpc(1), vpc(2), vpc(3))
    words = ("--name", "core", "--type", "vpc", "--missing", "delete", "--max-delete", "1")
    first = json.loads(run("sync", path, *words, "--json").out)["runId"]
    assert "unchanged" in run("sync", "core").out
    run.write("core.csv", vpc(1, name="renamed"))
    held = json.loads(run("sync", "core", "--json").out)
    assert (held["status"], held["outcome"]) == ("failed", "held")
    assert run("approve", held["runId"]).code == 0
    later = json.loads(run("show", "last", "--json").out)["runId"]
    assert run("diff", first, later[:8]).code == 0
    assert json.loads(run("diff", first[:8], later, "--json").out)["counts"]["deleted"] == 2
    assert run("diff", later, first).code == 2
    # A server has syncs on schedule, too.
    [core] = [row for row in json.loads(run("syncs", "--json").out) if row["name"] == "core"]
    assert (core["status"], core["schedules"], core["lastRunId"]) == ("completed", [], later)
    run.seen[-1] = masked(json.dumps(core))
    assert run("sync", "nowhere").code == 2
    run.seen.pop()
    assert run("sync", "core", "--missing", "ignore").code == 2


SCENARIOS = (imports, plans, exports, pipes, failures, syncs)


@pytest.fixture
def emptied(system: System) -> Iterator[None]:
    """The system's database without records, runs and syncs, before and after."""
    names = ", ".join(f'"{table.name}"' for table in TABLES.values())
    statement = f"truncate {names}, import_run, sync_definition, saved_mapping cascade"
    execute(system.url, statement)
    yield
    execute(system.url, statement)


@pytest.mark.usefixtures("emptied")
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_the_same_with_both(
    cli: Cli, keyed: Keyed, tmp_path_factory: pytest.TempPathFactory, scenario: Callable[[Session], None]
) -> None:
    """A session with the database, then with the server: exit codes, JSON and what people read are the same."""
    folder = tmp_path_factory.mktemp("session")
    local = Session(cli, folder)
    scenario(local)
    for each in folder.iterdir():
        each.unlink()
    remote = Session(cli, folder)
    with with_server(keyed.address, keyed.keys["boss"]):
        scenario(remote)
    assert len(remote.seen) == len(local.seen)
    for ours, theirs in zip(remote.seen, local.seen, strict=True):
        assert ours == theirs


@pytest.mark.usefixtures("emptied")
def test_ctrl_c_cancels_the_run_on_the_server(system: System, keyed: Keyed, tmp_path: Path) -> None:
    """The command ends with 130 once the run is over, and nothing of it is applied."""
    path = tmp_path / "many.csv"
    lines = (f"{vpc_id(number)},10.0.0.0/16,us-east-1\n" for number in range(300_000))
    path.write_text("vpc_id,cidr_block,region\n" + "".join(lines))
    own = {"CMDB_API_URL": keyed.address, "CMDB_API_KEY": keyed.keys["alice"], "CMDB_DATABASE_URL": NO_DATABASE}
    environment = os.environ | own | {"PYTHONPATH": str(ROOT)}
    command = [str(CMDB), "import", str(path), "--json"]
    pipe = subprocess.PIPE
    with (
        keyed.client("alice") as client,
        subprocess.Popen(command, env=environment, text=True, stdout=pipe, stderr=pipe) as process,
    ):
        wait_until(lambda: client.get("/api/imports", params={"status": "running"}).json()["items"])
        process.send_signal(signal.SIGINT)
        out, err = process.communicate()
        # A process that had to be killed leaves its end to others.
        wait_until(lambda: [each["status"] for each in client.get("/api/imports").json()["items"]] == ["cancelled"])
    assert (process.returncode, out, "Stopped; nothing was changed" in err) == (130, "", True), err
    assert rows(system.url) == 0


@pytest.mark.usefixtures("emptied")
def test_what_another_key_may_see(cli: Cli, keyed: Keyed, tmp_path: Path) -> None:
    """A key sees its own runs: `last` and the beginning of an id are those of its runs, and others are not there."""
    path = str(write_csv(tmp_path / "vpcs.csv", [vpc(1), vpc(2, region="nowhere")]))
    with with_server(keyed.address, keyed.keys["alice"]):
        assert cli("import", path).code == 3
        run = json.loads(cli("runs", "--json").out)[0]["runId"]
        assert cli("rejects", run[:8], "-o", str(tmp_path / "alice.csv")).code == 0
    with with_server(keyed.address, keyed.keys["bob"]):
        assert json.loads(cli("runs", "--json").out) == []
        for words in (["show", run], ["show", "last"], ["undo", run[:8]], ["rejects", run, "-o", "x.csv"]):
            assert cli(*words).code == 2, words
    with with_server(keyed.address, keyed.keys["boss"]):
        assert json.loads(cli("show", "last", "--json").out)["runId"] == run
        assert cli("undo", run).code == 0
