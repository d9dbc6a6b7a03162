"""The four steps of an import, as a flow says them: extract, map, validate, load; a sync fetches and reads first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from schemas.errors import Forbidden, MappingError
from schemas.fetched import Fetched
from schemas.issues import Issue, Severity
from schemas.job_options.choices import Mode, Stale, Unknown
from schemas.jobs import ImportJob, LoadOptions, SyncJob
from schemas.mapping import Mapping
from schemas.model.resource import Resource
from schemas.phases import Phase
from schemas.reports import Progress
from schemas.resources import RESOURCES, resource
from schemas.sources import Extracted
from tasks.mapping.columns import columns_of_nothing, map_columns, with_untouched
from tasks.mapping.columns import notices as column_notices
from tasks.mapping.infer_type import detect_type, first_records
from tasks.mapping.options import MapOptions, is_field, options_for_type, with_stored_mapping
from tasks.mapping.unmapped import map_anyway
from tasks.planning.create_missing import created_types, with_referred
from tasks.rules.evaluate import try_out
from tasks.rules.load import load_rules, rules_for
from tasks.runtime.context import RunContext, disk_errors, user
from tasks.runtime.values import LoadResult, MappedSource, Scope, Shard, Sources, StagedShard, Tally
from tasks.security.redaction import samples
from tasks.steps import extract as reading
from tasks.steps import fetch as fetching
from tasks.steps import load as loading
from tasks.steps import shards as cutting
from tasks.steps import validate as validating
from tasks.steps.detect import with_columns
from tasks.steps.several_files import extract_several
from tasks.store import ledger
from tasks.store.access.definitions import load_mapping, save_mapping


@dataclass(frozen=True)
class Steps:
    """The steps by name: plain functions, or the same ones watched by Prefect (`tasks.prefect_tasks`).

    Each takes values and returns one, so that it can be tried again.
    """

    extract: Callable[[RunContext, ImportJob], Sources]
    fetch: Callable[[RunContext, SyncJob], Fetched | None]
    read: Callable[[RunContext, SyncJob, Fetched], Sources]
    map: Callable[[RunContext, Sources], tuple[MappedSource, ...]]
    validate: Callable[[RunContext, Shard], StagedShard]
    load: Callable[[RunContext, tuple[StagedShard, ...]], LoadResult]


def extract(run: RunContext, job: ImportJob) -> Sources:
    """Open the source: its format, encoding and shape, and the records of each of its types as lazy text columns."""
    run.progress(Phase.EXTRACT, 0, None)
    with disk_errors():
        if job.more:
            return Sources(extract_several(job, run.workdir, run.settings, _saved(run)[0]))
        return Sources(reading.extract_all(job, run.workdir, run.settings))


def fetch(run: RunContext, job: SyncJob) -> Fetched | None:
    """Fetch the files of a source; None where it is as it was at the last completed run of this sync."""
    return fetching.fetch(run, job)


def read(run: RunContext, job: SyncJob, fetched: Fetched) -> Sources:
    """Open the files of a source: the records of each of its types as lazy text columns."""
    run.progress(Phase.EXTRACT, 0, None)
    with disk_errors():
        return fetching.read(run, job, fetched)


def map(run: RunContext, sources: Sources) -> tuple[MappedSource, ...]:  # the step's name in the design
    """Find the type of each source and which column fills which field, and enter both in the ledger."""
    job, first = run.job, sources.extracted[0]
    ledger.describe_source(run.session, first, samples(first) if job.dry_run else {})
    saved_type, saved, constants = _saved(run)
    named = job.resource_type or saved_type
    typed = [(resource(name) if (name := named or s.resource_type) else detect_type(s), s) for s in sources.extracted]
    typed.sort(key=lambda pair: list(RESOURCES).index(pair[0].type))
    _refuse_forbidden(job, [*(chosen for chosen, _ in typed), *created_types(job)])
    given = MapOptions(job.columns, constants | job.constants, saved, job.unknown)
    _refuse_unused(given, [chosen for chosen, _ in typed])
    own = tuple(_mapped_source(run, sources, number, *each, given) for number, each in enumerate(typed))
    notices = [*sources.notices, *(issue for source in own for issue in _notices(source, job))]
    mapped = with_referred(own, job, first.name)
    left_out = try_rules(run, mapped)
    reports = [source.report() for source in own]
    ledger.describe_run(run.session, first.sha256, reports, [*notices, *left_out])
    if not job.dry_run:
        keep_mapping(run, own[0], job.requested_by or user(), admin=job.authority.admin)
    return mapped


def _mapped_source(
    run: RunContext, sources: Sources, number: int, chosen: Resource, extracted: Extracted, given: MapOptions
) -> MappedSource:
    """Return one type's share of the sources, with its columns mapped."""
    alone = len(sources.extracted) == 1
    try:
        source, mapping = _mapped(run.job, chosen, extracted, given, alone=alone)
    except MappingError as error:
        # What was matched is kept, so that only what is missing is asked for.
        if alone and error.mapping:
            ledger.describe_matched(run.session, chosen.type, error.mapping)
        raise
    scope = _scope(mapping, sources.scopes.get(chosen.type, ()))
    return MappedSource(number, chosen, source.name, mapping, source, scope, unread=sources.lacks_of(chosen.type))


