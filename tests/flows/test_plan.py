"""Plans: what was previewed is what happens, once; what moved in between is seen, whoever moved it."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as drawn
from hypothesis import strategies as st

from flows.sentences import apply_plan, import_file
from schemas.errors import Transient, UsageError
from schemas.jobs import ApplyJob, ImportJob, UndoJob
from schemas.reports import Moved, Report, Status
from schemas.settings import settings
from tasks.store import ledger
from tasks.store.session import Session
from tasks.undo import undo
from tests.flows.test_undo import records
from tests.support import execute, importer, issues_of, staging_tables, vpc, vpc_id, write_csv


def planned(url: str, path: Path, rows: list[dict[str, str]], **options: Any) -> Report:
    """Plan an import of rows, and keep the plan."""
    job = ImportJob(path=write_csv(path / "plan.csv", rows), dry_run=True, keep_plan=True, **options)
    return import_file(job, url, settings())


def applied(url: str, plan: Report, moved: Moved = Moved.REFUSE, **options: Any) -> Report:
    """Apply a plan."""
    return apply_plan(ApplyJob(plan=UUID(plan.run_id), moved=moved, **options), url, settings())


def test_a_plan_is_applied_exactly_and_once(database_url: str, tmp_path: Path) -> None:
    """The source may be gone; counts, records and history are the plan's, and nothing is left to apply."""
    importer(database_url, tmp_path)([vpc(1), vpc(2)])
    plan = planned(database_url, tmp_path, [vpc(1), vpc(2, name="new"), vpc(3), vpc(4, region="nowhere")])
    assert plan.plan
    assert plan.plan.until
    assert len(staging_tables(database_url)) == 3  # the rows, the rejected ones, and the plan
    (tmp_path / "plan.csv").unlink()
    report = applied(database_url, plan)
    assert (report.status, report.applies) == (Status.COMPLETED, plan.run_id)
    assert report.counts == plan.counts
    assert (report.counts.create, report.counts.update, report.counts.unchanged, report.counts.rejected) == (1, 1, 1, 1)
    assert [record["name"] for record in records(database_url)] == ["net-1", "new", "net-3"]
    assert staging_tables(database_url) == []
    with pytest.raises(UsageError, match="applied by run"):
        applied(database_url, plan)
    undo(UndoJob(run=UUID(report.run_id)), database_url, settings())
    assert [record["name"] for record in records(database_url)] == ["net-1", "net-2"]


def test_another_plan_is_refused(database_url: str, tmp_path: Path) -> None:
    """A hash that is another's, a run without a plan, and one that is not there."""
    plan = planned(database_url, tmp_path, [vpc(1)])
    with pytest.raises(UsageError, match="another one than the file's"):
        applied(database_url, plan, hash="0" * 64)
    with pytest.raises(UsageError, match="has no plan"):
        applied(database_url, importer(database_url, tmp_path)([vpc(2)], dry_run=True))
    with pytest.raises(UsageError, match="There is no run"):
        apply_plan(ApplyJob(plan=UUID(int=1)), database_url, settings())
    assert [record["name"] for record in records(database_url)] == []


def test_a_plan_is_kept_for_its_time(database_url: str, tmp_path: Path) -> None:
    """Afterwards it is refused, and the next run takes what it has staged away."""
    plan = planned(database_url, tmp_path, [vpc(1)])
    with Session(database_url, UUID(int=1)) as session:
        ledger.reap(session)
    assert staging_tables(database_url) != []
    execute(database_url, "update import_run set plan_until = now() - interval '1 second'")
    with pytest.raises(UsageError, match="was kept until"):
        applied(database_url, plan)
    with Session(database_url, UUID(int=1)) as session:
        ledger.reap(session)
    assert staging_tables(database_url) == []


