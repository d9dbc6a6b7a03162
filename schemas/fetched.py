"""What a source gave: its files, what it says of its state, and what of it could not be read."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from schemas.issues import Issue


@dataclass(frozen=True)
class FetchedFile:
    """One file of a source, in the run's folder.

    `name` is what the source calls it, and `resource_type` the type of its records where that is known. `records` is
    None where the source does not count; a file of none is empty: there is nothing to import, and nothing is what the
    source has. `constants` say which part of the source the file is, such as the account and the region; its records
    say it too, so that several files of a type can be read as one. `key` is the list of AWS that whole records are of,
    as the account of `constants` lists them.
    """

    path: Path
    name: str
    resource_type: str | None = None
    records: int | None = None
    constants: dict[str, str] = field(default_factory=dict)
    key: str | None = None


@dataclass(frozen=True)
class Unread:
    """Records that may be missing from what was read: of a type (None: of any) and with these values, and why."""

    why: str
    resource_type: str | None = None
    constants: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Fetched:
    """The files of a source.

    `version` is what the source says of its state, to be given back as `known` the next time; None where it says
    nothing. `digest` is the SHA-256 over the names and the content of the files. `failures` are the files, pages,
    regions or types that could not be read: with any of them, what is absent from the files may still exist. `unread`
    says of which types and places; where it does not name them, the records of any may be missing.
    """

    files: tuple[FetchedFile, ...]
    version: str | None = None
    failures: tuple[Issue, ...] = ()
    digest: str = ""
    unread: tuple[Unread, ...] = ()

    @property
    def lacks(self) -> tuple[Unread, ...]:
        """Return what may be missing; everything may where a failure is not placed."""
        if self.unread or not self.failures:
            return self.unread
        return tuple(Unread(issue.message) for issue in self.failures)

    @property
    def whole(self) -> bool:
        """Whether everything was read that the source has."""
        return not self.failures
