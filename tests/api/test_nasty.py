"""Every file of `tests/data/nasty`, imported by the command line: what it says, its exit code, and what is stored.

Beside each file stands `NAME.toml`: `exit`, `says` (a part of the output), `created`, `rules` (rule → count), `args`,
and `never` (a text that must not be kept anywhere).
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.api.support import Cli
from tests.support import execute, staging_tables

FOLDER = Path(__file__).parents[1] / "data" / "nasty"
FILES = sorted(path for path in FOLDER.iterdir() if path.suffix != ".toml")


def expected(path: Path) -> dict[str, Any]:
    """Return what a file must give."""
    return tomllib.loads(path.with_name(f"{path.name}.toml").read_text(encoding="utf-8"))


def test_every_file_says_what_it_must_give() -> None:
    """No file without an expectation, and none without a file."""
    assert FILES
    assert {f"{path.name}.toml" for path in FILES} == {path.name for path in FOLDER.glob("*.toml")}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_nasty_file(cli: Cli, database_url: str, path: Path) -> None:
    """The exit code, a sentence that says what to do and no stack trace; nothing lost or half-applied."""
    wanted = expected(path)
    done = cli("import", str(path), *wanted.get("args", ()))
    said = done.out + done.err
    assert done.code == wanted["exit"], said
    assert wanted.get("says", "") in " ".join(said.split())
    assert "Traceback" not in said
    counts = execute(database_url, "select status, records_created, rules from import_run")
    assert [(status, created) for status, created, _ in counts] == [
        ("completed", wanted["created"]) if "created" in wanted else ("failed", 0)
    ]
    found = {rule: count for rule, _, count in counts[0][2] or () if rule not in ("overlap",)}
    assert found == wanted.get("rules", {})
    assert staging_tables(database_url) == []
    if "never" in wanted:
        for table in ("import_run", "import_issue", "rejected_row"):
            kept = execute(database_url, f"select t::text from {table} t")  # noqa: S608  # the test's own names
            assert not [row for (row,) in kept if wanted["never"] in row]
