"""The standard streams of a command: a stream that fails changes nothing about what the command has done."""

from __future__ import annotations

import codecs
import errno
import os
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

_SPELT = {
    "→": "->",
    "…": "...",
    "–": "-",
    "—": "-",
    "×": "x",
    "≤": "<=",
    "≥": ">=",
    "·": "*",
    "•": "*",
    "’": "'",
    "━": "-",
}


def _spell(error: UnicodeError) -> tuple[str, int]:
    """Return what stands for characters that an encoding lacks: the same in ASCII, or a question mark."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    return "".join(_SPELT.get(sign) or _plain(sign) for sign in text), error.end


def _plain(sign: str) -> str:
    return unicodedata.normalize("NFKD", sign).encode("ascii", "ignore").decode() or "?"


codecs.register_error("cmdb.spell", _spell)


class Steady:
    """A text stream that accepts everything: what cannot be written is dropped, and `failure` says why.

    A pipe that nobody reads any longer is no failure, as in `cmdb runs | head`.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self.failure: str | None = None if stream else os.strerror(errno.EBADF)
        # Opened first of all, it takes the number of the closed stream, which a file of ours would get otherwise.
        self._stream = stream or open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115  # until the end
        if (self._stream.encoding or "").lower().replace("-", "") != "utf8" and hasattr(self._stream, "reconfigure"):
            self._stream.reconfigure(errors="cmdb.spell")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write text, or drop it."""
        with self._failing():
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Write what is kept, or drop it."""
        with self._failing():
            self._stream.flush()

    @contextmanager
    def _failing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if not isinstance(error, BrokenPipeError):
                self.failure = error.strerror or str(error)
            # The interpreter flushes once more at its end, and must not fail then.
            os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())


@contextmanager
def steady_streams() -> Iterator[Steady]:
    """Make standard output and standard error steady; yields the first."""
    before = sys.stdout, sys.stderr
    output = Steady(sys.stdout)
    sys.stdout, sys.stderr = output, Steady(sys.stderr)
    try:
        yield output
    finally:
        output.flush()
        sys.stdout, sys.stderr = before


def can_encode(text: str) -> bool:
    """Say whether standard output can show a text as it is."""
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        return False
    return True
