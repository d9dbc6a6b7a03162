"""How reports look on a terminal, and as JSON for scripts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from typing import Any

from rich.console import Console, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from api.cli.piped import STANDARD_INPUT
from schemas.filters import Op
from schemas.issues import Issue, Severity
from schemas.mapping import Mapping
from schemas.model.resource import Resource
from schemas.model.rule_listing import Listed
from schemas.reports import Change, Counts, Exported, PartReport, Report, Status
from schemas.resources import RESOURCES
from schemas.settings import Settings
from schemas.sources import Sheet
from tasks.store.access.definitions import Definition
from tasks.store.ledger import SyncState
from tasks.store.read.query import OPERATORS
from tasks.store.read.run_diff import Difference

_COLOUR = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.REPAIR: "cyan"}
_STATUS = {Status.COMPLETED: "green", Status.FAILED: "red", Status.CANCELLED: "yellow", Status.RUNNING: "blue"}

# Issues of one rule that are shown before those of the next: one broken column must not hide the others.
_WIDEST = 60


def _table(*columns: str, title: str | None = None) -> Table:
    table = Table(*columns, title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    table.padding = (0, 2, 0, 0)
    return table


def show_report(console: Console, report: Report) -> None:
    """Print what a run did, what was wrong, and what can be done next."""
    console.print(*_headline(report), sep="\n")
    for part in _parts(report):
        console.print()
        console.print(part)
    console.print()
    for step in next_steps(report):
        console.print(f"→ {step}", style="dim", markup=False, highlight=False)


def _headline(report: Report) -> list[RenderableType]:
    counts = report.counts
    verb = "would be " if report.dry_run or report.status is not Status.COMPLETED else ""
    rate = _rate(counts.read, report.duration)
    kind = f" → {report.resource_type}" if report.resource_type else ""
    status = f"{report.status}{' (dry run: nothing was changed)' if report.dry_run else ''}"
    lines = [
        Text.assemble((status, f"bold {_STATUS[report.status]}"), f"  {report.source}{kind}"),
        Text(_undone(counts, verb) if report.undoes else _done(counts, verb)),
        Text(f"run {report.run_id}, {report.mode}, {report.duration:.1f} s{rate}", style="dim"),
    ]
    if report.message:
        lines.insert(
            1,
            Text(
                report.message, style=_STATUS.get(report.status, "") if report.status != Status.COMPLETED else "yellow"
            ),
        )
    if report.repeats and not report.dry_run:
        lines.append(Text(f"The same file was imported before, by run {report.repeats}.", style="dim"))
    return list(lines)


def _done(counts: Counts, verb: str) -> str:
    taken = f", {counts.delete:,} {verb}deleted" if counts.delete else ""
    taken += f", {counts.retire:,} {verb}retired" if counts.retire else ""
    return (
        f"{counts.read:,} read: {counts.create:,} {verb}created, {counts.update:,} {verb}updated, "
        f"{counts.unchanged:,} unchanged, {counts.rejected:,} rejected{taken}"
        f"  ({_several(counts.warnings, 'warning')}, {_several(counts.repairs, 'repair')})"
    )


def _undone(counts: Counts, verb: str) -> str:
    return (
        f"{_several(counts.read, 'record')}: {counts.delete:,} {verb}deleted, {counts.update:,} {verb}restored, "
        f"{counts.create:,} {verb}created again, {counts.rejected:,} left as they are"
    )


def _rate(records: int, seconds: float) -> str:
    return f", {records / seconds:,.0f} rows/s" if seconds and records >= 1000 else ""


def _several(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _parts(report: Report) -> Iterable[RenderableType]:
    if report.parts:
        yield parts_table(report)
    if report.dry_run and report.origin and (report.mapping or not report.parts):
        yield _origin(report)
    if report.dry_run and report.mapping:
        yield mapping_table(report.mapping)
    if report.dry_run and report.samples:
        yield samples_table(report.samples)
    if report.changes and (report.dry_run or report.plan):
        yield changes_table(report.changes, _changes(report.counts))
    for notice in report.notices:
        yield Text(notice.message, style=_COLOUR[notice.severity])
    if report.rules:
        yield rules_table(report)
    if report.issues:
        yield issues_table(report.issues)


def _origin(report: Report) -> RenderableType:
    origin = report.origin
    assert origin is not None  # noqa: S101  # the caller asked
    delimiter = {"\t": "tab", ",": "comma", ";": "semicolon", "|": "pipe"}.get(origin.delimiter or "", origin.delimiter)
    facts = {
        "format": origin.format,
        "encoding": origin.encoding,
        "delimiter": delimiter,
        "sheet": origin.sheet,
        "header in row": origin.header_row,
        "document": origin.document,
        "columns": len(origin.columns),
        "records": f"{_records(report):,}",
        "size": f"{origin.size:,} bytes",
    }
    return Text(", ".join(f"{name} {value}" for name, value in facts.items() if value is not None))


def _changes(counts: Counts) -> int:
    return counts.create + counts.update + counts.delete + counts.retire


def parts_table(report: Report) -> Table:
    """What a run of several types did with each of them."""
    table = _table("type", "source", "read", "created", "updated", "unchanged", "rejected", "taken away")
    for part in report.parts:
        counts = part.counts
        figures = (counts.read, counts.create, counts.update, counts.unchanged, counts.rejected)
        taken = counts.delete + counts.retire
        table.add_row(part.resource_type, escape(part.source), *(f"{figure:,}" for figure in (*figures, taken)))
    return table


def syncs_table(rows: list[dict[str, Any]]) -> Table:
    """The syncs: when each ran last and will run next, and when it last changed anything."""
    table = _table("sync", "source", "last run", "status", "next run", "schedule", "last change")
    for row in rows:
        schedule = ", ".join(row["schedules"]) + ("" if row["active"] or not row["schedules"] else " (off)")
        cells = (row["name"], row["url"], _when(row["lastRun"]), row["status"] or "", _when(row["nextRun"]))
        table.add_row(*(escape(str(cell)) for cell in (*cells, schedule, _when(row["lastChange"]))))
    return table


def _when(time: datetime | None) -> str:
    return time.astimezone().strftime("%Y-%m-%d %H:%M") if time else ""


def syncs_json(found: list[SyncState], scheduled: Iterable[Any], defined: Iterable[Definition]) -> list[dict[str, Any]]:
    """The syncs as scripts read them: those that are defined, and those that are only on schedule yet."""
    on_schedule = {each.job.source: each for each in scheduled}
    ran = {each.name: each for each in found}
    kept = {each.name: each for each in defined}
    rows = []
    for name in sorted({*on_schedule, *kept}):
        plan, state, definition = on_schedule.get(name), ran.get(name), kept.get(name)
        options = plan.job.options() if plan else definition.options if definition else {}
        rows.append(
            {
                "name": name,
                "url": options["url"],
                "options": options,
                "owner": definition.owner if definition else None,
                "changedBy": definition.changed_by if definition else None,
                "changedAt": definition.changed_at if definition else None,
                "lastRun": state.last.started if state else None,
                "lastRunId": state.last.run_id if state else None,
                "status": state.last.status if state else None,
                "lastChange": state.changed.started if state and state.changed else None,
                "nextRun": plan.next_run if plan else None,
                "schedules": list(plan.schedules) if plan else [],
                "active": plan.active if plan else False,
            }
        )
    return rows


def difference_json(found: Difference) -> dict[str, Any]:
    """What lies between two runs, as scripts read it."""
    return {
        "before": seen_json(found.before),
        "after": seen_json(found.after),
        "counts": found.counts,
        "changes": [asdict(change) for change in found.changes],
    }


def seen_json(report: Report) -> dict[str, Any]:
    """What a run saw of its source, as scripts read it."""
    return {
        "runId": report.run_id,
        "startedAt": report.started,
        "source": report.source,
        "sourceVersion": report.version,
        "counts": asdict(report.counts),
    }


def show_difference(console: Console, found: Difference) -> None:
    """Print what lies between two runs."""
    table = _table("", "earlier", "later")
    for name in ("source", "version", "started"):
        values = (getattr(report, name) for report in (found.before, found.after))
        table.add_row(name, *(escape(str(value or "")) for value in values))
    for name in asdict(found.before.counts):
        values = (getattr(report.counts, name) for report in (found.before, found.after))
        table.add_row(name, *(f"{value:,}" for value in values))
    console.print(table)
    console.print(", ".join(f"{count:,} {what}" for what, count in found.counts.items()))
    if found.changes:
        console.print(changes_table(found.changes, sum(found.counts.values())))


def plan_json(report: Report) -> dict[str, Any]:
    """A frozen plan as a file holds it: what identifies it, and what it would do."""
    plan = report.plan
    return {
        "planId": report.run_id,
        "hash": plan.hash if plan else None,
        "until": plan.until if plan else None,
        **{name: value for name, value in report_json(report).items() if name not in ("runId", "plan", "samples")},
    }


def mapping_table(mapping: Mapping) -> Table:
    """Which column fills which field, and how surely."""
    table = _table("column", "field", "confidence", "how", title="Mapping")
    for match in mapping.matches:
        table.add_row(escape(match.column), match.field, f"{match.confidence:.0%}", match.how)
    for join in mapping.joins:
        table.add_row(escape(join.column), join.field, "", f"read with '{escape(mapping.column_of(join.field) or '')}'")
    filled = {match.field for match in mapping.matches}
    for name, value in mapping.constants.items():
        how = "overrides" if name in mapping.overrides else "fills empty cells" if name in filled else "constant"
        table.add_row(f"[dim]= {escape(value)}[/dim]", name, "100%", how)
    for column in mapping.unknown:
        table.add_row(escape(column), "[yellow]left out[/yellow]", "", "")
    return table


def rules_listed(rules: list[Listed]) -> Table:
    """The rules of rows and records, and where each is from."""
    table = _table("rule", "", "of", "what", "from")
    for rule in rules:
        types = "every type" if len(rule.types) == len(RESOURCES) else ", ".join(rule.types)
        words = f"{', '.join(rule.fields)}: {rule.message}"
        colour = _COLOUR[rule.severity]
        table.add_row(rule.name, f"[{colour}]{rule.severity}[/{colour}]", types, escape(words), escape(rule.source))
    return table


def samples_table(samples: tuple[dict[str, Any], ...]) -> Table:
    """The first records as they would be stored, one column a field that any of them fills."""
    filled = [name for name in samples[0] if any(sample[name] is not None for sample in samples)]
    table = _table(*(name.replace("row_number", "row") for name in filled), title="First records")
    for sample in samples:
        table.add_row(*(escape(shown(sample[name])) for name in filled))
    return table


def records_table(resource: Resource, records: list[dict[str, Any]], names: tuple[str, ...]) -> Table:
    """Records, one a line: these fields, or those that any of them fills, the key first."""
    filled = [name for name in resource.fields if any(record[name] is not None for record in records)]
    columns = names or tuple(dict.fromkeys([*(name for name in resource.key if name in filled), *filled]))
    table = _table(*columns)
    for record in records:
        table.add_row(*(escape(shown(record[name])) for name in columns))
    return table


def record_table(resource: Resource, found: dict[str, Any]) -> Table:
    """One record, a field a line, and when and by which run it was made and changed."""
    table = _table("field", "value")
    for name, spec in resource.fields.items():
        if (value := found["record"][name]) is not None:
            table.add_row(escape(spec.title), escape(shown(value)))
    ends = {each["run_id"]: each for each in (*found["history"][-1:], *found["history"][:1])}
    for run, each in ends.items():
        table.add_row(each["action"], f"{each['at'] or ''} by run {run[:8]}", style="dim")
    return table


_WHOLE = {
    "create": "[green]new record[/green]",
    "created": "[green]new record[/green]",
    "delete": "[red]deleted[/red]",
    "deleted": "[red]deleted[/red]",
    "retire": "[yellow]retired[/yellow]",
    "retired": "[yellow]retired[/yellow]",
}


def changes_table(changes: tuple[Change, ...], total: int) -> Table:
    """Field-level before → after of the first changes."""
    several = len({change.resource_type for change in changes}) > 1
    table = _table("row", *(["type"] if several else []), "record", "field", "before", "after", title="Changes")
    for change in changes:
        place = [str(change.row or ""), *([change.resource_type] if several else [])]
        if change.action in _WHOLE:
            table.add_row(*place, escape(change.key), _WHOLE[change.action], "", "")
            continue
        for name, (before, after) in change.fields.items():
            table.add_row(
                *place,
                escape(change.key),
                name,
                f"[red]{escape(shown(before))}[/red]",
                f"[green]{escape(shown(after))}[/green]",
            )
    if total > len(changes):
        table.caption = f"and {total - len(changes):,} more"
        table.caption_justify = "left"
    return table


def rules_table(report: Report) -> Table:
    """How often each rule was broken."""
    table = _table("rule", "", "count", title="Found")
    for rule in sorted(report.rules, key=lambda rule: (list(Severity).index(rule.severity), -rule.count)):
        table.add_row(rule.rule, Text(rule.severity, style=_COLOUR[rule.severity]), f"{rule.count:,}")
    return table


def history_table(history: list[dict[str, Any]]) -> Table:
    """What happened to a record, the newest first."""
    table = _table("when", "what", "run", "source", "who", "field", "before", "after")
    for event in history:
        head = [event["at"] or "", event["action"], event["run_id"][:8], escape(event["source"])]
        head.append(escape(event["requested_by"] or ""))
        changed = [(name, shown(each["before"]), shown(each["after"])) for name, each in event["fields"].items()]
        for number, (name, before, after) in enumerate(changed or [("", "", "")]):
            table.add_row(*(head if not number else [""] * 5), name, escape(before), escape(after))
    return table


def issues_table(issues: tuple[Issue, ...]) -> Table:
    """The first issues, errors before the rest."""
    table = _table("row", "column", "what", title="First of them")
    for issue in issues:
        hint = f" [bold]→ {escape(issue.suggestion)}?[/bold]" if issue.suggestion else ""
        column = escape(issue.column or issue.field or "")
        colour = _COLOUR[issue.severity]
        table.add_row(str(issue.row or ""), column, f"[{colour}]{escape(issue.message)}[/{colour}]{hint}")
    return table


def runs_table(reports: list[Report]) -> Table:
    """The newest runs, one a line."""
    table = _table("run", "when", "status", "type", "source", "created", "updated", "unchanged", "rejected")
    for report in reports:
        counts = report.counts
        status = Text(f"{report.status}{' (dry run)' if report.dry_run else ''}", style=_STATUS[report.status])
        when = f"{report.started:%Y-%m-%d %H:%M}" if report.started else ""
        numbers = (counts.create, counts.update, counts.unchanged, counts.rejected)
        figures = [f"{number:,}" for number in numbers]
        table.add_row(report.run_id[:8], when, status, report.resource_type, escape(report.source), *figures)
    return table


def types_table(resources: Iterable[Resource]) -> Table:
    """The resource types with their natural keys."""
    table = _table("type", "title", "natural key", "AWS document", "also")
    for resource in resources:
        document = resource.document.key if resource.document else ""
        table.add_row(resource.type, resource.title, " + ".join(resource.key), document, ", ".join(resource.aliases))
    return table


def fields_table(resource: Resource) -> Table:
    """The fields of a type."""
    table = _table("field", "column title", "kind", "required", "example", "meaning")
    for name, spec in resource.fields.items():
        required = "key" if name in resource.key else "yes" if spec.required else ""
        kind = " | ".join(spec.choices) if spec.kind.name == "enum" else spec.kind.name
        table.add_row(name, escape(spec.title), escape(kind), required, escape(spec.example), escape(spec.description))
    return table


def settings_table(settings: Settings) -> Table:
    """Every setting with its value and source."""
    table = _table("setting", "value", "from", "meaning")
    for name, value, source in settings.shown():
        meaning = type(settings).model_fields[name.removeprefix("CMDB_").lower()].description or ""
        table.add_row(name, escape("" if value is None else str(value)), source, escape(meaning))
    return table


def shown(value: Any) -> str:
    """A stored value as a person reads it."""
    if value is None:
        return "–"
    if isinstance(value, dict):
        value = [f"{key}={item}" for key, item in value.items()]
    if isinstance(value, bool):
        value = "yes" if value else "no"
    text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= _WIDEST else f"{text[: _WIDEST - 1]}…"


def next_steps(report: Report) -> list[str]:
    """What a person may want to do now."""
    short = report.run_id[:8]
    steps = []
    if report.undoes:
        force = f"cmdb undo {report.undoes[:8]} --force   takes back what was edited or is referred to, too"
        return [force] if report.counts.rejected else []
    if report.counts.rejected and not report.applies:
        steps.append(
            f"cmdb rejects {short} -o rejects.xlsx   the rejected rows, their wrong cells marked, to fix and import"
        )
    if report.plan and not report.plan.applied:
        steps.append(f"cmdb {'apply' if report.dry_run else 'approve'} {short}   does exactly this")
    elif report.dry_run and _changes(report.counts) and report.source != STANDARD_INPUT:
        verb = "sync" if report.sync else "import"
        steps.append(f"cmdb {verb} {report.source}   does it")
    if report.counts.warnings + report.counts.repairs + report.counts.rejected > len(report.issues):
        steps.append(f"cmdb show {short} --issues 1000   all that was found")
    return steps


def show_exported(console: Console, exported: Exported) -> None:
    """Print what an export wrote, and which stored values an import would reject today."""
    rate = _rate(exported.records, exported.duration)
    console.print(
        Text.assemble(("completed", "bold green"), f"  {exported.what} → {exported.path}"),
        Text(f"{_several(exported.records, 'record')}, {exported.size:,} bytes, {exported.duration:.1f} s{rate}"),
        sep="\n",
    )
    if exported.resource_type is None:
        console.print(", ".join(f"{name} {count:,}" for name, count in exported.types.items()), markup=False)
    for notice in exported.notices:
        console.print(Text(notice, style="yellow"))
    for name, rule, count in exported.unfit:
        told = (
            f"{_several(count, 'stored value')} of {name} no longer fit its rules ({rule}): an import would reject them"
        )
        console.print(Text(told, style="yellow"))


# JSON -----------------------------------------------------------------------------------------------------------------


def report_json(report: Report) -> dict[str, Any]:
    """A report as scripts read it; the names are a contract."""
    counts = asdict(report.counts)
    result: dict[str, Any] = {
        "runId": report.run_id,
        "status": report.status,
        "resourceType": report.resource_type or None,
        "source": report.source,
        "mode": report.mode,
        "dryRun": report.dry_run,
        "counts": counts,
        "durationSeconds": report.duration,
        "message": report.message,
        "startedAt": report.started.isoformat() if report.started else None,
        "repeats": report.repeats,
        "undoes": report.undoes,
        "applies": report.applies,
        "sync": report.sync,
        "sourceVersion": report.version,
        "plan": plan_kept_json(report),
        "parts": [_part_json(part) for part in report.parts],
        "notices": [issue_json(notice) for notice in report.notices],
        "rules": [{"rule": r.rule, "severity": r.severity, "count": r.count} for r in report.rules],
        "issues": [issue_json(issue) for issue in report.issues],
    }
    if report.origin:
        result |= origin_json(report)
    if report.mapping:
        result["mapping"] = mapping_json(report.mapping)
    if report.dry_run or report.plan:
        result["samples"] = [_sample_json(sample) for sample in report.samples]
        result["changes"] = [change_json(change) for change in report.changes]
    return result


def plan_kept_json(report: Report) -> dict[str, Any] | None:
    """The frozen plan of a run, if it has one."""
    plan = report.plan
    return {"id": report.run_id, "hash": plan.hash, "until": plan.until, "applied": plan.applied} if plan else None


def _part_json(part: PartReport) -> dict[str, Any]:
    mapping = mapping_json(part.mapping) if part.mapping else None
    return {"type": part.resource_type, "source": part.source, "counts": asdict(part.counts), "mapping": mapping}


def exported_json(exported: Exported) -> dict[str, Any]:
    """What an export wrote, as scripts read it; the names are a contract."""
    return {
        "runId": exported.run_id,
        "resourceType": exported.resource_type,
        "path": str(exported.path),
        "format": exported.format,
        "columns": list(exported.columns),
        "records": exported.records,
        "types": exported.types,
        "sizeBytes": exported.size,
        "durationSeconds": exported.duration,
        "unfit": [{"field": name, "rule": rule, "count": count} for name, rule, count in exported.unfit],
        "notices": list(exported.notices),
    }


def origin_json(report: Report) -> dict[str, Any]:
    """How the source was read."""
    origin = report.origin
    assert origin is not None  # noqa: S101  # the caller asked
    return {
        "format": origin.format,
        "encoding": origin.encoding,
        "delimiter": origin.delimiter,
        "sheet": origin.sheet,
        "headerRow": origin.header_row,
        "document": origin.document,
        "columns": list(origin.columns),
        "sizeBytes": origin.size,
        "sha256": origin.sha256,
        "records": _records(report),
        **({"samples": origin.samples} if origin.samples else {}),
        **({"sheets": sheets_json(report)} if origin.sheets else {}),
    }


def sheets_json(report: Report) -> list[dict[str, Any]]:
    """The sheets of a workbook: whether each is read, as which type, and which field each of its columns fills."""
    mappings = {part.resource_type: part.mapping for part in report.parts} | {None: report.mapping}
    return [
        {
            "name": sheet.name,
            "read": sheet.type != "",
            "resourceType": (report.resource_type if sheet.type is None else sheet.type) or None,
            "columns": _sheet_columns(sheet, mappings.get(sheet.type) or report.mapping),
        }
        for sheet in (report.origin.sheets if report.origin else ())
    ]


def _sheet_columns(sheet: Sheet, mapping: Mapping | None) -> list[dict[str, str | None]]:
    fields = {match.column: match.field for match in mapping.matches} if mapping else {}
    return [
        {"column": column, "field": (fields.get(column) if field is None else field) or None}
        for column, field in sheet.columns
    ]


def _records(report: Report) -> int:
    """How many records were read from the source; a part without an origin has none of it."""
    own = [part.counts.read for part in report.parts if part.origin]
    return sum(own) if own else report.counts.read


def _sample_json(sample: dict[str, Any]) -> dict[str, Any]:
    return {("row" if name == "row_number" else name): value for name, value in sample.items()}


def issue_json(issue: Issue) -> dict[str, Any]:
    """An issue as scripts read it."""
    return asdict(issue)


def change_json(change: Change) -> dict[str, Any]:
    """A change as scripts read it."""
    fields = {name: {"before": before, "after": after} for name, (before, after) in change.fields.items()}
    return {"key": change.key, "action": change.action, "row": change.row, "fields": fields}


def mapping_json(mapping: Mapping) -> dict[str, Any]:
    """A mapping as scripts read it."""
    return {
        "columns": [asdict(match) for match in mapping.matches],
        "constants": mapping.constants,
        "overrides": list(mapping.overrides),
        "joins": [asdict(join) for join in mapping.joins],
        "unknown": list(mapping.unknown),
    }


def fields_json(resource: Resource) -> dict[str, Any]:
    """A resource type as scripts read it."""
    fields = [
        {
            "field": name,
            "title": spec.title,
            "kind": spec.kind.name,
            "required": spec.required,
            "choices": list(spec.choices) if spec.kind.name == "enum" else None,
            "example": spec.example,
            "description": spec.description,
            "operators": [*OPERATORS[spec.kind.name], Op.IS_NULL, Op.NOT_NULL],
        }
        for name, spec in resource.fields.items()
    ]
    return {"type": resource.type, "title": resource.title, "key": list(resource.key), "fields": fields}
