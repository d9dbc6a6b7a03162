"""Why pages of a list of the REST API may not hold all of its records."""

from __future__ import annotations

from collections.abc import Sequence

from schemas.issues import Issue, Severity
from tasks.formats.netbox.members import Json


def page_gaps(pages: Sequence[Json], records: int, name: str) -> tuple[Issue, ...]:
    """Say why pages may not hold all records of their list: one has a next one, or counts more than they hold.

    `pages` are their members `PAGING`; `records` is how many different ones they hold.
    """
    counts = [page["count"] for page in pages if page["count"] is not None]
    goes_on = all(page["next"] for page in pages) if len(pages) > 1 else any(page["next"] for page in pages)
    # Pages in any order are whole when they hold what they count; where they do not count, one of them is the last.
    whole = max(counts) <= records if counts else not goes_on
    if not pages or (whole and (len(pages) > 1 or not goes_on)):
        return ()
    of = f" of {max(counts):,}" if counts else ""
    message = f"{name} holds {records:,}{of} records and says that there are more: fetch the other pages, too"
    return (Issue(PAGE, message, Severity.WARNING, value=str(max(counts)) if counts else None),)


def gaps_of_missing_pages(issues: Sequence[Issue], records: int) -> tuple[Issue, ...]:
    """Return the gaps of several files of a type, without those of pages that the files hold together."""
    counts = [issue.value for issue in issues if issue.rule == PAGE]
    if not counts or None in counts or max(map(int, filter(None, counts))) > records:
        return tuple(issues)
    return tuple(issue for issue in issues if issue.rule != PAGE)


PAGE = "page"
"""The rule of a gap that is a page; the issue's value is the number of records in all."""
