"""The ledger: the request, issues, rejected rows and result of every run."""

from __future__ import annotations

from tasks.store.ledger.codec import change_from_json, change_to_json, mapping_from_json, mapping_to_json, parts_to_json
from tasks.store.ledger.decisions import approve, holding_decision, reject, withdraw_approval
from tasks.store.ledger.issues import add_issues, count_issues, forget_issues, limit_issues, plan_run, read_issues
from tasks.store.ledger.liveness import is_dead
from tasks.store.ledger.mappings import mappings_of
from tasks.store.ledger.metrics import Figures, daily, figures
from tasks.store.ledger.plans import KeptPlan, end_plan, has_plan, is_kept, keep_plan, read_plan
from tasks.store.ledger.rejected import (
    add_rejected_rows,
    forget_rejected_rows,
    rejected_columns,
    rejected_numbers,
    rejected_page,
    rejected_rows,
)
from tasks.store.ledger.retention import delete_old_runs, deleted_until, hold_run, no_such_run
from tasks.store.ledger.runs import (
    close_run,
    describe_matched,
    describe_run,
    describe_source,
    describe_staged,
    end_killed,
    end_run,
    find_run,
    is_completed,
    list_runs,
    message_of,
    open_run,
    read_report,
    reap,
    remove_staged,
    status_of,
    types_of,
    undone_by,
)
from tasks.store.ledger.syncs import Seen, SyncState, describe_seen, last_seen, list_syncs

__all__ = [
    "Figures",
    "KeptPlan",
    "Seen",
    "SyncState",
    "add_issues",
    "add_rejected_rows",
    "approve",
    "change_from_json",
    "change_to_json",
    "close_run",
    "count_issues",
    "daily",
    "delete_old_runs",
    "deleted_until",
    "describe_matched",
    "describe_run",
    "describe_seen",
    "describe_source",
    "describe_staged",
    "end_killed",
    "end_plan",
    "end_run",
    "figures",
    "find_run",
    "forget_issues",
    "forget_rejected_rows",
    "has_plan",
    "hold_run",
    "holding_decision",
    "is_completed",
    "is_dead",
    "is_kept",
    "keep_plan",
    "last_seen",
    "limit_issues",
    "list_runs",
    "list_syncs",
    "mapping_from_json",
    "mapping_to_json",
    "mappings_of",
    "message_of",
    "no_such_run",
    "open_run",
    "parts_to_json",
    "plan_run",
    "read_issues",
    "read_plan",
    "read_report",
    "reap",
    "reject",
    "rejected_columns",
    "rejected_numbers",
    "rejected_page",
    "rejected_rows",
    "remove_staged",
    "status_of",
    "types_of",
    "undone_by",
    "withdraw_approval",
]
