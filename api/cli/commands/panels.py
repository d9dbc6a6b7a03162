"""The groups of commands in `cmdb --help`, in their order."""

from __future__ import annotations

FILES, PLANS, SYNCS, RUNS = "Import and export", "Plans", "Syncs", "Runs"
RECORDS, SERVE, SETUP = "Records", "Serve", "Set-up"

PANELS = (FILES, PLANS, SYNCS, RUNS, RECORDS, SERVE, SETUP)

EXIT_CODES = (
    """Exit codes: 0 done; 1 failed, nothing changed; 2 usage error; 3 done, some rows rejected; 130 stopped."""
)
