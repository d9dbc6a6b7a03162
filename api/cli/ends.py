"""The exit codes of commands, and how a command ends with one."""

from __future__ import annotations

DONE, FAILED, USAGE, REJECTS, INTERRUPTED = 0, 1, 2, 3, 130


class Ended(SystemExit):
    """The end of a command that carried something out: its exit code says what was done, printed or not."""
