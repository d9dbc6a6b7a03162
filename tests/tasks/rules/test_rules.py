"""Rules of the user's own: what they find, when they are asked, and that a broken one never passes."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any
from uuid import UUID

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import RuleFailed, UsageError
from schemas.issues import Issue
from schemas.model.rule_listing import built_in, list_rules
from schemas.reports import Report
from schemas.resources import RESOURCES
from tasks.rules.load import GROUP, load_rules
from tasks.steps.rejects import write_rejects
from tasks.store.connection.engine import engine
from tests.laws import law
from tests.support import Import, execute, importer, issues_of, stored, vpc, vpc_id, with_settings

EXAMPLES = Path(__file__).parents[3] / "examples" / "rules.py"

HEAD = """
import polars as pl
from schemas.custom import rule

"""


def rules_file(folder: Path, body: str, name: str = "rules.py") -> str:
    """Write a file of rules; returns its path."""
    path = folder / name
    path.write_text(HEAD + dedent(body))
    return str(path)


def asked(run: Import, rows: list[dict[str, str]], *files: str, **options: Any) -> Report:
    """Import rows of VPCs under these rules."""
    used = with_settings(rules=files, batch_size=options.pop("size", 50_000))
    return run(rows, settings=used, resource_type="vpc", **options)


def told(url: str, report: Report) -> list[tuple[int | None, str, str]]:
    """What a run tells of the user's own rules: row, severity, message."""
    built = {each.name for each in built_in()}
    own = [issue for issue in issues_of(url, report) if issue.rule not in built]
    return [(issue.row, issue.severity, issue.message) for issue in own]


def test_the_example(database_url: str, tmp_path: Path) -> None:
    """An error rejects its row, a warning does not; each has its cell, and a message with the row's own values."""
    run = importer(database_url, tmp_path)
    rows = [
        vpc(1, name="core-production", environment="production"),
        vpc(2, name="edge", environment="test", tags=""),
        vpc(3, name="core-production", environment="production", account_id="123456789012"),
        vpc(4, name="double", environment=""),
        vpc(5, name="double", environment=""),
    ]
    report = asked(run, rows, str(EXAMPLES))
    assert told(database_url, report) == [
        (3, "error", "there is no tag Owner: say who to ask, as in Owner=network"),
        (5, "error", "2 VPCs of account 012345678901 are called 'double'"),
        (6, "error", "2 VPCs of account 012345678901 are called 'double'"),
        (3, "warning", "the name 'edge' does not end with '-test'"),
    ]
    assert (report.counts.create, report.counts.rejected, report.counts.warnings) == (2, 3, 1)
    assert [record["vpc_id"] for record in stored(database_url, "vpc")] == [vpc_id(1), vpc_id(3)]
    first, *_, last = issues_of(database_url, report)
    assert first == Issue("has_an_owner", first.message, row=3, column="tags", field="tags")
    assert (last.rule, last.column, last.value) == ("named_by_environment", "name", "edge")
    with engine(database_url).connect() as connection:
        assert write_rejects(connection, UUID(report.run_id), tmp_path / "rejects.xlsx") == 3
    again = asked(run, rows, str(EXAMPLES), dry_run=True)
    assert (again.counts.rejected, again.rules) == (3, report.rules)


def test_what_is_stored_has_a_say(database_url: str, tmp_path: Path) -> None:
    """A rule is asked of the record as it would be: of a column that the file lacks, and of a cell that keeps."""
    file = rules_file(
        tmp_path,
        """
        @rule("vpc", fields=("owner", "environment"), message="row {row}: who owns a VPC in {environment}?")
        def owned() -> pl.Expr:
            return (pl.col("environment") == "production") & pl.col("owner").is_null()
        """,
    )
    run = importer(database_url, tmp_path)
    asked(run, [vpc(1, owner="ann"), vpc(2)], file)
    update = [{"vpc_id": vpc_id(n), "environment": "production"} for n in (1, 2)]
    for mode in ("update", "upsert"):
        rows = [row if mode == "update" else vpc(n) | row for n, row in enumerate(update, 1)]
        report = asked(run, rows, file, mode=mode)
        assert told(database_url, report) == [(3, "error", "row 3: who owns a VPC in production?")]
    kept = asked(run, [row | {"owner": ""} for row in update], file, mode="update", empty="keep")
    assert [row for row, *_ in told(database_url, kept)] == [3]
    cleared = asked(run, [row | {"owner": ""} for row in update], file, mode="update")
    assert [row for row, *_ in told(database_url, cleared)] == [2, 3]
    new = asked(run, [vpc(3, environment="production"), vpc(4, environment="test")], file, mode="create")
    assert [row for row, *_ in told(database_url, new)] == [2]
    assert new.counts.create == 1


