"""A reader of JSON that holds one value at a time, and says in which line and column the text is no JSON."""

from __future__ import annotations

import codecs
import itertools
import re
from collections.abc import Iterable, Iterator
from decimal import Decimal
from json import JSONDecodeError, JSONDecoder
from typing import IO, Any, NoReturn

from schemas.errors import SourceError
from schemas.language.remedies import option

_CHUNK = 1 << 20

LONGEST = 64 << 20
"""The bytes of the longest record; a document of one value that is longer has its list deeper down."""

_SPACE = re.compile(r"[ \t\r\n]*")

# A value that ends where the text so far ends may be the beginning of a number: "12" of "12.5e3".
_CUT_OFF = re.compile(r"[-+.eE0-9]*\Z")
_COMMA = re.compile(r"[ \t\r\n]*,[ \t\r\n]*")


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


DECODER = JSONDecoder(parse_float=Decimal, parse_constant=_no_constant)
"""Reads JSON as it is defined (RFC 8259), numbers with all their digits."""


class JsonReader:
    """Walks through a JSON text; `items` and `members` stand on each value, which `value` or `skip` then takes."""

    def __init__(self, file: IO[bytes], name: str) -> None:
        self.name = name
        self.read = 0
        self._file = file
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")("strict")
        self._text = ""
        self._at = 0
        self._line = 1
        self._column = 1
        self._ended = False

    def peek(self) -> str:
        """Return the next sign that is not space; "" at the end."""
        while True:
            self._at = _match_space(self._text, self._at)
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more():
                return ""

    def first_item(self) -> str:
        """Return the first sign in the list that comes next: "]" when it is empty, "" when no list comes."""
        if self.peek() != "[":
            return ""
        while True:
            at = _match_space(self._text, self._at + 1)
            if at < len(self._text):
                return self._text[at]
            if not self._more():
                return ""

    def value(self) -> Any:
        """Take a whole value."""
        self.peek()
        before = None
        while True:
            try:
                value, end = DECODER.raw_decode(self._text, self._at)
            except JSONDecodeError as error:
                # What is wrong may only be that the value goes on; it is not when there is more, and it is still wrong.
                at = (error.msg, error.pos - self._at)
                if (at == before and "Unterminated" not in error.msg) or not self._more():
                    self.fail(error.msg[:1].lower() + error.msg[1:], at[1])
                before = at
            except RecursionError:
                self.fail("values are nested too deeply")
            except ValueError as error:
                self.fail("a number has too many digits" if "limit" in str(error) else str(error))
            else:
                if not _CUT_OFF.match(self._text, end) or not self._more():
                    self._at = end
                    return value

    def values(self) -> Iterator[Any]:
        """Take each item of a list."""
        for _ in self.items():
            yield from self._whole_items()
            yield self.value()

    def _whole_items(self) -> Iterator[Any]:
        """Take the items that are whole in the text read so far, in a loop without detours; one at least is left."""
        while True:
            try:
                value, end = DECODER.raw_decode(self._text, self._at)
            except (ValueError, RecursionError):
                return  # `value` finds out what it is
            comma = _COMMA.match(self._text, end)
            if comma is None or comma.end() == len(self._text):
                return
            self._at = comma.end()
            yield value

    def items(self) -> Iterator[int]:
        """Stand on each item of a list, and give its number from 1."""
        self._take("[")
        if self.peek() == "]":
            self._take("]")
            return
        number = 1
        while True:
            self.peek()
            yield number
            if self.peek() != ",":
                self._take("]")
                return
            self._at += 1
            number += 1

    def members(self) -> Iterator[str]:
        """Stand on the value of each member of an object, and give its name."""
        self._take("{")
        if self.peek() == "}":
            self._take("}")
            return
        while True:
            if self.peek() != '"':
                self.fail("a name in double quotes is expected")
            name = str(self.value())
            self._take(":")
            self.peek()
            yield name
            if self.peek() != ",":
                self._take("}")
                return
            self._at += 1

    def skip(self) -> None:
        """Pass over a value; a list of any length is not held."""
        if self.peek() == "[":
            for _ in self.items():
                self.value()
        else:
            self.value()

    def end(self) -> None:
        """See to it that nothing follows."""
        if self.peek():
            self.fail("something follows the end of the document")

    def fail(self, what: str, at: int = 0) -> NoReturn:
        """Raise SourceError for the text `at` signs from here."""
        passed = self._text[: self._at + at]
        line = self._line + passed.count("\n")
        column = len(passed) - passed.rfind("\n") if "\n" in passed else self._column + len(passed)
        raise SourceError(
            f"{self.name} is not valid JSON: {what} in line {line}, column {column}. "
            "Is it cut off, or was it edited by hand?",
            line=line,
        )

    def _take(self, sign: str) -> None:
        if self.peek() != sign:
            self.fail(f"'{sign}' is expected" if self.peek() else f"'{sign}' is missing at the end")
        self._at += 1

    def _more(self) -> bool:
        """Read on, twice as much each time while one value goes on; False at the end."""
        if self._ended:
            return False
        rest = len(self._text) - self._at
        if rest > LONGEST:
            raise SourceError(
                f"{self.name} holds one value of more than {LONGEST >> 20} MB: if its list of records is deeper down, "
                f"name it with {option('read.records')}, such as {option('read.records', 'data.items')}.",
                limit=LONGEST,
            )
        passed = self._text[: self._at]
        lines = passed.count("\n")
        self._line += lines
        self._column = len(passed) - passed.rfind("\n") if lines else self._column + len(passed)
        self._text, self._at = self._text[self._at :], 0
        chunk = self._file.read(max(_CHUNK, rest))
        self.read += len(chunk)
        self._ended = not chunk
        try:
            self._text += self._decoder.decode(chunk, final=self._ended)
        except UnicodeDecodeError as error:
            line = self._line + self._text.count("\n") + error.object[: error.start].count(b"\n")
            raise SourceError(
                f"{self.name} is not UTF-8: line {line} holds the byte 0x{error.object[error.start]:02X}. "
                f"Save it as UTF-8, or say which encoding it is with {option('read.encoding')}.",
                line=line,
            ) from error
        return not self._ended or bool(self._text[rest:])


