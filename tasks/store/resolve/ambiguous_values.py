"""References that name no record, and what they may mean."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class AmbiguousValue:
    """What can be said of a value that names no record: a message, where it could mean several, and a near miss.

    `near` is what the row has in the field that says where the record is looked for.
    """

    field: str
    value: str
    near: str | None
    message: str | None
    suggestion: str | None
    ambiguous: bool
