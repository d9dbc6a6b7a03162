"""Rules that look further than one cell: across a row, across the records of a type, across types.

A resource type lists them. A `RowRule` is checked of each batch as a Polars expression, a `SetRule` once of the staged
records and the database together, in SQL (`tasks.store.checks`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from typing import Any

import orjson
import polars as pl

from schemas.issues import Severity
from schemas.model.connected import CONNECTIONS, NETWORK, ROUTES


@dataclass(frozen=True)
class RowRule:
    """Fields of one row that do not go together.

    `broken` gives an expression that is true where the rule is broken (null counts as kept); the rule is checked when
    all of `fields` are in the import, or, where it is `partial` and new records are made, some of them, an absent one
    being empty. `field` is the one to correct; `message` continues after its value. With `in_service`, records in a
    dead state are not checked. `source` is the page that says so.
    """

    name: str
    field: str
    fields: tuple[str, ...]
    broken: Callable[[], pl.Expr]
    message: str
    severity: Severity = Severity.ERROR
    partial: bool = False
    in_service: bool = False
    source: str = ""


# Private AS numbers (EC2 API, AmazonSideAsn; RFC 6996).
PRIVATE_ASNS = ((64_512, 65_534), (4_200_000_000, 4_294_967_294))

# AS numbers that Amazon's side of a VPN had before one could be chosen, by region (AWS VPN FAQs name 17493 for
# Singapore, the Site-to-Site VPN User Guide 17943).
AMAZON_ASNS = (7224, 9059, 10124, 17493, 17943)

STATE = "state"
"""The field of a type of AWS that says how far a record is."""

_ENDED = ("deleted", "deleting", "expired", "terminated", "terminating")
_NEVER_BEGUN = ("failed", "failed-insufficient-capacity", "failing", "rejected", "rejecting")
DEAD_STATES = frozenset((*_ENDED, *_NEVER_BEGUN))
"""The states of what is no longer, or never was: such a record is a tombstone, and keeps nothing from being so.

In lower case. The APIs list what is deleted for some hours (EC2 API: NatGateway, VpnConnection, VpcPeeringConnection).
"""


def private_asn(field: str, *, source: str = "", but: tuple[int, ...] = ()) -> RowRule:
    """Return the rule that a field holds a private AS number, or one of those in `but`."""

    def broken() -> pl.Expr:
        private = pl.any_horizontal(pl.col(field).is_between(least, most) for least, most in PRIVATE_ASNS)
        return ~private & ~pl.col(field).is_in(but)

    wanted = " or ".join(f"{least} to {most}" for least, most in PRIVATE_ASNS)
    message = f"is not a private AS number: write one of {wanted}"
    return RowRule("range", field, (field,), broken, message, source=source)


Objects = list[dict[str, Any]]
"""What a field of JSON that lists things holds."""


def broken_objects(field: str, broken: Callable[[Objects], bool]) -> pl.Expr:
    """Ask about the objects that a field of JSON lists, each distinct text once; what lists none is kept."""

    def is_broken(text: str) -> bool:
        value = orjson.loads(text)
        return _is_list_of_objects(value) and broken(value)

    return _each(field, is_broken)


def objects_rule(name: str, field: str, broken: Callable[[Objects], bool], message: str, **more: Any) -> RowRule:
    """Return a rule about the objects that a field of JSON lists; `more` is RowRule's."""
    return RowRule(name, field, (field,), lambda: broken_objects(field, broken), message, **more)


def lists_objects(field: str, example: str, *, source: str = "") -> RowRule:
    """Return the rule that a field of JSON is a list of objects."""

    def broken() -> pl.Expr:
        return _each(field, lambda text: not _is_list_of_objects(orjson.loads(text)))

    message = f"is not a list of objects: write it as {example}"
    return RowRule("shape", field, (field,), broken, message, source=source)


def _is_list_of_objects(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)


def _each(field: str, is_broken: Callable[[str], bool]) -> pl.Expr:
    def whole(column: pl.Series) -> pl.Series:
        distinct = column.drop_nulls().unique()
        answers = pl.Series([is_broken(text) for text in distinct], dtype=pl.Boolean)
        return column.replace_strict(distinct, answers, default=None, return_dtype=pl.Boolean)

    return pl.col(field).map_batches(whole, return_dtype=pl.Boolean, is_elementwise=True)


