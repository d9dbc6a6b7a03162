"""The import, from a file to the rows of a real PostgreSQL."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest

from schemas.errors import MappingError, UnknownType, UsageError
from schemas.issues import Severity
from schemas.reports import Status
from tests.support import (
    execute,
    importer,
    issues_of,
    staging_tables,
    stored,
    vpc,
    vpc_id,
    with_settings,
    write_csv,
)


def test_new_records_are_created_with_their_lineage(database_url: str, tmp_path: Path) -> None:
    """An upsert into an empty table creates every row, and each record names the run that made it."""
    report = importer(database_url, tmp_path)([vpc(1), vpc(2)])
    assert (report.status, report.resource_type) == (Status.COMPLETED, "vpc")
    assert (report.counts.read, report.counts.create) == (2, 2)
    records = stored(database_url, "vpc")
    assert [record["vpc_id"] for record in records] == [vpc_id(1), vpc_id(2)]
    assert records[0]["cidr_block"] == "10.0.1.0/24"
    assert records[0]["tags"] == {"Owner": "network"}
    assert records[0]["account_id"] == "012345678901"
    assert {record["created_by_run"] for record in records} == {UUID(report.run_id)}
    assert staging_tables(database_url) == []


def test_the_same_bytes_again_change_nothing_and_say_so(database_url: str, tmp_path: Path) -> None:
    """Importing a file twice leaves every row, its lineage included, and names the first run."""
    run = importer(database_url, tmp_path)
    first = run([vpc(1), vpc(2)])
    before = stored(database_url, "vpc")
    second = run([vpc(1), vpc(2)])
    assert (second.counts.unchanged, second.counts.create, second.counts.update) == (2, 0, 0)
    assert second.repeats == first.run_id
    assert stored(database_url, "vpc") == before


def test_an_update_keeps_a_before_image_and_touches_only_what_differs(database_url: str, tmp_path: Path) -> None:
    """A changed row is updated with its whole record kept; an unchanged one is left alone."""
    run = importer(database_url, tmp_path)
    first = run([vpc(1), vpc(2)])
    second = run([vpc(1), vpc(2, name="renamed", tags="Owner=core")])
    assert (second.counts.update, second.counts.unchanged) == (1, 1)
    one, two = stored(database_url, "vpc")
    assert str(one["updated_by_run"]) == first.run_id
    assert (two["name"], two["tags"], str(two["updated_by_run"])) == ("renamed", {"Owner": "core"}, second.run_id)
    assert str(two["created_by_run"]) == first.run_id
    [(key, before, after)] = execute(database_url, "select key, before, after from all_changes")
    assert (key, before["name"], before["tags"], after["name"]) == (vpc_id(2), "net-2", {"Owner": "network"}, "renamed")


def test_create_rejects_what_is_there(database_url: str, tmp_path: Path) -> None:
    """Mode create leaves a known record alone and says why."""
    run = importer(database_url, tmp_path)
    run([vpc(1)])
    report = run([vpc(1, name="other"), vpc(2)], mode="create")
    assert (report.counts.create, report.counts.update, report.counts.rejected) == (1, 0, 1)
    [issue] = issues_of(database_url, report)
    assert (issue.rule, issue.row, issue.column, issue.value) == ("exists", 2, "vpc_id", vpc_id(1))
    assert stored(database_url, "vpc")[0]["name"] == "net-1"


def test_update_rejects_what_is_absent_and_needs_only_the_key(database_url: str, tmp_path: Path) -> None:
    """Mode update takes a file of keys and some fields, and rejects a record that is not there."""
    run = importer(database_url, tmp_path)
    run([vpc(1)])
    report = run([{"vpc_id": vpc_id(n), "name": "new"} for n in (1, 2)], mode="update", resource_type="vpc")
    assert (report.counts.update, report.counts.rejected) == (1, 1)
    assert [issue.rule for issue in issues_of(database_url, report)] == ["absent"]
    [record] = stored(database_url, "vpc")
    assert (record["name"], record["cidr_block"]) == ("new", "10.0.1.0/24")


def test_an_absent_column_leaves_a_field_alone_and_an_empty_cell_clears_it(database_url: str, tmp_path: Path) -> None:
    """Absent and empty differ."""
    run = importer(database_url, tmp_path)
    run([vpc(1)])
    row = vpc(1, name="")
    del row["tags"]
    run([row])
    [record] = stored(database_url, "vpc")
    assert (record["name"], record["tags"]) == (None, {"Owner": "network"})


def test_empty_keep_keeps_what_is_stored(database_url: str, tmp_path: Path) -> None:
    """With empty=keep an empty cell is no change, also in a required field of a record that is there."""
    run = importer(database_url, tmp_path)
    run([vpc(1)])
    report = run([vpc(1, name="", cidr_block="", state="pending"), vpc(2, cidr_block="")], empty="keep")
    assert (report.counts.update, report.counts.rejected) == (1, 1)
    [issue] = issues_of(database_url, report)
    assert (issue.rule, issue.row, issue.field) == ("required", 3, "cidr_block")
    [record] = stored(database_url, "vpc")
    assert (record["name"], record["cidr_block"], record["state"]) == ("net-1", "10.0.1.0/24", "pending")


def test_a_dry_run_shows_the_plan_and_changes_nothing(database_url: str, tmp_path: Path) -> None:
    """A dry run has the counts, field-level before and after, and samples; the table is as before."""
    run = importer(database_url, tmp_path)
    run([vpc(1), vpc(2)])
    before = stored(database_url, "vpc")
    report = run([vpc(1, name="renamed"), vpc(2), vpc(3)], dry_run=True)
    assert (report.counts.create, report.counts.update, report.counts.unchanged) == (1, 1, 1)
    update, create = report.changes
    assert (update.key, update.fields) == (vpc_id(1), {"name": ("net-1", "renamed")})
    assert (create.action, create.key, create.row) == ("create", vpc_id(3), 4)
    assert [sample["vpc_id"] for sample in report.samples] == [vpc_id(1), vpc_id(2), vpc_id(3)]
    assert stored(database_url, "vpc") == before
    assert run([vpc(1, name="renamed"), vpc(2), vpc(3)]).repeats is None


BAD = vpc(9, cidr_block="10.0.0.0/99")


@pytest.mark.parametrize(
    ("options", "loaded"),
    [
        ({}, True),
        ({"on_error": "abort"}, False),
        ({"max_errors": "0"}, False),
        ({"max_errors": "1"}, True),
        ({"max_errors": "24%"}, False),
        ({"max_errors": "25%"}, True),
    ],
)
def test_thresholds_load_all_sound_rows_or_nothing(
    database_url: str, tmp_path: Path, options: dict[str, str], loaded: bool
) -> None:
    """One bad row of four: past the threshold the run fails with its report, and nothing is applied."""
    report = importer(database_url, tmp_path)([vpc(1), vpc(2), BAD, vpc(3)], **options)
    assert report.status is (Status.COMPLETED if loaded else Status.FAILED)
    assert len(stored(database_url, "vpc")) == (3 if loaded else 0)
    assert report.counts.rejected == 1
    assert [issue.rule for issue in issues_of(database_url, report)] == ["cidr"]
    assert staging_tables(database_url) == []
    assert (report.message is None) is loaded
    assert ("Nothing was changed" in str(report.message)) is not loaded


def test_every_failure_of_every_row_is_reported_at_once(database_url: str, tmp_path: Path) -> None:
    """A row with four wrong cells has four errors, beside those of the other rows, each with its place and value."""
    rows = [
        vpc(1, region="us-eest-1"),
        vpc(2, vpc_id="vpc-1", cidr_block="10.0.0.0/8", state="gone", account_id="1.23457E+11"),
        vpc(3, cidr_block=""),
        vpc(4),
    ]
    report = importer(database_url, tmp_path)(rows)
    assert (report.counts.create, report.counts.rejected) == (1, 3)
    found = {(i.row, i.column, i.field, i.value, i.rule, i.suggestion) for i in issues_of(database_url, report)}
    assert found == {
        (2, "region", "region", "us-eest-1", "format", "us-east-1"),
        (3, "vpc_id", "vpc_id", "vpc-1", "id", None),
        (3, "cidr_block", "cidr_block", "10.0.0.0/8", "prefix_length", None),
        (3, "state", "state", "gone", "choice", None),
        (3, "account_id", "account_id", "1.23457E+11", "account", None),
        (4, "cidr_block", "cidr_block", None, "required", None),
    }


def test_repairs_are_listed_and_loaded(database_url: str, tmp_path: Path) -> None:
    """A lost leading zero and host bits are mended, and the report says so."""
    report = importer(database_url, tmp_path)([vpc(1, account_id="12345678901", cidr_block="10.0.1.7/24")])
    assert (report.counts.create, report.counts.repairs) == (1, 2)
    repairs = {(issue.field, issue.value, issue.severity) for issue in issues_of(database_url, report)}
    assert repairs == {
        ("account_id", "12345678901", Severity.REPAIR),
        ("cidr_block", "10.0.1.7/24", Severity.REPAIR),
    }
    [record] = stored(database_url, "vpc")
    assert (record["account_id"], record["cidr_block"]) == ("012345678901", "10.0.1.0/24")


def test_duplicate_keys_in_a_file(database_url: str, tmp_path: Path) -> None:
    """A repeated row is loaded once; rows of one key that differ are all rejected, naming each other."""
    rows = [vpc(1), vpc(1), vpc(2), vpc(2, name="other"), vpc(3)]
    report = importer(database_url, tmp_path)(rows)
    assert (report.counts.create, report.counts.rejected) == (2, 3)
    issues = [issue for issue in issues_of(database_url, report) if issue.severity is Severity.ERROR]
    assert {issue.rule for issue in issues} == {"duplicate_key"}
    assert [(issue.row, issue.message) for issue in issues] == [
        (3, "row 3 repeats row 2: leave one out"),
        (4, f"rows 4 and 5 have the same VPC ID '{vpc_id(2)}' and differ elsewhere: keep one"),
        (5, f"rows 5 and 4 have the same VPC ID '{vpc_id(2)}' and differ elsewhere: keep one"),
    ]
    assert [record["vpc_id"] for record in stored(database_url, "vpc")] == [vpc_id(1), vpc_id(3)]


def test_overlapping_blocks_of_one_account_and_region_are_warned_of(database_url: str, tmp_path: Path) -> None:
    """Overlap is told within the file and against the database, not across accounts, and not again once it is there."""
    run = importer(database_url, tmp_path)
    run([vpc(1, cidr_block="10.0.0.0/16")])
    rows = [
        vpc(2, cidr_block="10.0.5.0/24"),
        vpc(3, cidr_block="10.1.0.0/24"),
        vpc(4, cidr_block="10.1.0.0/24"),
        vpc(5, cidr_block="10.0.5.0/24", account_id="999999999999"),
        vpc(6, cidr_block="10.2.0.0/24"),
    ]
    report = run(rows)
    assert (report.counts.create, report.counts.warnings) == (5, 3)
    told = {issue.row: issue.message for issue in issues_of(database_url, report)}
    assert set(told) == {2, 3, 4}
    assert f"'10.0.5.0/24' overlaps 10.0.0.0/16 of {vpc_id(1)}" in told[2]
    assert vpc_id(4) in told[3]
    assert vpc_id(3) in told[4]
    assert run(rows).counts.warnings == 0


def test_blank_rows_are_reported_and_count_for_nothing(database_url: str, tmp_path: Path) -> None:
    """A blank line is no record; it is listed with its row."""
    path = write_csv(tmp_path / "blank.csv", [vpc(1), dict.fromkeys(vpc(1), ""), vpc(2)])
    report = importer(database_url, tmp_path)(path)
    assert (report.counts.read, report.counts.create, report.counts.warnings) == (2, 2, 1)
    assert [(issue.row, issue.rule) for issue in issues_of(database_url, report)] == [(3, "blank")]


def test_mappings_are_given_saved_and_used_again(database_url: str, tmp_path: Path) -> None:
    """Odd headers are mapped by the caller, saved under a name, and the name is enough the next time."""
    run = importer(database_url, tmp_path)
    odd = [{"Kennung": vpc_id(1), "Netz": "10.0.1.0/24", "Bemerkung": "x", "Alt": vpc_id(2), "Netz alt": "10.0.2.0/24"}]
    with pytest.raises(UnknownType, match="Give resource_type"):
        run(odd)
    with pytest.raises(MappingError, match=r"No column fills 'vpc_id', 'cidr_block'.*columns=COLUMN=vpc_id"):
        run(odd, resource_type="VPCs")
    columns = {"Kennung": "vpc_id", "Netz": "CIDR block", "Bemerkung": "", "Alt": "", "Netz alt": ""}
    first = run(odd, resource_type="vpc", columns=columns, constants={"region": "us-east-1"}, save_mapping="net")
    assert (first.counts.create, first.notices) == (1, ())
    again = run([odd[0] | {"Kennung": vpc_id(2)}], mapping="net")
    assert again.counts.create == 1
    assert {record["region"] for record in stored(database_url, "vpc")} == {"us-east-1"}
    with pytest.raises(UsageError, match="saved ones: net"):
        run(odd, mapping="nett")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"columns": {"Nme": "name"}}, "did you mean 'name'"),
        ({"columns": {"name": "nmae"}}, "has no field 'nmae': did you mean name"),
        ({"constants": {"reggion": "x"}}, "did you mean region"),
        ({"resource_type": "vcp"}, "did you mean vpc"),
    ],
)
def test_a_wrong_request_is_refused_with_what_to_do(
    database_url: str, tmp_path: Path, options: dict[str, object], message: str
) -> None:
    """A misspelt column, field or type is named with the likely one; nothing is loaded, and the ledger has the run."""
    with pytest.raises(UsageError, match=message):
        importer(database_url, tmp_path)([vpc(1)], **{"resource_type": "vpc"} | options)
    assert stored(database_url, "vpc") == []
    assert execute(database_url, "select status from import_run") == [("failed",)]


def test_two_columns_for_one_field_are_refused(database_url: str, tmp_path: Path) -> None:
    """Two headers that mean the same field are no guess for us to make."""
    rows = [{"CIDR": "10.0.1.0/24", "IPv4 CIDR": "10.0.2.0/24", "vpc_id": vpc_id(1)}]
    with pytest.raises(MappingError, match="'CIDR' and 'IPv4 CIDR' are both mapped to cidr_block"):
        importer(database_url, tmp_path)(rows)


def test_unknown_columns_are_named_or_refused(database_url: str, tmp_path: Path) -> None:
    """An unknown column is never dropped silently, and can be refused."""
    run = importer(database_url, tmp_path)
    rows = [vpc(1, flavour="x")]
    report = run(rows)
    assert [notice.message for notice in report.notices] == ["columns that fit no field are left out: 'flavour'"]
    with pytest.raises(MappingError, match="flavour"):
        run(rows, unknown="refuse")
    assert run(rows, unknown="ignore").notices == ()


def test_warnings_past_the_limit_are_counted_and_errors_are_all_kept(database_url: str, tmp_path: Path) -> None:
    """The ledger keeps every error, and as many warnings and repairs as the setting allows; the counts are exact."""
    rows = [vpc(n, account_id="12345678901") for n in range(1, 21)] + [vpc(99, region="gone")]
    report = importer(database_url, tmp_path)(rows, settings=with_settings(max_issues=5))
    assert (report.counts.repairs, report.counts.rejected) == (20, 1)
    kept = [issue.severity for issue in issues_of(database_url, report)]
    assert kept == [Severity.ERROR] + [Severity.REPAIR] * 5
