"""What a caller chooses of an import or a sync: one enum for each choice."""

from __future__ import annotations

from enum import StrEnum


class Mode(StrEnum):
    """What an import may do with a record: create new ones, update known ones, both, or also take away missing ones."""

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
    """What a sync does about a record that its source no longer has: nothing, set it aside, or delete it."""

    IGNORE = "ignore"
    RETIRE = "retire"
    DELETE = "delete"


class Overlap(StrEnum):
    """What a sync does that begins while another run of it is under way: it does nothing, or waits for its turn."""

    REFUSE = "refuse"
    QUEUE = "queue"


class Moved(StrEnum):
    """What applying a plan does about records that moved since: nothing at all, leave them out, or plan again."""

    REFUSE = "refuse"
    SKIP = "skip"
    REBASE = "rebase"


class Unknown(StrEnum):
    """What is done about a source column that fits no field."""

    IGNORE = "ignore"
    WARN = "warn"
    REFUSE = "refuse"
