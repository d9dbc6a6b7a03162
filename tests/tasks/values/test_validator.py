"""Validation, batch by batch: what is a record, what is wrong with a cell or a row, and what is told of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from schemas.custom import rule
from schemas.issues import Issue, Severity, issues_frame
from schemas.job_options.choices import Empty, Mode
from schemas.mapping import Mapping
from schemas.model.tables import SEEN_AT
from schemas.resources import RESOURCES
from schemas.sources import EXAMPLE, ROW, Extracted
from tasks.mapping.columns import map_columns
from tasks.mapping.options import MapOptions
from tasks.values.validator import Batch, Validator
from tests.support import vpc, vpc_id

Cells = dict[str, str | None]

LEAST: Cells = {"vpc_id": vpc_id(1), "cidr_block": "10.0.1.0/24"}
SUBNET: Cells = {"subnet_id": "subnet-00000001", "vpc_id": vpc_id(1), "availability_zone": "us-east-1a"}


def source(rows: list[Cells], *faults: Issue) -> Extracted:
    """Return a source of these rows, the first of which is row 2."""
    columns = tuple(rows[0])
    frame = pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String), orient="row").with_row_index(ROW, offset=2)
    return Extracted(
        path=Path("x.csv"),
        name="x.csv",
        format="csv",
        size=1,
        sha256="",
        frame=frame.lazy(),
        columns=columns,
        faults=issues_frame(faults),
    )


def mapped(extracted: Extracted, kind: str = "vpc", mode: Mode = Mode.UPSERT, **constants: str) -> Mapping:
    """Return which column fills which field."""
    return map_columns(extracted.columns, RESOURCES[kind], MapOptions(constants=constants), mode)


def validated(
    rows: list[Cells], *faults: Issue, kind: str = "vpc", constants: dict[str, str] | None = None, **options: Any
) -> Batch:
    """Validate rows as one batch."""
    extracted = source(rows, *faults)
    mapping = mapped(extracted, kind, options.get("mode", Mode.UPSERT), **constants or {})
    [batch] = Validator(RESOURCES[kind], mapping, **options).batches(extracted, 1000)
    return batch


def told(batch: Batch) -> list[tuple[int, str | None, str]]:
    """The row, the field and the rule of each issue, in the order of rows."""
    return sorted(batch.issues.select("row", "field", "rule").iter_rows(), key=str)


def messages(batch: Batch) -> list[str]:
    """What the issues say."""
    return batch.issues["message"].to_list()


# Batches --------------------------------------------------------------------------------------------------------------


def test_sound_rows() -> None:
    """They are typed and counted, and nothing is told of them."""
    batch = validated([{**vpc(1)}, {**vpc(2)}])
    assert (batch.read, batch.passed, batch.rejected.to_list(), len(batch.issues)) == (2, 2, [], 0)
    assert batch.valid.select(ROW, "vpc_id", "cidr_block", "tags").rows() == [
        (2, vpc_id(1), "10.0.1.0/24", '{"Owner":"network"}'),
        (3, vpc_id(2), "10.0.2.0/24", '{"Owner":"network"}'),
    ]
    assert (batch.flawed.schema, len(batch.flawed)) == (batch.valid.schema, 0)


def test_batches_are_of_a_size_and_in_order() -> None:
    """Each row is in one of them, beside the faults of its own batch alone."""
    fault = Issue("ragged", "has no end", row=5)
    extracted = source([LEAST | {"vpc_id": vpc_id(number)} for number in range(7)], fault)
    batches = list(Validator(RESOURCES["vpc"], mapped(extracted)).batches(extracted, 3))
    assert max(batch.passed for batch in batches) <= 3
    assert sum(batch.passed for batch in batches) == sum(batch.read for batch in batches) == 7
    assert [row for batch in batches for row in batch.valid[ROW]] == [2, 3, 4, 6, 7, 8]
    assert [row for batch in batches for row in batch.rejected] == [5]


def test_a_source_without_rows() -> None:
    """A batch of none is one that has nothing to tell."""
    extracted = source([LEAST])
    validator = Validator(RESOURCES["vpc"], mapped(extracted))
    batch = validator.batch(extracted.frame.collect().clear(), extracted, validator.schema())
    assert (batch.read, batch.passed, len(batch.valid), len(batch.issues)) == (0, 0, 0, 0)


# What is a record -----------------------------------------------------------------------------------------------------


def test_faults_of_the_source() -> None:
    """A row that can't be read is a record that is rejected, once; one that is left out, such as a header, is none."""
    faults = [
        Issue("ragged", "has no end", row=2),
        Issue("quote", "is never closed", row=2),
        Issue("repeated_header", "is the header again", Severity.WARNING, row=3),
    ]
    batch = validated([{"vpc_id": "x", "cidr_block": "x"}, {"vpc_id": "vpc_id", "cidr_block": "y"}, LEAST], *faults)
    assert (batch.read, batch.passed, batch.rejected.to_list()) == (2, 3, [2])
    assert messages(batch) == ["has no end", "is never closed", "is the header again"]
    assert (batch.valid[ROW].to_list(), len(batch.flawed)) == ([4], 0)


