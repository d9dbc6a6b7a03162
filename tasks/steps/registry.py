"""The four steps of an import, as a flow says them: extract, map, validate, load; a sync fetches and reads first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Any

from schemas.choices import Mode, Stale, Unknown
from schemas.errors import Forbidden, MappingError
from schemas.fetched import Fetched
from schemas.issues import Issue, Severity
from schemas.jobs import ImportJob, LoadOptions, SyncJob
from schemas.mapping import Mapping
from schemas.model.resource import Resource
from schemas.resources import RESOURCES, resource
from schemas.sources import UNTOUCHED, Extracted
from tasks.formats import FORMATS
from tasks.formats.formula_guard import SOURCE_GUARDED
from tasks.mapping.columns import columns_of_nothing, map_columns, with_untouched
from tasks.mapping.columns import notices as column_notices
from tasks.mapping.infer_type import detect_type, first_records
from tasks.mapping.options import MapOptions, is_field, options_for_type, with_stored_mapping
from tasks.mapping.unmapped import map_anyway
from tasks.planning.create_missing import created_types, with_referred
from tasks.prefetch import prefetched
from tasks.rules.evaluate import of_cells, try_out
from tasks.rules.load import load_rules, rules_for
from tasks.runtime.context import Run, disk_watched, user
from tasks.runtime.type_load import Part
from tasks.security.redaction import samples, without_secrets
from tasks.steps import extract as reading
from tasks.steps import fetch as fetching
from tasks.steps import load as loading
from tasks.steps.detect import with_columns
from tasks.store import ledger
from tasks.store.access.definitions import load_mapping, save_mapping
from tasks.store.staging.table import Staging
from tasks.values.partial_fields import completed
from tasks.values.validator import Validator


@dataclass(frozen=True)
class Steps:
    """The steps by name: plain functions, or the same ones watched by Prefect (`tasks.prefect_tasks`)."""

    extract: Callable[[Run, ImportJob], tuple[Extracted, ...]]
    fetch: Callable[[Run, SyncJob], Fetched | None]
    read: Callable[[Run, SyncJob, Fetched], tuple[Extracted, ...]]
    map: Callable[[Run, tuple[Extracted, ...]], tuple[Part, ...]]
    validate: Callable[[Run, Part], None]
    load: Callable[[Run], None]


def extract(run: Run, job: ImportJob) -> tuple[Extracted, ...]:
    """Open the source: its format, encoding and shape, and the records of each of its types as lazy text columns."""
    run.progress("extract", 0, None)
    with disk_watched():
        return reading.extract_all(job, run.workdir, run.settings)


def fetch(run: Run, job: SyncJob) -> Fetched | None:
    """Fetch the files of a source; None where it is as it was at the last completed run of this sync."""
    return fetching.fetch(run, job)


def read(run: Run, job: SyncJob, fetched: Fetched) -> tuple[Extracted, ...]:
    """Open the files of a source: the records of each of its types as lazy text columns."""
    run.progress("extract", 0, None)
    with disk_watched():
        return fetching.read(run, job, fetched)


def map(run: Run, sources: tuple[Extracted, ...]) -> tuple[Part, ...]:  # the step's name in the design
    """Find the type of each source and which column fills which field, and enter both in the ledger."""
    job = run.job
    ledger.describe_source(run.session, sources[0], samples(sources[0]) if job.dry_run else {})
    saved_type, saved, constants = _saved(run)
    named = job.resource_type or saved_type
    typed = [(resource(name) if (name := named or s.resource_type) else detect_type(s), s) for s in sources]
    typed.sort(key=lambda pair: list(RESOURCES).index(pair[0].type))
    _refuse_forbidden(job, [*(chosen for chosen, _ in typed), *created_types(job)])
    given = MapOptions(job.columns, constants | job.constants, saved, job.unknown)
    _refuse_unused(given, [chosen for chosen, _ in typed])
    alone = typed[0][0] if len(typed) == 1 else None
    try:
        mapped = [(chosen, *_mapped(job, chosen, source, given, alone=bool(alone))) for chosen, source in typed]
    except MappingError as error:
        # What was matched is kept, so that only what is missing is asked for.
        if alone and error.mapping:
            ledger.describe_matched(run.session, alone.type, error.mapping)
        raise
    parts = tuple(
        Part(number, chosen, source.name, mapping, source, _scope(mapping, run.scopes.get(chosen.type, ())))
        for number, (chosen, source, mapping) in enumerate(mapped)
    )
    for part in parts:
        part.unread = tuple(each for each in run.unread if each.resource_type in (None, part.resource.type))
    run.parts = with_referred(parts, job, sources[0].name)
    # The run keeps its notices as they were: this step may be tried again.
    notices = [*run.notices, *(issue for part in parts for issue in _told(part, job)), *add_rules(run, run.parts)]
    ledger.describe_run(run.session, sources[0].sha256, run.described, notices)
    if not job.dry_run:
        keep_mapping(run, job.requested_by or user(), admin=job.authority.admin)
    return run.parts


def keep_mapping(run: Run, who: str, *, admin: bool) -> None:
    """Save the mapping of the first type of the source, where the run was asked to, under the name that was given."""
    if run.job.save_mapping:
        # A type that is only created for references has no columns.
        part = next(each for each in run.parts if not each.referred)
        with run.session.transaction() as connection:
            save_mapping(connection, run.job.save_mapping, part.resource.type, part.mapping, who, admin=admin)


def add_rules(run: Run, parts: tuple[Part, ...]) -> list[Issue]:
    """Give each part the user's own rules of its type; returns what to tell of those that are left out."""
    loaded = load_rules(run.settings.rules)
    left_out: dict[str, Issue] = {}
    for part in parts:
        part.rules, left = rules_for(loaded, part.resource, run.job.without_rules)
        try_out(part.rules, part.resource)
        left_out |= {issue.message: issue for issue in left}
    return list(left_out.values())


