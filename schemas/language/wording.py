"""Wording that messages share."""

from __future__ import annotations

from collections.abc import Sequence


def some_of(texts: Sequence[str], most: int = 3, *, total: int | None = None, separator: str = ", ") -> str:
    """Return the first texts, and how many more there are of the total: `a, b, c and 5 more`."""
    more = (len(texts) if total is None else total) - min(len(texts), most)
    return separator.join(texts[:most]) + (f" and {more:,} more" if more > 0 else "")


def validation_message(message: str) -> str:
    """Return a message of pydantic without the name of the exception that it was raised as."""
    return message.removeprefix("Value error, ").removeprefix("Assertion failed, ")
