"""Tables with headers as people and tools write them, and which field each column is."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from benchmarks.corpus.values import drawn
from benchmarks.corpus.words import AWS_NAMES, DESCRIPTION, NAMES, OTHERS, TELLING

ROWS = 8


@dataclass(frozen=True)
class Table:
    """A table as CSV text, and the truth: its type, and the field of each column (None: of none).

    `type_given` says that the import names the type.
    """

    text: str
    resource_type: str
    type_given: bool
    columns: dict[str, str | None]


def _words(name: str) -> list[str]:
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return [word for word in re.split(r"[^A-Za-z0-9]+", apart) if word]


def _snake(name: str) -> str:
    return "_".join(_words(name)).lower()


def _kebab(name: str) -> str:
    return "-".join(_words(name)).lower()


def _camel(name: str) -> str:
    first, *rest = _words(name)
    return first.lower() + "".join(word.capitalize() for word in rest)


def _spaced(name: str) -> str:
    return f" {name} "


STYLES: tuple[Callable[[str], str], ...] = (str, str, str, str.upper, str.lower, _snake, _kebab, _camel, _spaced)
"""How a table spells its headers: mostly as they stand."""

AWS = ("vpc", "subnet", "transitGateway", "customerGateway", "natGateway", "elasticIp", "internetGateway")


def tables(rng: Random, count: int) -> list[Table]:
    """Return that many tables, each type in turn."""
    types = list(NAMES)
    return [_table(rng, types[number % len(types)]) for number in range(count)]


def _table(rng: Random, resource_type: str) -> Table:
    names = NAMES[resource_type] | (AWS_NAMES if resource_type in AWS else {}) | {"description": DESCRIPTION}
    needed = TELLING.get(resource_type, (next(iter(names)), *(["public_ip"] if resource_type == "elasticIp" else [])))
    others = [field for field in names if field not in needed and rng.random() < 0.45]
    style = rng.choice(STYLES)
    columns: dict[str, str | None] = {}
    for field in (*needed, *others):
        free = [name for name in names[field] if style(name) not in columns]
        if free:
            columns[style(rng.choice(free))] = field
    for name in rng.sample(list(OTHERS), rng.randint(0, 3)):
        columns.setdefault(style(name), None)
    shuffled = list(columns.items())
    if rng.random() < 0.5:
        rng.shuffle(shuffled)
    columns = dict(shuffled)
    values = {style(name): samples for name, samples in OTHERS.items()}
    text = io.StringIO()
    writer = csv.writer(text, delimiter=rng.choice(",;\t"))
    writer.writerow(columns)
    for _ in range(ROWS):
        writer.writerow(
            drawn(rng, resource_type, field) if field else _other(rng, values[name]) for name, field in columns.items()
        )
    return Table(text.getvalue(), resource_type, rng.random() < 0.5, {name.strip(): f for name, f in columns.items()})


def _other(rng: Random, samples: tuple[str, ...]) -> str:
    return re.sub(r"\{\}", lambda _: str(rng.randint(0, 9)), rng.choice(samples))
