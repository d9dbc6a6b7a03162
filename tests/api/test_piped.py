"""Standard input and output in the place of a file: `cmdb import -`, `cmdb plan -`, `cmdb export TYPE -o -`."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from schemas.settings import settings
from tests.api.support import Cli
from tests.support import stored

Give = Callable[[bytes], None]

SITES = b"name,slug\nBonn,bon\nUlm,ulm\n"


@pytest.fixture
def give(monkeypatch: pytest.MonkeyPatch) -> Give:
    """Give the next command something to read from standard input."""

    def given(content: bytes) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))

    return given


def test_records_through_pipes(
    cli: Cli, give: Give, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is read is looked at as a file is; what an export writes imports again, and changes nothing: code 0."""
    give(SITES)
    done = cli("import", "-", "--type", "site")
    assert (done.code, "standard input → site" in done.out) == (0, True)
    # CSV, without a word about where to and how.
    for words in ((), *(("-o", "-", "--format", name) for name in ("json", "ndjson", "excel", "parquet"))):
        written = io.BytesIO()
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", io.TextIOWrapper(written))
            done = cli("export", "site", "--fields", "name", *words)
            assert (done.code, "2 records" in done.err) == (0, True)
            give(written.getvalue())
        again = cli("import", "-")
        assert (again.code, "2 unchanged, 0 rejected" in again.out) == (0, True), again
    give(SITES.replace(b"bon", b"no slug"))
    plan = tmp_path / "plan.json"
    assert cli("plan", "-", "-o", str(plan), "--type", "site").code == 3
    give(b"")
    assert cli("apply", str(plan)).code == 3  # nothing is read again
    assert [site["slug"] for site in stored(database_url, "site")] == ["bon", "ulm"]
    assert not list(settings().temporary.iterdir())


def test_what_can_not_be_piped(cli: Cli, give: Give) -> None:
    """An empty input, one of another format, and a report where the records go are refused."""
    give(b"")
    done = cli("import", "-")
    assert (done.code, "standard input is empty" in done.err) == (1, True)
    give(SITES)
    done = cli("import", "-", "--format", "parquet")
    assert (done.code, "standard input is delimited text" in done.err.lower()) == (1, True), done
    done = cli("export", "site", "-o", "-", "--format", "csv", "--json")
    assert (done.code, "--json" in json.loads(done.out)["error"]["message"]) == (2, True)
