"""What a source is, what it is given, and what every one of them does alike."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Protocol
from urllib.parse import SplitResult, parse_qs, urlsplit

from schemas.access.secret import Secret
from schemas.errors import SourceError, UsageError
from schemas.fetched import Fetched
from schemas.language.spelling import nearest, plain
from schemas.model.resource import Resource
from schemas.settings import Settings


class FetchProgress(Protocol):
    """Called with the progress of fetching."""

    def __call__(self, files: int, records: int, size: int) -> None:
        """Take the files that are whole, the records where the source counts them, and the bytes so far."""


def no_progress(files: int, records: int, size: int) -> None:
    """Progress that nobody watches."""


@dataclass(frozen=True)
class Request:
    """What to fetch: the address, the types that are wanted (none: all that it has), and a folder to write to.

    `known` is the version that the last fetch gave: a source that still has it gives None. `wait` sleeps between two
    attempts. `begun` is when the fetching began, on the monotonic clock. `own` identifies the PostgreSQL server of the
    CMDB itself, which no source may be.
    """

    url: str
    folder: Path
    settings: Settings
    types: tuple[Resource, ...] = ()
    known: str | None = None
    secret: Secret | None = None
    progress: FetchProgress = no_progress
    wait: Callable[[float], None] = time.sleep
    begun: float = field(default_factory=time.monotonic)
    own: str | None = None

    @cached_property
    def address(self) -> SplitResult:
        """The parts of the address."""
        try:
            return urlsplit(self.url)
        except ValueError:
            raise UsageError("Not a valid source URL: see docs/reference/sources.md for examples.") from None

    @cached_property
    def shown(self) -> str:
        """The address as messages show it: without user and options."""
        host = self.address.netloc.rpartition("@")[2]
        return f"{self.address.scheme}://{host}{self.address.path}"

    @property
    def limit(self) -> int:
        """The most bytes that one file may have."""
        return self.settings.max_file_mb << 20

    def refuse_late(self) -> None:
        """Refuse to go on when fetching has taken as long as it may; raises SourceError."""
        if time.monotonic() - self.begun > self.settings.source_minutes * 60:
            raise SourceError(
                f"{self.shown} was not fetched within {self.settings.source_minutes:g} minutes: narrow it, or raise "
                "CMDB_SOURCE_MINUTES."
            )

    @property
    def only(self) -> str | None:
        """The name of the type where just one is wanted."""
        return self.types[0].type if len(self.types) == 1 else None

    def options(self, *known: str) -> dict[str, list[str]]:
        """Return what follows the `?` of the address; raises UsageError where a name is none of those known."""
        found = parse_qs(self.address.query, keep_blank_values=True)
        for name in found:
            if name not in known:
                near = nearest(name, known)
                hint = f"did you mean {near}?" if near else f"give {', '.join(known) or 'none'}."
                raise UsageError(f"{self.address.scheme}:// has no option '{name}': {hint}", option=name)
        return found

    def option(self, name: str, *known: str) -> str | None:
        """Return one option that may be given once."""
        values = self.options(name, *known).get(name, [])
        if len(values) > 1:
            raise UsageError(f"{self.address.scheme}:// takes one {name}, and {len(values)} are given.", option=name)
        return values[0] if values else None


@dataclass(frozen=True)
class Connector:
    """One kind of source: the schemes of its addresses, with an example, and how it is fetched.

    `fetch` gives None where the source still has the version that is known. It raises SourceError when nothing of the
    source can be read, and Transient when a later attempt may succeed.
    """

    name: str
    title: str
    schemes: tuple[str, ...]
    example: str
    fetch: Callable[[Request], Fetched | None]


_PASSWORD = re.compile(
    # What comes before the first @ has a colon that no port follows: a password may hold any sign.
    r"^[\w+.-]+:/*[^@/:\[]*:(?!\d+(/|$))[^@]*@"
)
_SECRET_WORDS = (
    *("password", "passwd", "pwd", "secret", "token", "signature", "apikey", "accesskey", "accesskeyid", "credential"),
    *("credentials", "subscriptionkey", "privatekey", "sharedkey", "licensekey", "sessionid"),
)
_SECRET_NAMES = ("key", "sig", "auth", "authorization", "bearer", "jwt", "pass", "sas")


def refuse_secrets(url: str) -> None:
    """Refuse an address that holds a secret, without repeating it; addresses are kept, logged and shown."""
    what = "a password" if _PASSWORD.match(url) else _secret_option(url)
    if what:
        raise UsageError(
            f"The address holds {what}: leave it out, keep it as CMDB_SECRET_NAME in the environment or as a Secret "
            "block of Prefect, and give credentials=NAME."
        )


def _secret_option(url: str) -> str | None:
    names = parse_qs(url.partition("?")[2], keep_blank_values=True)
    found = next((name for name in names if plain(name).endswith(_SECRET_WORDS) or plain(name) in _SECRET_NAMES), None)
    return found and f"a secret ({found})"
