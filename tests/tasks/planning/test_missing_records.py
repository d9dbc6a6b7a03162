"""Which records a sync may take away: what its source says of the places and the rows that it could not read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from schemas.fetched import Fetched, Unread
from schemas.issues import Issue, Severity
from schemas.mapping import Mapping
from schemas.resources import RESOURCES
from schemas.sources import Extracted
from tasks.formats.base import NOTHING
from tasks.planning.missing_records import authoritative_scope
from tasks.runtime.type_load import TypeLoad
from tasks.runtime.values import MappedSource, Tally
from tasks.steps.detect import files_of_types
from tasks.store.staging.prefilter import Prefilter
from tasks.store.staging.table import Staging

ONE, OTHER = {"account_id": "1", "region": "us-east-1"}, {"account_id": "1", "region": "eu-west-1"}
SOURCE = Extracted(
    frame=NOTHING,
    columns=(),
    records=0,
    resource_type="vpc",
    path=Path("a"),
    name="a",
    format="ndjson",
    size=0,
    sha256="",
)


def part(scope: tuple[dict[str, str], ...] = (), *lacks: dict[str, str], keyless: int = 0) -> TypeLoad:
    """Return the load of a source with a scope that may lack records of some places."""
    vpc = RESOURCES["vpc"]
    unread = tuple(Unread("it broke off", "vpc", values) for values in lacks)
    source = MappedSource(0, vpc, "a", Mapping(()), None, scope, unread=unread)
    return TypeLoad(source, Staging(uuid4(), vpc, (), Prefilter(Path(), vpc, ())), Tally(keyless=keyless))


@pytest.mark.parametrize(
    ("found", "left"),
    [
        (part(), ()),
        (part((ONE, OTHER)), (ONE, OTHER)),
        (part((), keyless=1), None),
        (part((ONE, OTHER), keyless=1), None),
        # A file or a page that could not be read says nothing of its place.
        (part((ONE, OTHER), {}), None),
        (part((ONE, OTHER), OTHER), (ONE,)),
        (part((ONE, OTHER), ONE, OTHER), None),
        (part((ONE, OTHER), {"account_id": "1"}), None),
        (part((ONE, OTHER), {"account_id": "2"}), (ONE, OTHER)),
        (part((ONE,), {"owner": "net"}), None),
        (part((), ONE), None),
    ],
)
def test_what_is_judged(found: TypeLoad, left: tuple[dict[str, str], ...] | None) -> None:
    """The places that were read as a whole; none where rows could not be placed."""
    assert authoritative_scope(found) == left


def test_what_a_list_lacks_by_its_own_words() -> None:
    """Its gaps concern all of its type."""
    found = part((ONE, OTHER), OTHER)
    extracted = replace(SOURCE, gaps=(Issue("page", "page 2 is not in the file", Severity.WARNING),))
    found = replace(found, source=replace(found.source, extracted=extracted))
    assert found.lacks == (Unread("it broke off", "vpc", OTHER), Unread("page 2 is not in the file", "vpc"))
    assert authoritative_scope(found) is None


def test_gaps_of_several_files_are_kept_together() -> None:
    """Files of one type are read as one, which lacks what any of them does."""
    gaps = [Issue("page", f"page {n} is not in the file", Severity.WARNING) for n in (1, 2)]
    files = [replace(SOURCE, name=str(n), records=1, gaps=(gap,)) for n, gap in enumerate(gaps)]
    [whole] = files_of_types(files)
    assert whole.gaps == tuple(gaps)
    # Also one that has no records.
    [whole] = files_of_types([files[0], replace(files[1], records=0)])
    assert whole.gaps == tuple(gaps)


def test_a_failure_that_is_not_placed_concerns_everything() -> None:
    """A source that names the places of its failures is believed."""
    failures = (Issue("file", "a.csv can't be read."),)
    assert Fetched((), failures=failures).lacks == (Unread("a.csv can't be read."),)
    placed = (Unread("a.csv can't be read.", "vpc"),)
    assert Fetched((), failures=failures, unread=placed).lacks == placed
    assert Fetched(()).lacks == ()
