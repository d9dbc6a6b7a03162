"""Texts of a request: what no option may hold, which encodings are read, and what may separate fields."""

from __future__ import annotations

import re
from encodings.aliases import aliases
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from pydantic import AfterValidator, BaseModel, BeforeValidator, model_validator

UNSTORABLE = re.compile(r"[\x00\ud800-\udfff]")
"""What PostgreSQL holds in no text: NUL, and halves of surrogate pairs."""

_MOST_MEMBERS = 10_000


class Options(BaseModel):
    """A request whose texts can be stored, whose objects are small, and in which each is checked before it is used."""

    @model_validator(mode="before")
    @classmethod
    def _can_be_stored(cls, given: Any) -> Any:
        # Before the members are validated, as each wrong one of a million is an error of its own.
        if isinstance(given, dict):
            _check(given)
        return given


def _check(given: dict[Any, Any]) -> None:
    left: list[Any] = [given]
    while left:
        value = left.pop()
        if isinstance(value, str) and UNSTORABLE.search(value):
            raise ValueError("the text contains a character that cannot be stored, such as NUL: remove it")
        if isinstance(value, dict):
            if len(value) > _MOST_MEMBERS:
                raise ValueError(f"an object has {len(value):,} members, and at most {_MOST_MEMBERS:,} are read")
            left += value.keys()
            left += value.values()
        elif isinstance(value, list | tuple):
            left += value


def file_path(given: Any) -> Any:
    """Return a path for what may be a file:// URL, in which a path would lose a slash."""
    text = str(given)
    if not text.startswith("file:/"):
        return given
    url = urlsplit(text)
    if url.netloc not in ("", "localhost"):
        raise ValueError(f"a file on another machine, {url.netloc}: write file:///path")
    return Path(url2pathname(url.path))


FilePath = Annotated[Path, BeforeValidator(file_path)]
"""A file by its path, or by a file:// URL."""


# Encodings ------------------------------------------------------------------------------------------------------------

# Codecs of Python that decode in linear time, and whose result depends on the bytes alone. Others of its codecs are no
# encodings of files (punycode, idna, unicode_escape, base64, zlib), and some of these take quadratic time.
_ENCODINGS = frozenset(
    (
        *("ascii", "utf_8", "utf_8_sig"),
        *("utf_16", "utf_16_le", "utf_16_be", "utf_32", "utf_32_le", "utf_32_be"),
        *(f"cp{page}" for page in (*range(1250, 1259), 437, 720, 737, 775, 850, 852, 855, 857, 858)),
        *(f"cp{page}" for page in (*range(860, 867), 869, 874, 932, 949, 950, 1006, 1125, 1140)),
        *(f"cp{page}" for page in ("037", 273, 424, 500, 856, 875, 1026)),
        "latin_1",
        *(f"iso8859_{part}" for part in (*range(1, 12), *range(13, 17))),
        *("koi8_r", "koi8_t", "koi8_u", "kz1048", "ptcp154", "hp_roman8", "tis_620"),
        *(f"mac_{script}" for script in ("arabic", "croatian", "cyrillic", "farsi", "greek", "iceland", "latin2")),
        *("mac_roman", "mac_romanian", "mac_turkish"),
        *("big5", "big5hkscs", "gb2312", "gbk", "gb18030", "hz"),
        *("shift_jis", "shift_jis_2004", "shift_jisx0213", "euc_jp", "euc_jis_2004", "euc_jisx0213"),
        *("euc_kr", "johab", "iso2022_jp", "iso2022_kr"),
    )
)


def _encoding(name: str) -> str:
    spelt = re.sub(r"[-_ ]+", "_", name.lower())
    if not name.isascii() or aliases.get(spelt, spelt) not in _ENCODINGS:
        raise ValueError(f"Unknown encoding '{name[:40]}': try utf-8, utf-16, cp1252 or latin-1")
    return name


Encoding = Annotated[str, AfterValidator(_encoding)]
"""An encoding of text files, by any of its names."""


# Separators -----------------------------------------------------------------------------------------------------------


def _read_separator(sign: str) -> str:
    if not SEPARATOR.fullmatch(sign):
        raise ValueError("write a sign that can stand between fields, such as , ; | or a tab")
    return sign


def _written_separator(sign: str) -> str:
    if not re.fullmatch(r"[\t!$%&*+,\-./:;<=>?@^_`|~]", sign):
        raise ValueError("write a sign that can stand between fields, such as , ; | or a tab")
    return sign


SEPARATOR = re.compile(r"[\x01-\x08\t\x0b\x0c\x0e-\x1f !#-/:-@\[-`{-~]")
"""What may separate the fields of a file: any sign of ASCII but letters, digits, quotes and the ends of lines."""

ReadSeparator = Annotated[str, AfterValidator(_read_separator)]
"""What separates the fields of a file that is read."""

WrittenSeparator = Annotated[str, AfterValidator(_written_separator)]
"""What separates the fields of a file that is written."""