SAME = """
@rule("vpc", fields=("name", "owner", "tags"), message="{name}|{owner}|{tags}", name="cells")
def cells() -> pl.Expr:
    return (pl.col("name") == pl.col("owner")) | pl.col("tags").str.contains("b")

@rule("vpc", fields=("name", "owner", "tags"), message="{name}|{owner}|{tags}", name="all", scope="records")
def all_records(records: pl.LazyFrame) -> pl.LazyFrame:
    return records.filter(cells())
"""
CELL = st.sampled_from(["", "a", "b", "{x}", 'q"'])
ROW = st.fixed_dictionaries({"name": CELL, "owner": CELL, "tags": st.sampled_from(["", "k=a", "k=b"])})


@law(12)
@given(
    rows=st.lists(ROW, min_size=1, max_size=6),
    left_out=st.sampled_from([None, "owner"]),
    empty=st.sampled_from(["clear", "keep"]),
    size=st.integers(1, 4),
)
def test_both_scopes_find_the_same(
    database_url: str, tmp_path: Path, rows: list[dict[str, str]], left_out: str | None, empty: str, size: int
) -> None:
    """One condition, asked of rows or of all records, breaks on the same rows, in batches of any size."""
    execute(database_url, "truncate vpc, change, import_run")
    run = importer(database_url, tmp_path)
    file = rules_file(tmp_path, SAME)
    asked(run, [vpc(1, owner="b", name="x"), vpc(2, owner="a", tags="k=c")])
    found = [{n: v for n, v in (vpc(i) | row).items() if n != left_out} for i, row in enumerate(rows, 1)]
    # What a row's own rule rejects in validation no rule over all records sees: each is asked alone.
    reports = [
        asked(run, found, file, size=size, empty=empty, dry_run=True, without_rules=(other,))
        for other in ("cells", "all")
    ]
    one, two = (told(database_url, report) for report in reports)
    assert one == two
    assert reports[0].counts.rejected == len(one)


def test_many_rows_that_break_a_rule(database_url: str, tmp_path: Path) -> None:
    """Warnings are kept one by one up to the limit, and counted exactly; rows of a type without other rules too."""
    file = rules_file(
        tmp_path,
        """
        @rule(fields=("name",), message="so", severity="warning", scope="records")
        def every(records: pl.LazyFrame) -> pl.LazyFrame:
            return records
        """,
    )
    run = importer(database_url, tmp_path)
    rows = [{"name": f"site-{n}"} for n in range(30)]
    report = run(rows, settings=with_settings(rules=(file,), max_issues=10, batch_size=7), resource_type="site")
    assert (report.counts.create, report.counts.warnings) == (30, 30)
    assert len(issues_of(database_url, report)) == 10


ROWS = '@rule("vpc", fields=("name",), message="m")\ndef mine() -> pl.Expr:\n    '
RECORDS = '@rule("vpc", fields=("name",), message="m{more}", scope="records")\ndef mine(r: pl.LazyFrame):\n    '

BROKEN = [
    (ROWS + "raise KeyError('oh')", "KeyError: 'oh'"),
    (ROWS + "return pl.col('owner') == 'x'", "owner.*its fields are name"),
    (ROWS + "return pl.col('name').str.len_chars()", "gives UInt32, and not true or false"),
    (ROWS + "return pl.lit(True)", "1 answers for 6 rows"),
    (ROWS + "return pl.col('name').is_null().any()", "1 answers for 6 rows"),
    (ROWS + "return pl.all().is_null(), 1", "returns tuple, and no Polars expression"),
    (ROWS.replace('"name",', '"name", "owner"') + "return pl.all().is_null()", "gives 2 columns, and not one"),
    (ROWS + "return pl.col('name').shift().is_null() & pl.col('name').is_null()", "looks at other rows"),
    (ROWS + "return pl.col('name') > 5", "failed"),
    (ROWS + "return pl.col('name').map_elements(lambda name: 1 / 0, return_dtype=pl.Boolean)", "ZeroDivisionError"),
    (RECORDS + "return r.select('name')", "no column 'row'"),
    (RECORDS + "return r.with_columns(pl.col('row').cast(pl.String))", "no column 'row'"),
    (RECORDS + "return r", "shows '{more}', which it does not return"),
    (RECORDS + "return [1]", "returns list, and no frame"),
    (RECORDS + "return r.with_columns(more=pl.lit(1), row=pl.col('row') + 100)", "does not have"),
    (RECORDS + "return r.with_columns(more=pl.lit(1), row=pl.lit(None, pl.Int64))", "does not have"),
    (RECORDS + "return r.filter(pl.col('nmae') == 'x')", "nmae"),
]


