"""Text: which encoding a file is in, and a copy in UTF-8 with line feeds where it is in another."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from schemas.errors import SourceError
from schemas.issues import Issue, Severity
from schemas.language.remedies import option
from tasks.formats.base import Source

_CHUNK = 8 << 20

BOMS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}

# A sign of more than one byte in UTF-8. In cp1252 these would be signs such as "Ã©", which no word holds.
_UTF8_SIGN = re.compile(rb"[\xc2-\xf4][\x80-\xbf]")


@dataclass(frozen=True)
class Text:
    """A file of UTF-8 text with line feeds, the encoding that it came in, and what to report of that.

    `formulas` says that it may hold cells such as `="00045"`.
    """

    path: Path
    encoding: str
    quotes: bool
    formulas: bool = False
    notices: tuple[Issue, ...] = ()


@dataclass(frozen=True)
class _ByteScan:
    """What one pass over a file found; `nul` and `bad` are offsets of bytes that UTF-8 text does not hold."""

    nul: int | None = None
    bad: int | None = None
    beyond_ascii: bool = False
    line_feeds: bool = False
    returns: bool = False
    quotes: bool = False
    formulas: bool = False


def as_text(source: Source) -> Text:
    """Find the encoding of a file and make sure that it is UTF-8 with line feeds, in a copy where it is not."""
    encoding = source.options.encoding or marked_encoding(source.path)
    path = source.path
    notices: tuple[Issue, ...] = ()
    look = _scan_bytes(path) if encoding is None or _is_utf8(encoding) else None
    if look and look.nul is not None:
        raise SourceError(
            f"{source.name} holds a NUL byte in line {_line_number(path, look.nul)}: it is not a text file, or it is "
            "damaged. Save it again as CSV.",
            line=_line_number(path, look.nul),
        )
    if look and look.bad is not None and encoding is None:
        encoding, notices = _older_encoding(source, look)
    if look is None or look.bad is not None:
        path = transcoded(source, encoding or "utf-8")
        look = _scan_bytes(path)
        if look.nul is not None:
            raise SourceError(
                f"{source.name} is not text in {encoding}: it contains NUL characters. "
                f"Check {option('read.encoding')}.",
                encoding=encoding,
            )
    if look.returns and not look.line_feeds:
        path = _with_line_feeds(source, path)
    return Text(path, (encoding or "utf-8").lower(), look.quotes, look.formulas, notices)


def _is_utf8(encoding: str) -> bool:
    return codecs.lookup(encoding).name in ("utf-8", "utf-8-sig", "ascii")


def marked_encoding(path: Path) -> str | None:
    """The encoding that a byte order mark names, or the zero bytes of UTF-16 without one."""
    with path.open("rb") as file:
        head = file.read(4096)
    for mark, encoding in BOMS.items():
        if head.startswith(mark):
            return encoding
    even, odd = head[::2].count(0), head[1::2].count(0)
    half = len(head) // 2
    if half and max(even, odd) > half * 0.6 and min(even, odd) < half * 0.1:
        return "utf-16-be" if even > odd else "utf-16-le"
    return None


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk


def _scan_bytes(path: Path) -> _ByteScan:
    """Look at every byte once, up to one that no UTF-8 text holds."""
    decoder = codecs.getincrementaldecoder("utf-8")("strict")
    at = held = 0
    beyond = feeds = returns = quotes = formulas = False
    for chunk in _chunks(path):
        if (nul := chunk.find(0)) >= 0:
            return _ByteScan(nul=at + nul)
        feeds = feeds or b"\n" in chunk
        returns = returns or b"\r" in chunk
        quotes = quotes or b'"' in chunk
        formulas = formulas or (quotes and (b'="' in chunk or (at > 0 and chunk.startswith(b'"'))))
        # ASCII is detected ten times as fast as it is decoded.
        if held or not chunk.isascii():
            try:
                decoder.decode(chunk)
            except UnicodeDecodeError as error:
                beyond = beyond or not error.object[: error.start].isascii()
                return _ByteScan(None, at - held + error.start, beyond, feeds, returns, quotes, formulas)
            held, beyond = len(decoder.getstate()[0]), True
        at += len(chunk)
    return _ByteScan(None, at - held if held else None, beyond, feeds, returns, quotes, formulas)


def _line_number(path: Path, offset: int) -> int:
    """The line in which the byte at an offset stands."""
    lines = 1
    for chunk in _chunks(path):
        lines += chunk[:offset].count(b"\n")
        offset -= len(chunk)
        if offset <= 0:
            break
    return lines


# Other encodings ------------------------------------------------------------------------------------------------------


def _older_encoding(source: Source, look: _ByteScan) -> tuple[str, tuple[Issue, ...]]:
    """Read as cp1252 what is no UTF-8, but refuse a file that is UTF-8 elsewhere: it would be garbled."""
    bad = look.bad or 0
    line = _line_number(source.path, bad)
    with source.path.open("rb") as file:
        file.seek(bad)
        byte = file.read(1)[0]
    remedy = f"Save the file as UTF-8, or say which it is with {option('read.encoding', 'cp1252')}."
    if look.beyond_ascii:
        raise SourceError(
            f"{source.name} is UTF-8 up to line {line}, which holds the byte 0x{byte:02X}: two encodings are mixed. "
            + remedy,
            line=line,
        )
    if (other := _utf8_sign(source.path)) is not None:
        raise SourceError(
            f"{source.name} is not valid UTF-8 in line {line} (byte 0x{byte:02X}), and UTF-8 in line "
            f"{_line_number(source.path, other)}: two encodings are mixed. {remedy}",
            line=line,
        )
    encoding = "cp1252" if _is_decodable(source.path, "cp1252") else "latin-1"
    another = f"{option('read.encoding')} names another"
    message = f"the file is not valid UTF-8 (line {line}) and was read as {encoding}; {another}"
    return encoding, (Issue("encoding", message, Severity.WARNING, row=line),)


def _utf8_sign(path: Path) -> int | None:
    """The offset of the first sign beyond ASCII that is written as in UTF-8."""
    at, held = 0, b""
    for chunk in _chunks(path):
        if found := _UTF8_SIGN.search(held + chunk):
            return at - len(held) + found.start()
        at, held = at + len(chunk), chunk[-1:]
    return None


def _is_decodable(path: Path, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    try:
        for chunk in _chunks(path):
            decoder.decode(chunk)
    except UnicodeDecodeError:
        return False
    return True


def transcoded(source: Source, encoding: str) -> Path:
    """Copy a file as UTF-8, in bounded memory."""
    copy = source.workdir / "utf-8.txt"
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    line, chunk = 1, b""
    try:
        with copy.open("wb") as file:
            for chunk in _chunks(source.path):
                text = decoder.decode(chunk)
                line += text.count("\n")
                file.write(text.encode())
            decoder.decode(b"", final=True)
    except UnicodeError as error:
        if isinstance(error, UnicodeDecodeError):
            line += error.object[: error.start].count(b"\n")
            what = f"line {line} holds the byte 0x{error.object[error.start]:02X}, which is none"
        else:
            what = f"line {line} holds what is none"
        raise SourceError(
            f"{source.name} is not text in {encoding}: {what}. Leave {option('read.encoding')} out, or "
            "name the right one.",
            encoding=encoding,
        ) from error
    return copy


def _with_line_feeds(source: Source, path: Path) -> Path:
    """Copy a file whose lines end in carriage returns alone, as on an old Mac."""
    copy = source.workdir / "lines.txt"
    with copy.open("wb") as file:
        for chunk in _chunks(path):
            file.write(chunk.replace(b"\r", b"\n"))
    return copy
