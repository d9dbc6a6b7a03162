"""Moments: points in time, in any form that has one meaning, as an export writes them."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import polars as pl

from schemas.model.kinds.kind import fall_back

_EXPORTED = "%Y-%m-%dT%H:%M:%S%.fZ"

_SECONDS = r"(?::(?P<second>\d\d)(?:[.,](?P<fraction>\d{1,9}))?)?"
_TIME = rf"(?:[ T,]{{1,9}}(?P<hour>\d{{1,2}}):(?P<minute>\d\d){_SECONDS}\s{{0,9}}(?P<half>[ap]m)?)?"
_FORMS = tuple(
    re.compile(date + _TIME + r"\s{0,9}(?:Z|UTC|GMT|\+00:?00)?", re.IGNORECASE)
    for date in (
        r"(?P<year>\d{4})[-/.](?P<month>\d{1,2})[-/.](?P<day>\d{1,2})",
        r"(?P<day>\d{1,2})\.(?P<month>\d{1,2})\.(?P<year>\d{4})",
        r"(?P<day>\d{1,2})[ -](?P<name>[A-Za-z]{3,9})[ -](?P<year>\d{4})",
        r"(?P<name>[A-Za-z]{3,9}) (?P<day>\d{1,2}),? (?P<year>\d{4})",
        r"(?P<first>\d{1,2})[/-](?P<second_number>\d{1,2})[/-](?P<year>\d{4})",
    )
)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


def moments(values: pl.Series) -> pl.Series:
    """Return text as an export writes it, in UTC; null where it is no time, or may be two."""
    sound = values.str.to_datetime(_EXPORTED, strict=False).is_not_null()
    return fall_back(values, values.set(~sound.fill_null(value=False), None), _moment) if not sound.all() else values


def _moment(text: str) -> str | None:
    for form in _FORMS:
        if found := form.fullmatch(text.strip()):
            return _iso_text(found.groupdict())
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return _text(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def _iso_text(parts: dict[str, str | None]) -> str | None:
    day = _date(parts)
    if day is None:
        return None
    hour = int(parts["hour"] or 0)
    if half := parts["half"]:
        hour = hour % 12 + 12 * (half.lower() == "pm") if 1 <= hour <= 12 else 99
    micro = int((parts["fraction"] or "").ljust(6, "0")[:6])
    clock = (hour, int(parts["minute"] or 0), int(parts["second"] or 0), micro)
    try:
        return _text(datetime(*day, *clock, tzinfo=UTC))
    except ValueError:
        return None


def _date(parts: dict[str, str | None]) -> tuple[int, int, int] | None:
    """Year, month and day; None where the day may be the month."""
    year = int(parts["year"] or 0)
    if name := parts.get("name"):
        month = next((number for number, short in enumerate(_MONTHS, 1) if name.lower().startswith(short)), 0)
        return year, month, int(parts["day"] or 0)
    if parts.get("first"):
        first, second = int(parts["first"] or 0), int(parts["second_number"] or 0)
        if first <= 12 and second <= 12 and first != second:
            return None
        return (year, first, second) if first <= 12 else (year, second, first)
    return year, int(parts["month"] or 0), int(parts["day"] or 0)


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
