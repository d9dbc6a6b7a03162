"""Times on the command line are in the user's time zone; JSON has them in UTC."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from api.cli.local_time import shown_time, utc_time
from schemas.errors import UsageError
from tasks.store.connection.engine import close_engine
from tests.api.support import Cli
from tests.support import execute, vpc, vpc_id, write_csv


@pytest.fixture
def in_zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Give the process another time zone."""

    def change(name: str) -> None:
        monkeypatch.setenv("TZ", name)
        time.tzset()

    yield change
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("zone", "text", "start", "end"),
    [
        ("Europe/Berlin", "2026-07-01T08:30", "2026-07-01T06:30:00Z", "2026-07-01T06:30:00Z"),
        ("Europe/Berlin", "2026-12-01 08:30", "2026-12-01T07:30:00Z", "2026-12-01T07:30:00Z"),
        ("Europe/Berlin", "2026-07-01", "2026-06-30T22:00:00Z", "2026-07-01T21:59:59.999999Z"),
        ("Europe/Berlin", "2026-03-29", "2026-03-28T23:00:00Z", "2026-03-29T21:59:59.999999Z"),  # has 23 hours
        ("Asia/Kathmandu", "20260701", "2026-06-30T18:15:00Z", "2026-07-01T18:14:59.999999Z"),
        ("America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00:00Z", "2018-11-05T01:59:59.999999Z"),  # begins at 01:00
        ("America/Havana", "2025-11-02", "2025-11-02T04:00:00Z", "2025-11-03T04:59:59.999999Z"),  # has two midnights
        ("Europe/Berlin", "2026-10-25T02:30+01:00", "2026-10-25T02:30+01:00", "2026-10-25T02:30+01:00"),
        ("Europe/Berlin", "2026-07-01T08:30Z", "2026-07-01T08:30Z", "2026-07-01T08:30Z"),
        ("Europe/Berlin", "7d", "7d", "7d"),
        ("Europe/Berlin", "soon", "soon", "soon"),
        ("Europe/Berlin", "9999-12-31", "9999-12-31", "9999-12-31"),
    ],
)
def test_times_are_read_in_the_zone_of_the_user(
    in_zone: Callable[[str], None], zone: str, text: str, start: str, end: str
) -> None:
    """An offset wins; a date is its first moment, or its last; what is no time is left to the job."""
    in_zone(zone)
    assert (utc_time(text), utc_time(text, end=True)) == (start, end)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("2026-03-29T02:30", "2026-03-29T02:30 does not exist in your time zone"),
        ("2026-10-25T02:30", "Write 2026-10-25T02:30+02:00 or 2026-10-25T02:30+01:00."),
    ],
)
def test_times_at_which_the_clocks_change_are_refused(in_zone: Callable[[str], None], text: str, says: str) -> None:
    """A time that does not exist, or exists twice, is an error that says so."""
    in_zone("Europe/Berlin")
    with pytest.raises(UsageError) as error:
        utc_time(text)
    assert says in str(error.value)


def test_times_are_shown_with_their_offset(in_zone: Callable[[str], None]) -> None:
    """In winter and in summer, to the minute or the second."""
    in_zone("Europe/Berlin")
    assert shown_time(datetime(2026, 1, 1, 12, tzinfo=UTC)) == "2026-01-01 13:00+01:00"
    assert shown_time("2026-07-01T12:00:05.25Z", seconds=True) == "2026-07-01 14:00:05+02:00"
    assert shown_time(None) == ""


def test_commands_use_the_zone_of_the_user(
    cli: Cli, database_url: str, tmp_path: Path, in_zone: Callable[[str], None]
) -> None:
    """What is shown can be given back to --since and --as-of; JSON has UTC, whatever the zone of the database is."""
    name = make_url(database_url).database
    execute(database_url, f"alter database \"{name}\" set timezone to 'America/New_York'")
    close_engine(database_url)
    in_zone("Asia/Kathmandu")
    cli("import", str(write_csv(tmp_path / "vpcs.csv", [vpc(1)])))
    execute(database_url, "update vpc set updated_at = '2026-07-01T08:30Z'")
    execute(database_url, "update import_run set started_at = '2026-07-01T08:30Z'")
    assert "2026-07-01 14:15+05:45" in cli("runs").out
    assert json.loads(cli("runs", "--json").out)[0]["startedAt"] == "2026-07-01T08:30:00+00:00"

    def found(*words: str) -> bool:
        return vpc_id(1) in cli("export", "vpc", *words).out

    given = ("2026-07-01T14:15", "2026-07-01T14:16", "2026-07-01 14:15+05:45", "2026-07-01T08:31Z")
    assert [found("--since", text) for text in given] == [True, False, True, False]
    assert [found("--until", text) for text in ("2026-07-01T14:14", "2026-07-01", "2026-06-30")] == [False, True, False]
    now = datetime.now().astimezone().replace(tzinfo=None)
    assert found("--as-of", now.isoformat())
    early = cli("export", "vpc", "--as-of", (now - timedelta(hours=1)).isoformat())
    assert (early.code, "is not known" in " ".join(early.err.split())) == (2, True)
