"""The sentence that a person reads about how a run ended, rendered from its outcome."""

from __future__ import annotations

from schemas.reports import Exported, Outcome, Report

NO_MEMORY = "it got no more memory. Split what it reads, or see CMDB_RUN_MEMORY_MB."
"""The detail of a run that ended as LIMITED because it was refused memory."""

_SENTENCES = {
    Outcome.UNCHANGED: "unchanged: the source is as it was at the last run of this sync, and nothing was done.",
    Outcome.CANCELLED: "The run was stopped; nothing of it was applied.",
    Outcome.CRASHED: "The process of this run ended before it was done; nothing of it was applied.",
}

_PREFIXES = {Outcome.SKIPPED: "Skipped: ", Outcome.LIMITED: "The run was ended, and nothing of it was applied: "}


def sentence(outcome: Outcome | None, detail: str | None = None) -> str | None:
    """Return what a person reads about the end of a run; None if there is nothing to say.

    `detail` is what the ledger stores in addition to the outcome: which limit, which other run, which error.
    """
    if outcome is None or detail is None:
        return detail if outcome is None else _SENTENCES.get(outcome)
    return f"{_PREFIXES.get(outcome, '')}{detail}"


def counts_sentence(report: Report) -> str:
    """Return what a run did with the records, or what it would do: `8 created, 2 updated, 0 rejected`."""
    counts = report.counts
    if report.is_planned:
        done = [f"{counts.create:,} to create", f"{counts.update:,} to update"]
        more = {"to retire": counts.retire, "to delete": counts.delete}
    elif report.outcome in (None, Outcome.APPLIED):
        done = [f"{counts.create:,} created", f"{counts.update:,} updated"]
        more = {"retired": counts.retire, "deleted": counts.delete}
    else:
        return f"nothing changed, {counts.rejected:,} rejected"
    done += [f"{count:,} {name}" for name, count in more.items() if count]
    return ", ".join([*done, f"{counts.rejected:,} rejected"])


def export_sentence(exported: Exported) -> str:
    """Return what an export wrote: `412 records of vpc to vpcs.csv, 20,480 bytes`."""
    return f"{exported.records:,} records of {exported.what} to {exported.path.name}, {exported.size:,} bytes"
