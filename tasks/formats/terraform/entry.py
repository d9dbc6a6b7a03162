"""How a resource of the AWS provider becomes a record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import jmespath

from schemas.model.documents import Terraform
from schemas.resources import RESOURCES
from tasks.formats.jmespath_functions import OPTIONS
from tasks.formats.json.spool import Json
from tasks.formats.terraform.attributes import COMMON
from tasks.formats.terraform.facts import Facts, Read


@dataclass(frozen=True)
class Entry:
    """How a resource of the provider becomes a record: our type, and what each of its own fields is read from.

    `view` is the view of another owner, such as the accepter's: it fills what is not known otherwise. `same_as` names
    fields that a record has in common with one that another of its fields names.
    """

    type: str
    fields: Mapping[str, Read]
    view: bool = False
    same_as: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def reads(self) -> dict[str, Read]:
        """What each field of a record is read from, those of every type included."""
        known = RESOURCES[self.type].fields
        return {name: read for name, read in (COMMON | dict(self.fields)).items() if name in known}

    @cached_property
    def key(self) -> str:
        """The field of its record's key."""
        return RESOURCES[self.type].key[0]


def entry_of(resource_type: str, declared: Terraform) -> Entry:
    """Return the entry of a resource that the type itself declares."""
    return Entry(resource_type, {name: _read(path) for name, path in declared.reads.items()})


def _read(path: str) -> Read:
    if path.isidentifier():
        return path
    compiled = jmespath.compile(path)

    def value(attributes: Json, facts: Facts) -> Any:  # noqa: ARG001
        return compiled.search(attributes, OPTIONS)

    return value
