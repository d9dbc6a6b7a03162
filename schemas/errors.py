"""Every error that cmdb raises, grouped by what can be done about it.

    CmdbError
    ├── Forbidden             whoever asks lacks the permission
    ├── UsageError            the request is wrong: correct it and ask again
    │   ├── UnknownType       no resource type of that name
    │   └── MappingError      columns and fields do not fit together
    ├── RunFailed             the run began, and nothing of it was applied
    │   ├── SourceError       the source can't be read as it stands: empty, binary, broken, too large
    │   ├── TooManyErrors     more rejected rows than `max_errors` or `on_error` allow
    │   ├── PlanDrifted       the records that a frozen plan speaks of were changed since
    │   ├── RuleFailed        a rule of the user's own can't be loaded or asked
    │   ├── UnderWay          another run of the same sync is under way, and this one is not needed
    │   └── Cancelled         somebody asked the run to stop
    ├── Unavailable           something this run needs does not answer
    │   ├── DatabaseDown      no connection, or wrong credentials
    │   └── StorageFull       no room on a disk
    └── Transient             a passing fault: the same step, tried again, may succeed

Rejected rows are data (`schemas.reports.Issue`), never exceptions. A message is one sentence or two that say what to
do next; it never holds a password or a stack trace.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from schemas.mapping import Mapping

__all__ = [
    "Cancelled",
    "CmdbError",
    "DatabaseDown",
    "Forbidden",
    "MappingError",
    "PlanDrifted",
    "RuleFailed",
    "RunFailed",
    "SourceError",
    "StorageFull",
    "TooManyErrors",
    "Transient",
    "Unavailable",
    "UnderWay",
    "UnknownType",
    "UsageError",
]


class CmdbError(Exception):
    """The root of the tree; its text is meant for the person who asked, its code for programs."""

    code: ClassVar[str] = "failed"


class Forbidden(CmdbError):
    """Whoever asks lacks the permission."""

    code = "forbidden"


class UsageError(CmdbError):
    """The request is wrong: correct it and ask again."""

    code = "wrong-request"


class UnknownType(UsageError):
    """No resource type of that name, or a source does not say which type it is of.

    `candidates` are the types that fit best, each with what is missing: field names, or nothing.
    """

    code = "unknown-type"

    def __init__(self, message: str, candidates: tuple[tuple[str, tuple[str, ...]], ...] = ()) -> None:
        super().__init__(message)
        self.candidates = candidates


class MappingError(UsageError):
    """Columns and fields do not fit together.

    `mapping` is what fits all the same (None where nothing was matched yet), `missing` the fields that need a column
    or a constant.
    """

    def __init__(self, message: str, mapping: Mapping | None = None, missing: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.mapping = mapping
        self.missing = missing


class RunFailed(CmdbError):
    """The run began, and nothing of it was applied."""

    code = "run-failed"


class SourceError(RunFailed):
    """The source can't be read as it stands."""


class TooManyErrors(RunFailed):
    """More rejected rows than `max_errors` or `on_error` allow."""


class PlanDrifted(RunFailed):
    """The records that a frozen plan speaks of were changed since it was made."""


class RuleFailed(RunFailed):
    """A rule of the user's own can't be loaded, raises, or gives no answer."""


class UnderWay(RunFailed):
    """Another run of the same sync is under way, and this one is not needed."""


class Cancelled(RunFailed):
    """Somebody asked the run to stop."""


class Unavailable(CmdbError):
    """Something this run needs does not answer."""

    code = "unavailable"


class DatabaseDown(Unavailable):
    """No connection to PostgreSQL, or it refused the credentials."""


class StorageFull(Unavailable):
    """No room on a disk that the run writes to."""

    code = "storage-full"


class Transient(CmdbError):
    """A passing fault (lost connection, deadlock): the same step, tried again, may succeed."""

    code = "unavailable"