def keep_mapping(run: RunContext, source: MappedSource, who: str, *, admin: bool) -> None:
    """Save the mapping of the first type that has columns, where the run was asked to, under the name it was given."""
    if run.job.save_mapping:
        with run.session.transaction() as connection:
            save_mapping(connection, run.job.save_mapping, source.resource.type, source.mapping, who, admin=admin)


def try_rules(run: RunContext, sources: tuple[MappedSource, ...]) -> list[Issue]:
    """Try the user's own rules of each type out; returns the notices of rules that are left out.

    Raises RuleFailed for a rule that can't be evaluated, UsageError for one that is not known.
    """
    loaded = load_rules(run.settings.rules)
    left_out: dict[str, Issue] = {}
    for source in sources:
        rules, left = rules_for(loaded, source.resource, run.job.without_rules)
        try_out(rules, source.resource)
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
        raise Forbidden(
            f"The key '{job.requested_by}' lacks the permission '{action}' for {', '.join(forbidden)}.",
            caller=job.requested_by,
            action=action,
            types=forbidden,
        )


def _refuse_unused(given: MapOptions, types: list[Resource]) -> None:
    """Refuse a constant that none of several types has a field for."""
    for name in given.constants if len(types) > 1 else ():
        if not any(is_field(name, chosen) for chosen in types):
            names = ", ".join(chosen.type for chosen in types)
            raise MappingError(
                f"None of {names} has a field '{name}': leave it out, or correct its name.",
                field=name,
                types=[chosen.type for chosen in types],
            )


def _scope(mapping: Mapping, given: Scope) -> Scope:
    """Which records a source speaks of: those with its constants and, where it tells, of one of the given parts."""
    scopes = tuple(part | mapping.constants for part in given or ({},))
    return scopes if all(scopes) else ()


def _notices(source: MappedSource, job: LoadOptions) -> list[Issue]:
    """Return the notices of one type: of its file, its columns, its gaps and its scope."""
    extracted = source.extracted
    found = [*(extracted.notices if extracted else ()), *column_notices(source.mapping, job.unknown)]
    found += [replace(gap, severity=Severity.WARNING) for gap in (extracted.gaps if extracted else ())]
    if job.mode is Mode.SYNC and not source.scope:
        text = f"the scope has no limits: all {source.resource.title} records are compared with this source"
        found.append(Issue("scope", text, Severity.WARNING))
    return [replace(issue, part=source.number) for issue in found]


def _saved(run: RunContext) -> tuple[str | None, dict[str, str], dict[str, str]]:
    if not run.job.mapping:
        return None, {}, {}
    with run.session.transaction() as connection:
        return load_mapping(connection, run.job.mapping)


def validate(run: RunContext, shard: Shard) -> StagedShard:
    """Validate the rows of a shard batch by batch, and stage them; here, or in another process."""
    return validating.validate(run, shard)


def validate_all(steps: Steps, run: RunContext, sources: tuple[MappedSource, ...]) -> tuple[StagedShard, ...]:
    """Validate one shard after the other; the run's progress goes on from each to the next."""
    known = [source.extracted.records for source in sources if source.extracted]
    total = None if None in known else sum(filter(None, known))
    staged: tuple[StagedShard, ...] = ()
    for shard in cutting.shards(sources):
        tallies = tuple(each.tally for each in staged)
        kept = sum(each.tally.kept for each in staged if each.source.number == shard.source.number)
        counted = replace(run, progress=_progress_after(run.progress, tallies, total))
        staged += (steps.validate(counted, replace(shard, kept=kept)),)
    return staged


def _progress_after(progress: Progress, tallies: tuple[Tally, ...], of_all: int | None) -> Progress:
    """Return progress that counts on from the sources that are validated already."""
    passed, wrong = sum(tally.passed for tally in tallies), sum(tally.rejected for tally in tallies)

    def counted(phase: Phase, done: int, total: int | None, rejected: int = 0) -> None:
        if phase is Phase.VALIDATE:
            progress(phase, passed + done, of_all, wrong + rejected)
        else:
            progress(phase, done, total, rejected)

    return counted


def load(run: RunContext, staged: tuple[StagedShard, ...]) -> LoadResult:
    """Check, plan and apply the staged rows of all types in one transaction with the ledger."""
    return loading.load(run, staged)


PLAIN = Steps(extract, fetch, read, map, validate, load)
"""The steps as plain functions."""
