"""Measure imports and exports: `make bench`, or `make bench SMALL=1` in under a minute.

Every case runs in turn with its rival, which is a bare COPY of the same file into an identical empty table of the same
server unless another is named, at least three times; a result is checked before its time is believed. Writes
`benchmarks/results.md`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from sqlalchemy import text

from benchmarks import checks, data, peers, system
from benchmarks.bench import ROOT, Bench, Case, report
from tasks.store.connection import embedded, roles
from tasks.store.connection.engine import engine
from tasks.store.connection.migrate import upgrade

RESULTS = Path(__file__).with_name("results.md")


def against_copy(bench: Bench) -> None:
    """The four ways in which a file of CSV meets a table."""
    rows, folder = bench.rows, bench.folder
    frame = data.vpcs(rows)
    new = data.write(frame, folder / "new.csv")
    other = data.write(data.changed(frame), folder / "changed.csv")
    wrong = data.write(data.mistaken(frame), folder / "mistaken.csv")

    def copy() -> float:
        return bench.bare_copy(new)

    def all_new() -> tuple[float, float]:
        bench.empty()
        return bench.run(new, create=rows, rejected=0)

    def one_percent() -> tuple[float, float]:
        bench.empty()
        bench.run(new, create=rows)
        return bench.run(other, update=rows // 100, unchanged=rows - rows // 100)

    def rejected() -> tuple[float, float]:
        bench.empty()
        return bench.run(wrong, create=rows - rows // 100, rejected=rows // 100)

    def again() -> tuple[float, float]:
        return bench.run(new, unchanged=rows)

    def preview() -> tuple[float, float]:
        return bench.run(new, dry=True, create=rows)

    bench.measure(Case("all new", rows, "≤ 2.0, aim 1.5"), all_new, copy)
    bench.measure(Case("the same again", rows, "≤ 1.5, aim 1.0"), again, copy)
    bench.measure(Case("1 % changed", rows, "≤ 1.7, aim 1.2"), one_percent, copy)
    bench.measure(Case("1 % rejected", rows, "≤ 2.2, aim 1.6"), rejected, copy)
    bench.empty()
    bench.measure(Case("preview of the same file", rows, "≤ all new"), preview, None)
    case = Case("… its detection, mapping and samples alone", rows, "≤ 1 s")
    bench.measure(case, lambda: bench.look(new), None)


def exports(bench: Bench) -> None:
    """Exports of a full table: CSV against COPY of the same query, Excel against openpyxl, and what they hold."""
    rows, folder = bench.rows, bench.folder
    bench.empty()
    bench.run(folder / "new.csv", create=rows)
    bench.execute("vacuum analyze vpc")
    query = f"select {', '.join(data.COLUMNS)} from vpc"

    def out(name: str, *fields: str) -> tuple[float, float]:
        return bench.export(folder / name, *fields, records=rows)

    csv = partial(out, "out.csv", *data.COLUMNS)
    rivals = (("", " order by vpc_id", "≤ 2.0"), (", unsorted", "", ""))
    for which, order, bar in rivals:
        case = Case(f"export, CSV of 12 columns (rival: COPY of them{which})", rows, f"{bar}, 500 MB" if bar else "")
        bench.measure(case, csv, partial(bench.copy_out, query + order, folder / "bare.csv"))
    for name in ("out.csv.gz", "out.json", "out.ndjson", "out.parquet", "out.xlsx"):
        case = Case(f"export, {name.removeprefix('out.')} of all fields", rows, "500 MB")
        bench.measure(case, partial(out, name), None)

    def by_openpyxl() -> float:
        began = time.perf_counter()
        data.write(frame, folder / "rival.xlsx")
        return time.perf_counter() - began

    rows = min(rows, 100_000)
    frame = data.vpcs(rows)
    bench.empty()
    bench.run(data.write(frame, folder / "same.csv"), create=rows)
    case = Case("export, xlsx of 12 columns (rival: openpyxl, write-only)", rows, "≤ 1/5")
    bench.measure(case, partial(out, "small.xlsx", *data.COLUMNS), by_openpyxl)


def _fresh(bench: Bench, file: Path, rows: int) -> tuple[float, float]:
    bench.empty()
    return bench.run(file, create=rows)


def _seconds(bench: Bench, file: Path, rows: int) -> float:
    return _fresh(bench, file, rows)[0]


def other_formats(bench: Bench) -> None:
    """NDJSON and Excel, against the CSV of the same rows."""
    for suffix, rows in (("ndjson", bench.rows), ("xlsx", min(bench.rows, 100_000))):
        frame = data.vpcs(rows)
        table = data.write(frame, bench.folder / "same.csv")
        file = data.write(frame, bench.folder / f"other.{suffix}")

        case = Case(f"{suffix} (rival: the same as CSV)", rows, "≤ 2.5, aim 1.5")
        bench.measure(case, partial(_fresh, bench, file, rows), partial(_seconds, bench, table, rows))


def growth(bench: Bench) -> None:
    """Time per row from a tenth of the rows to five times as many, and into a table that holds five times as many."""
    for rows in (bench.rows // 10, bench.rows * 5):
        file = data.write(data.vpcs(rows), bench.folder / f"grown-{rows}.csv")

        bench.measure(Case("all new", rows, "flat within 25 %"), partial(_fresh, bench, file, rows), None)
    more = data.write(data.vpcs(bench.rows, first=bench.rows * 5), bench.folder / "more.csv")

    there = bench.rows * 5

    def full() -> None:
        bench.execute(f"delete from vpc where substr(name, 9)::int >= {there}", "vacuum analyze vpc")

    def into_full() -> tuple[float, float]:
        full()
        return bench.run(more, create=bench.rows)

    def copied() -> float:
        full()
        return bench.copy_into("vpc", more)

    case = Case("all new, beside five times as many records (rival: COPY there)", bench.rows, "≤ 2.0")
    bench.measure(case, into_full, copied)


def against_peers(bench: Bench) -> None:
    """The same file, upserted by dlt into nothing and onto itself, and loaded by pgloader."""
    file, rows = bench.folder / "new.csv", bench.rows
    home = bench.folder / "peers"
    home.mkdir()
    bar = "≤ 1/6, aim 1/12"

    def by_dlt(*, anew: bool) -> float:
        if anew:
            bench.execute("drop schema if exists dlt_bench cascade")
            bench.checkpoint()
            shutil.rmtree(home / ".dlt", ignore_errors=True)
        seconds = peers.dlt(bench.url, file, home)
        if seconds == peers.LONGEST:
            bench.execute("select pg_terminate_backend(pid) from pg_stat_activity where query like 'MERGE INTO%'")
            return seconds
        return _loaded(bench, seconds, "dlt_bench.vpc")

    def by_pgloader() -> float:
        bench.execute("drop table if exists peer", "create table peer (like vpc including all)")
        bench.checkpoint()
        return _loaded(bench, peers.pgloader(bench.url, file, home), "peer")

    fresh = partial(_fresh, bench, file, rows)
    if peers.has_dlt(home):
        bench.measure(Case("all new (rival: dlt, Arrow, upsert)", rows, bar), fresh, partial(by_dlt, anew=True))
        again = Case("the same again (rival: dlt, Arrow, upsert)", rows, bar)
        bench.measure(again, partial(bench.run, file, unchanged=rows), partial(by_dlt, anew=False))
    else:
        bench.say("dlt is not to be had here")
    if peers.has_pgloader():
        bench.measure(Case("all new (rival: pgloader)", rows, bar), fresh, by_pgloader)
    else:
        bench.say("pgloader is not to be had here")


def _loaded(bench: Bench, seconds: float, table: str) -> float:
    with engine(bench.url).connect() as connection:
        loaded = connection.scalar(text(f"select count(*) from {table}"))
    assert loaded == bench.rows, f"{loaded} rows were loaded into {table}"
    return seconds


def undo(bench: Bench) -> None:
    """Taking a run of new records back, against the import that made them."""

    def imported() -> float:
        bench.empty()
        return bench.run(bench.folder / "new.csv", create=bench.rows)[0]

    case = Case("undo of as many new records (rival: their import)", bench.rows, "≤ 1.5")
    bench.measure(case, lambda: bench.undo(delete=bench.rows), imported)


def updates(bench: Bench) -> None:
    """Half and all of the records changed, and the undo of that, against a bare UPDATE of as many rows."""
    rows, folder = bench.rows, bench.folder
    frame = data.vpcs(rows)
    new = data.write(frame, folder / "new.csv")

    def stored() -> None:
        bench.empty()
        bench.run(new, create=rows)
        bench.execute("vacuum analyze vpc")
        bench.checkpoint()

    for name, every in (("half changed", 2), ("all changed", 1)):
        file = data.write(data.changed(frame, every), folder / f"changed-{every}.csv")

        def imported(file: Path = file, every: int = every) -> tuple[float, float]:
            stored()
            return bench.run(file, update=rows // every)

        def undone(file: Path = file, every: int = every) -> tuple[float, float]:
            imported(file, every)
            bench.checkpoint()
            return bench.undo(update=rows // every)

        def updated(file: Path = file) -> float:
            stored()
            return bench.bare_update(file)

        bench.measure(Case(f"{name} (rival: UPDATE … FROM of as many)", rows, "≤ 2.0"), imported, updated)
        bench.measure(Case(f"undo of {name} (rival: the same UPDATE)", rows, "≤ 2.0"), undone, updated)


def network_rules(bench: Bench) -> None:
    """The rules among a million prefixes, with their containers: into an empty table, and beside as many others."""

    def once(rows: int, first: int) -> tuple[float, float]:
        return checks.seconds_to_check(bench.url, checks.prefixes(rows, first)), 0.0

    bench.empty()
    bench.execute(*(f"insert into vrf (natural_key, rd, name) values ('{rd}', '{rd}', '{rd}')" for rd in checks.VRFS))
    for rows in (bench.rows // 10, bench.rows):
        case = Case("check of prefixes among each other", rows, "≤ 5 s for a million, near linear")
        bench.measure(case, partial(once, rows, 0), None)
    bench.run(data.write(checks.prefixes(bench.rows), bench.folder / "prefixes.csv"), "prefix", create=bench.rows)
    bench.execute("vacuum analyze prefix")
    case = Case("check of prefixes, beside as many stored", bench.rows, "≤ 5 s for a million")
    bench.measure(case, partial(once, bench.rows, bench.rows), None)


def plans(bench: Bench) -> None:
    """A frozen plan that is applied, against the last step of importing the same file."""
    rows = bench.rows
    new = data.write(data.vpcs(rows), bench.folder / "new.csv")
    other = data.write(data.changed(data.vpcs(rows)), bench.folder / "changed.csv")

    def all_new(what: str) -> tuple[float, float]:
        bench.empty()
        return bench.load(new, what, create=rows)

    def one_percent(what: str) -> tuple[float, float]:
        bench.empty()
        bench.run(new, create=rows)
        return bench.load(other, what, update=rows // 100, unchanged=rows - rows // 100)

    def seconds(once: Callable[[str], tuple[float, float]]) -> float:
        return once("import")[0]

    for name, once in (("all new", all_new), ("1 % changed", one_percent)):
        case = Case(f"a frozen plan applied, {name} (rival: the load alone)", rows, "≤ 1.5")
        bench.measure(case, partial(once, "apply"), partial(seconds, once))


def syncs(bench: Bench) -> None:
    """A sync of a file of which 1 % has changed and 1 % is gone, against the import of the same file."""
    rows = min(bench.rows, 100_000)
    frame = data.vpcs(rows)
    new = data.write(frame, bench.folder / "before.csv")
    gone = rows // 100
    other = data.write(data.changed(frame).tail(rows - gone), bench.folder / "after.csv")
    # Every hundredth row is changed, from the 51st.
    updated = sum(row % 100 == 50 for row in range(gone, rows))

    def sync() -> tuple[float, float]:
        bench.empty()
        bench.run(new, create=rows)
        return bench.sync(other, update=updated, unchanged=rows - gone - updated, retire=gone)

    def imported() -> float:
        bench.empty()
        bench.run(new, create=rows)
        return bench.run(other, update=updated, unchanged=rows - gone - updated)[0]

    case = Case("a sync, 1 % changed and 1 % gone (rival: the import of the same file)", rows, "≤ 1.5")
    bench.measure(case, sync, imported)


def own_rules(bench: Bench) -> None:
    """Rules of one's own: what they add to a preview of new records."""
    file, rows = bench.folder / "new.csv", bench.rows

    def preview(rules: str) -> tuple[float, float]:
        with bench.setting("CMDB_RULES", rules):
            return bench.run(file, dry=True, create=rows)

    bench.empty()
    for what in ("cells", "records"):
        case = Case(f"preview with a rule of one's own, of {what} (rival: without)", rows)
        bench.measure(case, partial(preview, f"benchmarks.rule_of_{what}"), lambda: preview("")[0])


