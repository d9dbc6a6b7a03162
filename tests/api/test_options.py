"""Every front end has the options that the jobs declare: the command line, the REST API, the page and the documents."""

from __future__ import annotations

import re
from enum import EnumType, StrEnum
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from pydantic.alias_generators import to_camel

from api.cli.commands.registry import all_commands
from api.cli.jobs import LEFT_OUT, flags, offered
from api.rest.import_requests import form_schema
from api.rest.models.exports import ExportRequest
from api.rest.models.imports import ImportOptions
from api.rest.models.job_request import JobRequest
from api.rest.models.plans import ApproveRequest
from api.rest.models.runs import UndoRequest
from api.rest.models.syncs import SyncRequest
from schemas.job_options.choices import LABELS
from schemas.job_options.options import declared_options, internal, nested_model, option_of
from schemas.jobs import ApplyJob, ExportJob, ImportJob, SyncJob, UndoJob
from tests.api.support import Cli

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "api" / "pages" / "static"

JOBS: tuple[type[BaseModel], ...] = (ImportJob, SyncJob, ExportJob, ApplyJob, UndoJob)

COMMANDS: dict[str, type[BaseModel]] = {
    "import": ImportJob,
    "preview": ImportJob,
    "plan": ImportJob,
    "sync": SyncJob,
    "export": ExportJob,
    "list": ExportJob,
    "apply": ApplyJob,
    "approve": ApplyJob,
    "undo": UndoJob,
}

REQUESTS: tuple[type[JobRequest], ...] = (ImportOptions, SyncRequest, ExportRequest, ApproveRequest, UndoRequest)

NOT_ON_THE_PAGE = {
    "batchSize": "a matter of the machine, not of a file",
    "dryRun": "every import of the page is previewed",
    "sheet": "the table of sheets skips the others",
}
"""The options of an import that the page does not offer, with the reason."""


@pytest.mark.parametrize("job", JOBS)
def test_each_field_of_a_job_is_an_option_or_says_why_not(job: type[BaseModel]) -> None:
    """A new field has to say how it is offered, or where its value comes from; an option has a title and a sentence."""
    for name, info in job.model_fields.items():
        assert option_of(info) or internal(info) or nested_model(info), f"{job.__name__}.{name} is not declared"
    for option in declared_options(job):
        assert option.info.title, option.path
        assert re.fullmatch(r"[A-Za-z].*[.…]|[a-z].*\.", option.info.description or ""), option.path


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_has_the_options_of_its_job(name: str) -> None:
    """Each option of the job is one of the command, or is left out for a reason; what is left out exists."""
    job, command = COMMANDS[name], _command(name)
    given = {flag for each in command.params for flag in [*each.opts, *each.secondary_opts]}
    left_out = LEFT_OUT[name]
    assert set(left_out) <= {".".join(each.path) for each in declared_options(job)}
    for option in declared_options(job):
        if ".".join(option.path) not in left_out:
            assert set(flags(option).split("/")) <= given, f"cmdb {name} lacks {flags(option)}"


def _command(name: str) -> Any:
    return all_commands()[name]


def test_two_options_of_a_command_have_two_names() -> None:
    """No flag and no letter stands for two options of a command, and no member for two options of a request."""
    for name in COMMANDS:
        names = [flag for each in _command(name).params for flag in [*each.opts, *each.secondary_opts]]
        assert len(names) == len(set(names)), name
    for job in JOBS:
        members = [each.member for each in declared_options(job)]
        assert len(members) == len(set(members)), job


@pytest.mark.parametrize("request_model", REQUESTS)
def test_a_request_has_the_options_of_its_job(request_model: type[JobRequest]) -> None:
    """Each option is a member in camelCase, with its default and description, or is left out for a reason."""
    schema = request_model.model_json_schema(by_alias=True)["properties"]
    options = {to_camel(each.member): each for each in declared_options(request_model.declared_by)}
    assert set(options) - {to_camel(name) for name in request_model.left_out} <= set(schema)
    written = request_model.__base__
    assert written is not None
    assert issubclass(written, BaseModel)
    for name, option in options.items():
        if option.member not in written.model_fields:
            assert schema[name]["description"] == option.info.description


def test_a_form_has_the_options_of_an_import() -> None:
    """The parts of a form are the members of the JSON, next to the file or its upload, and its name in reports."""
    form = form_schema("PreviewForm")["properties"]
    members = {to_camel(each.member) for each in declared_options(ImportJob)}
    assert set(form) == {*members, "file", "uploadId", "name"}