@pytest.mark.parametrize(("body", "says"), BROKEN)
def test_a_broken_rule_fails_the_run(database_url: str, tmp_path: Path, body: str, says: str) -> None:
    """By its name and place, whatever its fault, in a dry run too; nothing is stored, and without it all is well."""
    file = rules_file(tmp_path, body)
    run = importer(database_url, tmp_path)
    for dry in (True, False):
        with pytest.raises(RuleFailed, match=says) as failed:
            asked(run, [vpc(1), vpc(2)], file, dry_run=dry)
        assert f"The rule 'mine' ({file}:5) failed" in str(failed.value)
        assert "without_rules=mine" in str(failed.value)
    assert stored(database_url, "vpc") == []
    [status] = {status for (status,) in execute(database_url, "select status from import_run")}
    assert status == "failed"
    assert asked(run, [vpc(1), vpc(2)], file, without_rules=("mine",)).counts.create == 2


def test_a_rule_that_needs_its_neighbours_is_detected(database_url: str, tmp_path: Path) -> None:
    """An expression whose answer depends on the rows that happen to be in its batch fails on real ones at last."""
    file = rules_file(tmp_path, ROWS + "return pl.col('name').str.len_chars() > pl.col('name').str.len_chars().mean()")
    run = importer(database_url, tmp_path)
    with pytest.raises(RuleFailed, match="looks at other rows: write it with scope='records'"):
        asked(run, [vpc(1, name="a"), vpc(2, name="bbbb"), vpc(3, name="bbbb")], file)
    assert stored(database_url, "vpc") == []


UNLOADED = [
    ("def x(:\n", "line 5.: SyntaxError"),
    ("1 / 0\n", "line 5.: ZeroDivisionError: division by zero"),
    ("def helper():\n    raise KeyError('k')\n\nhelper()\n", "line 6.: KeyError: 'k'"),
    ("import sys\nsys.exit()\n", "line 6.: SystemExit"),
    ("import nowhere\n", "No module named 'nowhere'"),
    ("", "holds no rule"),
    (
        ROWS.replace("vpc", "vcp") + "return pl.lit(True)",
        "line 5.*'mine' cannot be evaluated: .*'vcp': did you mean vpc",
    ),
    (ROWS.replace('"name"', '"nmae"') + "return pl.lit(True)", "vpc has no field 'nmae': did you mean name"),
    (ROWS.replace('("name",)', '"name"') + "return pl.lit(True)", r"write fields=\(\"name\",\), with a comma"),
    (ROWS.replace('("name",)', "()") + "return pl.lit(True)", "name the fields that it reads"),
    (ROWS.replace('"m"', '"{owner}"') + "return pl.lit(True)", "shows '{owner}', and its fields are name"),
    (ROWS.replace('"m"', '"{"') + "return pl.lit(True)", "'mine' cannot be evaluated: .*{"),
    (ROWS.replace('"m"', '"m", severity="fatal"') + "return pl.lit(True)", "'error' or 'warning', not 'fatal'"),
    (ROWS.replace('"m"', '"m", scope="file"') + "return pl.lit(True)", "'row' or 'records', not 'file'"),
    (ROWS.replace('"m"', '"m", scope="records"') + "return pl.lit(True)", "takes the lazy frame.*takes 0 values"),
    (ROWS.replace('"m"', '"m", name="my rule"') + "return pl.lit(True)", "its name takes letters"),
    (ROWS.replace('"m"', '"m", name="overlap"') + "return pl.lit(True)", "has the name of another, built in"),
    (ROWS.replace('"vpc", ', "").replace('"name"', '"nothing"') + "return pl.lit(True)", "no type has all"),
    ('@rule("vpc", fields=("name",), message="m")\nclass Mine: ...\n', "over a function"),
]


@pytest.mark.parametrize(("body", "says"), UNLOADED)
def test_rules_that_can_not_be_loaded(database_url: str, tmp_path: Path, body: str, says: str) -> None:
    """Every import fails and says which file, line and rule, before anything is read."""
    file = rules_file(tmp_path, body)
    with pytest.raises(RuleFailed, match=says) as failed:
        asked(importer(database_url, tmp_path), [vpc(1)], file)
    assert file in str(failed.value)
    assert stored(database_url, "vpc") == []


