"""The log of a run in Prefect: what was read, how it was mapped, what is wrong, what was done and how to undo it.

A line names files, columns, types and rules, and counts records. It holds no cell of the source.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import wraps
from typing import Any, TypeVar

from prefect.exceptions import CancelledRun, FailedRun
from prefect.logging import get_run_logger

from flows.commands import OPERATORS
from flows.monitoring.ends import is_preview
from flows.registry import UNDO, Job
from schemas.errors import CmdbError
from schemas.fetched import Fetched
from schemas.issues import Severity
from schemas.job_options.options import declared_options
from schemas.language.outcome_messages import counts_sentence
from schemas.language.wording import some_of
from schemas.reports import Outcome, Report
from schemas.sources import Extracted
from tasks.runtime.values import MappedSource, Sources
from tasks.steps.registry import Steps

Line = tuple[int, str]
"""The level of a line, and its text."""

Value = TypeVar("Value")

# Sources, types, rules and notices that have lines or places in lines of their own.
_MOST = 5
_LONGEST = 300


def quiet_prefect() -> None:
    """Keep Prefect from logging that each task run completed, and a stack trace of a run that ends as it should.

    Its engine raises, and logs, the state of a flow that returns a failed one.
    """
    logging.getLogger("prefect.task_runs").setLevel(logging.WARNING)
    for name in ("prefect.flow_runs", "prefect.engine"):
        logging.getLogger(name).addFilter(_is_news)


def _is_news(record: logging.LogRecord) -> bool:
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, CmdbError | MemoryError | FailedRun | CancelledRun)


def log(lines: Iterator[Line]) -> None:
    """Write lines to the log of the flow run."""
    logger = get_run_logger()
    for level, text in lines:
        logger.log(level, "%s", _one_line(text))


def _one_line(text: str) -> str:
    line = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"


def with_log(steps: Steps) -> Steps:
    """Return steps whose values are logged."""
    return replace(
        steps,
        extract=_logged(steps.extract, source_lines),
        fetch=_logged(steps.fetch, fetched_lines),
        read=_logged(steps.read, source_lines),
        map=_logged(steps.map, mapping_lines),
    )


def _logged(step: Callable[..., Value], lines: Callable[[Value], Iterator[Line]]) -> Callable[..., Value]:
    @wraps(step)
    def run(*arguments: Any) -> Value:
        value = step(*arguments)
        log(lines(value))
        return value

    return run


# Lines ----------------------------------------------------------------------------------------------------------------


def request_lines(job: Job) -> Iterator[Line]:
    """Say what is asked for, and by whom."""
    what = "Preview: nothing is changed." if is_preview(job) else "Started."
    by = f" Requested by {job.requested_by}." if job.requested_by else ""
    offered = {option.path[0] for option in declared_options(type(job))} - {"dry_run"}
    given = sorted(offered & job.model_dump(exclude_defaults=True).keys())
    named = f" Options: {', '.join(given)}." if given else ""
    yield logging.INFO, what + by + named


def fetched_lines(fetched: Fetched | None) -> Iterator[Line]:
    """Say what a source gave."""
    if fetched is None:
        yield logging.INFO, "The source is unchanged since the last run of this sync; it is not read."
        return
    yield logging.INFO, f"Fetched {some_of([file.name for file in fetched.files], _MOST)}"
    for issue in fetched.failures[:_MOST]:
        yield logging.WARNING, issue.worded(OPERATORS).message


def source_lines(sources: Sources) -> Iterator[Line]:
    """Say which formats the sources have, and how much they hold."""
    for source in sources.extracted[:_MOST]:
        yield logging.INFO, f"Source {source.name}: {', '.join(_facts(source))}"
    if more := len(sources.extracted) - _MOST:
        yield from [(logging.INFO, f"and {more:,} more sources")] if more > 0 else []


def _facts(source: Extracted) -> Iterator[str]:
    yield source.format
    yield from filter(None, (source.encoding, f"sheet {source.sheet}" if source.sheet else None))
    if source.delimiter:
        yield f"separator {source.delimiter!r}"
    if source.records is not None:
        yield f"{source.records:,} records"
    yield f"{len(source.columns):,} columns"


def mapping_lines(mapped: tuple[MappedSource, ...]) -> Iterator[Line]:
    """Say which types the sources are of, and which columns fill which fields."""
    for source in [each for each in mapped if not each.referred][:_MOST]:
        mapping = source.mapping
        pairs = some_of([f"{match.column} → {match.field}" for match in mapping.matches], 2 * _MOST)
        constants = f"; constants for {', '.join(mapping.constants)}" if mapping.constants else ""
        yield logging.INFO, f"Mapped to {source.resource.type}: {pairs}{constants}"
        if mapping.unknown:
            yield logging.WARNING, f"Columns that match no field: {some_of(mapping.unknown, _MOST)}"


def report_lines(report: Report) -> Iterator[Line]:
    """Say what was wrong, what was done, and how to undo it."""
    report = report.worded(OPERATORS)
    for severity, level in ((Severity.ERROR, logging.WARNING), (Severity.WARNING, logging.WARNING)):
        rules = [f"{each.rule} {each.count:,}" for each in report.rules if each.severity is severity]
        if rules:
            what = "Rejected rows by rule" if severity is Severity.ERROR else "Warnings by rule"
            yield level, f"{what}: {some_of(rules, 2 * _MOST)}"
    for notice in [each for each in report.notices if each.severity is not Severity.REPAIR][:_MOST]:
        yield logging.WARNING, notice.message
    counts = report.counts
    if report.is_planned:
        yield logging.INFO, f"Plan: {counts_sentence(report)}, {counts.unchanged:,} unchanged"
    elif report.outcome is Outcome.APPLIED:
        yield logging.INFO, f"Applied: {counts_sentence(report)}, {counts.unchanged:,} unchanged"
        if counts.create or counts.update or counts.delete or counts.retire:
            yield logging.INFO, f"To undo it, run {UNDO.name}/{UNDO.deployment} with this run's id: {report.run_id}"
    if report.message:
        yield logging.INFO if report.outcome is Outcome.UNCHANGED else logging.WARNING, report.message
