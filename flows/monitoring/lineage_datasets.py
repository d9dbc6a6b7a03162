"""The datasets of a run as OpenLineage has them: what was read, the tables that were written, columns and counts.

Importing this module imports the OpenLineage client, which is an extra of the package.
"""

from __future__ import annotations

from pathlib import Path
from socket import gethostname
from urllib.parse import parse_qs, urlsplit

from openlineage.client.event_v2 import InputDataset, OutputDataset
from openlineage.client.facet_v2 import (
    DatasetFacet,
    column_lineage_dataset,
    data_quality_assertions_dataset,
    input_statistics_input_dataset,
    output_statistics_output_dataset,
    schema_dataset,
)
from sqlalchemy.engine import make_url

from flows.registry import Job
from schemas.issues import Severity
from schemas.jobs import ExportJob, ImportJob, SyncJob
from schemas.reports import Exported, Outcome, PartReport, Report
from schemas.resources import RESOURCES
from schemas.settings import settings

Datasets = tuple[list[InputDataset], list[OutputDataset]]

_Name = tuple[str, str]
"""The namespace and the name of a dataset, as https://openlineage.io/docs/spec/naming says."""


def datasets_of_report(job: Job, report: Report) -> Datasets:
    """Return the sources of a run and the tables of its types."""
    one = PartReport(report.resource_type, report.source, report.counts, report.mapping, report.origin)
    parts = [part for part in report.parts or (one,) if part.resource_type in RESOURCES]
    several = len(parts) > 1
    inputs, outputs = [], []
    for part in parts:
        namespace, name = source_name(job, report)
        read_from = (namespace, f"{name}#{part.source}" if several else name)
        if part.mapping:
            inputs.append(_source(read_from, part, report))
        outputs.append(_table(read_from, part, is_written=report.outcome is Outcome.APPLIED))
    return inputs, outputs


def datasets_of_export(job: ExportJob, exported: Exported) -> Datasets:
    """Return the tables that an export read, and the file that it wrote."""
    counts = exported.types or {str(exported.resource_type): exported.records}
    inputs = [
        InputDataset(*table_name(name), facets=_schema_of(name), inputFacets={"inputStatistics": _rows_read(count)})
        for name, count in counts.items()
        if name in RESOURCES
    ]
    columns = [schema_dataset.SchemaDatasetFacetFields(name=name) for name in exported.columns]
    written = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(
        rowCount=exported.records, size=exported.size, fileCount=1
    )
    facets: dict[str, DatasetFacet] = {"schema": schema_dataset.SchemaDatasetFacet(columns)} if columns else {}
    file = OutputDataset(*_file_name(job.path), facets=facets, outputFacets={"outputStatistics": written})
    return inputs, [file]


# Names ----------------------------------------------------------------------------------------------------------------


def source_name(job: Job, report: Report) -> _Name:
    """Return the name of what a run read: a file by its path, anything else by its URL without user and options."""
    if isinstance(job, ImportJob):
        uploaded = job.path.is_relative_to(settings().storage)
        return ("file", job.source) if uploaded else _file_name(job.path)
    return _of_url(job.url) if isinstance(job, SyncJob) else ("file", report.source)


def _of_url(url: str) -> _Name:
    parts = urlsplit(url)
    if parts.scheme in ("", "file"):
        return _file_name(Path(url.removeprefix("file://")))
    host, path = parts.netloc.rpartition("@")[2], parts.path.strip("/")
    if parts.scheme.startswith("postgres"):
        asked = parse_qs(parts.query)
        table = (asked.get("table") or ["query"])[0]
        return f"postgres://{host if ':' in host else f'{host}:5432'}", f"{path}.{table}"
    return f"{parts.scheme}://{host}", path or "/"


def _file_name(path: Path) -> _Name:
    return "file", str(path.absolute())


def table_name(resource_type: str) -> _Name:
    """Return the name of the table of a type."""
    given = settings().database_url
    if given is None:
        return f"postgres://{gethostname()}:5432", f"cmdb.public.{resource_type}"
    url = make_url(given.get_secret_value())
    host = url.host or str(url.query.get("host") or "")
    # A path is that of a socket of this machine.
    host = gethostname() if not host or host.startswith("/") else host
    return f"postgres://{host}:{url.port or 5432}", f"{url.database}.public.{resource_type}"


# Facets ---------------------------------------------------------------------------------------------------------------


def _source(name: _Name, part: PartReport, report: Report) -> InputDataset:
    assert part.mapping  # noqa: S101  # the caller has checked it
    columns = part.origin.columns if part.origin else tuple(match.column for match in part.mapping.matches)
    fields = [schema_dataset.SchemaDatasetFacetFields(name=column) for column in columns]
    rules = [
        data_quality_assertions_dataset.Assertion(
            assertion=each.rule,
            success=False,
            severity="error" if each.severity is Severity.ERROR else "warn",
            actual=str(each.count),
        )
        for each in report.rules
        if each.severity is not Severity.REPAIR
    ]
    valid = data_quality_assertions_dataset.Assertion(
        assertion="no_rejected_rows", success=not part.counts.rejected, actual=str(part.counts.rejected)
    )
    return InputDataset(
        *name,
        facets={"schema": schema_dataset.SchemaDatasetFacet(fields)},
        inputFacets={
            "inputStatistics": _rows_read(part.counts.read),
            "dataQualityAssertions": data_quality_assertions_dataset.DataQualityAssertionsDatasetFacet(
                assertions=[valid, *rules]
            ),
        },
    )


def _rows_read(count: int) -> input_statistics_input_dataset.InputStatisticsInputDatasetFacet:
    return input_statistics_input_dataset.InputStatisticsInputDatasetFacet(rowCount=count)


def _table(read_from: _Name, part: PartReport, *, is_written: bool) -> OutputDataset:
    counts = part.counts
    facets = _schema_of(part.resource_type)
    if part.mapping:
        facets["columnLineage"] = _column_lineage(read_from, part)
    changed = counts.create + counts.update + counts.delete + counts.retire if is_written else 0
    written = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(rowCount=changed)
    return OutputDataset(*table_name(part.resource_type), facets=facets, outputFacets={"outputStatistics": written})


def _schema_of(resource_type: str) -> dict[str, DatasetFacet]:
    fields = [
        schema_dataset.SchemaDatasetFacetFields(
            name=name, type=str(spec.kind.sql), description=spec.description or spec.title
        )
        for name, spec in RESOURCES[resource_type].fields.items()
    ]
    return {"schema": schema_dataset.SchemaDatasetFacet(fields)}


def _column_lineage(read_from: _Name, part: PartReport) -> column_lineage_dataset.ColumnLineageDatasetFacet:
    """Return which columns fill which fields; values are validated and normalized on the way."""
    assert part.mapping  # noqa: S101  # the caller has checked it
    columns: dict[str, list[str]] = {}
    pairs = [(each.field, each.column) for each in part.mapping.matches]
    pairs += [(each.field, each.column) for each in part.mapping.joins]
    for field, column in pairs:
        if field:
            columns.setdefault(field, []).append(column)
    direct = column_lineage_dataset.Transformation(type="DIRECT", subtype="TRANSFORMATION")
    return column_lineage_dataset.ColumnLineageDatasetFacet(
        fields={
            name: column_lineage_dataset.Fields(
                inputFields=[
                    column_lineage_dataset.InputField(*read_from, column, transformations=[direct])
                    for column in filled_by
                ]
            )
            for name, filled_by in columns.items()
        }
    )
