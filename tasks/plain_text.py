"""Bytes of text for Polars, which unpacks what begins like a compressed file, whoever wrote it."""

from __future__ import annotations

import codecs

# The first bytes of zlib streams (RFC 1950) that are UTF-8 as well: a cell such as `x^2`.
_LIKE_ZLIB = (b"x\x01", b"x^")


def plain_text(text: bytes) -> bytes:
    """Return UTF-8 text that Polars takes for text: with a byte order mark where it begins like a zlib stream."""
    return codecs.BOM_UTF8 + text if text.startswith(_LIKE_ZLIB) else text
