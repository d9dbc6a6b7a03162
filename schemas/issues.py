"""Issues: what the checks report of a cell, a row or a whole source, alone and in frames."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache

import polars as pl

from schemas.language.remedies import Remedy, Wording, remedy_of, worded

LEFT_OUT = "left_out"
"""The rule of a notice that names what of a document is not read."""

NOT_WHOLE = "not_whole"
"""The rule of a warning that a sync deletes and retires nothing of a type, as its source may lack records of it."""


class Severity(StrEnum):
    """How much an issue matters: an error rejects its row, a warning and a repair do not."""

    ERROR = "error"
    WARNING = "warning"
    REPAIR = "repair"


ISSUE_SCHEMA: dict[str, pl.DataType] = {
    "row": pl.UInt32(),
    "column": pl.String(),
    "field": pl.String(),
    "value": pl.String(),
    "rule": pl.String(),
    "severity": pl.String(),
    "message": pl.String(),
    "suggestion": pl.String(),
}
"""The shape of a frame of issues: one per failed rule and cell; `row` is null for what concerns the whole source."""


@dataclass(frozen=True, slots=True)
class Issue:
    """An error, a warning or a repair of a cell, a row or the whole source; the fields are those of `ISSUE_SCHEMA`.

    `part` says which of the types of a run it concerns, from 0.
    """

    rule: str
    message: str
    severity: Severity = Severity.ERROR
    row: int | None = None
    column: str | None = None
    field: str | None = None
    value: str | None = None
    suggestion: str | None = None
    part: int = 0

    @property
    def remedy(self) -> Remedy | None:
        """The options and actions that the message proposes, if any."""
        return remedy_of(self.message)

    def worded(self, wording: Wording) -> Issue:
        """Return the issue with its message in the words of a front end."""
        return replace(self, message=worded(self.message, wording))


def issues_frame(issues: list[Issue] | tuple[Issue, ...] = ()) -> pl.DataFrame:
    """A frame of `ISSUE_SCHEMA` from issues."""
    if not issues:
        return _no_issues()
    return pl.DataFrame(
        {name: [getattr(issue, name) for issue in issues] for name in ISSUE_SCHEMA}, schema=ISSUE_SCHEMA
    )


@cache
def _no_issues() -> pl.DataFrame:
    # Most of what is looked at finds nothing: one frame for all of that.
    return pl.DataFrame(schema=ISSUE_SCHEMA)