@pytest.mark.parametrize("empty", ["", None])
def test_blank_rows(empty: str | None) -> None:
    """They are no records, and are told; a note beside nothing is what somebody wrote there, and is not."""
    blank: Cells = {"vpc_id": empty, "cidr_block": empty}
    rows = [LEAST | {"# note": empty}, blank | {"# note": empty}, blank | {"# note": "see below"}]
    batch = validated(rows)
    assert (batch.read, batch.passed, batch.valid[ROW].to_list(), batch.rejected.to_list()) == (1, 3, [2], [])
    assert [(issue["row"], issue["rule"], issue["severity"]) for issue in batch.issues.to_dicts()] == [
        (3, "blank", "warning")
    ]
    assert messages(batch) == ["row 3 is blank and is left out"]


def test_examples_of_a_template() -> None:
    """A row whose note says so is left out while it is the example; typed over, or with other notes, it is a record."""
    example: Cells = dict(RESOURCES["vpc"].examples[0])
    spelt = example | {"is_default": "no", "cidr_block": " 10.0.0.0/16 "}
    over = example | {"vpc_id": vpc_id(1)}
    odd = example | {"description": "mine"}
    assert example["is_default"] == "false"
    notes = (f" {EXAMPLE} ", EXAMPLE, EXAMPLE, "an example?", None)
    rows = [row | {"#": note} for row, note in zip((example, over, odd, LEAST, LEAST), notes, strict=True)]
    batch = validated(rows)
    assert (batch.read, batch.passed, batch.valid[ROW].to_list()) == (4, 5, [3, 4, 5, 6])
    assert [message for message in messages(batch) if "example" in message] == [
        "row 2 is an example of the template and is left out",
        *(
            f"row {row} differs from the template's example and is imported, though its note still says 'example'"
            for row in (3, 4)
        ),
    ]
    assert set(batch.issues["severity"].to_list()) == {"warning"}
    assert validated([spelt | {"#": EXAMPLE}]).read == 0


# Cells ----------------------------------------------------------------------------------------------------------------


def test_spaces_around_a_value_are_none_of_it() -> None:
    """What is left is the value, and nothing is none."""
    batch = validated([LEAST | {"vpc_id": f" {vpc_id(1)}\t", "name": "  ", "description": " a b "}])
    assert batch.valid.select("vpc_id", "name", "description").rows() == [(vpc_id(1), None, "a b")]


def test_texts_that_mean_nothing() -> None:
    """An empty list or object is an empty cell of a field that holds one, and text in one that holds text."""
    batch = validated([LEAST | {"name": "[]", "tags": "{}", "secondary_cidr_blocks": "[]"}])
    assert batch.valid.select("name", "tags", "secondary_cidr_blocks").rows() == [("[]", None, None)]


def test_what_is_no_value_of_its_kind_is_reported_once() -> None:
    """With the kind's own hint where it has one; the checks of the field are not asked of what could not be read."""
    row = LEAST | {"account_id": "1234567890123", "is_default": "perhaps", "cidr_block": "10.0.0.0"}
    batch = validated([row])
    assert told(batch) == [(2, "account_id", "account"), (2, "cidr_block", "cidr"), (2, "is_default", "boolean")]
    said = dict(zip(batch.issues["field"], messages(batch), strict=True))
    assert said["account_id"] == "'1234567890123' has more than 12 digits"
    assert said["is_default"] == f"'perhaps' is not {RESOURCES['vpc'].fields['is_default'].kind.wants}"
    assert (batch.issues["severity"].unique().to_list(), len(batch.valid)) == (["error"], 0)
    # What could be read of it is asked by the rules over many records.
    assert batch.flawed.select(ROW, "vpc_id", "cidr_block", "account_id").rows() == [(2, vpc_id(1), None, None)]


@pytest.mark.parametrize(("length", "shown"), [(80, "x" * 80), (81, "x" * 80 + "…")])
def test_a_long_value_is_shown_in_part(length: int, shown: str) -> None:
    """The message has its beginning, the issue all of it."""
    batch = validated([LEAST | {"is_default": "x" * length}])
    assert messages(batch)[0].startswith(f"'{shown}' is not ")
    assert batch.issues["value"].to_list() == ["x" * length]


