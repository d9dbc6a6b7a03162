"""Messages propose options and actions by name, and each front end puts its own words there."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from enum import EnumType
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from pydantic import SecretStr
from pydantic.alias_generators import to_camel

from api.cli.commands.registry import all_commands
from api.cli.wording import COMMAND_LINE
from api.pages.wording import PAGE
from api.rest.wording import API
from cmdb import import_file
from flows.commands import OPERATORS
from schemas.errors import Code, MappingError, SourceError, UnknownType
from schemas.issues import Issue
from schemas.job_options.named_options import named_options
from schemas.jobs import ImportJob
from schemas.language.remedies import (
    NEUTRAL,
    Action,
    ActionCall,
    OptionValue,
    Remedy,
    Step,
    Wording,
    action,
    option,
    remedy_of,
    worded,
)
from tasks.store import ledger
from tasks.store.connection.engine import database_errors, engine
from tests.api.facade import Facade
from tests.api.support import Cli
from tests.support import execute, with_settings
from tests.test_language import messages, modules

ROOT = Path(__file__).parents[2]
STATIC = ROOT / "api" / "pages" / "static"

FRONT_ENDS: dict[str, Wording] = {"command line": COMMAND_LINE, "API": API, "page": PAGE}

RUN = "0b1f5b1e-6f0e-4f6f-8d0e-2f0f6a1c9f11"


def engine_modules() -> list[Path]:
    """Return the modules that know no front end."""
    return [path for path in modules() if path.relative_to(ROOT).parts[0] in ("schemas", "tasks")]


def proposed() -> Iterator[tuple[str, ast.Call]]:
    """Give the place and call of each marker that the messages of the engine have."""
    for path in engine_modules():
        text = path.read_text(encoding="utf-8")
        nodes = ast.walk(ast.parse(text)) if "from schemas.language.remedies import" in text else ()
        for node in nodes:
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("option", "action"):
                yield f"{path.relative_to(ROOT)}:{node.lineno}", node


def named(kind: str) -> set[str]:
    """Return the names that markers of a kind have as literals."""
    calls = [call for _, call in proposed() if isinstance(call.func, ast.Name) and call.func.id == kind]
    return {str(call.args[0].value) for call in calls if isinstance(call.args[0], ast.Constant)}


def test_no_message_of_the_engine_knows_a_front_end() -> None:
    """No text of schemas/ and tasks/ has an option with dashes or a command of the command line."""
    commands = all_commands()
    spelt = re.compile(rf"(?<![\w-])(?<!useradd )--[a-z]|\bcmdb ({'|'.join(commands)})\b")
    found = [
        f"{path.relative_to(ROOT)}:{line}: {text!r}"
        for path in engine_modules()
        for line, text in messages(path)
        if spelt.search(text)
    ]
    assert not found, "\n".join(found)


def test_each_marker_names_an_option_or_an_action() -> None:
    """By a literal name, which an option of some job has; a value of a choice is a member of its enum."""
    places = list(proposed())
    assert len(places) > 30
    for place, call in places:
        first = call.args[0]
        if isinstance(first, ast.Attribute):
            assert first.attr in Action.__members__, place
            continue
        assert isinstance(first, ast.Constant), place
        declared = named_options().get(str(first.value))
        assert declared, f"{place}: no job has the option {first.value!r}"
        if isinstance(declared.type, EnumType) and len(call.args) > 1:
            value = call.args[1]
            assert isinstance(value, ast.Attribute), place
            assert value.attr in declared.type.__members__, place


@pytest.mark.parametrize("name", sorted(named("option")))
def test_each_option_that_a_message_names_is_known_to_each_front_end(name: str) -> None:
    """As an option of a command, as a member of a request, and as a label that the page shows."""
    step, declared = OptionValue(name), named_options()[name]
    commands = all_commands()
    flags = {flag for command in commands.values() for each in command.params for flag in each.opts}
    assert COMMAND_LINE.name(step) in flags
    assert API.name(step) == to_camel(declared.member)
    label, code = PAGE.name(step), "".join(path.read_text(encoding="utf-8") for path in STATIC.glob("*.js"))
    member = to_camel(declared.member)
    by_title = rf'declared\.{member}\.title|(asked|picked|flag)\("{member}"|CHOICES = .*"{member}"'
    by_text = label.strip("“”")
    on_page = re.search(by_title, code) if by_text == declared.info.title else by_text in code
    assert on_page or name in ("without_rules", "moved", "force"), f"the page shows {label} nowhere"


@pytest.mark.parametrize("which", Action)
def test_each_action_is_known_to_each_front_end(which: Action) -> None:
    """As a command, as an operation of the API, and in words on the page."""
    commands = all_commands()
    step = ActionCall(which, RUN)
    words = COMMAND_LINE.name(step).split()
    assert words[0] == "cmdb"
    assert words[1] in commands
    assert re.fullmatch(r"(GET|POST) /api/[\w/-]+", API.name(step))
    assert PAGE.name(step)
    assert COMMAND_LINE.phrase(step) == OPERATORS.phrase(step) == f"`{COMMAND_LINE.name(step)}`"


def test_the_operations_of_actions_exist(alone: Facade) -> None:
    """Each is one of the API's own description."""
    with alone.client() as client:
        document = client.get("/openapi.json").json()
    paths = document["paths"]
    shapes = {(method.upper(), re.sub(r"\{\w+\}", "{}", path)) for path in paths for method in paths[path]}
    for which in Action:
        method, path = API.name(ActionCall(which, "{}")).split()
        assert (method, path) in shapes
    options = document["components"]["schemas"]["ImportRequest"]["properties"]
    assert options["resourceType"]["title"] == "Type of the records"
    assert options["stale"]["x-labels"][1] == {"value": "overwrite", "label": "Overwrite them"}


