"""Validate: the rows of one shard, batch by batch, into the run's staging.

All that a shard stages is one transaction: tried again, or by two processes at once, it is staged once.
"""

from __future__ import annotations

import polars as pl

from schemas.issues import Severity
from schemas.job_options.choices import Mode
from schemas.phases import Phase
from schemas.sources import UNTOUCHED, Extracted
from tasks.formats import FORMATS
from tasks.formats.formula_guard import SOURCE_GUARDED
from tasks.prefetch import prefetched
from tasks.rules.evaluate import of_cells
from tasks.runtime.context import RunContext, disk_errors
from tasks.runtime.values import MappedSource, Shard, StagedShard, Tally, issues_to_keep
from tasks.security.redaction import without_secrets
from tasks.store import ledger
from tasks.store.staging.prefilter import Prefilter
from tasks.store.staging.spool import Spool
from tasks.store.staging.table import Staging
from tasks.store.staging.unchanged import can_spool, mostly_unchanged
from tasks.values.partial_fields import completed
from tasks.values.validator import Validator


def validate(run: RunContext, shard: Shard) -> StagedShard:
    """Validate the rows of a shard batch by batch, and stage each valid batch while the next is validated."""
    source, extracted = shard.source, shard.extracted
    if not run.job.dry_run:
        run.session.lock(source.resource, run.progress)
    staging = _staging(run, source)
    with run.session.transaction() as connection:
        staging.create(connection)
    if extracted is None:
        # Its records are created once it is known to which of them rows refer.
        return StagedShard(source, staging, Tally())
    return _staged(run, shard, extracted, staging)


def _staged(run: RunContext, shard: Shard, extracted: Extracted, staging: Staging) -> StagedShard:
    """Stage the rows of a shard; where an earlier attempt has, they are only counted again."""
    source, tally = shard.source, Tally()
    validator = _validator(run, source, extracted, staging)
    whole = completed(run.session, source.resource, source.mapping, without_secrets(extracted, source.resource))
    size = run.job.batch_size or run.settings.batch_size
    room = run.settings.max_issues - shard.kept
    with disk_errors(), run.session.transaction() as connection:
        is_staged = staging.is_staged(connection, shard.number)
        spool = Spool(run.workdir / f"spool-{source.number}-{shard.number}")
        may_spool = not is_staged and _may_spool(run, source, staging)
        if not is_staged:
            spool.remove()
        for batch in prefetched(validator.batches(whole, size)):
            if may_spool and not tally.passed and mostly_unchanged(connection, staging, batch.valid, extracted.records):
                spool.open()
            own = spool if spool.is_open else None
            issues = issues_to_keep(batch, room - tally.kept)
            if is_staged:
                staging = staging.with_rows(len(batch.valid), len(batch.flawed), own)
            else:
                staging = staging.add(connection, batch.valid, batch.flawed, shard.number, own)
                ledger.add_issues(connection, run.run_id, issues, source.number)
            errors = issues.filter(pl.col("severity") == Severity.ERROR)
            tally = tally.with_batch(batch, len(issues) - len(errors))
            run.progress(Phase.VALIDATE, tally.passed, extracted.records, tally.rejected)
    return StagedShard(source, staging, tally)


def _staging(run: RunContext, source: MappedSource) -> Staging:
    """Return the staging of a source, of which nothing is known as yet."""
    chosen, mapping = source.resource, source.mapping
    columns = source.extracted.columns if source.extracted else ()
    prefilter = Prefilter(run.workdir, chosen, mapping.fields, source.number)
    seen, untouched = mapping.seen is not None, UNTOUCHED in columns
    return Staging(run.run_id, chosen, mapping.fields, prefilter, source.number, seen=seen, untouched=untouched)


def _may_spool(run: RunContext, source: MappedSource, staging: Staging) -> bool:
    """Say whether unchanged rows may be left out of the staging table: what the run reports and checks is the same.

    A preview shows such rows, a sync looks up which records it has rows of, and a user's own rules over records see
    all of them. Another process has folders of its own.
    """
    job = run.job
    if run.session.is_worker or job.dry_run or job.create_missing or job.mode not in (Mode.UPSERT, Mode.UPDATE):
        return False
    own = run.rules_of(source.resource)
    return can_spool(staging) and all(of_cells(rule, source.mapping, job.mode, job.empty) for rule in own)


def _validator(run: RunContext, source: MappedSource, extracted: Extracted, staging: Staging) -> Validator:
    job, mapping = run.job, source.mapping
    guarded = FORMATS[extracted.format].facts.guarded and extracted.metadata.get(SOURCE_GUARDED) not in (False, "false")
    cells = () if staging.untouched else run.rules_of(source.resource)
    own = tuple(rule for rule in cells if of_cells(rule, mapping, job.mode, job.empty))
    return Validator(source.resource, mapping, job.mode, job.empty, guarded, own, job.read)
