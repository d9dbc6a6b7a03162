"""What cmdb makes of the corpus, compared with the truth."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from sqlalchemy import select, text

from benchmarks.corpus.documents import Document, documents
from benchmarks.corpus.tables import Table, tables
from flows.pipelines import import_file
from schemas.errors import CmdbError
from schemas.job_options.choices import Mode
from schemas.jobs import ImportJob
from schemas.model.tables import TABLES
from schemas.resources import RESOURCES, resource
from schemas.settings import Settings
from tasks.mapping.columns import map_columns
from tasks.mapping.infer_type import detect_type, first_records
from tasks.mapping.options import MapOptions
from tasks.steps.extract import extract
from tasks.store.connection.embedded import server
from tasks.store.connection.engine import close_engine, engine
from tasks.store.connection.migrate import ensure_upgraded

SURE = 0.9
"""The confidence from which on a mapping may not be wrong."""

LEAST = 0.98
"""The share of columns that has to be mapped correctly."""


@dataclass
class Figures:
    """Counts of what was read rightly and wrongly; `wrong` says what."""

    seed: int
    tables: int = 0
    columns: int = 0
    mapped: int = 0
    wrong_columns: int = 0
    wrong_and_sure: int = 0
    types_inferred: int = 0
    types_refused: int = 0
    documents: int = 0
    records: int = 0
    values: int = 0
    right_values: int = 0
    wrong_types: int = 0
    wrong: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether enough is right, and nothing wrong that looks right."""
        share = self.mapped >= LEAST * self.columns
        return share and not self.wrong_and_sure and not self.wrong_types

    def table(self) -> str:
        """The figures as a table of Markdown."""
        rows = [
            ("tables", f"{self.tables:,}"),
            ("columns", f"{self.columns:,}"),
            ("columns mapped correctly", f"{self.mapped / self.columns:.1%}"),
            ("columns mapped wrongly", f"{self.wrong_columns:,}"),
            ("of these with a confidence of 90 % or more", f"{self.wrong_and_sure:,}"),
            ("types inferred from columns", f"{self.types_inferred:,}"),
            ("types asked for instead", f"{self.types_refused:,}"),
            ("documents", f"{self.documents:,}"),
            ("records in them", f"{self.records:,}"),
            ("their values read correctly", f"{self.right_values / max(self.values, 1):.1%}"),
            ("wrong types, in tables and documents", f"{self.wrong_types:,}"),
        ]
        lines = [
            f"| corpus of seed {self.seed} | |",
            "| --- | --- |",
            *(f"| {name} | {value} |" for name, value in rows),
        ]
        return "\n".join(lines)


def measure(seed: int, table_count: int, document_count: int, folder: Path) -> Figures:
    """Make the corpus in a folder, read it, and return what came of it."""
    figures = Figures(seed)
    rng = Random(seed)  # noqa: S311  # a corpus, no secret
    used = Settings(home=folder / "home")
    for number, table in enumerate(tables(rng, table_count)):
        _read_table(figures, table, folder / f"table-{number}", used)
    with server(folder / "database", durable=False) as url:
        ensure_upgraded(url)
        for number, document in enumerate(documents(rng, document_count)):
            _import_document(figures, document, folder / f"document-{number}", url, used)
        close_engine(url)
    return figures


# Tables ---------------------------------------------------------------------------------------------------------------


def _read_table(figures: Figures, table: Table, folder: Path, used: Settings) -> None:
    """Map the columns of a table, whose type is inferred where it is not given."""
    folder.mkdir()
    path = folder / "rows.csv"
    path.write_text(table.text, encoding="utf-8")
    figures.tables += 1
    truth = {column: field for column, field in table.columns.items() if field}
    figures.columns += len(table.columns)
    given = resource(table.resource_type) if table.type_given else None
    part = extract(ImportJob(path=path), given, folder, used)
    try:
        chosen = given or detect_type(part)
    except CmdbError as error:
        figures.types_refused += 1
        figures.wrong.append(f"{table.resource_type}: type refused: {error} {list(part.columns)}")
        chosen = resource(table.resource_type)
    else:
        figures.types_inferred += given is None
    if chosen.type != table.resource_type:
        figures.wrong_types += 1
        figures.wrong.append(f"{table.resource_type}: read as {chosen.type}: {list(part.columns)}")
        return
    try:
        mapping = map_columns(part.columns, chosen, MapOptions(), Mode.UPSERT, first_records(part))
    except CmdbError as error:
        figures.wrong.append(f"{table.resource_type}: {error}")
        return
    found = {match.column: match for match in mapping.matches}
    for column, wanted in table.columns.items():
        match = found.get(column)
        if (match.field if match else None) == wanted:
            figures.mapped += 1
            continue
        what = f"{match.field} ({match.confidence:.0%} by {match.how})" if match else "nothing"
        figures.wrong.append(f"{table.resource_type}: '{column}' is {truth.get(column, 'nothing')}, read as {what}")
        if match:
            figures.wrong_columns += 1
            figures.wrong_and_sure += match.confidence >= SURE


# Documents ------------------------------------------------------------------------------------------------------------


def _import_document(figures: Figures, document: Document, folder: Path, url: str, used: Settings) -> None:
    """Import a document into an empty CMDB, and compare what is stored."""
    folder.mkdir()
    path = folder / document.name
    path.write_text(document.text, encoding="utf-8")
    with engine(url).begin() as connection:
        connection.execute(text(f"truncate {', '.join(table.name for table in TABLES.values())}"))
    figures.documents += 1
    try:
        report = import_file(ImportJob(path=path, **document.options), url, used)
        said = "; ".join(f"{issue.rule}: {issue.message}" for issue in report.issues)
    except CmdbError as error:
        said = str(error)
    stored = {name: _stored(url, name) for name in RESOURCES}
    for name, records in stored.items():
        for key in records.keys() - document.records.get(name, {}).keys():
            figures.wrong_types += 1
            figures.wrong.append(f"{document.shape}: {name} {key} is none of its records: {said}")
    for name, wanted in document.records.items():
        for key, fields in wanted.items():
            found = stored[name].get(key, {})
            right = {field for field, value in fields.items() if found.get(field) == value}
            figures.records += 1
            figures.values += len(fields)
            figures.right_values += len(right)
            if len(right) < len(fields):
                lacking = {field: (value, found.get(field)) for field, value in fields.items() if field not in right}
                figures.wrong.append(f"{document.shape}: {name} {key}: {lacking}: {said}")


def _stored(url: str, name: str) -> dict[str, dict[str, Any]]:
    with engine(url).connect() as connection:
        rows = connection.execute(select(TABLES[name])).mappings()
        key = RESOURCES[name].key_column
        return {str(row[key]): {field: _text(value) for field, value in row.items()} for row in rows}


def _text(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else None if value is None else str(value)