TitleOf = Callable[[str], str]
"""Gives the title of a resource type by its name."""


@dataclass(frozen=True)
class SetRule:
    """A rule over many records: `field` is the one to correct, `source` the page that says so.

    `tasks.store.checks.registry` has the check of each kind of rule. A rule is checked where an import has one of its
    `checked_fields`.
    """

    field: str
    _: KW_ONLY
    name: str
    severity: Severity = Severity.ERROR
    source: str = ""

    @property
    def says(self) -> str:
        """What is wrong where the rule is broken."""
        raise NotImplementedError

    def summary(self, title_of: TitleOf) -> str:
        """Return what holds where the rule is kept."""
        raise NotImplementedError

    @property
    def checked_fields(self) -> tuple[str, ...]:
        """The fields that make a record be checked when they change."""
        raise NotImplementedError

    @property
    def reads(self) -> tuple[str, ...]:
        """The fields of its own type that the rule reads, in rows or records."""
        return self.checked_fields

    @property
    def types(self) -> tuple[str, ...]:
        """The types whose records the rule looks at, next to its own."""
        return ()


@dataclass(frozen=True)
class ReferenceRule(SetRule):
    """A rule about a record that a row names: checked of every row, before the diff."""


@dataclass(frozen=True)
class Reference(ReferenceRule):
    """The field names a record of type `to` by its natural key, and that record exists.

    With `when` = (field, value) the reference is checked only in rows that hold that value. Another name of a record
    than its key is read as its key where it is unique, with `near` among the records with the same value in that field,
    or without any; one of another value there is never meant.

    A record that is not known is an error where the CMDB holds others of its account and region, which are those in the
    first field of `owners` that has a value, and in `region`; where it holds none, it is out of scope, which is a
    warning.
    """

    to: str
    when: tuple[str, str] | None = None
    near: str | None = None
    owners: tuple[str, ...] = ("account_id",)
    region: str = "region"
    _: KW_ONLY
    name: str = "reference"

    @property
    def deciding_fields(self) -> tuple[str, ...]:
        """The fields that decide which record is referred to."""
        return (self.field, *((self.when[0],) if self.when else ()))

    @property
    def says(self) -> str:
        """What is wrong where the rule is broken."""
        return f"is not a known {self.to}{self._condition}"

    def summary(self, title_of: TitleOf) -> str:
        """Return what holds where the rule is kept."""
        return f"{self.field} names a known {title_of(self.to)}{self._condition}"

    @property
    def _condition(self) -> str:
        return f", where {self.when[0]} is {self.when[1]}" if self.when else ""

    @property
    def checked_fields(self) -> tuple[str, ...]:
        """The field that refers."""
        return (self.field,)

    @property
    def types(self) -> tuple[str, ...]:
        """The type that is referred to."""
        return (self.to,)

    @property
    def reads(self) -> tuple[str, ...]:
        """The field that refers, and those that narrow down what it names."""
        return (*self.deciding_fields, *((self.near,) if self.near else ()))


@dataclass(frozen=True)
class Inside(ReferenceRule):
    """The block in `field` lies inside one of the `blocks` of the record of type `to` that `reference` names."""

    reference: str
    to: str
    blocks: tuple[str, ...]
    _: KW_ONLY
    name: str = "inside"

    @property
    def says(self) -> str:
        """What is wrong where the rule is broken."""
        return f"lies outside the blocks of its {self.to}: {', '.join(self.blocks)}"

    def summary(self, title_of: TitleOf) -> str:  # noqa: ARG002  # it names the type as the field does
        """Return what holds where the rule is kept."""
        return f"{self.field} lies inside {' or '.join(self.blocks)} of its {self.to}"

    @property
    def checked_fields(self) -> tuple[str, ...]:
        """The block and the reference."""
        return (self.field, self.reference)

    @property
    def types(self) -> tuple[str, ...]:
        """The type that is referred to."""
        return (self.to,)


@dataclass(frozen=True)
class RecordRule(SetRule):
    """A rule of the records as an import will leave them: checked after the diff, where their watched fields change."""


