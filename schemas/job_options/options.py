"""Options of jobs: what a front end needs to know of a field in order to offer it to people or programs.

A field of a job model is declared once: its type, default, bounds, title and description, and an `Option` in its
annotation. The command line, the REST models, the page and the documents derive their forms from these declarations.
"""

from __future__ import annotations

import types
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo


class Group(StrEnum):
    """What options are about, for lists of them."""

    LOADING = "Loading"
    MAPPING = "Mapping"
    READING = "Reading"
    SYNCING = "Syncing"
    SELECTING = "Selecting"
    WRITING = "Writing"
    RUNNING = "Running"


@dataclass(frozen=True)
class Option:
    """How front ends offer a field: `flag` and `member` are needed only where they are not the field's name.

    `flag` is the long name on a command line, in its two forms where it can be negated (`titles/names`); `short` is its
    letter. `value` is the placeholder for its value. A list is given as one text with commas where `commas` is set, and
    as a repeated option elsewhere. `member` is the name in a JSON object that holds all options side by side. `also`
    are older names, with dashes.
    """

    group: Group
    flag: str = ""
    short: str = ""
    value: str | None = None
    commas: bool = False
    member: str = ""
    also: tuple[str, ...] = ()


@dataclass(frozen=True)
class Internal:
    """A field that is not an option, and the reason: where its value comes from."""

    reason: str


@dataclass(frozen=True)
class Declared:
    """An option of a job with its place: the name of its field, within the field of a nested model or of the job."""

    name: str
    within: str
    info: FieldInfo
    option: Option

    @property
    def path(self) -> tuple[str, ...]:
        """The names of the fields that lead to it."""
        return (self.within, self.name) if self.within else (self.name,)

    @property
    def flag(self) -> str:
        """Its long name on a command line, without dashes before it; both forms where it can be negated."""
        return self.option.flag or self.name.replace("_", "-")

    @property
    def member(self) -> str:
        """Its name among all options of a job."""
        return self.option.member or self.name

    @property
    def type(self) -> Any:
        """The type of its value, without None and without what validates it."""
        return plain_type(self.info.annotation)


def declared_options(job: type[BaseModel]) -> tuple[Declared, ...]:
    """Return the options of a job, those of its own class before those it inherits, nested models in their place."""
    fields = job.model_fields
    inherited = {name for base in job.__bases__ for name in getattr(base, "model_fields", {})}
    names = sorted(fields, key=lambda name: name in inherited)
    return tuple(each for name in names for each in _declared(name, fields[name]))


def _declared(name: str, info: FieldInfo) -> Iterator[Declared]:
    if nested := nested_model(info):
        for inner, field in nested.model_fields.items():
            if option := option_of(field):
                yield Declared(inner, name, field, option)
    elif option := option_of(info):
        yield Declared(name, "", info, option)


def option_of(info: FieldInfo) -> Option | None:
    """Return the option that a field declares, if any."""
    return next((each for each in info.metadata if isinstance(each, Option)), None)


def internal(info: FieldInfo) -> Internal | None:
    """Return why a field is not an option, if it says so."""
    return next((each for each in info.metadata if isinstance(each, Internal)), None)


def nested_model(info: FieldInfo) -> type[BaseModel] | None:
    """Return the model whose options a field holds, if it does."""
    kind: Any = info.annotation
    holds = isinstance(kind, type) and issubclass(kind, BaseModel) and not internal(info) and not option_of(info)
    return kind if holds else None


def plain_type(annotation: Any) -> Any:
    """Return a type without None and without what is annotated to it: `Threshold | None` is str."""
    if get_origin(annotation) is Annotated:
        return plain_type(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        members = [each for each in get_args(annotation) if each is not type(None)]
        return plain_type(members[0]) if len(members) == 1 else annotation
    return annotation
