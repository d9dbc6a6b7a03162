"""What the resources of a state say of records, and where a field of a record gets its value from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tasks.formats.json.spool import Json

CLEARED: Any = object()
"""The value of a field that a resource says is empty; None is one that it does not have."""


@dataclass
class Facts:
    """What resources say of records of others, collected before any record is read.

    `added` has, by (type, key), what goes into which field; `tags` those of `aws_ec2_tag` by the id of what they are
    on; `vpc_of` the VPC of each subnet; `main` the main route table of each VPC, by its association and by the VPC.
    """

    added: dict[tuple[str, str], dict[str, list[Any]]] = field(default_factory=dict)
    tags: dict[str, Json] = field(default_factory=lambda: defaultdict(dict))
    vpc_of: dict[str, str] = field(default_factory=dict)
    main: dict[str, str] = field(default_factory=dict)
    main_of_vpc: dict[str, str] = field(default_factory=dict)

    def add(self, addition: Addition, key: str, value: Any) -> None:
        """Add a value to a field of the record of a key."""
        self.added.setdefault((addition.type, key), {}).setdefault(addition.field, []).append(value)


Read = str | Callable[[Json, Facts], Any]
"""Where a field's value comes from: an attribute, or what a function makes of all of them and of other resources."""


@dataclass(frozen=True)
class Addition:
    """What a resource adds to the record of another: `value` goes into `field` of that whose id is its `key`."""

    type: str
    key: str
    field: str
    value: Read


def value_of(read: Read, attributes: Json, facts: Facts) -> Any:
    """A field's value; None where the attribute is absent or null. An empty text is `CLEARED`."""
    value = attributes.get(read) if isinstance(read, str) else read(attributes, facts)
    return CLEARED if value == "" else value


def key_of(value: Any) -> str | None:
    """An id, which is text; None for anything else."""
    return value.strip() or None if isinstance(value, str) else None


TAG = "aws_ec2_tag"
"""A tag as a resource of its own, of whatever has the id `resource_id`."""