def test_files_that_are_not_there_and_names_that_are_twice(tmp_path: Path) -> None:
    """A file or module that is not there fails; so do two rules of one name, but not one rule that two files hold."""
    with pytest.raises(RuleFailed, match="FileNotFoundError"):
        load_rules((str(tmp_path / "none.py"),))
    with pytest.raises(RuleFailed, match="No module named 'no_such'"):
        load_rules(("no_such.module",))
    one = rules_file(tmp_path, ROWS + "return pl.lit(False)", "one.py")
    with pytest.raises(RuleFailed, match=r"'mine' of .*two.py:5 has the name of another, .*one.py:5"):
        load_rules((one, rules_file(tmp_path, ROWS + "return pl.lit(False)", "two.py")))


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An installed package that brings rules by entry points: a module, a rule and a list."""
    (tmp_path / "acme_rules.py").write_text(HEAD + ROWS.replace("mine", "acme") + "return pl.col('name') == 'bad'\n")
    (tmp_path / "acme_more.py").write_text(
        HEAD + "from acme_rules import acme\n"
        '@rule("site", fields=("name",), message="m")\ndef more() -> pl.Expr:\n    return pl.lit(None, pl.Boolean)\n'
        "several = [acme, more]\n"
    )
    info = tmp_path / "acme-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
    points = "module = acme_rules\none = acme_rules:acme\nseveral = acme_more:several\n"
    (info / "entry_points.txt").write_text(f"[{GROUP}]\n{points}")
    monkeypatch.syspath_prepend(str(tmp_path))
    load_rules.cache_clear()
    yield tmp_path
    load_rules.cache_clear()
    for name in ("acme_rules", "acme_more"):
        sys.modules.pop(name, None)


def test_an_installed_package_brings_rules(database_url: str, package: Path) -> None:
    """They are asked with nothing set, each once; settings may name its module too, and one that fails is named."""
    report = asked(importer(database_url, package), [vpc(1, name="bad"), vpc(2)])
    assert told(database_url, report) == [(2, "error", "m")]
    assert [each.name for each in load_rules(("acme_rules",))] == ["acme", "more"]
    (package / "acme-1.0.dist-info" / "entry_points.txt").write_text(f"[{GROUP}]\nbad = acme_rules:nothing\n")
    load_rules.cache_clear()
    with pytest.raises(RuleFailed, match=r"entry point bad of acme \(acme_rules:nothing\) cannot be loaded"):
        load_rules(())
    (package / "acme-1.0.dist-info" / "entry_points.txt").write_text(f"[{GROUP}]\nbad = acme_rules:pl\n")
    load_rules.cache_clear()
    with pytest.raises(RuleFailed, match="gives no rule"):
        load_rules(())


def test_a_rule_is_switched_off(database_url: str, tmp_path: Path) -> None:
    """It is not asked, which the report tells and the ledger keeps; names that can't be are refused."""
    run = importer(database_url, tmp_path)
    rows = [vpc(1, tags="")]
    report = asked(run, rows, str(EXAMPLES), without_rules=("has_an_owner",))
    assert (report.counts.create, report.counts.rejected) == (1, 0)
    assert [(notice.rule, notice.message) for notice in report.notices] == [
        ("has_an_owner", "the rule 'has_an_owner' was switched off for this run and is not asked")
    ]
    [(options,)] = execute(database_url, "select options from import_run")
    assert options["without_rules"] == ["has_an_owner"]
    for name, says in {
        "has_owner": "did you mean has_an_owner",
        "overlap": "is a built-in rule",
        "x": "there are ",
    }.items():
        with pytest.raises(UsageError, match=says):
            asked(run, rows, str(EXAMPLES), without_rules=(name,))
    with pytest.raises(UsageError, match="there is none; CMDB_RULES names files"):
        asked(run, rows, without_rules=("x",))


def test_settings_name_files_and_modules(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As a JSON list or between commas; a file by its whole path."""
    monkeypatch.chdir(tmp_path)
    from schemas.settings import Settings

    for text in ('["rules.py", "acme.rules"]', "rules.py, acme.rules"):
        monkeypatch.setenv("CMDB_RULES", text)
        assert Settings().rules == (str(tmp_path / "rules.py"), "acme.rules")


def test_the_list() -> None:
    """Every built-in rule of every type with words for it; the user's own with their place; a rule can be called."""
    own = load_rules((str(EXAMPLES),))
    found = list_rules(own)
    assert {name for each in found for name in each.types} == set(RESOURCES)
    assert [each.name for each in found if not each.message or not each.fields] == []
    assert [each.source for each in found[-3:]] == [rule.where for rule in own]
    assert {each.name for each in list_rules(own, "site")} == {"duplicate_key", "has_an_owner"}
    frame = pl.DataFrame({"name": ["a-x", "a"], "environment": ["x", "x"]})
    assert frame.select(own[0]())["name"].to_list() == [False, True]