@pytest.mark.parametrize("what", ["rows", "plan", "some"])
def test_a_database_that_crashed_has_no_plan(database_url: str, tmp_path: Path, what: str) -> None:
    """Its unlogged tables are empty then; a row that is another is no better."""
    importer(database_url, tmp_path)([vpc(1)])
    plan = planned(database_url, tmp_path, [vpc(1, name="new"), vpc(2)])
    staged = f"cmdb_staging.run_{plan.run_id.replace('-', '')}_0"
    broken = {
        "rows": "truncate {}",
        "plan": "truncate {}_plan",
        "some": "update {} set name = 'forged' where row_number = 3",
    }
    execute(database_url, broken[what].format(staged))
    if what == "rows":
        with pytest.raises(Transient, match="lost"):
            applied(database_url, plan)
    else:
        assert "has lost what was staged" in str(applied(database_url, plan).message)
    assert [record["name"] for record in records(database_url)] == ["net-1"]


EDIT = "update vpc set name = 'moved' where vpc_id = :key"
CREATE = "insert into vpc (vpc_id, name, cidr_block) values (:key, 'moved', '10.0.3.0/24')"

MOVES = {
    "edited": (EDIT, 2, "was changed"),
    "edited, though the plan leaves it alone": (EDIT, 1, "was changed"),
    "deleted": ("delete from vpc where vpc_id = :key", 2, "was deleted"),
    "created": (CREATE, 3, "was created"),
}
"""What may be done between a plan and its application, to which VPC, and what is told of it."""


@pytest.mark.parametrize("what", MOVES)
@pytest.mark.parametrize("moved", list(Moved))
def test_what_moved_is_seen(database_url: str, tmp_path: Path, what: str, moved: Moved) -> None:
    """Whoever moved it: the plan is refused with the record, leaves it out, or is made anew."""
    statement, number, said = MOVES[what]
    importer(database_url, tmp_path)([vpc(1), vpc(2)])
    plan = planned(database_url, tmp_path, [vpc(1), vpc(2, name="new"), vpc(3)])
    execute(database_url, statement, key=vpc_id(number))
    before = records(database_url)
    report = applied(database_url, plan, moved)
    after = records(database_url)
    told = [issue.message for issue in issues_of(database_url, report)]
    if moved is Moved.REFUSE:
        assert (report.status, after) == (Status.FAILED, before)
        assert said in told[0]
        # It can still be applied in another way.
        assert applied(database_url, plan, Moved.REBASE).status is Status.COMPLETED
    elif moved is Moved.SKIP:
        assert (report.status, report.counts.rejected) == (Status.COMPLETED, 1)
        assert said in told[0]
        names = {record["vpc_id"]: record["name"] for record in after}
        was = {record["vpc_id"]: record["name"] for record in before}
        wanted = {vpc_id(1): "net-1", vpc_id(2): "new", vpc_id(3): "net-3"}
        del wanted[vpc_id(number)]
        assert names == wanted | {key: name for key, name in was.items() if key == vpc_id(number)}
    else:
        assert (report.status, told) == (Status.COMPLETED, [])
        assert [record["name"] for record in after] == ["net-1", "new", "net-3"]


def test_what_the_rules_look_at_may_not_move_either(database_url: str, tmp_path: Path) -> None:
    """A VPC that a planned subnet lies in is gone: the subnet is not made."""
    importer(database_url, tmp_path)([vpc(1, cidr_block="10.0.0.0/16")])
    subnet = {"subnet_id": "subnet-0000000a", "vpc_id": vpc_id(1), "cidr_block": "10.0.1.0/24"}
    zone = {"availability_zone": "us-east-1a", "region": "us-east-1", "account_id": "012345678901"}
    plan = planned(database_url, tmp_path, [subnet | zone])
    execute(database_url, "delete from vpc")
    report = applied(database_url, plan)
    assert report.status is Status.FAILED
    assert "was changed since the plan was made" in str(report.message)
    assert records(database_url, "subnet") == []


