"""What a caller chooses of an import or a sync: one enum for each choice."""

from __future__ import annotations

from enum import StrEnum


class Mode(StrEnum):
    """What an import may do: create records, update known ones, both, or also delete or retire missing ones."""

    CREATE = "create"
    UPDATE = "update"
    UPSERT = "upsert"
    SYNC = "sync"


class OnError(StrEnum):
    """What rejected rows do to the others: they are left out, or nothing is loaded."""

    CONTINUE = "continue"
    ABORT = "abort"


class Empty(StrEnum):
    """What an empty cell does to a stored value: clears it, or keeps it."""

    CLEAR = "clear"
    KEEP = "keep"


class Stale(StrEnum):
    """What is done about a record that was changed since the file was exported: it is left alone, or written over."""

    REFUSE = "refuse"
    OVERWRITE = "overwrite"


class Missing(StrEnum):
    """What a sync does about a record that its source no longer has: ignore, retire or delete it."""

    IGNORE = "ignore"
    RETIRE = "retire"
    DELETE = "delete"


class Overlap(StrEnum):
    """What a sync does that begins while another run of it is running: it is refused, or it is queued."""

    REFUSE = "refuse"
    QUEUE = "queue"


class Drift(StrEnum):
    """What applying a plan does about drift: refuse, skip the changed records, or plan again."""

    REFUSE = "refuse"
    SKIP = "skip"
    REBASE = "rebase"


class Verdict(StrEnum):
    """What was decided about the plan of a held sync."""

    APPROVED = "approved"
    REJECTED = "rejected"


class Unknown(StrEnum):
    """What is done about a source column that fits no field."""

    IGNORE = "ignore"
    WARN = "warn"
    REFUSE = "refuse"


LABELS: dict[type[StrEnum], dict[str, str]] = {
    Mode: {
        Mode.UPSERT: "Create new records and update known ones",
        Mode.CREATE: "Create new records only",
        Mode.UPDATE: "Update known records only",
        Mode.SYNC: "Sync: create, update, and retire records missing from the source",
    },
    OnError: {
        OnError.CONTINUE: "Import the other rows",
        OnError.ABORT: "Import nothing",
    },
    Empty: {
        Empty.CLEAR: "Clear the stored value",
        Empty.KEEP: "Keep the stored value",
    },
    Stale: {
        Stale.REFUSE: "Leave them alone",
        Stale.OVERWRITE: "Overwrite them",
    },
    Missing: {
        Missing.RETIRE: "Retire them: keep them, but not in lists",
        Missing.DELETE: "Delete them",
        Missing.IGNORE: "Leave them as they are",
    },
    Overlap: {
        Overlap.REFUSE: "Skip this run",
        Overlap.QUEUE: "Queue this run",
    },
    Drift: {
        Drift.REFUSE: "Change nothing",
        Drift.SKIP: "Leave them out",
        Drift.REBASE: "Plan again",
    },
    Unknown: {
        Unknown.WARN: "Report and skip them",
        Unknown.IGNORE: "Skip them",
        Unknown.REFUSE: "Stop the import",
    },
}
"""How people choose among the members of each enum, below the title of an option; the default of imports is first."""
