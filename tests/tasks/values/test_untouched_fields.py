"""Fields that a row leaves as they are stored: how the column is read, and what it spares."""

from __future__ import annotations

import polars as pl

from schemas.issues import Severity, issues_frame
from schemas.model.tables import UNTOUCHED_FIELDS
from schemas.resources import RESOURCES
from schemas.sources import ROW, UNTOUCHED
from tasks.values.untouched_fields import Untouched, read_untouched

VPC = RESOURCES["vpc"]
TEXT = pl.DataFrame(
    {ROW: [2, 3], "vpc_id": ["vpc-00000001", "vpc-00000002"], "name": ["a", None], "owner": [None, "b"]}
)


def read(*notes: str | None, **constants: str) -> Untouched:
    """Read the notes of two rows."""
    records = pl.DataFrame({ROW: [2, 3], UNTOUCHED: notes}, schema={ROW: pl.UInt32, UNTOUCHED: pl.String})
    return read_untouched(records, VPC, TEXT, constants)


def fields(found: Untouched) -> list[list[str] | None]:
    """The fields that each row leaves as they are stored."""
    assert found.rows is not None
    return found.rows[UNTOUCHED_FIELDS].to_list()


def test_a_source_without_the_column() -> None:
    """Nothing is read and nothing is kept of it."""
    found = read_untouched(TEXT, VPC, TEXT, {})
    assert (found.rows, found.columns, len(found.issues)) == (None, [], 0)
    assert found.cleared(TEXT) is TEXT


def test_names_are_separated_by_commas() -> None:
    """Spaces around them do not matter, and an empty note names none."""
    assert fields(read(" owner,  name ,", "")) == [["owner", "name"], None]
    assert fields(read(None, "owner")) == [None, ["owner"]]


def test_a_constant_is_a_value() -> None:
    """It fills the field in every row."""
    assert fields(read("owner,name", "owner", owner="net")) == [["name"], None]


def test_wrong_names_reject_their_rows() -> None:
    """A name that is no field may be meant for one; a key says which record the row is."""
    found = read("onwer", "vpc_id,name")
    assert fields(found) == [None, ["name"]]
    told = [
        (row, severity, message) for row, severity, message in found.issues.select("row", "severity", "message").rows()
    ]
    assert told == [
        (2, Severity.ERROR, "vpc has no field 'onwer': did you mean owner?"),
        (3, Severity.ERROR, f"vpc_id is part of the key and cannot be left untouched: remove it from '{UNTOUCHED}'"),
    ]


def test_a_value_that_is_not_read_is_reported() -> None:
    """And its cell is emptied, so that no rule looks at it."""
    found = read("name,owner", "name")
    assert found.issues.select("row", "field", "value", "severity").rows() == [(2, "name", "a", Severity.WARNING)]
    assert found.cleared(TEXT)["name"].to_list() == [None, None]
    assert found.cleared(TEXT)["owner"].to_list() == [None, "b"]


def test_rules_of_what_a_row_leaves_are_spared() -> None:
    """Those of the field, or of any of the fields that a rule looks at."""
    cells = (
        issues_frame()
        .clear(3)
        .with_columns(row=pl.Series([2, 2, 3], dtype=pl.UInt32), field=pl.Series(["name", "owner", "name"]))
    )
    found = read("name", "owner")
    assert found.spared(cells).select("row", "field").rows() == [(2, "owner"), (3, "name")]
    assert found.spared(cells, ("name", "region")).select("row", "field").rows() == [(3, "name")]
