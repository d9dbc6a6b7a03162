"""Reports of runs on a terminal."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from api.cli.local_time import shown_time
from api.cli.piped import is_repeatable
from api.cli.render.diff import planned_diff
from api.cli.render.plans import mapping_table, samples_table
from api.cli.render.tables import SEVERITY_COLOURS, STATUS_COLOURS, counted, new_table, record_rate
from api.cli.wording import COMMAND_LINE
from api.json_output import source_record_count
from schemas.issues import Issue, Severity
from schemas.reports import Counts, Report, Status


def show_report(console: Console, report: Report) -> None:
    """Print what a run did, what was wrong, and what can be done next."""
    report = report.worded(COMMAND_LINE)
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
    rate = record_rate(counts.read, report.duration)
    kind = f" → {report.resource_type}" if report.resource_type else ""
    status = f"{report.state}{' (dry run: nothing was changed)' if report.dry_run else ''}"
    lines = [
        Text.assemble((status, f"bold {STATUS_COLOURS[report.status]}"), f"  {report.source}{kind}"),
        Text(_undone(counts, verb) if report.undoes else _done(counts, verb)),
        Text(f"run {report.run_id}, {report.mode}, {report.duration:.1f} s{rate}", style="dim"),
    ]
    if report.message:
        lines.insert(
            1,
            Text(
                report.message,
                style=STATUS_COLOURS.get(report.status, "") if report.status != Status.COMPLETED else "yellow",
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
        f"  ({counted(counts.warnings, 'warning')}, {counted(counts.repairs, 'repair')})"
    )


def _undone(counts: Counts, verb: str) -> str:
    return (
        f"{counted(counts.read, 'record')}: {counts.delete:,} {verb}deleted, {counts.update:,} {verb}restored, "
        f"{counts.create:,} {verb}created again, {counts.rejected:,} left as they are"
    )


def _parts(report: Report) -> Iterable[RenderableType]:
    if report.parts:
        yield parts_table(report)
    if report.dry_run and report.origin and (report.mapping or not report.parts):
        yield _origin(report)
    if report.dry_run and report.mapping:
        yield mapping_table(report.mapping)
    if report.dry_run and report.samples:
        yield samples_table(report.samples)
    for notice in report.notices:
        yield Text(notice.message, style=SEVERITY_COLOURS[notice.severity])
    if report.rules:
        yield rules_table(report)
    if report.issues:
        yield issues_table(report.issues)
    if report.plan and report.plan.decision:
        yield Text(report.plan.decision.sentence)
    if _is_planned(report):
        yield planned_diff(report.changes, report.counts)


def _is_planned(report: Report) -> bool:
    """Whether a run says what it would do; one that failed may have come that far."""
    completed = report.dry_run and report.status is Status.COMPLETED
    return completed or bool(report.plan) or (report.dry_run and bool(report.changes))


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
        "records": f"{source_record_count(report):,}",
        "size": f"{origin.size:,} bytes",
    }
    return Text(", ".join(f"{name} {value}" for name, value in facts.items() if value is not None))


def change_count(counts: Counts) -> int:
    """Return how many records a run changed, or would change."""
    return counts.create + counts.update + counts.delete + counts.retire


def parts_table(report: Report) -> Table:
    """What a run of several types did with each of them."""
    table = new_table("type", "source", "read", "created", "updated", "unchanged", "rejected", "retired or deleted")
    for part in report.parts:
        counts = part.counts
        figures = (counts.read, counts.create, counts.update, counts.unchanged, counts.rejected)
        taken = counts.delete + counts.retire
        table.add_row(part.resource_type, escape(part.source), *(f"{figure:,}" for figure in (*figures, taken)))
    return table


def rules_table(report: Report) -> Table:
    """How often each rule was broken."""
    table = new_table("rule", "", "count", title="Issues")
    for rule in sorted(report.rules, key=lambda rule: (list(Severity).index(rule.severity), -rule.count)):
        table.add_row(rule.rule, Text(rule.severity, style=SEVERITY_COLOURS[rule.severity]), f"{rule.count:,}")
    return table


def issues_table(issues: tuple[Issue, ...]) -> Table:
    """The first issues, errors before the rest."""
    table = new_table("row", "column", "what", title="First issues")
    for issue in issues:
        hint = f" [bold]→ {escape(issue.suggestion)}?[/bold]" if issue.suggestion else ""
        column = escape(issue.column or issue.field or "")
        colour = SEVERITY_COLOURS[issue.severity]
        table.add_row(str(issue.row or ""), column, f"[{colour}]{escape(issue.message)}[/{colour}]{hint}")
    return table


def runs_table(reports: list[Report]) -> Table:
    """The newest runs, one a line."""
    table = new_table("run", "when", "status", "type", "source", "created", "updated", "unchanged", "rejected")
    for report in reports:
        counts = report.counts
        status = Text(f"{report.state}{' (dry run)' if report.dry_run else ''}", style=STATUS_COLOURS[report.status])
        numbers = (counts.create, counts.update, counts.unchanged, counts.rejected)
        figures = [f"{number:,}" for number in numbers]
        table.add_row(
            report.run_id[:8], shown_time(report.started), status, report.resource_type, escape(report.source), *figures
        )
    return table


def next_steps(report: Report) -> list[str]:
    """What a person may want to do now."""
    short = report.run_id[:8]
    steps = []
    if report.undoes:
        force = f"cmdb undo {report.undoes[:8]} --force   also undoes records that were edited or are referred to"
        return [force] if report.counts.rejected else []
    if report.counts.rejected and not report.applies:
        steps.append(
            f"cmdb rejects {short} -o rejects.xlsx   the rejected rows, their wrong cells marked, to fix and import"
        )
    if report.plan and report.plan.is_open:
        steps.append(f"cmdb {'apply' if report.dry_run else 'approve'} {short}   does exactly this")
        steps += [] if report.dry_run else [f"cmdb reject {short} --reason WHY   leaves everything as it is"]
    elif report.dry_run and change_count(report.counts) and is_repeatable(report.source):
        verb = "sync" if report.sync else "import"
        steps.append(f"cmdb {verb} {report.source}   does it")
    if report.counts.warnings + report.counts.repairs + report.counts.rejected > len(report.issues):
        steps.append(f"cmdb show {short} --issues 1000   all that was found")
    return steps