def past(bench: Bench) -> None:
    """An export as of before a run that changed 1 %, against one of now."""
    rows, folder = bench.rows, bench.folder
    other = data.write(data.changed(data.vpcs(rows)), folder / "changed.csv")
    bench.empty()
    bench.run(folder / "new.csv", create=rows)
    before = datetime.now(UTC).isoformat()
    bench.run(other, update=rows // 100)
    bench.execute("vacuum analyze vpc", "analyze change")

    def now() -> float:
        return bench.export(folder / "now.csv", records=rows)[0]

    case = Case("export, CSV, as of before 1 % was changed (rival: as of now)", rows)
    bench.measure(case, lambda: bench.export(folder / "past.csv", f"as-of={before}", records=rows), now)


def small_command(bench: Bench) -> None:
    """A hundred rows from the command line, set-up included."""
    file = data.write(data.vpcs(100), bench.folder / "hundred.csv")
    environment = os.environ | {"CMDB_DATABASE_URL": bench.url}
    stages: dict[str, list[float]] = {}

    def once() -> tuple[float, float]:
        bench.empty()
        began = time.perf_counter()
        command = [str(Path(sys.executable).with_name("cmdb")), "import", str(file), "--json"]
        subprocess.run(command, env=environment, check=True, capture_output=True)
        return time.perf_counter() - began, 0.0

    def staged() -> None:
        bench.empty()
        began = time.time()
        command = [sys.executable, "-m", "benchmarks.one_command", str(began), str(file)]
        done = subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True)
        before = 0.0
        for stage, seconds in json.loads(done.stdout.splitlines()[-1]).items():
            stages.setdefault(stage, []).append(seconds - before)
            before = seconds

    times, bench.times = bench.times, 5 * bench.times if bench.times > 1 else 1
    bench.measure(Case("100 rows by `cmdb import`, prompt to report", 100, "≤ 2.5 s"), once, None)
    for _ in range(bench.times):
        staged()
    bench.times = times
    bench.cases += [Case(f"… {stage}", 100, "", seconds=seconds) for stage, seconds in stages.items()]


