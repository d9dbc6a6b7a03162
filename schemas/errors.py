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
    │   ├── AlreadyRunning    another run of the same sync is running, and this one is not needed
    │   └── Cancelled         somebody asked the run to stop
    ├── Unavailable           something this run needs does not answer
    │   ├── DatabaseDown      no connection, or wrong credentials
    │   └── StorageFull       no room on a disk
    └── Transient             a passing fault: the same step, tried again, may succeed

Rejected rows are data (`schemas.issues.Issue`), never exceptions. A message is one sentence or two that say what to do
next; it never holds a password or a stack trace. Where it proposes an option or an action, it has a marker of
`schemas.language.remedies`, for which each front end has its own words.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar

from schemas.language.remedies import NEUTRAL, Remedy, remedy_of, worded

if TYPE_CHECKING:
    from schemas.mapping import Mapping as ColumnMapping

__all__ = [
    "AlreadyRunning",
    "Cancelled",
    "CmdbError",
    "Code",
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
    "UnknownType",
    "UsageError",
    "about",
]


class Code(StrEnum):
    """The kinds of errors, as programs tell them apart; a code never changes its meaning."""

    FAILED = "failed"
    FORBIDDEN = "forbidden"
    WRONG_REQUEST = "wrong-request"
    UNKNOWN_TYPE = "unknown-type"
    RUN_FAILED = "run-failed"
    UNAVAILABLE = "unavailable"
    STORAGE_FULL = "storage-full"


class CmdbError(Exception):
    """The root of the tree: a code and parameters for programs, and a message for the person who asked.

    `message` has the markers of its remedy; as a text, an error has the names of the fields of jobs in their place.
    `parameters` are JSON values by name (docs/reference/errors.md); sizes are in bytes.
    """

    code: ClassVar[Code] = Code.FAILED

    def __init__(self, message: str = "", **parameters: object) -> None:
        super().__init__(message)
        self.message = message
        self.parameters = _json_values(parameters)

    def __str__(self) -> str:
        """Return the message in neutral words."""
        return worded(self.message, NEUTRAL)

    @property
    def remedy(self) -> Remedy | None:
        """The options and actions that the message proposes, if any."""
        return remedy_of(self.message)


def _json_values(values: Mapping[str, object]) -> dict[str, object]:
    return {str(name): _json_value(value) for name, value in values.items()}


def _json_value(value: object) -> object:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping):
        return _json_values(value)
    if isinstance(value, set | frozenset):
        return sorted((_json_value(inner) for inner in value), key=str)
    if isinstance(value, list | tuple):
        return [_json_value(inner) for inner in value]
    return str(value)


@contextmanager
def about(**parameters: object) -> Iterator[None]:
    """Give the errors raised inside these parameters too, but for those that an error has of that name itself."""
    try:
        yield
    except CmdbError as error:
        error.parameters = _json_values(parameters) | error.parameters
        raise


class Forbidden(CmdbError):
    """Whoever asks lacks the permission."""

    code = Code.FORBIDDEN


class UsageError(CmdbError):
    """The request is wrong: correct it and ask again."""

    code = Code.WRONG_REQUEST


class UnknownType(UsageError):
    """No resource type of that name, or a source does not say which type it is of.

    `candidates` are the types that fit best, each with what is missing: field names, or nothing.
    """

    code = Code.UNKNOWN_TYPE

    def __init__(
        self, message: str, candidates: tuple[tuple[str, tuple[str, ...]], ...] = (), **parameters: object
    ) -> None:
        super().__init__(message, candidates=dict(candidates), **parameters)
        self.candidates = candidates


class MappingError(UsageError):
    """Columns and fields do not fit together.

    `mapping` is what fits all the same (None where nothing was matched yet), `missing` the fields that need a column
    or a constant.
    """

    def __init__(
        self, message: str, mapping: ColumnMapping | None = None, missing: tuple[str, ...] = (), **parameters: object
    ) -> None:
        super().__init__(message, missing=missing, **parameters)
        self.mapping = mapping
        self.missing = missing


class RunFailed(CmdbError):
    """The run began, and nothing of it was applied."""

    code = Code.RUN_FAILED


class SourceError(RunFailed):
    """The source can't be read as it stands."""


class TooManyErrors(RunFailed):
    """More rejected rows than `max_errors` or `on_error` allow."""


class PlanDrifted(RunFailed):
    """The records that a frozen plan speaks of were changed since it was made."""


class RuleFailed(RunFailed):
    """A rule of the user's own can't be loaded, raises, or gives no answer."""


class AlreadyRunning(RunFailed):
    """Another run of the same sync is running, and this one is not needed."""


class Cancelled(RunFailed):
    """Somebody asked the run to stop."""


class Unavailable(CmdbError):
    """Something this run needs does not answer."""

    code = Code.UNAVAILABLE


class DatabaseDown(Unavailable):
    """No connection to PostgreSQL, or it refused the credentials."""


class StorageFull(Unavailable):
    """No room on a disk that the run writes to."""

    code = Code.STORAGE_FULL


class Transient(CmdbError):
    """A passing fault (lost connection, deadlock): the same step, tried again, may succeed."""

    code = Code.UNAVAILABLE