def test_the_values_of_a_request_are_those_of_the_job() -> None:
    """Whatever a request gives arrives in the field of the job that declares it."""
    given: dict[str, Any] = {"url": "https://ipam.example.com/x.csv", "mapping": {"VPC": "vpc_id"}, "headerRow": 3}
    given |= {"savedMapping": "netbox", "columns": [], "thousands": ".", "sheets": {"A": {"headerRow": 2}}}
    job = SyncRequest.model_validate(given).job("netops")
    assert (job.columns, job.mapping, job.read.header_row) == ({"VPC": "vpc_id"}, "netbox", 3)
    assert job.read.sheets["A"].header_row == 2
    assert (job.read.thousands, job.requested_by) == (".", "netops")


def test_the_page_offers_the_options_of_an_import() -> None:
    """Each option of an import is set by a field of the page, or is not on it for a reason."""
    code = "".join(
        (PAGE / f"{name}.js").read_text(encoding="utf-8") for name in ("columns", "mapping", "confirm", "reading")
    )
    choices = re.search(r"^const CHOICES = \[(.*)\];$", code, re.MULTILINE)
    assert choices
    members = {to_camel(each.member) for each in declared_options(ImportJob)}
    assert set(NOT_ON_THE_PAGE) <= members
    for name in members - set(NOT_ON_THE_PAGE):
        sets = rf'(set|setAndRead)\("{name}"\)|(asked|picked|flag|listTick)\([^()]*"{name}"|state\.{name}\b'
        assert f'"{name}"' in choices[1] or re.search(sets, code), f"the page has no field for {name}"


def test_the_page_offers_each_choice() -> None:
    """The schema of a request has a label for each value of an enum, the default first; the page reads them there."""
    schema = ImportOptions.model_json_schema(by_alias=True)["properties"]
    enums = {to_camel(each.member): each for each in declared_options(ImportJob) if isinstance(each.type, EnumType)}
    assert enums
    for name, option in enums.items():
        values = [each["value"] for each in schema[name]["x-labels"]]
        assert sorted(values) == sorted(option.type), name
        assert values[0] == option.info.default == schema[name]["default"], name


def test_each_choice_has_labels() -> None:
    """Also those of syncs and plans, by which messages name them on the page."""
    for job in JOBS:
        for option in declared_options(job):
            if isinstance(option.type, type) and issubclass(option.type, StrEnum):
                assert set(LABELS[option.type]) == set(option.type), option.path


@pytest.mark.parametrize("name", COMMANDS)
def test_the_reference_lists_the_options_of_a_command(name: str) -> None:
    """`docs/reference/cli.md` has each option of the jobs under each command that has it."""
    text = (ROOT / "docs" / "reference" / "cli.md").read_text(encoding="utf-8")
    section = text.partition(f"\n## `cmdb {name}`\n")[2].partition("\n## ")[0]
    for option in offered(COMMANDS[name], name):
        for flag in flags(option).split("/"):
            assert f"`{flag}`" in section or f"`{flags(option)}`" in section, f"cmdb {name} {flag}"


def test_a_named_sync_refuses_options_that_it_would_ignore(cli: Cli, tmp_path: Path) -> None:
    """A sync runs with the options of its definition; what only concerns this run can be added."""
    path = tmp_path / "vpcs.csv"
    path.write_text("VPC ID;Region;Account;CIDR\nvpc-0a1b2c3d4e5f60718;us-east-1;123456789012;10.0.0.0/16\n")
    assert cli("sync", str(path), "--name", "lab", "--type", "vpc", "--delimiter", ";").code == 0
    refused = cli("sync", "lab", "--max-delete", "5%")
    assert refused.code == 2
    assert "runs with the options of its definition" in refused.err
    assert cli("sync", "lab", "--dry-run", "--always").code == 0


def test_a_wrong_value_is_said_of_its_option(cli: Cli, tmp_path: Path) -> None:
    """Also where the option has another name than the field of the job, or is one of many values."""
    path = tmp_path / "vpcs.csv"
    path.write_text("vpc_id\n")
    many = [word for _ in range(21) for word in ("--without-rule", "x")]
    assert cli("import", str(path), *many).err.startswith("Error: --without-rule: ")
    assert cli("plan", str(path), "-o", str(tmp_path / "plan.json"), "--max-update", "much").err.startswith(
        "Error: --max-update: "
    )
    assert cli("sync", str(path), "--encoding", "zip").err.startswith("Error: --encoding: ")
