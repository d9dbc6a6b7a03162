"""Records that are created because rows refer to them: planned, moved since, refused by rules, and named by case."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.access.permissions import Authority
from schemas.errors import Forbidden
from schemas.issues import Severity
from schemas.job_options.choices import Drift
from schemas.reports import Status
from tests.flows.support import apply, everything, undo_of
from tests.support import execute, importer, issues_of, stored, with_settings

CIRCUIT = {"provider": "Colt", "cid": "1", "site_a": "Bonn", "site_z": "Ulm"}


@pytest.mark.parametrize(("moved", "created"), [(Drift.REFUSE, None), (Drift.SKIP, 2), (Drift.REBASE, 2)])
def test_what_was_created_since_the_plan(database_url: str, tmp_path: Path, moved: Drift, created: int | None) -> None:
    """A plan creates what its rows refer to; where somebody creates one of these first, that is a record that moved."""
    run = importer(database_url, tmp_path)
    planned = run([CIRCUIT], resource_type="circuit", create_missing=("site",), dry_run=True, keep_plan=True)
    assert (planned.counts.read, planned.counts.create, planned.resource_type) == (3, 3, "circuit")
    assert {(part.resource_type, part.counts.create) for part in planned.parts} == {("circuit", 1), ("site", 2)}
    assert {(change.resource_type, change.key, change.row) for change in planned.changes} == {
        ("site", "Bonn", None),
        ("site", "Ulm", None),
        ("circuit", "Colt/1", 2),
    }
    run([{"name": "Ulm", "slug": "ulm"}], resource_type="site")
    before = everything(database_url)
    applied = apply(database_url, planned, moved=moved)
    if created is None:
        assert (applied.status, everything(database_url)) == (Status.FAILED, before)
        return
    assert (applied.status, applied.counts.create) == (Status.COMPLETED, created)
    assert [(site["name"], site["slug"]) for site in stored(database_url, "site")] == [("Bonn", None), ("Ulm", "ulm")]
    assert undo_of(database_url, applied).counts.delete == created
    assert everything(database_url) == before


@pytest.mark.parametrize("planned", [True, False])
def test_the_mapping_that_is_saved(database_url: str, tmp_path: Path, planned: bool) -> None:
    """It is that of the file's type, not of one that is only created; a plan saves it when it is applied."""
    run = importer(database_url, tmp_path)
    asked = {"resource_type": "circuit", "create_missing": ("site",), "save_mapping": "circuits"}
    saved = "select name, resource_type from saved_mapping"
    if planned:
        plan = run([CIRCUIT], dry_run=True, keep_plan=True, **asked)
        assert execute(database_url, saved) == []
        assert apply(database_url, plan).status is Status.COMPLETED
    else:
        run([CIRCUIT], **asked)
    assert execute(database_url, saved) == [("circuits", "circuit")]


def test_a_rule_of_ones_own(database_url: str, tmp_path: Path) -> None:
    """A record that breaks a rule is not created, and its row says why; nor is one that a rejected row refers to."""
    rules = tmp_path / "rules.py"
    rules.write_text(
        "import polars as pl\n"
        "from schemas.custom import rule\n\n\n"
        '@rule("site", fields=("name",), message="the name \'{name}\' has no code")\n'
        "def coded() -> pl.Expr:\n"
        '    return ~pl.col("name").str.contains("[0-9]")\n'
    )
    run = importer(database_url, tmp_path)
    rows = [{"vid": "1", "name": "a", "site": site} for site in ("Bonn", "Ulm 1", "ulm 1", "Ulm 2")]
    rows[3]["vid"] = "none"
    report = run(rows, resource_type="vlan", create_missing=("site",), settings=with_settings(rules=(str(rules),)))
    errors = {issue.row: issue.message for issue in issues_of(database_url, report) if issue.severity is Severity.ERROR}
    assert errors[2] == "'Bonn' is no Site that can be created: the name 'Bonn' has no code"
    assert errors.keys() == {2, 4, 5}  # row 4 is a copy of row 3: another case is the same site
    assert [site["name"] for site in stored(database_url, "site")] == ["Ulm 1"]
    assert (report.counts.read, report.counts.create) == (5, 2)


def test_who_may_create(database_url: str, tmp_path: Path) -> None:
    """Whoever has no permission for a type creates no records of it by referring to them."""
    run = importer(database_url, tmp_path)
    allowed = Authority(types=("circuit",))
    with pytest.raises(Forbidden, match="lacks the permission 'import' for site"):
        run([CIRCUIT], resource_type="circuit", create_missing=("site",), authority=allowed, requested_by="ann")
    assert everything(database_url) == {}