PHRASES: list[tuple[Step, str, str, str, str]] = [
    (OptionValue("resource_type"), "--type", "`resourceType`", "“Type of the records”", "resource_type"),
    (
        OptionValue("read.encoding", "cp1252"),
        "--encoding cp1252",
        '`encoding: "cp1252"`',
        "“Encoding”: cp1252",
        "read.encoding=cp1252",
    ),
    (OptionValue("read.header_row", "3"), "--header-row 3", "`headerRow: 3`", "“Header row”: 3", "read.header_row=3"),
    (
        OptionValue("stale", "overwrite"),
        "--stale overwrite",
        '`stale: "overwrite"`',
        "“Records changed since the export”: “Overwrite them”",
        "stale=overwrite",
    ),
    (
        OptionValue("columns", "a=b=name"),
        '--map "a=b=name"',
        '`mapping: {"a=b": "name"}`',
        "“Columns”",
        "columns=a=b=name",
    ),
    (
        OptionValue("constants", "region=x"),
        "--set region=x",
        '`constants: {"region": "x"}`',
        "“The same value in every row”",
        "constants=region=x",
    ),
    (
        OptionValue("without_rules", "mine"),
        "--without-rule mine",
        '`withoutRules: ["mine"]`',
        "“Skip the rule mine”",
        "without_rules=mine",
    ),
    (
        ActionCall(Action.APPROVE, RUN),
        f"`cmdb approve {RUN[:8]}`",
        f"`POST /api/import/{RUN}/approve`",
        "“Approve”",
        f"approve {RUN}",
    ),
    (ActionCall(Action.LIST_RUNS), "`cmdb runs`", "`GET /api/imports`", "“History”", "list-runs"),
]


@pytest.mark.parametrize(("step", "command_line", "api", "page", "neutral"), PHRASES)
def test_phrases(step: Step, command_line: str, api: str, page: str, neutral: str) -> None:
    """Each front end names a step in its own way, in the same message."""
    marker = option(step.option, step.value) if isinstance(step, OptionValue) else action(step.action, step.about)
    message = f"Not so: give {marker}."
    for wording, phrase in ((COMMAND_LINE, command_line), (API, api), (PAGE, page), (NEUTRAL, neutral)):
        assert worded(message, wording) == f"Not so: give {phrase}."
    expected = Remedy((step,)) if isinstance(step, OptionValue) else Remedy((), (step,))
    assert remedy_of(message) == expected


def test_a_value_may_hold_what_ends_a_marker() -> None:
    """Braces, percent signs and letters of any script come out as they went in."""
    value = "a}b{option:x}100%7Dé="
    assert remedy_of(option("columns", value)) == Remedy((OptionValue("columns", value),))
    assert worded(option("columns", value), COMMAND_LINE) == f'--map "{value}"'


@pytest.mark.parametrize("text", ["", "use --type vpc", "{action:unheard-of}", "{option:}", "{}", "{x} of {y}"])
def test_a_text_without_markers_stays_as_it_is(text: str) -> None:
    """So do the messages that older versions stored, and texts that only look like markers."""
    assert [worded(text, wording) for wording in FRONT_ENDS.values()] == [text] * 3
    assert remedy_of(text) is None


def test_a_marker_of_an_unknown_option_is_shown_by_its_name() -> None:
    """As a newer version may have stored it."""
    assert worded("give {option:of_tomorrow=1}", COMMAND_LINE) == "give of_tomorrow 1"
    assert worded("give {option:of_tomorrow=1}", API) == 'give `of_tomorrow: "1"`'
    assert worded("give {option:of_tomorrow=1}", PAGE) == "give “of_tomorrow”: 1"


