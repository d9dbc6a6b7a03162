"""The four steps of an import, as a flow says them: extract, map, validate, load."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from schemas.reports import Extracted, Mapping, Stale
from schemas.resources import resource
from tasks import extract as reading
from tasks import load as loading
from tasks.ahead import ahead
from tasks.formats import FORMATS
from tasks.map import MapOptions, detect_type, map_columns, notices
from tasks.rule_files import load_rules, rules_for
from tasks.rules import of_cells, try_out
from tasks.run import Run, disk_watched
from tasks.secrets import samples, without_secrets
from tasks.store import ledger
from tasks.store.staging import Staging
from tasks.validate import Validator


@dataclass(frozen=True)
class Steps:
    """The steps by name: plain functions, or the same ones watched by Prefect (`tasks.watched`)."""

    extract: Callable[[Run], Extracted]
    map: Callable[[Run, Extracted], Mapping]
    validate: Callable[[Run, Extracted, Mapping], Staging]
    load: Callable[[Run, Staging, Extracted, Mapping], None]


def extract(run: Run) -> Extracted:
    """Open the source: its format, encoding and shape, and its records as lazy text columns."""
    run.progress("extract", 0, None)
    job = run.job
    named = resource(job.resource_type) if job.resource_type else None
    with disk_watched():
        return reading.extract(job, named, run.workdir, run.settings)


def map(run: Run, extracted: Extracted) -> Mapping:  # the step's name in the design
    """Find the type and which column fills which field, and enter both in the ledger."""
    job = run.job
    ledger.describe_source(run.session, extracted, samples(extracted) if job.dry_run else {})
    saved_type, saved, constants = _saved(run)
    name = job.resource_type or saved_type or extracted.resource_type
    chosen = resource(name) if name else detect_type(extracted)
    options = MapOptions(job.columns, constants | job.constants, saved, job.unknown)
    mapping = map_columns(extracted.columns, chosen, options, job.mode)
    if job.stale is Stale.OVERWRITE:
        mapping = replace(mapping, seen=None)
    run.rules, left_out = rules_for(load_rules(run.settings.rules), chosen, job.without_rules)
    try_out(run.rules, chosen)
    said = [*extracted.notices, *notices(mapping, job.unknown), *left_out]
    ledger.describe_run(run.session, extracted.sha256, chosen.type, mapping, said)
    run.begin(chosen)
    if job.save_mapping:
        with run.session.transaction() as connection:
            ledger.save_mapping(connection, job.save_mapping, chosen.type, mapping)
    return mapping


def _saved(run: Run) -> tuple[str | None, dict[str, str], dict[str, str]]:
    if not run.job.mapping:
        return None, {}, {}
    with run.session.transaction() as connection:
        return ledger.load_mapping(connection, run.job.mapping)


def validate(run: Run, extracted: Extracted, mapping: Mapping) -> Staging:
    """Validate the records batch by batch, and stage each valid batch while the next is validated."""
    chosen = run.resource
    if not run.job.dry_run:
        run.session.lock(chosen, run.progress)
    run.count_again()
    staging = Staging(run.session, chosen, mapping.fields, run.workdir, seen=mapping.seen is not None)
    staging.create()
    guarded = FORMATS[extracted.format].guarded
    own = tuple(rule for rule in run.rules if of_cells(rule, mapping, run.job.mode, run.job.empty))
    validator = Validator(chosen, mapping, run.job.mode, run.job.empty, guarded, own)
    size = run.job.batch_size or run.settings.batch_size
    with disk_watched():
        for batch in ahead(validator.batches(without_secrets(extracted, chosen), size)):
            staging.add(batch.valid, batch.flawed)
            run.keep_issues(run.tally.add(batch, run.settings.max_issues))
            run.progress("validate", run.tally.passed, extracted.records, run.tally.rejected)
    staging.finish()
    return staging


def load(run: Run, staging: Staging, extracted: Extracted, mapping: Mapping) -> None:
    """Check, plan and apply the staged rows in one transaction with the ledger."""
    loading.load(run, staging, extracted, mapping)


PLAIN = Steps(extract, map, validate, load)
"""The steps as plain functions."""