def test_a_plan_of_a_mode_keeps_it(database_url: str, tmp_path: Path) -> None:
    """So do its options: an empty cell keeps what is stored."""
    importer(database_url, tmp_path)([vpc(1, tags="a=b")])
    plan = planned(database_url, tmp_path, [vpc(1, name="new", tags="")], mode="update", empty="keep")
    report = applied(database_url, plan)
    assert (report.mode, report.counts.update) == ("update", 1)
    assert records(database_url)[0]["tags"] == {"a": "b"}


# A model ----------------------------------------------------------------------------------------------------------

NUMBERS = st.integers(1, 5)
NAMES = st.sampled_from(["a", "b", "c"])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("import"), st.dictionaries(NUMBERS, NAMES, min_size=1, max_size=4)),
        st.tuples(st.just("plan"), st.dictionaries(NUMBERS, NAMES, min_size=1, max_size=4)),
        st.tuples(st.just("edit"), st.dictionaries(NUMBERS, NAMES, min_size=1, max_size=1)),
        st.tuples(st.just("delete"), st.dictionaries(NUMBERS, NAMES, min_size=1, max_size=1)),
        st.tuples(st.just("apply"), st.just({})),
    ),
    min_size=2,
    max_size=7,
)


@drawn(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_an_edit_between_plan_and_apply_is_always_seen(
    database_url: str, tmp_path: Path, steps: list[tuple[str, dict[int, str]]]
) -> None:
    """The table is a model's: a plan does what it said where nothing of it moved, and else nothing at all."""
    execute(database_url, "truncate vpc")
    run = importer(database_url, tmp_path)
    model: dict[str, str] = {}
    plan: tuple[Report, dict[str, str], set[str]] | None = None
    for what, values in steps:
        named = {vpc_id(number): name for number, name in values.items()}
        rows = [vpc(number, name=name) for number, name in values.items()]
        if what == "plan":
            plan = planned(database_url, tmp_path, rows), named, set()
        elif what == "apply" and plan:
            report, wanted, touched = plan
            done = applied(database_url, report)
            moved = touched & set(wanted)
            assert (done.status is Status.FAILED) == bool(moved)
            assert {issue.value for issue in issues_of(database_url, done)} == moved
            model |= {} if moved else wanted
            plan = None
        elif what == "import":
            changed = {key for key, name in named.items() if model.get(key) != name}
            run(rows)
            model |= named
            plan = plan and (*plan[:2], plan[2] | changed)
        elif what in ("edit", "delete"):
            (key, name), verb = next(iter(named.items())), what
            if key in model:
                if verb == "edit":
                    execute(database_url, "update vpc set name = :name where vpc_id = :key", key=key, name=name)
                    model[key] = name
                else:
                    execute(database_url, "delete from vpc where vpc_id = :key", key=key)
                    del model[key]
                plan = plan and (*plan[:2], plan[2] | {key})
    assert {record["vpc_id"]: record["name"] for record in records(database_url)} == model


def test_a_run_that_ends_between_is_seen_by_its_end(database_url: str, tmp_path: Path) -> None:
    """An import that holds the type's lock is waited for; what it did is then seen."""
    run = importer(database_url, tmp_path)
    run([vpc(1)])
    plan = planned(database_url, tmp_path, [vpc(1, name="new")])
    phases: list[str] = []

    def progress(phase: str, done: int, total: int | None, rejected: int = 0) -> None:  # noqa: ARG001  # what progress is told
        phases.append(phase)
        if phase == "plan":
            job = ApplyJob(plan=UUID(plan.run_id))
            with pytest.raises(TimeoutError):
                apply_plan(job, database_url, settings(), progress=impatient)

    def impatient(phase: str, done: int, total: int | None, rejected: int = 0) -> None:  # noqa: ARG001  # what progress is told
        if phase == "waiting":
            raise TimeoutError

    run([vpc(1, name="other")], progress=progress)
    assert "plan" in phases
    assert applied(database_url, plan).status is Status.FAILED
    assert records(database_url)[0]["name"] == "other"