def by_request(bench: Bench) -> None:
    """A hundred rows through the API, from the request to the end, and many such imports at once."""
    files = [data.write(data.vpcs(100, first=100 * n), bench.folder / f"small-{n}.csv") for n in range(50)]
    begun: list[float] = []

    def once() -> tuple[float, float]:
        began, asked = time.perf_counter(), datetime.now(UTC)
        process = system.end(client, system.start(client, files[0]))
        begun.append((process - asked).total_seconds())
        return time.perf_counter() - began, 0.0

    def at_once() -> tuple[float, float]:
        bench.empty()
        began = time.perf_counter()
        for run in [system.start(client, file) for file in files]:
            system.end(client, run)
        return time.perf_counter() - began, 0.0

    bench.empty()
    with system.running(bench.url, bench.folder / "system") as client:
        once()  # warm
        begun.clear()
        times, bench.times = bench.times, bench.times * 5
        bench.measure(Case("100 rows by the API, request to completed", 100, "≤ 1.5 s"), once, None)
        bench.cases.append(Case("… request to the flow's process", 100, "", seconds=sorted(begun)))
        bench.times = times
        bench.measure(Case("50 such imports asked for at once", 5_000), at_once, None)


def main() -> None:
    """Run all cases and write the table."""
    small = bool(os.environ.get("SMALL"))
    with tempfile.TemporaryDirectory(prefix="cmdb-bench-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        os.environ["CMDB_HOME"] = str(folder / "home")
        # The superuser may come in, too: it writes checkpoints between the measurements.
        roles.ACCESS = f"{roles.ACCESS}local all {roles.SUPERUSER} trust\n"
        with embedded.server(folder) as url:
            upgrade(engine(url))
            bench = Bench(url, folder, 5_000 if small else 1_000_000, 1 if small else 3)
            parts = [against_copy, undo, updates, plans, syncs, exports, other_formats, network_rules, small_command]
            parts += [] if small else [own_rules, past, by_request, against_peers, growth]
            for part in parts:
                part(bench)
                page = report(bench)
                if not small:
                    RESULTS.write_text(page, encoding="utf-8")
    sys.stdout.write(page)


if __name__ == "__main__":
    main()
