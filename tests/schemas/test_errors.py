"""Errors have parameters: the values of their messages, under documented names."""

from __future__ import annotations

import ast
import json
import re
from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import pytest

from schemas import errors
from schemas.errors import CmdbError, SourceError, about

ROOT = Path(__file__).parents[2]
ENGINE = ("schemas", "tasks", "flows")

WITHOUT = {"CmdbError", "Cancelled"}
"""Errors that have nothing to say in addition to their code: the root is not raised, and who cancels knows what."""

TREE = {name: each for name in errors.__all__ if isinstance(each := getattr(errors, name), type) and name != "Code"}


def parameters_given() -> Iterator[tuple[str, str]]:
    """Give each error that the engine raises, or `about`, with the name of each parameter that it is given."""
    for path in (file for folder in ENGINE for file in (ROOT / folder).rglob("*.py")):
        for call in ast.walk(ast.parse(path.read_text())):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in {*TREE, "about"}:
                yield from ((call.func.id, word.arg) for word in call.keywords if word.arg not in (None, "message"))


def test_each_class_has_parameters() -> None:
    """Of each class, some errors have values that a program would want; groups have those of their members."""
    given: dict[str, set[str]] = defaultdict(set)
    for name, parameter in parameters_given():
        given[name].add(parameter)
    lacking = {name for name, each in TREE.items() if not any(given[inner.__name__] for inner in members(each))}
    assert lacking == WITHOUT - {"CmdbError"}
    assert {"rejected", "read", "limit"} <= given["TooManyErrors"]
    assert {"type", "field", "column", "columns", "choices"} <= given["MappingError"]


def members(kind: type[CmdbError]) -> Iterator[type[CmdbError]]:
    """Give a class and all below it."""
    yield kind
    for each in kind.__subclasses__():
        yield from members(each)


def test_every_parameter_is_documented() -> None:
    """Under the name that programs read; and nothing is documented that no error has."""
    table = (ROOT / "docs/reference/errors.md").read_text().split("## Parameters")[1].split("\n## ")[0]
    documented = {name for row in re.findall(r"^\| (`.*?`) \|", table, re.M) for name in re.findall(r"`(\w+)`", row)}
    assert {parameter for _, parameter in parameters_given()} | {"missing", "candidates"} == documented


@pytest.mark.parametrize("kind", sorted(TREE.values(), key=str))
def test_parameters_are_json(kind: type[CmdbError]) -> None:
    """Whatever an error is given, programs read as JSON."""
    run = UUID(int=1)
    error = kind("x", run=run, path=Path("/a"), types=("vpc",), value={"at": {Decimal(1)}}, limit=10)
    expected = {"run": str(run), "path": "/a", "types": ["vpc"], "value": {"at": ["1"]}, "limit": 10}
    assert json.loads(json.dumps(error.parameters)).items() >= expected.items()


def test_what_an_error_is_about() -> None:
    """It is given to errors that pass, but for what they say themselves."""

    def fail() -> None:
        with about(file="a.zip", source="s3://b"):
            raise SourceError("x", file="a.csv", line=3)

    with pytest.raises(SourceError) as caught:
        fail()
    assert caught.value.parameters == {"file": "a.csv", "line": 3, "source": "s3://b"}