@pytest.mark.parametrize(
    ("empty", "wanted"),
    [
        (Empty.CLEAR, [(2, "vpc_id", "required"), (3, "cidr_block", "required")]),
        (Empty.KEEP, [(2, "vpc_id", "required")]),
    ],
)
def test_required_cells(empty: Empty, wanted: list[Any]) -> None:
    """An empty one is an error, unless it is to keep what is stored; a key is needed whatever is kept."""
    batch = validated([LEAST | {"vpc_id": ""}, LEAST | {"cidr_block": None}], empty=empty)
    assert told(batch) == wanted
    assert messages(batch)[0] in {
        "VPC ID is required, and the cell is empty",
        "CIDR block is required, and the cell is empty",
    }
    assert batch.issues["value"].null_count() == len(wanted)


def test_a_value_that_no_enum_lists_is_kept() -> None:
    """It is reported, with the nearest that the field lists, where one is near: a source may have its own values."""
    rows = [LEAST | {"state": state, "instance_tenancy": "default"} for state in ("availible", "zzz", "available")]
    batch = validated(rows)
    assert batch.issues.select("row", "value", "suggestion").rows() == [
        (2, "availible", "available"),
        (3, "zzz", None),
    ]
    assert batch.issues["severity"].unique().to_list() == ["warning"]
    assert "'zzz' is not one of pending, available, deleting: it is kept; correct it if it is misspelt" in messages(
        batch
    )
    assert (batch.rejected.to_list(), batch.valid["state"].to_list()) == ([], ["availible", "zzz", "available"])


def test_a_likely_region_is_suggested() -> None:
    """What is no region is rejected, with the nearest that there is."""
    batch = validated([LEAST | {"region": "us-eest-1"}, LEAST | {"region": "nowhere"}])
    assert batch.issues.select("row", "suggestion").rows() == [(2, "us-east-1"), (3, None)]
    assert batch.rejected.sort().to_list() == [2, 3]


def test_repairs_are_reported_and_loaded() -> None:
    """What is stored is another text than the cell's; how a list is written is no repair."""
    rows = [
        LEAST | {"account_id": "12345678901", "secondary_cidr_blocks": '["10.1.0.0/16", "10.2.0.0/16"]'},
        LEAST | {"account_id": "012345678901", "secondary_cidr_blocks": "10.1.0.9/16, 10.2.0.0/16"},
        LEAST | {"account_id": None, "secondary_cidr_blocks": "10.1.0.0/16; 10.2.0.0/16"},
        LEAST | {"account_id": None, "secondary_cidr_blocks": None},
    ]
    batch = validated(rows)
    assert told(batch) == [(2, "account_id", "account_repaired"), (3, "secondary_cidr_blocks", "cidrs_repaired")]
    assert batch.issues["severity"].unique().to_list() == ["repair"]
    assert "'12345678901' read as '012345678901': " in messages(batch)[0] + messages(batch)[1]
    assert "'10.1.0.9/16, 10.2.0.0/16' read as '10.1.0.0/16,10.2.0.0/16': " in messages(batch)[0] + messages(batch)[1]
    assert (len(batch.valid), batch.rejected.to_list()) == (4, [])
    assert batch.valid["secondary_cidr_blocks"].to_list() == [["10.1.0.0/16", "10.2.0.0/16"]] * 3 + [None]


def test_constants() -> None:
    """They fill a field of every row; a wrong one rejects each, and is told without a column."""
    batch = validated([LEAST, LEAST], constants={"state": "available", "region": "gone"})
    assert batch.flawed["state"].to_list() == ["available", "available"]
    assert batch.issues.select("row", "column", "field", "value").rows() == [
        (2, None, "region", "gone"),
        (3, None, "region", "gone"),
    ]


def test_an_issue_has_its_column() -> None:
    """By the name that the source gives it, beside the field that it fills."""
    batch = validated([{"VPC ID": vpc_id(1), "CIDR": "x"}])
    assert batch.issues.select("column", "field").rows() == [("CIDR", "cidr_block")]


@pytest.mark.parametrize(("guarded", "name"), [(True, "=1+1"), (False, "'=1+1")])
def test_guarded_formulas(guarded: bool, name: str) -> None:
    """The apostrophe before what looks like a formula is taken away where the format has it there, in free text."""
    batch = validated([LEAST | {"name": "'=1+1", "description": "'quoted'"}], guarded=guarded)
    assert batch.valid.select("name", "description").rows() == [(name, "'quoted'")]


def test_when_a_record_was_seen() -> None:
    """The column of an export is kept as text next to the fields, as an export writes it; another text is an error."""
    times = ["2026-11-24T08:30:00.123456Z", "", "3/4/2026", "2026-11-24 08:30:00", "NULL"]
    runs: Cells = {"created_by_run": "", "updated_by_run": ""}
    extracted = source([LEAST | {"updated_at": time} | runs for time in times])
    mapping = mapped(extracted)
    assert mapping.seen == "updated_at"
    [batch] = Validator(RESOURCES["vpc"], mapping).batches(extracted, 1000)
    assert batch.valid.select(ROW, SEEN_AT).rows() == [
        (2, times[0]),
        (3, None),
        (5, "2026-11-24T08:30:00.000000Z"),
        (6, None),
    ]
    assert batch.issues.select("row", "column", "field", "value", "rule", "severity").rows() == [
        (4, "updated_at", None, times[2], "time", "error")
    ]
    assert messages(batch)[0].startswith("'3/4/2026' is not a time that can be read")