def test_errors_are_data() -> None:
    """A code of the enum, parameters by name, and the remedy of the message, whose neutral words are its text."""
    error = SourceError(f"a.json has no records: give {option('resource_type')}.", file="a.json")
    assert (error.code, error.parameters) == (Code.RUN_FAILED, {"file": "a.json"})
    assert (error.remedy, str(error)) == (
        Remedy((OptionValue("resource_type"),)),
        "a.json has no records: give resource_type.",
    )
    assert UnknownType("x", (("vpc", ("cidr_block",)),)).parameters == {"candidates": {"vpc": ["cidr_block"]}}
    assert MappingError("x", None, ("vpc_id",)).parameters == {"missing": ["vpc_id"]}
    assert Issue("stale", f"import with {option('force')}").worded(COMMAND_LINE).message == "import with --force"


@pytest.fixture
def unknown(tmp_path: Path) -> Path:
    """A file whose columns do not say which type its records are of."""
    path = tmp_path / "odd.csv"
    path.write_text("this,that\nx,y\n")
    return path


def test_the_command_line_gives_errors_as_json(cli: Cli, unknown: Path) -> None:
    """With --json, an error is one object on standard output, in the words of the command line."""
    done = cli("import", str(unknown), "--json")
    error = json.loads(done.out)["error"]
    assert (done.code, error["code"], error["remedy"]) == (
        2,
        "unknown-type",
        {"options": [{"name": "--no-header", "value": None}, {"name": "--type", "value": None}], "actions": []},
    )
    assert "Give --type; the types are" in error["message"]
    odd = json.loads(cli("import", str(unknown), "--json", "--type", "vpk").out)["error"]["parameters"]
    assert (odd["type"], "vpc" in odd["choices"]) == ("vpk", True)
    misused = json.loads(cli("import", str(unknown), "--json", "--no-such-option").out)["error"]
    assert (misused["code"], misused["remedy"]) == ("wrong-request", None)
    assert "Give --type; the types are" in cli("import", str(unknown)).err
    last = cli("show", "last")
    assert "Give --type; the types are" in " ".join((last.out + last.err).split())


def test_the_api_words_what_the_ledger_has(alone: Facade, database_url: str, unknown: Path) -> None:
    """For programs by the members of requests, for the page by its labels; old messages stay as they are."""
    with pytest.raises(UnknownType, match="Give resource_type; the types are"):
        import_file(ImportJob(path=unknown), settings=with_settings(database_url=SecretStr(database_url)))
    [(run, stored)] = execute(database_url, "select run_id, message from import_run")
    assert "Give {option:resource_type}; the types are" in stored
    with alone.client() as client:
        assert "Give `resourceType`; the types are" in _message(client)
        assert "Give `resourceType`; the types are" in _message(client, "unheard-of")
        assert "Give “Type of the records”; the types are" in _message(client, "page")
        [item] = client.get("/api/imports").json()["items"]
        names = [each["name"] for each in item["remedy"]["options"]]
        assert (names, item["remedy"]["actions"]) == (["noHeader", "resourceType"], [])
        execute(database_url, "update import_run set message = 'Give --type.'")
        assert (_message(client, "page"), _message(client)) == ("Give --type.", "Give --type.")
    with database_errors(), engine(database_url).connect() as connection:
        assert ledger.read_report(connection, UUID(str(run))).message == "Give --type."


def _message(client: httpx.Client, wording: str = "") -> str:
    """What the history says of the only run."""
    headers = {"Cmdb-Wording": wording} if wording else {}
    return str(client.get("/api/imports", headers=headers).json()["items"][0]["message"])


def test_a_problem_has_its_remedy(alone: Facade) -> None:
    """Next to the detail, which is in the caller's words."""
    search = {"size": "24", "block": "10.0.0.0/8", "vrf": "nowhere"}
    with alone.client() as client:
        found = client.get("/api/free", params=search)
        page = client.get("/api/free", params=search, headers={"Cmdb-Wording": "page"})
    assert found.status_code == 422, found.text
    name = "GET /api/records/vrf"
    assert found.json()["remedy"] == {"options": [], "actions": [{"action": "list-records", "name": name}]}
    assert found.json()["detail"] == f"There is no VRF 'nowhere': see `{name}`."
    assert page.json()["detail"] == "There is no VRF 'nowhere': see “Browse”."
    assert found.json()["parameters"] == {"key": "nowhere", "type": "vrf"}


def test_the_reference_has_each_code() -> None:
    """`docs/reference/errors.md` lists the codes of the enum, and no others."""
    text = (ROOT / "docs" / "reference" / "errors.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `([\w-]+)` \|", text, re.MULTILINE)) == set(Code)