@dataclass(frozen=True)
class BlockRule(RecordRule):
    """A rule of the blocks in `field` of records that agree in `within`; `needed` are fields that a block counts by."""

    within: tuple[str, ...]

    @property
    def needed(self) -> tuple[str, ...]:
        """The fields without which a row has no block to check."""
        raise NotImplementedError


@dataclass(frozen=True)
class NoOverlap(BlockRule):
    """No two records that agree in `within` have overlapping blocks in `field`."""

    _: KW_ONLY
    name: str = "overlap"

    @property
    def says(self) -> str:
        """What is wrong where the rule is broken."""
        return f"overlaps another in the same {' and '.join(self.within)}"

    def summary(self, title_of: TitleOf) -> str:  # noqa: ARG002  # it names no other type
        """Return what holds where the rule is kept."""
        return f"{self.field} overlaps no other of the same {' and '.join(self.within)}"

    @property
    def checked_fields(self) -> tuple[str, ...]:
        """The block and its scope."""
        return (self.field, *self.within)

    @property
    def needed(self) -> tuple[str, ...]:
        """All of them: what is empty is compared with nothing."""
        return self.checked_fields


@dataclass(frozen=True)
class Contained(BlockRule):
    """Where records that agree in `within` have containers, the block in `field` lies in one or is one.

    A container is a record whose field holds the value of `container` = (field, value). An empty field of `within` is
    a value like any other, as the global table is a table. IPv4 and IPv6 have containers of their own.
    """

    container: tuple[str, str]
    _: KW_ONLY
    name: str = "container"
    severity: Severity = Severity.WARNING

    @property
    def says(self) -> str:
        """What is wrong where the rule is broken."""
        field, value = self.container
        return f"lies in none of the records whose {field} is {value}"

    def summary(self, title_of: TitleOf) -> str:  # noqa: ARG002  # it names no other type
        """Return what holds where the rule is kept."""
        (name, value), same = self.container, " and ".join(self.within)
        return f"{self.field} lies in a {value} of the same {same} where it has any, unless {name} is {value}"

    @property
    def checked_fields(self) -> tuple[str, ...]:
        """The block, its scope, and what makes a container."""
        return (self.field, *self.within, self.container[0])

    @property
    def needed(self) -> tuple[str, ...]:
        """The block alone: the global table is a scope, too."""
        return (self.field,)


@dataclass(frozen=True)
class Unique(RecordRule):
    """No two records that agree in `within` have the same value in `field`; with `only`, that value alone is rare."""

    within: tuple[str, ...] = ()
    only: bool | None = None
    _: KW_ONLY
    name: str = "unique"

    @property
    def says(self) -> str:
        """What is wrong where the rule is broken."""
        scope = f" in the same {' and '.join(self.within)}" if self.within else ""
        return f"is the value of another record{scope}"

    def summary(self, title_of: TitleOf) -> str:  # noqa: ARG002  # it names no other type
        """Return what holds where the rule is kept."""
        holders = f" of one {' and '.join(self.within)}" if self.within else ""
        value = "is yes in" if self.only else "is the same in"
        return f"{self.field} {value} no two records{holders}"

    @property
    def checked_fields(self) -> tuple[str, ...]:
        """The value and its scope."""
        return (self.field, *self.within)


@dataclass(frozen=True)
class NoConnectedOverlap(RecordRule):
    """Networks that are connected (`schemas.model.connected`) have no addresses in common.

    It is a rule of the networks and of what connects them, so that it is kept whichever of them is loaded last.
    `fields` are those that decide, `field` the one to fix.
    """

    fields: tuple[str, ...]
    _: KW_ONLY
    name: str = "connected_overlap"

    @property
    def says(self) -> str:
        """What is wrong where the rule is broken."""
        return "connects networks whose blocks overlap, or is one of them"

    def summary(self, title_of: TitleOf) -> str:  # noqa: ARG002  # it names no other type
        """Return what holds where the rule is kept."""
        return f"{self.field}: networks that a peering or a transit gateway connects have no overlapping blocks"

    @property
    def checked_fields(self) -> tuple[str, ...]:
        """The fields that decide."""
        return self.fields

    @property
    def types(self) -> tuple[str, ...]:
        """Networks, what connects them, and what routes between them."""
        return (NETWORK, *(connection.type for connection in CONNECTIONS), ROUTES[0])
