"""The mapping of a source: which column, constant or pair of columns fills which field."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Match:
    """One source column and the field that it fills.

    `how` is exact, title, alias, spelling or values (what its cells look like), or else saved or given.
    """

    column: str
    field: str
    confidence: float
    how: str


class Measure(StrEnum):
    """What a second column says of the block that begins at the address in a first one."""

    MASK = "mask"
    END = "end"
    COUNT = "count"


@dataclass(frozen=True, slots=True)
class Join:
    """A column that is read together with the one that fills `field`: what it says of the block."""

    field: str
    column: str
    measure: Measure


def constant(text: str) -> tuple[str, bool]:
    """Return the value of a constant as a caller writes it, and whether it overrides the source's own: `value!` does.

    A value that ends in exclamation marks is written with each of them twice.
    """
    bare = text.rstrip("!")
    signs = len(text) - len(bare)
    return bare + "!" * (signs // 2), signs % 2 == 1


@dataclass(frozen=True)
class Mapping:
    """How the columns of a source fill the fields of a type; `secret` columns are never read nor kept.

    A constant fills the empty cells of a field; where the field is among `overrides`, every cell. `joins` are columns
    that are read together with another. `seen` is the column with the time of the last change of each record when the
    file was exported.
    """

    matches: tuple[Match, ...]
    constants: dict[str, str] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()
    secret: tuple[str, ...] = ()
    seen: str | None = None
    overrides: tuple[str, ...] = ()
    joins: tuple[Join, ...] = ()

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields that this import fills, from a column, a constant or both."""
        return tuple(dict.fromkeys((*(match.field for match in self.matches), *self.constants)))

    @property
    def given_constants(self) -> dict[str, str]:
        """The constants as a caller writes them: see `constant`."""
        signs = {name: value[len(value.rstrip("!")) :] for name, value in self.constants.items()}
        return {name: f"{value}{signs[name]}{'!' * (name in self.overrides)}" for name, value in self.constants.items()}

    def column_of(self, name: str) -> str | None:
        """The source column that fills field `name`; None for a constant."""
        return next((match.column for match in self.matches if match.field == name), None)
