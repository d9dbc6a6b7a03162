"""The index of all commands. Made by `make generate` from their declarations."""

# ruff: noqa: E501

from __future__ import annotations

from api.cli.commands.registry import Listed

INDEX: dict[str, Listed] = {
    "import": Listed(
        "imports",
        "Import and export",
        "Import files: load the valid rows in one transaction, and list the rejected ones with the reasons.",
    ),
    "preview": Listed(
        "imports",
        "Import and export",
        "Show what files contain and what importing them would change.",
    ),
    "export": Listed(
        "exports",
        "Import and export",
        "Export records to a file that can be imported again.",
    ),
    "template": Listed(
        "templates",
        "Import and export",
        "Write a template to fill in, with explanations and examples.",
    ),
    "plan": Listed(
        "plans",
        "Plans",
        "Freeze what an import would do; `cmdb apply PLAN` does exactly that later.",
    ),
    "apply": Listed(
        "plans",
        "Plans",
        "Apply a frozen plan exactly, unless records have changed since (--moved).",
    ),
    "approve": Listed(
        "syncs",
        "Syncs",
        "Approve a sync that a guard holds: its plan is applied exactly.",
    ),
    "reject": Listed(
        "syncs",
        "Syncs",
        "Reject a sync that a guard holds: its plan cannot be applied any more.",
    ),
    "sync": Listed(
        "syncs",
        "Syncs",
        "Sync records from a source: create, update, and retire or delete those missing from it.",
    ),
    "syncs": Listed(
        "syncs",
        "Syncs",
        "List syncs with their last run, last change and next run.",
    ),
    "runs": Listed(
        "runs",
        "Runs",
        "List the newest runs.",
    ),
    "show": Listed(
        "runs",
        "Runs",
        "Show the report of a run.",
    ),
    "rejects": Listed(
        "runs",
        "Runs",
        "Write the rejected rows of a run to a file, to fix and import them.",
    ),
    "undo": Listed(
        "runs",
        "Runs",
        "Undo a run: delete the records it created, and restore those it updated or deleted.",
    ),
    "diff": Listed(
        "runs",
        "Runs",
        "Compare two runs of a sync: what each read, and what changed in between.",
    ),
    "types": Listed(
        "types",
        "Records",
        "List the resource types, or the fields of one.",
    ),
    "rules": Listed(
        "types",
        "Records",
        "List the built-in rules and your own.",
    ),
    "list": Listed(
        "records",
        "Records",
        "List the records of a type.",
    ),
    "get": Listed(
        "records",
        "Records",
        "Show one record with all of its fields.",
    ),
    "history": Listed(
        "records",
        "Records",
        "Show the history of a record: when it changed, by which run and file, before and after.",
    ),
    "free": Listed(
        "records",
        "Records",
        "List free blocks of a size among the prefixes of a VRF or the subnets of a VPC, lowest first.",
    ),
    "up": Listed(
        "serve",
        "Serve",
        "Start PostgreSQL, the Prefect server, a worker and the API on this machine.",
    ),
    "api": Listed(
        "serve",
        "Serve",
        "Serve the API and the page; a Prefect server and a worker must be running.",
    ),
    "worker": Listed(
        "serve",
        "Serve",
        "Register the deployments and execute their runs, at most CMDB_MAX_RUNS at once.",
    ),
    "settings": Listed(
        "setup",
        "Set-up",
        "Show all settings with their values (secrets masked) and origins.",
    ),
    "doctor": Listed(
        "doctor",
        "Set-up",
        "Check the database, storage, keys, Prefect, workers and the API, and say how to fix what is wrong.",
    ),
    "db": Listed(
        "setup",
        "Set-up",
        "The database.",
    ),
    "key": Listed(
        "access",
        "Set-up",
        "Keys of the API, in the database: they hold at once, without a restart. `cmdb key NAME` makes one for CMDB_API_KEYS instead.",
    ),
    "audit": Listed(
        "access",
        "Set-up",
        "The access log.",
    ),
}
