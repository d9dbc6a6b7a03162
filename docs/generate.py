"""Write `types.md` and `deployments/prefect.yaml` from the declarations: `python docs/generate.py`; tests compare."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path
from typing import Any

import yaml
from prefect.schedules import Schedule

from deployments.definitions import DEPLOYMENTS, EXAMPLES, POOL, Deployment
from schemas.model import citations
from schemas.model.fields import Spec
from schemas.model.resource import Document, Resource
from schemas.model.rules import Apart, Contained, Inside, NoOverlap, Reference, SetRule, Unique
from schemas.resources import RESOURCES

DOCS = Path(__file__).parent
TARGET = DOCS / "reference" / "types.md"
RULES = DOCS / "reference" / "rules.md"
_BEGIN, _END = "<!-- begin: made by docs/generate.py -->", "<!-- end -->"
PREFECT_YAML = Path(__file__).parents[1] / "deployments" / "prefect.yaml"


def main() -> None:
    """Write the files."""
    TARGET.write_text(types_markdown(), encoding="utf-8")
    RULES.write_text(rules_markdown(), encoding="utf-8")
    PREFECT_YAML.write_text(prefect_yaml(), encoding="utf-8")


def prefect_yaml() -> str:
    """Return the deployments as `prefect deploy` reads them."""
    head = (
        "# Made by `python docs/generate.py` from deployments/definitions.py; `cmdb worker` registers them by itself.\n"
        "# To deploy by hand: prefect deploy --all --prefect-file deployments/prefect.yaml\n"
    )
    deployed = [_deployed(each) for each in (*DEPLOYMENTS, *EXAMPLES)]
    document = {"name": "cmdb", "prefect-version": metadata.version("prefect"), "deployments": deployed}
    return head + yaml.safe_dump(document, sort_keys=False, width=110)


def _deployed(deployment: Deployment) -> dict[str, Any]:
    schedules = [_schedule(deployment.schedule)] if deployment.schedule else []
    return {
        "name": deployment.name,
        "description": deployment.description,
        "entrypoint": deployment.entrypoint,
        "parameters": deployment.parameters,
        "schedules": schedules,
        "tags": ["cmdb"],
        "work_pool": {"name": POOL},
        "enforce_parameter_schema": deployment.typed,
    }


def _schedule(schedule: Schedule) -> dict[str, Any]:
    when: dict[str, Any] = {"cron": schedule.cron} if schedule.cron else {"rrule": schedule.rrule}
    if schedule.interval:
        when = {"interval": schedule.interval.total_seconds(), "anchor_date": schedule.anchor_date.isoformat()}
    zone = {"timezone": schedule.timezone} if schedule.timezone else {}
    return {**when, **zone, "active": schedule.active}


def types_markdown() -> str:
    """Return the page of all resource types."""
    intro = [
        "# Resource types",
        "",
        "Made by `python docs/generate.py` from `schemas/resources/`. A column of a source fills a field when it has",
        "the field's name, its title, one of its other names or its AWS name, in any case and punctuation; `--map`",
        "decides the rest. **Bold** fields are required for a new record, *key* marks the natural key.",
        "",
    ]
    return "\n".join([*intro, *(line for resource in RESOURCES.values() for line in _section(resource))])


def _section(resource: Resource) -> list[str]:
    names = ", ".join(f"`{name}`" for name in (resource.type, *resource.aliases))
    document = f" AWS document: {_documents(resource.document)}." if resource.document else ""
    lines = [f"## {resource.title}", "", f"{resource.model.__doc__} Named {names}.{document}", ""]
    lines += ["| field | column title | holds | other names | AWS | example |", "| --- | --- | --- | --- | --- | --- |"]
    lines += [_row(resource, name, spec) for name, spec in resource.fields.items()]
    return [*lines, "", *_rules(resource)]


def _documents(document: Document) -> str:
    return ", ".join(f"`{key}`" for key in (document.key, *(view.key for view in document.views)))


def _row(resource: Resource, name: str, spec: Spec) -> str:
    shown = f"**{name}**" if spec.required else name
    key = " *key*" if name in resource.key else ""
    holds = ", ".join(spec.choices) if spec.kind.name == "enum" else spec.kind.wants
    cells = [shown + key, spec.title, holds, ", ".join(spec.aliases), spec.aws or "", spec.example]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _rules(resource: Resource) -> list[str]:
    rules = [f"{rule.field} {rule.message} ({rule.severity})" for rule in resource.row_rules]
    rules += [f"{_said(check)} ({check.severity})" for check in resource.set_rules]
    return [*(f"- {rule}" for rule in rules), *([""] if rules else [])]


def rules_markdown() -> str:
    """Return the page of rules, whose list of sources is made from the declarations."""
    before, _, rest = RULES.read_text(encoding="utf-8").partition(_BEGIN)
    return "\n".join([before + _BEGIN, *_rules_of_records(), *_rules_of_cells(), _END]) + rest.partition(_END)[2]


def _rules_of_records() -> list[str]:
    lines = ["", "| type | rule | says | breach | source |", "| --- | --- | --- | --- | --- |"]
    for resource in RESOURCES.values():
        told = [f"{rule.field} {rule.message}" for rule in resource.row_rules]
        told += [_said(check) for check in resource.set_rules]
        for rule, said in zip((*resource.row_rules, *resource.set_rules), told, strict=True):
            lines.append(_line(resource.type, f"`{rule.name}`", said, str(rule.severity), _cited(rule.source)))
    return lines


def _rules_of_cells() -> list[str]:
    """Rules of single cells, the fields of one rule and one source together."""
    found: dict[tuple[str, str, str], list[str]] = {}
    for resource in RESOURCES.values():
        for name, spec in resource.fields.items():
            own = spec.source or resource.source
            checks = [_KEYWORDS.get(str(check.name), str(check.name)) for check in resource.schema.columns[name].checks]
            rules = {(spec.says[check][0], "error", own) for check in checks}
            rules |= {("required", "error", resource.source)} if spec.required else set()
            rules |= {("choice", "warning", resource.source)} if spec.kind.choices else set()
            kind = spec.kind.name
            rules |= {(kind, "error", spec.source or citations.KINDS[kind])} if kind in citations.KINDS else set()
            rules |= {(kind, "error", spec.source)} if kind == "tags" and spec.source else set()
            for rule in sorted(rules):
                found.setdefault(rule, []).append(f"{resource.type}.{name}")
    lines = ["", "| rule of a cell | fields | breach | source |", "| --- | --- | --- | --- |"]
    for (name, breach, source), names in sorted(found.items()):
        listed = (
            ", ".join(names) if len(names) <= _MOST else f"{', '.join(names[:_MOST])} and {len(names) - _MOST} more"
        )
        lines.append(_line(f"`{name}`", listed, breach, _cited(source)))
    return [*lines, ""]


# What pandera calls the checks that `schemas.model.fields` names as pandera's keywords do.
_KEYWORDS = {"greater_than_or_equal_to": "ge", "less_than_or_equal_to": "le"}

# The fields of one rule that are listed by name.
_MOST = 8


def _line(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _cited(page: str) -> str:
    return f"[{citations.title(page)}]({page})"


def _said(check: SetRule) -> str:
    match check:
        case Reference(field, to, when):
            condition = f", where {when[0]} is {when[1]}" if when else ""
            return f"{field} names a known {RESOURCES[to].title}{condition}"
        case Inside(field, _, to, blocks):
            return f"{field} lies inside {' or '.join(blocks)} of its {to}"
        case NoOverlap(field, within):
            return f"{field} overlaps no other of the same {' and '.join(within)}"
        case Unique(field, within, only):
            holders = f" of one {' and '.join(within)}" if within else ""
            value = "is yes in" if only else "is the same in"
            return f"{field} {value} no two records{holders}"
        case Contained(field, within, (name, value)):
            same = " and ".join(within)
            return f"{field} lies in a {value} of the same {same} where it has any, unless {name} is {value}"
        case Apart(field):
            return f"{field}: networks that a peering or a transit gateway connects have no overlapping blocks"


if __name__ == "__main__":
    main()
