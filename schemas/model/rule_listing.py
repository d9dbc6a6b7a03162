"""The rules of rows and records, listed: the built-in ones of every type, and the user's own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

from schemas.custom import Rule
from schemas.issues import Severity
from schemas.model.resource import Resource
from schemas.resources import RESOURCES


@dataclass(frozen=True)
class ListedRule:
    """One rule as it is listed; `source` is the file and line of one of the user's own."""

    name: str
    types: tuple[str, ...]
    fields: tuple[str, ...]
    severity: Severity
    message: str
    scope: str
    source: str = "built in"


@cache
def built_in() -> tuple[ListedRule, ...]:
    """Return the built-in rules of rows and records; what a single cell takes is the field's own affair."""
    found: dict[ListedRule, tuple[str, ...]] = {}
    for name, resource in RESOURCES.items():
        for each in _of(resource):
            found[each] = (*found.get(each, ()), name)
    return tuple(replace(each, types=types) for each, types in found.items())


def _of(resource: Resource) -> list[ListedRule]:
    key = "is the key of several rows: copies are left out, rows that differ are all rejected"
    rules = [ListedRule("duplicate_key", (), resource.key, Severity.ERROR, key, "records")]
    for row in resource.row_rules:
        fields = tuple(dict.fromkeys((row.field, *row.fields)))
        rules.append(ListedRule(row.name, (), fields, row.severity, row.message, "row"))
    for each in resource.set_rules:
        rules.append(ListedRule(each.name, (), (each.field,), each.severity, each.says, "records"))
    return rules


def list_rules(own: tuple[Rule, ...], resource_type: str | None = None) -> list[ListedRule]:
    """Return the rules, or those of one type: the built-in ones, then the user's own."""
    found = [
        ListedRule(rule.name, rule.types, rule.fields, rule.severity, rule.message, rule.scope, rule.where)
        for rule in own
    ]
    return [each for each in (*built_in(), *found) if resource_type is None or resource_type in each.types]
