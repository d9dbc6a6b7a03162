"""The law that rules accept what the source system can return: no answer of the EC2 API is rejected."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.issues import Severity
from schemas.job_options.choices import Mode
from schemas.jobs import ImportJob
from schemas.resources import RESOURCES
from tasks.mapping.columns import map_columns
from tasks.mapping.options import MapOptions
from tasks.steps.extract import extract_all
from tasks.values.validator import Validator
from tests.answers import record
from tests.laws import law
from tests.schemas.test_resources import AWS, SHAPES
from tests.support import with_settings


@pytest.mark.parametrize("resource_type", AWS)
@law(25, shrink=False)
@given(data=st.data())
def test_no_answer_is_rejected(tmp_path: Path, resource_type: str, data: st.DataObject) -> None:
    """Neither a rule of a cell nor one of a row makes any record of a described type an error, and none is a repair."""
    records = data.draw(st.lists(record(SHAPES[resource_type]), min_size=1, max_size=4))
    found = issues(tmp_path, resource_type, records)
    assert [issue for issue in found if issue["severity"] != Severity.WARNING] == []


def issues(folder: Path, resource_type: str, records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Validate a document of these records, and return what is told of its cells and rows."""
    resource = RESOURCES[resource_type]
    assert resource.document
    path = folder / "described.json"
    path.write_text(json.dumps({resource.document.key: records}))
    found = []
    for extracted in extract_all(ImportJob(path=path), folder, with_settings()):
        assert extracted.resource_type == resource_type
        mapping = map_columns(extracted.columns, resource, MapOptions(), Mode.UPSERT)
        for batch in Validator(resource, mapping).batches(extracted, 1000):
            found += batch.issues.to_dicts()
    return found
