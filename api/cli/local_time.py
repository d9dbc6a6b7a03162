"""Times as a person at a terminal reads and writes them: in the time zone of this machine, with its offset."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TypeVar

from schemas.errors import UsageError

Parsed = TypeVar("Parsed", date, datetime)


def shown_time(time: datetime | str | None, *, seconds: bool = False) -> str:
    """Return a time in the time zone of this machine with its offset, to the minute or second; empty for none.

    A text is ISO 8601 with an offset.
    """
    if time is None:
        return ""
    moment = datetime.fromisoformat(time) if isinstance(time, str) else time
    return moment.astimezone().isoformat(sep=" ", timespec="seconds" if seconds else "minutes")


def utc_time(text: str, *, end: bool = False) -> str:
    """Return a time that a person wrote in ISO 8601 in UTC; one with an offset, or how long ago, as it is.

    Without an offset it is a time of this machine's time zone. A date is the first moment of that day, or with `end`
    its last. Raises UsageError for a time that does not exist, or that exists twice, as the clocks change.
    """
    written = _parsed(datetime, text)
    if written is None or written.tzinfo:
        return text  # whoever runs the job says what is wrong with it
    try:
        if _parsed(date, text) is None:
            return _iso(_moment(written, text))
        return _iso(_day_start(written + timedelta(days=1)) - timedelta(microseconds=1) if end else _day_start(written))
    except (OverflowError, ValueError):  # at the ends of the calendar
        return text


def _parsed(kind: type[Parsed], text: str) -> Parsed | None:
    try:
        return kind.fromisoformat(text.strip())
    except ValueError:
        return None


def _readings(written: datetime) -> list[datetime]:
    """Return the moments at which the clocks show this: none or two where they change."""
    both = {written.replace(fold=fold).astimezone().astimezone(UTC) for fold in (0, 1)}
    return sorted(each for each in both if each.astimezone().replace(tzinfo=None) == written)


def _day_start(midnight: datetime) -> datetime:
    # Where the clocks go forward at midnight, the day starts with the time after.
    after = max(midnight.replace(fold=fold).astimezone() for fold in (0, 1))
    return next(iter(_readings(midnight)), after)


def _moment(written: datetime, text: str) -> datetime:
    match _readings(written):
        case [moment]:
            return moment
        case []:
            raise UsageError(f"{text} does not exist in your time zone: the clocks go forward then.")
        case several:
            spelt = " or ".join(each.astimezone().isoformat(timespec="minutes") for each in several)
            raise UsageError(f"{text} exists twice in your time zone: the clocks go back then. Write {spelt}.")


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
