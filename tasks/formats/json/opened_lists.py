"""The lists of a document as sources: which are read, which become one, and what is left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NoReturn

import polars as pl

from schemas.errors import SourceError
from schemas.issues import LEFT_OUT, Issue, Severity, issues_frame
from schemas.language.remedies import option
from schemas.language.spelling import plain
from schemas.language.wording import some_of
from schemas.model.resource import Resource
from schemas.resources import RESOURCES
from schemas.sources import ROW, Opened
from tasks.formats.aws import inventory
from tasks.formats.aws.document import SHAPES, Shape
from tasks.formats.base import NOTHING
from tasks.formats.json.absent_fields import viewing_account, with_unset_fields
from tasks.formats.json.found_lists import FoundLists, RecordList
from tasks.formats.json.reading import GENERIC, Reading, type_of, with_reader_issues
from tasks.formats.json.record_or_lists import fits_type
from tasks.formats.json.spool import Spooled, one_after_another
from tasks.formats.netbox.pages import page_gaps
from tasks.formats.writers import RECORDS

MAX_NAMES = 12
"""As many names as a message shows."""

INCOMPLETE = "incomplete"
"""The rule of an issue that says why records may be missing from a source."""


def open_found(found: FoundLists, *, several: bool) -> tuple[Opened, ...]:
    """Return the lists that were found: those of one type as one, in the order of the document.

    Unless `several` are wanted, the one that the caller named or the only one. Raises SourceError where there is none.
    """
    for record_list in found.lists.values():
        record_list.flush()
    chosen = _chosen_lists(found, several=several)
    empty = _empty_lists(found, chosen) if several or not chosen else []
    if not chosen and not empty:
        _refuse_document(found)
    parts = [*_joined_by_type(_chosen_parts(found, chosen)), *empty]
    parts[0] = replace(parts[0], notices=(*parts[0].notices, *_left_out_issues(found, chosen)))
    return tuple(replace(part, metadata=found.metadata) for part in parts)


def _chosen_lists(found: FoundLists, *, several: bool) -> list[RecordList]:
    """The lists that are read."""
    lists = list(found.lists.values())
    if any(plain(each.name or "") == "rows" for each in lists):  # of which Steampipe lists the columns
        lists = [each for each in lists if plain(each.name or "") != "columns"]
    exported = [each for each in lists if each.name == RECORDS]
    if exported or RECORDS in found.empty:
        return exported
    if (wanted := found.source.resource) is not None:
        return _lists_of_type(lists, wanted, found)
    if several or len(lists) < 2:
        return lists
    typed = [each for each in lists if each.reading.resource]
    if len({each.reading.resource.type for each in typed if each.reading.resource}) == 1:
        return typed
    names = ", ".join(str(each.name) for each in lists)
    raise SourceError(
        f"{found.source.name} holds several lists of records: {names}. Name the one to import with "
        f"{option('read.records')}.",
        choices=[str(each.name) for each in lists],
    )


def _chosen_parts(found: FoundLists, chosen: Sequence[RecordList]) -> list[Opened]:
    parts = [(_opened(found, each), each.reading) for each in chosen]
    viewer = found.source.account or viewing_account([(part, reading.shape) for part, reading in parts])
    return [with_unset_fields(part, reading, viewer, found.source.constants) for part, reading in parts]


def _opened(found: FoundLists, record_list: RecordList) -> Opened:
    spooled = record_list.spooling.spooled()
    resource = record_list.reading.resource
    kind = resource.type if resource else None
    spooled = _newest_versions(found, spooled, record_list.reading.shape)
    opened = Opened(
        frame=spooled.frame,
        columns=spooled.columns,
        encoding="utf-8",
        document=record_list.name,
        records=spooled.records,
        resource_type=kind,
        faults=spooled.faults,
        gaps=_gaps(found, record_list.name, record_list.reading),
    )
    return with_reader_issues(opened, record_list.reading)


def _newest_versions(found: FoundLists, spooled: Spooled, shape: Shape | None) -> Spooled:
    """The records of an inventory without the older ones of the same resource, as a history has them."""
    when = inventory.CAPTURED
    if shape is None or when not in spooled.columns:
        return spooled
    key = shape.columns[shape.resource.key[0]].name
    columns = tuple(name for name in spooled.columns if name != when)
    seen = spooled.frame.select(ROW, key, when).collect().filter(pl.col(key).is_not_null())
    newest = seen.sort(when, ROW, descending=[True, False], nulls_last=True).unique(key, keep="first")
    frame, older = spooled.frame.select(ROW, *columns), seen.join(newest, on=ROW, how="anti")
    found.older += len(older)
    if len(older):
        frame = frame.filter(~pl.col(ROW).is_in(older[ROW].implode()))
    return replace(spooled, frame=frame, columns=columns, records=spooled.records - len(older))


def _gaps(found: FoundLists, name: str | None, reading: Reading | None = None) -> tuple[Issue, ...]:
    """Why records of a list may be missing: its last page says that there is another one."""
    for (of, _), token in found.pages.more.items():
        if of == name:
            return (Issue(INCOMPLETE, _HAS_NEXT_PAGE.format(name=name or "the list", token=token), Severity.WARNING),)
    rest = reading.rest if reading else None
    pages = found.pages.of_rest.get((name, rest.shape.type if rest else None), [])
    return page_gaps(pages, rest.distinct if rest else 0, found.source.name)


def _joined_by_type(parts: Sequence[Opened]) -> Iterator[Opened]:
    """The lists of one type as one; those of no known type each by itself."""
    by_type: dict[str, list[Opened]] = {}
    for number, part in enumerate(parts):
        by_type.setdefault(part.resource_type or str(number), []).append(part)
    for same in by_type.values():
        yield joined(same) if len(same) > 1 else same[0]


def _empty_lists(found: FoundLists, chosen: Sequence[RecordList]) -> list[Opened]:
    """Lists without records of types that no other list is of, where those are wanted.

    Next to lists that only hold something else, such as errors, they say nothing: `{"vpcs": [], "errors": […]}`.
    """
    others = bool(found.lists or found.unknown) and not any(each.is_named for each in chosen)
    exported = RECORDS in found.empty or any(each.name == RECORDS for each in chosen)
    if not found.source.emptied or (others and not exported):
        return []
    there = {each.reading.resource.type for each in chosen if each.reading.resource}
    by_type: dict[str, Opened] = {}
    for name in found.empty:
        resource = _type_of_empty_list(found, name)
        if resource and resource.type not in there and (name == RECORDS or RECORDS not in found.empty):
            by_type.setdefault(resource.type, open_empty(found, name, resource))
    return list(by_type.values())


def _type_of_empty_list(found: FoundLists, name: str | None) -> Resource | None:
    """The type that an empty list is named after or, where its name means nothing, the one that was given.

    Given a type, not every list is one of its records: `{"errors": []}` is not.
    """
    of_file = RESOURCES.get(str(found.metadata.get("resourceType"))) if name == RECORDS else None
    wanted = found.source.resource or of_file
    if name and (named_after := type_of(name)):
        return named_after if wanted in (None, named_after) else None
    return wanted if name is None or plain(name) in GENERIC else None


def open_empty(found: FoundLists, name: str | None, resource: Resource | None) -> Opened:
    """Return a list without records of a type; raises SourceError where that is nothing to open."""
    if resource is None:
        found.empty[name] = None
        _refuse_document(found)
    return Opened(
        frame=NOTHING,
        columns=(),
        encoding="utf-8",
        document=name,
        records=0,
        resource_type=resource.type,
        gaps=_gaps(found, name),
    )


def _left_out_issues(found: FoundLists, chosen: Sequence[RecordList]) -> Iterator[Issue]:
    """Report all that is not read."""
    rest = {
        str(each.name): each.spooling.records
        for each in found.lists.values()
        if each not in chosen and plain(each.name or "") != "columns" and each.name not in found.schema_members
    }
    if rest:
        yield _left_out(f"lists that are left out: {_names_with_counts(rest)}")
    if found.unknown:
        yield _left_out(f"lists that are named after no type are left out: {_names_with_counts(found.unknown)}")
    if found.other_types:
        yield _left_out(f"resources of other types are left out: {_names_with_counts(found.other_types)}")
    if found.deleted:
        yield _left_out(f"resources that are deleted are left out: {found.deleted:,}")
    if found.older:
        yield _left_out(f"older versions of resources are left out: {found.older:,}")
    if objects := [name for name in dict.fromkeys(found.objects) if name not in found.schema_members]:
        yield _left_out(f"objects that hold no list are left out: {', '.join(objects)}")


def _refuse_document(found: FoundLists) -> NoReturn:
    name = found.source.name
    if found.refused:
        raise found.refused
    if found.unknown:
        first = next(iter(found.unknown))
        many = (
            f"{_names_with_counts(found.unknown)} are not lists"
            if len(found.unknown) > 1
            else f"'{first}' is not a list"
        )
        raise SourceError(
            f"{name}: {many} that cmdb reads. It reads {', '.join((*SHAPES, *inventory.LISTS))}, and lists that "
            f"are named after a type. If the records are of one of the types, name the list and the type: "
            f"{option('read.records', first)} {option('resource_type', 'TYPE')}."
        )
    if found.other_types or found.deleted:
        reasons = "; ".join(issue.message for issue in _left_out_issues(found, ()))
        raise SourceError(f"{name} has nothing to import: {reasons}.")
    names = [str(each.name or "the list") for each in found.lists.values()]
    if names and found.source.resource:
        of = ", ".join(
            f"{each.reading.resource.type if each.reading.resource else 'unknown'} ({each.name or 'a list'})"
            for each in found.lists.values()
        )
        raise SourceError(
            f"{name} holds no {found.source.resource.title} records, but {of}.", type=found.source.resource.type
        )
    if found.source.emptied and found.empty:
        key = next(iter(found.empty))
        if key and (wanted := found.source.resource):
            raise SourceError(
                f"{name} has no records: the list '{key}' is empty, and its name does not say that it holds "
                f"{wanted.title} records. If it does, add {option('read.records', key)}.",
                type=wanted.type,
                list=key,
            )
        what = f"the list '{key}' is empty and" if key else "its list is empty and"
        raise SourceError(f"{name} has no records: {what} does not say of which type. Use {option('resource_type')}.")
    raise SourceError(f"{name} has no records: its list is empty.")


_HAS_NEXT_PAGE = (
    "'{name}' goes on after its last page in the file ({token}), so records may be missing: fetch all pages, without "
    "limits on items and pages, or append the next ones to the file"
)


def _left_out(message: str) -> Issue:
    return Issue(LEFT_OUT, message, Severity.WARNING)


def _names_with_counts(names: dict[str, int] | Counter[str]) -> str:
    return some_of([f"{name} ({count:,})" for name, count in names.items()], MAX_NAMES)


def _lists_of_type(lists: Sequence[RecordList], wanted: Resource, found: FoundLists) -> list[RecordList]:
    """The lists of the wanted type: those that are named so or, where none is, those that fit it."""
    named_after = [each for each in lists if each.is_named and each.reading.resource is wanted]
    if named_after:
        return named_after
    free = [each for each in lists if not each.is_named]
    if len(free) < 2:
        return free
    fitting = [each for each in free if fits_type(wanted, each.spooling.columns)]
    if not fitting:
        names = ", ".join(str(each.name) for each in free)
        raise SourceError(
            f"{found.source.name} holds several lists of records: {names}. Name the one to import with "
            f"{option('read.records')}.",
            choices=[str(each.name) for each in free],
        )
    return fitting


def joined(parts: Sequence[Opened]) -> Opened:
    """Return several lists of one type as one, the rows of each counted on from the one before it."""
    first, at = parts[0], 0
    frames, faults, notices = [], [], list[Issue]()
    for part in parts:
        if at:
            message = f"'{part.document}' is read as more of '{first.document}': its row 1 is counted as row {at + 1:,}"
            notices.append(Issue("sheet", message, Severity.WARNING))
        notices += part.notices
        frames.append(part.frame.with_columns((pl.col(ROW) + at).cast(pl.UInt32)))
        faults.append(part.faults.with_columns((pl.col("row") + at).cast(pl.UInt32)))
        at += part.records or 0
    columns = tuple(dict.fromkeys(name for part in parts for name in part.columns))
    frame, columns = one_after_another(frames, columns)
    return replace(
        first,
        frame=frame,
        columns=columns,
        document=", ".join(str(part.document) for part in parts),
        records=at,
        faults=pl.concat(faults) if faults else issues_frame(),
        notices=tuple(notices),
        gaps=tuple(gap for part in parts for gap in part.gaps),
    )
