"""Filters: which records an export takes, as a tree of conditions, and the text that people write for one.

    region eq us-east-1 and (cidr_block within 10.0.0.0/8 or tags.Owner in (network, core))

A value with `and`, `or`, a comma or a bracket in it stands in quotes. As JSON: `{"field", "op", "value"}`,
`{"all": […]}` and `{"any": […]}`. Its short form, for fields that all have to match, is
`{"region": "us-east-1", "state": ["available", "pending"], "updated_at": {"from": "2026-11-01", "to": "2026-11-30"}}`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Any, Self

from pydantic import (
    AliasChoices,
    BaseModel,
    ConfigDict,
    FailFast,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    ValidationError,
    field_validator,
    model_validator,
)

from schemas.errors import UsageError
from schemas.language.texts import UNSTORABLE
from schemas.language.wording import validation_message


class Op(StrEnum):
    """The operators of a condition."""

    EQ = "eq"
    NE = "ne"
    IN = "in"
    NOT_IN = "not in"
    LT = "lt"
    LE = "le"
    GT = "gt"
    GE = "ge"
    BETWEEN = "between"
    CONTAINS = "contains"
    STARTS_WITH = "starts with"
    IS_NULL = "is null"
    NOT_NULL = "is not null"
    WITHIN = "within"
    CONTAINS_ADDRESS = "contains address"
    OVERLAPS = "overlaps"


_SIGNS = {"=": Op.EQ, "==": Op.EQ, "!=": Op.NE, "<>": Op.NE, "<": Op.LT, "<=": Op.LE, ">": Op.GT, ">=": Op.GE}
_MANY = (Op.IN, Op.NOT_IN)
_NONE = (Op.IS_NULL, Op.NOT_NULL)
# Groups within groups, and parts of one group.
_DEEPEST = 100
_MOST = 1_000

MAX_TEXT = 100_000
"""The most characters of a filter as text."""

_SHOWN = 200


class _Node(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Condition(_Node):
    """One field, an operator, and its values: none, one, two or many, by the operator."""

    field: str = Field(description="A field, one of the lineage columns, or tags.KEY.", examples=["region"])
    op: Op = Field(description="The operator.")
    value: tuple[str, ...] = Field((), description="A value, or a list of them.", examples=["us-east-1"])

    @field_validator("op", mode="before")
    @classmethod
    def _spelt(cls, op: Any) -> Any:
        return op.replace("_", " ").lower() if isinstance(op, str) else op

    @field_validator("value", mode="before")
    @classmethod
    def _texts(cls, value: Any) -> Any:
        values = value if isinstance(value, list | tuple) else [] if value is None else [value]
        return tuple(str(item).lower() if isinstance(item, bool) else str(item) for item in values)

    @model_validator(mode="after")
    def _is_text(self) -> Condition:
        if any(UNSTORABLE.search(text) for text in (self.field, *self.value)):
            raise ValueError("it holds a character that no record can hold: write it in UTF-8, without NUL")
        return self

    @model_validator(mode="after")
    def _as_many_as_needed(self) -> Condition:
        count = len(self.value)
        wanted = {Op.BETWEEN: "two values"} | dict.fromkeys(_MANY, "at least one value")
        wanted |= dict.fromkeys(_NONE, "no value")
        fits = (
            count == 2 if self.op is Op.BETWEEN else count > 0 if self.op in _MANY else count == (self.op not in _NONE)
        )
        if not fits:
            raise ValueError(f"{self.field} {self.op} takes {wanted.get(self.op, 'one value')}, and {count} are given")
        return self

    def __str__(self) -> str:
        values = [_quoted(value) for value in self.value]
        text = f"({', '.join(values)})" if self.op in _MANY else " and ".join(values)
        return f"{_quoted(self.field)} {self.op} {text}".strip()


class _Group(_Node):
    """Parts that are joined, within limits: whoever evaluates a filter recurses into it."""

    @property
    def _parts(self) -> tuple[Filter, ...]:
        raise NotImplementedError

    @cached_property
    def depth(self) -> int:
        """How many groups are nested here, this one included."""
        return 1 + max(part.depth if isinstance(part, _Group) else 0 for part in self._parts)

    @model_validator(mode="after")
    def _is_flat_enough(self) -> Self:
        if self.depth > _DEEPEST:
            raise ValueError(f"groups are nested more than {_DEEPEST} deep")
        return self


class AllOf(_Group):
    """Conditions that hold together."""

    all: Annotated[tuple[Filter, ...], FailFast()] = Field(min_length=1, max_length=_MOST)

    @property
    def _parts(self) -> tuple[Filter, ...]:
        return self.all

    def __str__(self) -> str:
        return " and ".join(str(part) if isinstance(part, Condition) else f"({part})" for part in self.all)


class AnyOf(_Group):
    """Conditions of which one holds."""

    any: Annotated[tuple[Filter, ...], FailFast()] = Field(min_length=1, max_length=_MOST)

    @property
    def _parts(self) -> tuple[Filter, ...]:
        return self.any

    def __str__(self) -> str:
        return " or ".join(f"({part})" if isinstance(part, AnyOf) else str(part) for part in self.any)


Filter = Condition | AllOf | AnyOf

Single = StrictStr | StrictBool | StrictInt | StrictFloat
"""A value of the short form."""


def both(filters: list[Filter]) -> Filter | None:
    """Return the filter that holds where all of these do; None where there are none."""
    return AllOf(all=tuple(filters)) if len(filters) > 1 else filters[0] if filters else None


class Range(_Node):
    """The values from one to another, both included; of dates, up to the end of the last day."""

    start: Single | None = Field(None, validation_alias=AliasChoices("from", "start"), serialization_alias="from")
    end: Single | None = Field(None, validation_alias=AliasChoices("to", "end"), serialization_alias="to")

    @model_validator(mode="after")
    def _is_limited(self) -> Range:
        if self.start is None and self.end is None:
            raise ValueError("a range has a value for 'from', for 'to', or for both")
        return self


Filters = dict[str, Single | Annotated[list[Single], Field(min_length=1)] | Range | None]
"""The short form of a filter: field → a value, null for empty, several values, or a range."""


def of_fields(filters: Filters) -> Filter | None:
    """Return the filter that holds where every field has its value, one of its values, or one in its range."""
    return both([condition for field, wanted in filters.items() for condition in _conditions(field, wanted)])


def _conditions(field: str, wanted: Single | list[Single] | Range | None) -> Iterator[Condition]:
    if isinstance(wanted, Range):
        limits = ((Op.GE, wanted.start), (Op.LE, wanted.end))
        yield from (Condition(field=field, op=op, value=limit) for op, limit in limits if limit is not None)
    elif wanted is None:
        yield Condition(field=field, op=Op.IS_NULL)
    else:
        yield Condition(field=field, op=Op.IN if isinstance(wanted, list) else Op.EQ, value=wanted)


# Reading a filter -----------------------------------------------------------------------------------------------------

_TOKEN = re.compile(
    r"""\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|([(),])|(!=|<>|<=|>=|==|[=<>])|([^\s(),=<>!"']+))""",
    re.DOTALL,
)
_JOINTS = ("and", "or")
_ENDS = (*_JOINTS, "(", ")", ",")
_LONGEST_FIRST = sorted(Op, key=lambda op: -len(op))
# After `contains`, the bare word `address` is a part of the operator.
_WORDS = (*_JOINTS, "address")


def _quoted(text: str) -> str:
    if re.fullmatch(r"[^\s(),=<>!\"'\\]+", text) and text.lower() not in _WORDS:
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


class _Token(str):
    """A token of a filter; quoted text is never a word of the language."""

    __slots__ = ("plain",)
    plain: bool

    def is_word(self, *words: str) -> bool:
        return self.plain and self.lower() in words


def parse(text: str) -> Filter:
    """Read a filter; raises UsageError with what is wrong with it."""
    if len(text) > MAX_TEXT:
        raise UsageError(
            f"The filter has {len(text):,} characters, and at most {MAX_TEXT:,} are read: shorten it.",
            length=len(text),
            limit=MAX_TEXT,
        )
    parser = _Parser(text, _tokens(text))
    found = parser.either()
    if rest := parser.rest:
        raise parser.wrong(f"'{_short(rest)}' is not expected here")
    return found


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _tokens(text: str) -> list[_Token]:
    tokens, at, end = [], 0, len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if not match:
            left = _short(text[at:].strip())
            raise UsageError(
                f"The filter '{_short(text)}' cannot be read at '{left}': is a quote left open?",
                filter=_short(text),
                at=left,
            )
        quoted = match[1] if match[1] is not None else match[2]
        unescaped = re.sub(r"\\(.)", r"\1", quoted, flags=re.DOTALL) if quoted is not None else None
        token = _Token(match[0].strip() if unescaped is None else unescaped)
        token.plain = quoted is None
        tokens.append(token)
        at = match.end()
    return tokens


class _Parser:
    """Reads tokens from left to right: each is looked at a fixed number of times."""

    def __init__(self, text: str, tokens: list[_Token]) -> None:
        self.text = text
        self.tokens = tokens
        self.at = 0
        self.depth = 0

    @property
    def rest(self) -> _Token | None:
        """The next token; None at the end."""
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    def wrong(self, what: str) -> UsageError:
        return UsageError(
            f"The filter '{_short(self.text)}' cannot be read: {what}. Example: region eq us-east-1",
            filter=_short(self.text),
        )

    def _next(self, what: str) -> _Token:
        token = self.rest
        if token is None:
            raise self.wrong(f"{what} is missing at its end")
        if token.is_word(*_ENDS):
            raise self.wrong(f"{what} is missing before '{token}'")
        self.at += 1
        return token

    def _take(self, *words: str) -> bool:
        """Take these words if they come next."""
        found = self.tokens[self.at : self.at + len(words)]
        there = len(found) == len(words) and all(token.is_word(word) for token, word in zip(found, words, strict=True))
        if there:
            self.at += len(words)
        return there

    def either(self) -> Filter:
        parts = [self._together()]
        while self._take("or"):
            parts.append(self._together())
        return parts[0] if len(parts) == 1 else self._made(AnyOf, any=tuple(parts))

    def _together(self) -> Filter:
        parts = [self._unit()]
        while self._take("and"):
            parts.append(self._unit())
        return parts[0] if len(parts) == 1 else self._made(AllOf, all=tuple(parts))

    def _unit(self) -> Filter:
        if self._take("("):
            self.depth += 1
            if self.depth > _DEEPEST:
                raise self.wrong("it has too many brackets within each other")
            inner = self.either()
            if not self._take(")"):
                raise self.wrong("a bracket is not closed")
            self.depth -= 1
            return inner
        field = self._next("a field")
        op = self._operator(field)
        return self._made(Condition, field=str(field), op=op, value=tuple(self._values(op)))

    def _made(self, model: type[Condition | AllOf | AnyOf], **members: Any) -> Filter:
        try:
            return model(**members)
        except ValidationError as error:
            raise self.wrong(validation_message(error.errors(include_input=False)[0]["msg"])) from None

    def _operator(self, field: str) -> Op:
        for op in _LONGEST_FIRST:
            if self._take(*op.split()) or self._take(op.replace(" ", "_")):
                return op
        sign = self._next(f"an operator after {_short(field)}")
        if sign not in _SIGNS:
            raise self.wrong(f"'{_short(sign)}' is not an operator: use one of {', '.join(Op)}")
        return _SIGNS[sign]

    def _values(self, op: Op) -> list[str]:
        if op in _NONE:
            return []
        if op is Op.BETWEEN:
            first = self._value()
            if not self._take("and"):
                raise self.wrong("between takes two values: between 1 and 2")
            return [first, self._value()]
        if op not in _MANY:
            return [self._value()]
        bracket = self._take("(")
        values = [self._value()]
        while self._take(","):
            values.append(self._value())
        if bracket and not self._take(")"):
            raise self.wrong("a bracket is not closed")
        return values

    def _value(self) -> str:
        """One value: words up to the next `and`, `or`, comma or bracket."""
        words = [self._next("a value")]
        while (token := self.rest) is not None and not token.is_word(*_ENDS):
            words.append(token)
            self.at += 1
        return " ".join(words)