class ValueReader:
    """Walks through values that are in memory as `JsonReader` walks through a text."""

    def __init__(self, values: Iterable[Any], name: str) -> None:
        self.name = name
        self.read = 0
        self._values = iter(values)
        self._next: list[Any] = []

    def peek(self) -> str:
        """Return the sign that the next value begins with; "" at the end."""
        if not self._next:
            self._next.extend(itertools.islice(self._values, 1))
        if not self._next:
            return ""
        value = self._next[0]
        return "{" if isinstance(value, dict) else "[" if isinstance(value, list) else '"'

    def first_item(self) -> str:
        """Return the sign of the first item in the list that comes next: "]" if it is empty, "" if no list comes."""
        if self.peek() != "[":
            return ""
        return ValueReader(self._next[0], self.name).peek() or "]"

    def value(self) -> Any:
        """Take a whole value."""
        self.peek()
        return self._next.pop()

    def values(self) -> Iterator[Any]:
        """Take each item of a list."""
        yield from self.value()

    def items(self) -> Iterator[int]:
        """Stand on each item of a list, and give its number from 1."""
        for number, item in enumerate(self.value(), start=1):
            self._next.append(item)
            yield number

    def members(self) -> Iterator[str]:
        """Stand on the value of each member of an object, and give its name."""
        for name, value in self.value().items():
            self._next.append(value)
            yield str(name)

    def skip(self) -> None:
        """Pass over a value."""
        self.value()

    def fail(self, what: str, at: int = 0) -> NoReturn:  # noqa: ARG002
        """Raise SourceError."""
        raise SourceError(f"{self.name}: {what}.")


Reader = JsonReader | ValueReader
"""What a document is read with."""


def _match_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at
