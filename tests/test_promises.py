"""What the project promises: the documents are true, and files and functions are small."""

from __future__ import annotations

import ast
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from generators.reference import FILES
from generators.sessions import DOCUMENTS, commands
from tests.api.conftest import cli  # noqa: F401  # a fixture
from tests.api.support import Cli

ROOT = Path(__file__).parents[1]


def without_chance(text: str) -> list[str]:
    """Return the lines of an output without run ids, times and the width of columns."""
    text = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "RUN", text)
    text = re.sub(r"\d+\.\d s", "TIME", text)
    text = re.sub(r"[\d,]+ bytes, TIME", "SIZE", text)
    text = re.sub(r"\b[0-9a-f]{8}\b", "RUN", text)
    text = re.sub(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d+)?)?([+-]\d\d:\d\d)?", "MOMENT", text)
    text = re.sub(r"\S*/examples/", "", text)
    return [" ".join(line.split()) for line in text.splitlines() if line.strip()]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_the_sessions_of_a_document_run_and_print_that(
    document: str,
    cli: Cli,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each command gives the lines that stand below it, and the exit code that the lines imply."""
    monkeypatch.chdir(shutil.copytree(ROOT / "examples", tmp_path / "examples"))
    shown = commands((ROOT / document).read_text(encoding="utf-8"))
    assert shown
    for command, output in shown:
        if not command.startswith("cmdb "):
            subprocess.run(["bash", "-c", command], check=True)
            continue
        done = cli(*shlex.split(command.removeprefix("cmdb ")))
        assert done.code == expected_code(output), done.err
        assert without_chance(done.out or done.err) == without_chance(output)


def expected_code(output: str) -> int:
    """Return the exit code of a command that prints this."""
    if output.startswith("failed"):
        return 1
    return 3 if re.search(r"[1-9]\d* rejected  ", output) else 0


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_generated_files_are_up_to_date(path: Path) -> None:
    """The reference pages, the index of commands and `prefect.yaml` are what `make generate` writes."""
    assert path.read_text(encoding="utf-8") == FILES[path]()


def test_every_example_is_shown_by_the_demo() -> None:
    """No example file is left over."""
    demo = (ROOT / "examples" / "demo.py").read_text(encoding="utf-8")
    names = [
        path.name for path in (ROOT / "examples").iterdir() if path.suffix not in (".py", ".pyc") and path.is_file()
    ]
    assert [name for name in names if name not in demo] == []


PACKAGES = ("api", "cmdb", "deployments", "flows", "schemas", "tasks")
MOST_LINES_OF_A_FILE = 400
MOST_LINES_OF_A_FUNCTION = 40


def modules() -> Iterator[tuple[str, str]]:
    """Yield the path and the text of each module; migrations are as long as what they change."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            if "migrations" not in path.parts:
                yield path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")


def lines_of(function: ast.FunctionDef | ast.AsyncFunctionDef, text: list[str]) -> int:
    """Count the lines of a function that are code: no docstring, no comment and no blank line."""
    first = function.body[0]
    documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    doc = range(first.lineno, (first.end_lineno or first.lineno) + 1) if documented else range(0)
    numbers = range(function.lineno, (function.end_lineno or function.lineno) + 1)
    code = (text[number - 1].strip() for number in numbers if number not in doc)
    return sum(bool(line) and not line.startswith("#") for line in code)


def test_files_are_small() -> None:
    """No module has more lines than a reader keeps in mind."""
    lines = {name: text.count("\n") for name, text in modules()}
    assert {name: count for name, count in lines.items() if count > MOST_LINES_OF_A_FILE} == {}


def test_functions_are_small() -> None:
    """No function has more lines of code than fit on a screen."""
    long = {}
    for name, text in modules():
        lines = text.splitlines()
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                count = lines_of(node, lines)
                if count > MOST_LINES_OF_A_FUNCTION:
                    long[f"{name} {node.name}"] = count
    assert long == {}
