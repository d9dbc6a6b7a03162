"""Rules that look further than one cell: across a row, across the records of a type, across types.

A resource type lists them; a `RowRule` is asked of each batch as a Polars expression, the others are asked once of the
staged records and the database together, in SQL (`tasks.store.checks`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from schemas.reports import Severity


@dataclass(frozen=True)
class RowRule:
    """Fields of one row that do not go together.

    `broken` gives an expression that is true where the rule is broken (null counts as kept); the rule is asked when
    all of `fields` are in the import, or, where it is `partial` and new records are made, some of them, an absent one
    being empty. `field` is the one to mend; `message` continues after its value.
    """

    name: str
    field: str
    fields: tuple[str, ...]
    broken: Callable[[], pl.Expr]
    message: str
    severity: Severity = Severity.ERROR
    partial: bool = False


# Private AS numbers (EC2 API, AmazonSideAsn; RFC 6996).
PRIVATE_ASNS = ((64_512, 65_534), (4_200_000_000, 4_294_967_294))


def private_asn(field: str) -> RowRule:
    """Return the rule that a field holds a private AS number."""

    def broken() -> pl.Expr:
        return ~pl.any_horizontal(pl.col(field).is_between(least, most) for least, most in PRIVATE_ASNS)

    wanted = " or ".join(f"{least} to {most}" for least, most in PRIVATE_ASNS)
    return RowRule("range", field, (field,), broken, f"is not a private AS number: {wanted}")


@dataclass(frozen=True)
class Reference:
    """The field names a record of type `to` by its natural key, and that record exists.

    With `when` = (field, value) the reference is asked only of rows that hold that value.
    """

    field: str
    to: str
    when: tuple[str, str] | None = None
    name: str = "reference"
    severity: Severity = Severity.ERROR

    @property
    def says(self) -> str:
        """What is wrong where the rule is broken."""
        only = f", where {self.when[0]} is {self.when[1]}" if self.when else ""
        return f"is not a known {self.to}{only}"


@dataclass(frozen=True)
class NoOverlap:
    """No two records that agree in `within` have overlapping blocks in `field`."""

    field: str
    within: tuple[str, ...]
    name: str = "overlap"
    severity: Severity = Severity.ERROR

    @property
    def says(self) -> str:
        """What is wrong where the rule is broken."""
        return f"overlaps another in the same {' and '.join(self.within)}"


@dataclass(frozen=True)
class Inside:
    """The block in `field` lies inside one of the blocks of the record that `reference` names."""

    field: str
    reference: str
    to: str
    blocks: tuple[str, ...]
    name: str = "inside"
    severity: Severity = Severity.ERROR

    @property
    def says(self) -> str:
        """What is wrong where the rule is broken."""
        return f"lies outside the blocks of its {self.to}: {', '.join(self.blocks)}"


SetRule = Reference | NoOverlap | Inside
