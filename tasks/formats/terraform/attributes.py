"""How attributes that many resources of the AWS provider have become values."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from schemas.language.spelling import plain
from schemas.model.resource import TAGGED
from tasks.formats.json.spool import Json
from tasks.formats.terraform.facts import CLEARED, Facts, Read, key_of


def known_attribute(name: str) -> Callable[[Json, Facts], Any]:
    """An attribute that another resource may manage as well: an empty one leaves the field as it is stored."""
    return lambda attributes, facts: attributes.get(name) or None  # noqa: ARG005


def objects_in(value: Any) -> list[Json]:
    """Return the objects of a list; none of any other value."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def texts_in(value: Any) -> list[str]:
    """Return the texts of a list that are not empty; none of any other value."""
    return [each for each in value if isinstance(each, str) and each] if isinstance(value, list) else []


def is_true(value: Any) -> bool:
    """Return whether a value is true, which Terraform 0.11 writes as text."""
    return value is True or value in ("true", "1")


def number_in(value: Any) -> Any:
    """A number that may be written as text, as Terraform 0.11 does."""
    is_digits = isinstance(value, str) and value.lstrip("-").isdecimal() and len(value) < 10
    return int(value) if is_digits else value


def _arn_part(attributes: Json, part: int) -> str | None:
    """The part of the ARN (`arn:aws:ec2:us-east-1:012345678901:vpc/vpc-…`) of that number."""
    parts = str(attributes.get("arn") or "").split(":")
    return (parts[part] or None) if len(parts) > 5 else None


def _region(attributes: Json, facts: Facts) -> Any:  # noqa: ARG001
    return attributes.get("region") or _arn_part(attributes, 3)


def owner_account(attributes: Json, facts: Facts) -> Any:  # noqa: ARG001
    """Return the account that owns a resource, by its own attribute or its ARN."""
    return attributes.get("owner_id") or _arn_part(attributes, 4)


def _tags_of(attributes: Json, facts: Facts) -> Json | None:
    """The tags of a resource, those of `aws_ec2_tag` included; None where neither attribute is there."""
    declared = [tags for name in ("tags_all", "tags") if isinstance(tags := attributes.get(name), dict)]
    more = facts.tags.get(key) if (key := key_of(attributes.get("id"))) in facts.tags else None
    if not declared and not more:
        return {} if "tags" in attributes or "tags_all" in attributes else None
    return next((tags for tags in declared if tags), {}) | (more or {})


_plain_spelling = lru_cache(4096)(plain)  # the same few keys of tags come again and again


def _tag(name: str) -> Read:
    wanted = plain(name)

    def value(attributes: Json, facts: Facts) -> Any:
        tags = _tags_of(attributes, facts) or {}
        return next((value for key, value in tags.items() if value and _plain_spelling(key) == wanted), None)

    return value


def _name(attributes: Json, facts: Facts) -> Any:
    tags = _tags_of(attributes, facts)
    return None if tags is None else tags.get("Name") or CLEARED


def _all_tags(attributes: Json, facts: Facts) -> Any:
    tags = _tags_of(attributes, facts)
    return None if tags is None else tags or CLEARED


def always(value: Any) -> Callable[[Json, Facts], Any]:
    """The same for every resource of a type."""
    return lambda attributes, facts: value  # noqa: ARG005


def list_of_one(name: str) -> Read:
    """An attribute as a list of one."""
    return lambda attributes, facts: [attributes[name]] if attributes.get(name) else None  # noqa: ARG005


COMMON: dict[str, Read] = {
    "name": _name,
    "description": "description",
    "tags": _all_tags,
    "account_id": owner_account,
    "region": _region,
    **{name: _tag(name) for name in TAGGED},
}
"""What every resource of AWS has."""
