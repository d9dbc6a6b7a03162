"""The kinds of lists, tags and JSON values."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import orjson
import polars as pl
from sqlalchemy import Text
from sqlalchemy.dialects.postgresql import ARRAY, CIDR, JSONB

from schemas.language.spelling import plain
from schemas.model.kinds.addresses import BLOCK, canonical_block
from schemas.model.kinds.kind import HIDDEN, Kind, Read, each


def _items(text: str) -> Iterable[str]:
    if not text.startswith("["):
        return re.split(r"[,;\s]+", text.strip(",; "))
    items = orjson.loads(text)
    if not all(isinstance(item, str) for item in items):
        raise ValueError(text)
    return [item.strip() for item in items]


def _list_reader(read: Callable[[str], str | None]) -> Read:
    """Read a list column: a JSON list, or items between commas, semicolons or spaces; order is kept."""

    def one(text: str) -> str | None:
        try:
            items = [read(item) for item in _items(text)]
        except ValueError:
            return None
        return ",".join(item for item in items if item) or None if all(items) else None

    def column(values: pl.Series) -> pl.Series:
        return each(values, one).str.split(",")

    return column


def _list_item(text: str) -> str | None:
    # An item `null` would be no item to PostgreSQL.
    return text if re.fullmatch(r"(?!(?i:null)$)[\w.:/+=@-]+", text) else None


_EMPTY = ("[]", "{}", "{ }", "[ ]")
TEXTS = Kind(
    "texts",
    pl.List(pl.String()),
    ARRAY(Text()),
    _list_reader(_list_item),
    "a list of names or ids between commas",
    blanks=_EMPTY,
)
BLOCKS = Kind(
    "cidrs",
    pl.List(pl.String()),
    ARRAY(CIDR()),
    _list_reader(canonical_block),
    "a list of IP blocks between commas",
    repair=BLOCK.repair,
    blanks=_EMPTY,
)


def _canonical_json(value: Any) -> str | None:
    """JSON in one spelling; None for what PostgreSQL's jsonb can't hold: NUL (and what is nested past all use)."""
    try:
        text = orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
    except TypeError:
        return None
    return None if re.search(r"(?<!\\)(\\\\)*\\u0000", text) else text


def _pairs(text: str) -> dict[str, Any]:
    """Tags as AWS and NetBox write them, as an object, or between commas or semicolons; raises ValueError.

    Between commas they are `key=value`, or names without values; which of the two "a=1,b" is, nobody knows.
    """
    if text[0] not in "[{":
        parts = [part.partition("=") for part in re.split(r"[,;\n]", text) if part.strip()]
        if len({bool(sign) for _, sign, _ in parts}) > 1:
            raise ValueError(text)
        return {key.strip(): value.strip() for key, _, value in parts}
    loaded = orjson.loads(text)
    return dict(map(_pair, loaded)) if isinstance(loaded, list) else dict(loaded)


def _pair(tag: Any) -> tuple[str, Any]:
    """One tag of a list: a name, AWS's `{"Key": …, "Value": …}`, or NetBox's `{"name": …, "slug": …}` without a value.

    Raises KeyError or TypeError for anything else.
    """
    if isinstance(tag, str):
        return tag, ""
    key = next((name for name in ("Key", "key") if name in tag), None)
    if key is None:
        return str(tag["name"]), tag.get("value", "")
    return str(tag[key]), tag.get("Value", tag.get("value", ""))


def _tags(text: str) -> str | None:
    texts = _tag_texts(text)
    return None if texts is None or not all(texts) else _canonical_json(texts)


def _aws_tags(text: str) -> str | None:
    """Tags within the limits of AWS, which are those of people: what AWS adds (`aws:…`) does not count."""
    texts = _tag_texts(text)
    if texts is None or not all(texts):
        return None
    # EC2 User Guide, tag restrictions: at most 50 tags, keys of 1–128 characters, values of at most 256.
    own = {key: value for key, value in texts.items() if not key.startswith("aws:")}
    sound = len(own) <= 50 and all(len(key) <= 128 and len(value) <= 256 for key, value in own.items())
    return _canonical_json(texts) if sound else None


def _tag_texts(text: str) -> dict[str, str] | None:
    try:
        return {key: _tag_text(value) for key, value in _pairs(text).items()}
    except (ValueError, KeyError, AttributeError, TypeError):
        return None


def _tag_text(value: Any) -> str:
    return "" if value is None else value if isinstance(value, str) else orjson.dumps(value).decode()


def _json(text: str) -> str | None:
    try:
        return _canonical_json(orjson.loads(text))
    except ValueError:
        return None


TAGS = Kind(
    "tags",
    pl.String(),
    JSONB(),
    lambda values: each(values, _tags),
    "tags such as Owner=net,Project=core or core,edge",
    blanks=_EMPTY,
)
AWS_TAGS = replace(
    TAGS,
    read=lambda values: each(values, _aws_tags),
    wants=f"{TAGS.wants}: at most 50 (aws: tags aside), keys of 128 and values of 256 characters",
)
JSON = Kind("json", pl.String(), JSONB(), lambda values: each(values, _json), "a JSON value", blanks=_EMPTY)


def json_without(secrets: tuple[str, ...]) -> Kind:
    """Return the kind of a JSON value that is kept without its members of these names, however deep or spelt."""
    names = {plain(name) for name in secrets}

    def without(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: without(inner) for key, inner in value.items() if plain(key) not in names}
        if isinstance(value, list):
            return [without(inner) for inner in value]
        # A document may stand in a text of another.
        return hide(value) if isinstance(value, str) and value.lstrip().startswith(("{", "[")) else value

    def read(text: str) -> str | None:
        whole = _json(text)
        return whole and _canonical_json(without(orjson.loads(whole)))

    def hide(text: str) -> str:
        return read(text) or (HIDDEN if any(name in plain(text) for name in names) else text)

    return replace(JSON, read=lambda values: each(values, read), hide=lambda values: each(values, hide))
