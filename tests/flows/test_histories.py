"""Laws of histories: imports, edits by SQL, syncs, plans and undos in any order do what a model in Python does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.reports import Report, Status
from tests.flows.support import apply, forget_everything, records, sync, undo_of
from tests.laws import law
from tests.support import execute, importer, issues_of, vpc, vpc_id, write_csv

NUMBERS = range(2, 8)
REGIONS = ("us-east-1", "eu-west-1")

Fields = dict[str, str | None]
Model = dict[int, Fields]
Rows = dict[int, tuple[str, str]]
Step = tuple[Any, ...]

CELL = st.sampled_from(["", "a", "b", "null", 'a "b"'])
ROWS = st.dictionaries(st.sampled_from(NUMBERS), st.tuples(CELL, CELL), min_size=1, max_size=5)
IMPORTS = st.tuples(
    st.just("import"), ROWS, st.sampled_from(["upsert", "create", "update"]), st.sampled_from(["clear", "keep"])
)
SYNCS = st.tuples(st.just("sync"), ROWS, st.sampled_from(["ignore", "retire", "delete"]), st.sampled_from(REGIONS))
EDITS = st.tuples(st.just("edit"), st.sampled_from(NUMBERS), CELL) | st.tuples(
    st.just("remove"), st.sampled_from(NUMBERS)
)
LOADS = IMPORTS | SYNCS


def region(number: int) -> str:
    """The region that a VPC lies in."""
    return REGIONS[number % 2]


def of_region(rows: Rows, where: str) -> Rows:
    """What a sync of one region has: its rows, or where there are none, another."""
    return {n: cells for n, cells in rows.items() if region(n) == where} or {REGIONS.index(where): ("", "")}


@dataclass
class World:
    """A database, what a model says is in it, and the runs that brought it there."""

    url: str
    folder: Path
    model: Model

    def load(self, step: Step, **options: Any) -> Report:
        """Import or sync what a step says, or plan it."""
        what, rows, *how = step
        mode = {"mode": how[0], "empty": how[1]}
        if what == "sync":
            rows = of_region(rows, how[1])
            mode = {"mode": "sync", "missing": how[0], "constants": {"region": how[1]}, "max_delete": None}
        lines = [vpc(n, region=region(n), name=name) | {"owner": owner} for n, (name, owner) in rows.items()]
        columns = [name for name in lines[0] if name != "region" or what != "sync"]
        path = write_csv(self.folder / "rows.csv", [{c: row[c] for c in columns} for row in lines])
        if what == "sync" and not options:
            return sync(self.url, path, resource_type="vpc", always=True, **mode)
        return importer(self.url, self.folder)(path, resource_type="vpc", **mode, **options)

    def edit(self, step: Step) -> None:
        """Write a record past cmdb, as its owner may."""
        what, number, *cell = step
        if what == "edit":
            execute(self.url, "update vpc set name = :name where vpc_id = :id", name=cell[0] or None, id=vpc_id(number))
        else:
            execute(self.url, "delete from vpc where vpc_id = :id", id=vpc_id(number))

    def there(self) -> Model:
        """What the table holds of what the model speaks of."""
        return {
            int(record["vpc_id"][4:], 16): {
                "name": record["name"],
                "owner": record["owner"],
                "region": record["region"],
                "retired": str(record["retired"]),
            }
            for record in records(self.url)
        }


def modelled(model: Model, step: Step) -> Model:
    """What a step makes of the records."""
    what, first, *more = step
    after = {number: dict(fields) for number, fields in model.items()}
    if what == "edit" and first in after:
        after[first]["name"] = more[0] or None
    elif what == "remove":
        after.pop(first, None)
    elif what == "import":
        _import(after, first, *more)
    elif what == "sync":
        missing, where = more
        rows = of_region(first, where)
        _import(after, rows, "upsert", "clear")
        gone = [n for n, fields in after.items() if fields["region"] == where and n not in rows]
        for number in gone:
            if missing == "delete":
                del after[number]
            elif missing == "retire":
                after[number]["retired"] = "True"
    return after


def _import(after: Model, rows: Rows, mode: str, empty: str) -> None:
    for number, (name, owner) in rows.items():
        known = after.get(number)
        if mode == ("create" if known else "update"):
            continue
        fields: Fields = {"name": name or None, "owner": owner or None}
        if known and empty == "keep":
            fields = {field: value or known[field] for field, value in fields.items()}
        after[number] = fields | {"region": region(number), "retired": "False"}


few = law(8, shrink=False)


@pytest.fixture
def world(database_url: str, tmp_path: Path) -> Callable[[], World]:
    """Return a function that gives an empty world."""

    def make() -> World:
        forget_everything(database_url)
        return World(database_url, tmp_path, {})

    return make


PLANS = st.tuples(st.just("plan"), LOADS)
UNDOS = st.just(("undo",))


@few
@given(steps=st.lists(LOADS | PLANS | EDITS | UNDOS, min_size=2, max_size=8))
def test_any_history_ends_as_the_model_does(world: Callable[[], World], steps: list[Step]) -> None:
    """After each step the table holds what the model holds; an undo takes the run before it back, or the undo."""
    here = world()
    last: tuple[Report, Model] | None = None
    for step in steps:
        before = here.model
        if step[0] == "undo":
            if last:
                report, here.model = last
                last = (undo_of(here.url, report), before)
        elif step[0] in ("edit", "remove"):
            here.edit(step)
            here.model, last = modelled(before, step), None
        else:
            load = step[1] if step[0] == "plan" else step
            report = here.load(load, **({"dry_run": True, "keep_plan": True} if step[0] == "plan" else {}))
            if step[0] == "plan":
                assert here.there() == before
                report = apply(here.url, report)
            here.model, last = modelled(before, load), (report, before)
            assert report.status is Status.COMPLETED
        assert here.there() == here.model, step


@few
@given(steps=st.lists(LOADS | PLANS, min_size=1, max_size=6))
def test_undoing_all_returns_to_the_start(world: Callable[[], World], steps: list[Step]) -> None:
    """Taken back one by one, the newest first, each state is as it was, to the last field."""
    here = world()
    done: list[tuple[Report, list[dict[str, Any]]]] = []
    for step in steps:
        before = records(here.url)
        if step[0] == "plan":
            report = apply(here.url, here.load(step[1], dry_run=True, keep_plan=True))
        else:
            report = here.load(step)
        done.append((report, before))
    for report, before in reversed(done):
        undone = undo_of(here.url, report)
        assert (undone.counts.rejected, records(here.url)) == (0, before)


@few
@given(start=ROWS, planned=LOADS, edits=st.lists(EDITS, min_size=1, max_size=3))
def test_an_edit_between_plan_and_application_is_seen(
    world: Callable[[], World], start: Rows, planned: Step, edits: list[Step]
) -> None:
    """A plan is refused with each record of it that was written since, and is applied exactly where none was."""
    here, first = world(), ("import", start, "upsert", "clear")
    here.load(first)
    before = modelled({}, first)
    plan = here.load(planned, dry_run=True, keep_plan=True)
    after = before
    for edit in edits:
        here.edit(edit)
        after = modelled(after, edit)
    staged, taken = _planned(before, planned)
    written = {edit[1] for edit in edits if edit[1] in before}
    # What was to be taken away and is gone is as the plan would have it.
    moved = written & (set(staged) | {n for n in taken if n in after})
    report = apply(here.url, plan)
    assert {issue.value for issue in issues_of(here.url, report) if issue.rule == "moved"} == set(map(vpc_id, moved))
    if moved:
        assert (report.status, here.there()) == (Status.FAILED, after)
    else:
        exactly = (planned[0], staged, *planned[2:])
        assert (report.status, here.there()) == (Status.COMPLETED, modelled(after, exactly))


def _planned(model: Model, step: Step) -> tuple[Rows, set[int]]:
    """The rows that a plan has staged, without those that its mode refuses, and the records that it takes away."""
    what, rows, *how = step
    if what == "import":
        refused = {"create": set(model), "update": set(rows) - set(model)}.get(how[0], set())
        return {n: cells for n, cells in rows.items() if n not in refused}, set()
    staged = of_region(rows, how[1])
    gone = {n for n, fields in model.items() if fields["region"] == how[1] and n not in staged}
    return staged, gone if how[0] != "ignore" else set()
