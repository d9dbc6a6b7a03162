"""Resource types, rules and settings on a terminal."""

from __future__ import annotations

from collections.abc import Iterable

from rich.markup import escape
from rich.table import Table

from api.cli.render.tables import SEVERITY_COLOURS, new_table
from schemas.model.resource import Resource
from schemas.model.rule_listing import ListedRule
from schemas.resources import RESOURCES
from schemas.settings import Settings


def rules_listed(rules: list[ListedRule]) -> Table:
    """The rules of rows and records, and where each is from."""
    table = new_table("rule", "", "of", "what", "from")
    for rule in rules:
        types = "every type" if len(rule.types) == len(RESOURCES) else ", ".join(rule.types)
        words = f"{', '.join(rule.fields)}: {rule.message}"
        colour = SEVERITY_COLOURS[rule.severity]
        table.add_row(rule.name, f"[{colour}]{rule.severity}[/{colour}]", types, escape(words), escape(rule.source))
    return table


def types_table(resources: Iterable[Resource]) -> Table:
    """The resource types with their natural keys."""
    table = new_table("type", "title", "natural key", "AWS document", "also")
    for resource in resources:
        document = resource.document.key if resource.document else ""
        table.add_row(resource.type, resource.title, " + ".join(resource.key), document, ", ".join(resource.aliases))
    return table


def fields_table(resource: Resource) -> Table:
    """The fields of a type."""
    table = new_table("field", "column title", "kind", "required", "example", "meaning")
    for name, spec in resource.fields.items():
        required = "key" if name in resource.key else "yes" if spec.required else ""
        kind = " | ".join(spec.choices) if spec.kind.name == "enum" else spec.kind.name
        table.add_row(name, escape(spec.title), escape(kind), required, escape(spec.example), escape(spec.description))
    return table


def settings_table(settings: Settings) -> Table:
    """Every setting with its value and source."""
    table = new_table("setting", "value", "from", "meaning")
    for name, value, source in settings.shown():
        meaning = type(settings).model_fields[name.removeprefix("CMDB_").lower()].description or ""
        table.add_row(name, escape("" if value is None else str(value)), source, escape(meaning))
    return table