def _mapped(
    job: LoadOptions, chosen: Resource, source: Extracted, given: MapOptions, *, alone: bool
) -> tuple[Extracted, Mapping]:
    """The mapping of one type; what is given for all types of a source holds for those that it fits.

    A source that shows no columns, as it has no records, is one with those that the type needs.
    """
    if not alone:
        given = options_for_type(given, source.columns, chosen)
    if source.given is not None:
        given = replace(given, columns=source.given)
    given = with_stored_mapping(given, source, chosen)
    if source.records == 0 and not source.columns:
        given = replace(given, columns={})
        source = with_columns(source, columns_of_nothing(chosen, given))
    try:
        mapping = map_columns(source.columns, chosen, given, job.mode, first_records(source))
    except MappingError as error:
        if alone or job.unknown is Unknown.REFUSE:
            raise
        source, mapping = map_anyway(source, chosen, given, job.mode, error)
    source = with_untouched(source, mapping, chosen)
    return source, replace(mapping, seen=None) if job.stale is Stale.OVERWRITE else mapping


def _refuse_forbidden(job: LoadOptions, types: list[Resource]) -> None:
    """Refuse types that whoever asked has no permission for: of a file, they are known only now."""
    allowed = job.authority.types
    forbidden = sorted({chosen.type for chosen in types if allowed is not None and chosen.type not in allowed})
    if forbidden:
        action = "preview" if job.dry_run else "import"
        raise Forbidden(f"The key '{job.requested_by}' lacks the permission '{action}' for {', '.join(forbidden)}.")


def _refuse_unused(given: MapOptions, types: list[Resource]) -> None:
    """Refuse a constant that none of several types has a field for."""
    for name in given.constants if len(types) > 1 else ():
        if not any(is_field(name, chosen) for chosen in types):
            listed = ", ".join(chosen.type for chosen in types)
            raise MappingError(f"None of {listed} has a field '{name}': leave it out, or correct its name.")


def _scope(mapping: Mapping, given: tuple[dict[str, str], ...]) -> tuple[dict[str, str], ...]:
    """Which records a source speaks of: those with its constants and, where it tells, of one of the given parts."""
    scopes = tuple(part | mapping.constants for part in given or ({},))
    return scopes if all(scopes) else ()


def _told(part: Part, job: LoadOptions) -> list[Issue]:
    said = [*(part.extracted.notices if part.extracted else ()), *column_notices(part.mapping, job.unknown)]
    said += [replace(gap, severity=Severity.WARNING) for gap in (part.extracted.gaps if part.extracted else ())]
    if job.mode is Mode.SYNC and not part.scope:
        text = f"no constants say which {part.resource.title} records this source holds: all are compared with it"
        said.append(Issue("scope", text, Severity.WARNING))
    return [replace(issue, part=part.number) for issue in said]


def _saved(run: Run) -> tuple[str | None, dict[str, str], dict[str, str]]:
    if not run.job.mapping:
        return None, {}, {}
    with run.session.transaction() as connection:
        return load_mapping(connection, run.job.mapping)


def validate(run: Run, part: Part) -> None:
    """Validate the records of a part batch by batch, and stage each valid batch while the next is validated."""
    chosen, mapping, extracted = part.resource, part.mapping, part.extracted
    if not run.job.dry_run:
        run.session.lock(chosen, run.progress)
    run.count_again(part)
    columns = extracted.columns if extracted else ()
    notes: dict[str, Any] = {"seen": mapping.seen is not None, "untouched": UNTOUCHED in columns}
    staging = Staging(run.session, chosen, mapping.fields, run.workdir, **notes, part=part.number)
    staging.create()
    if extracted is None:
        # Its records are created once it is known to which of them rows refer.
        part.stage(staging)
        return
    guarded = FORMATS[extracted.format].guarded and extracted.metadata.get(SOURCE_GUARDED) not in (False, "false")
    cells = () if staging.untouched else part.rules
    own = tuple(rule for rule in cells if of_cells(rule, mapping, run.job.mode, run.job.empty))
    validator = Validator(chosen, mapping, run.job.mode, run.job.empty, guarded, own, run.job.read)
    whole = completed(run.session, chosen, mapping, without_secrets(extracted, chosen))
    size = run.job.batch_size or run.settings.batch_size
    before = sum(other.tally.passed for other in takewhile(lambda other: other is not part, run.parts))
    total = _records(run)
    with disk_watched():
        for batch in prefetched(validator.batches(whole, size)):
            staging.add(batch.valid, batch.flawed)
            keep = run.settings.max_issues - run.kept + part.tally.kept
            run.keep_issues(part, part.tally.add(batch, keep))
            run.progress("validate", before + part.tally.passed, total, run.counts.rejected)
    staging.finish()
    part.stage(staging)


def _records(run: Run) -> int | None:
    """How many records all parts have, where every source tells."""
    known = [part.extracted.records for part in run.parts if part.extracted]
    return None if None in known else sum(filter(None, known))


def load(run: Run) -> None:
    """Check, plan and apply the staged rows of all parts in one transaction with the ledger."""
    loading.load(run)


PLAIN = Steps(extract, fetch, read, map, validate, load)
"""The steps as plain functions."""