# Rows -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cells", "mode", "wanted"),
    [
        ({"cidr_block": "", "ipv6_cidr_block": ""}, Mode.UPSERT, ["required"]),
        ({"cidr_block": "", "ipv6_cidr_block": "2001:db8::/64"}, Mode.UPSERT, []),
        # An absent column is an empty one where the record would be new, and may be stored already where it is not.
        ({"cidr_block": ""}, Mode.UPSERT, ["required"]),
        ({"cidr_block": ""}, Mode.CREATE, ["required"]),
        ({"cidr_block": ""}, Mode.UPDATE, []),
        # Nothing is said of either.
        ({"name": "x"}, Mode.UPSERT, []),
        # A rule that needs all of its fields is not asked without one.
        ({"cidr_block": "10.0.0.0/24", "availability_zone": "eu-west-1a"}, Mode.UPSERT, []),
        ({"cidr_block": "10.0.0.0/24", "region": "eu-west-1"}, Mode.UPSERT, ["zone"]),
        ({"cidr_block": "10.0.0.0/24", "region": ""}, Mode.UPSERT, []),
    ],
)
def test_rules_of_a_row(cells: Cells, mode: Mode, wanted: list[str]) -> None:
    """They are asked where the file has their fields, or enough of them."""
    batch = validated([SUBNET | cells], kind="subnet", mode=mode)
    assert [rule for _, _, rule in told(batch)] == wanted
    assert len(batch.valid) == (0 if wanted else 1)


def test_a_rule_of_a_row_says_what_stands_there() -> None:
    """Its message follows the value of its field, if there is one."""
    zone = validated([SUBNET | {"cidr_block": "10.0.0.0/24", "region": "eu-west-1"}], kind="subnet")
    assert messages(zone) == ["'us-east-1a' is not a zone of the subnet's region: correct the zone or the region"]
    assert zone.issues.select("column", "field", "value").rows() == [
        ("availability_zone", "availability_zone", "us-east-1a")
    ]
    blocks = validated([SUBNET | {"ipv6_cidr_block": ""}], kind="subnet")
    assert messages(blocks) == ["An IPv4 or an IPv6 CIDR block is required, and both are empty: fill in one"]
    assert blocks.issues.select("column", "field", "value").rows() == [(None, "cidr_block", None)]


def test_a_key_of_either_of_two_fields() -> None:
    """A row with neither is an error, whichever of the two the file has; one of them is enough."""
    rows: list[Cells] = [
        {"rd": "65000:1", "name": ""},
        {"rd": "", "name": "blue"},
        {"rd": "", "name": "", "owner": "x"},
    ]
    batch = validated([row | {"owner": "x"} for row in rows], kind="vrf")
    assert (told(batch), batch.rejected.to_list()) == ([(4, "rd", "required")], [4])
    assert messages(batch) == ["Route distinguisher or Name is required, and the cells are empty"]
    one = validated([{"name": "blue", "owner": "x"}, {"name": "", "owner": "x"}], kind="vrf")
    assert told(one) == [(3, "rd", "required")]


@rule("vpc", fields=("name", "owner"), message="{name} has no owner", severity="warning")
def owned() -> pl.Expr:
    """A rule of a user's own."""
    return pl.col("name").is_not_null() & pl.col("owner").is_null()


def test_own_rules() -> None:
    """A warning does not reject its row; a field that the file lacks is empty."""
    rows = [LEAST | {"name": "core"}, LEAST | {"name": ""}]
    batch = validated(rows, own=(owned,))
    assert (messages(batch), batch.rejected.to_list(), len(batch.valid)) == (["core has no owner"], [], 2)


def test_everything_that_is_wrong_is_reported_at_once() -> None:
    """Of one row, by the source, its cells and its rules; and it is rejected once."""
    cells: Cells = {"cidr_block": "10.0.0.0/8", "region": "eu-west-1", "state": "gone", "subnet_id": "x"}
    sound: Cells = {"cidr_block": "10.0.0.0/24", "region": "", "state": ""}
    batch = validated([SUBNET | cells, SUBNET | sound], kind="subnet")
    assert told(batch) == [
        (2, "availability_zone", "zone"),
        (2, "cidr_block", "prefix_length"),
        (2, "state", "choice"),
        (2, "subnet_id", "id"),
    ]
    assert (batch.rejected.to_list(), batch.valid[ROW].to_list()) == ([2], [3])
