"""Field cases: inputs that once were misread, each a file `tests/data/cases/NAME.toml` with what must come of it.

```toml
about = "A subnet is recreated: its block is free once the old one is retired."
[given]                                   # records that are stored beforehand, by type
vpc = [{ vpc_id = "vpc-0aaaaaaa", cidr_block = "10.50.0.0/16" }]
[[step]]
run = "sync subnets.json --type subnet"   # a command of cmdb, run in a copy of the folder
exit = 0
counts = { created = 1 }                  # those of the report that are not 0, `read` left out
issues = [{ rule = "unknown_column", severity = "warning", field = "…", value = "…", says = "…" }]   # every issue
says = ["words of the output"]
never = ["words that must not be in the output"]
[records.subnet]                          # every record stored at the end, with the fields that matter
subnet-0aaaaaaa = { cidr_block = "10.50.1.0/24", name = false }   # false: empty
[retired]
subnet = ["subnet-0bbbbbbb"]
```

An issue with `count` stands for so many. Types that `records` does not name have no records but those given.
"""

from __future__ import annotations

import json
import shlex
import shutil
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, literal, select, text, union_all

from api.cli.wording import COMMAND_LINE
from schemas.issues import Issue
from schemas.model.tables import RETIRED_AT, TABLES
from schemas.resources import RESOURCES
from tasks.store import ledger
from tasks.store.connection.engine import engine
from tests.api.support import Cli, Done
from tests.support import importer, stored, write_ndjson

FOLDER = Path(__file__).parents[1] / "data" / "cases"
CASES = sorted(FOLDER.glob("*.toml"))


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_field_case(cli: Cli, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    """Each command ends, prints and reports as stated, and the records at the end are the stated ones."""
    case = tomllib.loads(path.read_text(encoding="utf-8"))
    monkeypatch.chdir(copied(path, tmp_path / "cases"))
    for name, given in case.get("given", {}).items():
        source = write_ndjson(tmp_path / f"{name}.ndjson", given)
        assert importer(database_url, tmp_path)(source, resource_type=name).counts.rejected == 0
    for step in case["step"]:
        before = runs(database_url)
        done = cli(*shlex.split(step["run"]))
        check_output(step, done)
        for run in runs(database_url) - before:
            check_run(database_url, run, step, done)
    check_records(database_url, case)


def copied(path: Path, folder: Path) -> Path:
    """Copy what a case may mean, the files and folders that it names; returns the folder of the copies."""
    said = path.read_text(encoding="utf-8")
    unnamed = [each.name for each in FOLDER.iterdir() if each.name not in said]
    return Path(shutil.copytree(FOLDER, folder, ignore=lambda at, _: unnamed if Path(at) == FOLDER else []))


def check_output(step: Mapping[str, Any], done: Done) -> None:
    """Compare what a command printed and ended with."""
    said = " ".join((done.out + done.err).split())
    assert done.code == step.get("exit", 0), said
    assert "Traceback" not in said
    for words in step.get("says", ()):
        assert words in said
    for words in step.get("never", ()):
        assert words not in said


def runs(url: str) -> set[str]:
    """Return the ids of the runs of the ledger."""
    with engine(url).connect() as connection:
        return {str(run) for run in connection.scalars(text("select run_id from import_run"))}


def check_run(url: str, run: str, step: Mapping[str, Any], done: Done) -> None:
    """Compare the counts and every issue of a run."""
    with engine(url).connect() as connection:
        counts = ledger.read_report(connection, UUID(run)).counts
        issues = [issue.worded(COMMAND_LINE) for issue in ledger.read_issues(connection, UUID(run))]
    names = {"create": "created", "update": "updated", "delete": "deleted", "retire": "retired"}
    shown = {names.get(name, name): count for name, count in asdict(counts).items() if count}
    if "counts" in step:
        kept = {name: count for name, count in shown.items() if name not in ("read", "warnings", "repairs")}
        assert kept == step["counts"], done.out + done.err
    if "issues" in step:
        check_issues(list(step["issues"]), issues)


def check_issues(wanted: list[dict[str, Any]], issues: list[Issue]) -> None:
    """Pair each issue with one that is wanted, none left over on either side."""
    listed = "\n".join(json.dumps(told(issue), default=str) for issue in issues)
    left = [{**each, "count": 1} for each in wanted for _ in range(each.get("count", 1))]
    for issue in issues:
        fitting = next((each for each in left if fits(issue, each)), None)
        assert fitting, f"not stated: {told(issue)}\n{listed}"
        left.remove(fitting)
    assert not left, f"not reported: {left}\n{listed}"


def told(issue: Issue) -> dict[str, Any]:
    """Return the parts of an issue that say something."""
    return {name: value for name, value in asdict(issue).items() if value is not None}


def fits(issue: Issue, wanted: Mapping[str, Any]) -> bool:
    """Say whether an issue is the one that is wanted."""
    exact = {name: value for name, value in wanted.items() if name not in ("count", "says", "severity")}
    return (
        all(getattr(issue, name) == value for name, value in exact.items())
        and issue.severity == wanted.get("severity", "error")
        and wanted.get("says", "") in issue.message
    )


def check_records(url: str, case: Mapping[str, Any]) -> None:
    """Compare the stored records of every type, and those that are retired."""
    given = {name: len(records) for name, records in case.get("given", {}).items()}
    stated = case.get("records", {}).keys() | case.get("retired", {}).keys()
    for name, found in counts_of(url, RESOURCES.keys() - stated).items():
        assert found == (given.get(name, 0), 0), f"{name}: {stored(url, name)}"
    for name in stated:
        records = {str(record[RESOURCES[name].key_column]): record for record in stored(url, name)}
        gone = {key for key, record in records.items() if record[RETIRED_AT]}
        assert gone == set(case.get("retired", {}).get(name, ())), name
        wanted = case.get("records", {}).get(name)
        if wanted is None:
            assert len(records) - len(gone) == given.get(name, 0), f"{name}: {sorted(records)}"
            continue
        assert records.keys() - gone == wanted.keys(), name
        for key, fields in wanted.items():
            found_fields = {field: plain(records[key][field]) for field in fields}
            assert found_fields == {field: None if value is False else value for field, value in fields.items()}, key


def counts_of(url: str, names: Iterable[str]) -> dict[str, tuple[int, int]]:
    """Return how many records of each type are stored, and how many of these are retired."""
    queries = [
        select(literal(name), func.count(), func.count(TABLES[name].c[RETIRED_AT])).select_from(TABLES[name])
        for name in names
    ]
    with engine(url).connect() as connection:
        return {name: (count, gone) for name, count, gone in connection.execute(union_all(*queries))}


def plain(value: Any) -> Any:
    """Return a stored value as TOML writes it; empty lists and false are as nothing."""
    if value is None or value is False or value in ([], {}):
        return None
    if isinstance(value, list):
        return [plain(each) for each in value]
    return value if isinstance(value, str | int | float | dict) else str(value)
