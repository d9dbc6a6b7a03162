"""Plain English: no message, help text, page or document uses the terms that the glossary rules out."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

PACKAGES = ("api", "cmdb", "deployments", "flows", "schemas", "tasks")

# Each private expression, and what to write.
RULED_OUT = {
    r"besides?": "next to, in addition to, also",
    r"mend(s|ed)?": "fix",
    r"anew": "again",
    r"(is|are|was|were|be) told": "is reported",
    r"tells (the|its|a|of)": "reports, says, notifies",
    r"(is|are|was|were|be) asked": "is checked, is evaluated",
    r"found out": "detected, inferred",
    r"tak(e|es|en|ing) away": "delete, retire, remove",
    r"tak(e|es|en|ing) back": "undo",
    r"set(s)? aside": "retire",
    r"say yes|waits? for a yes": "approve, awaits approval",
    r"unless said": "by default",
    r"under way": "active, running",
    r"moved since": "changed since",
    r"carr(y|ies|ied) (\w+ )?out": "run, execute",
    r"(?<!there )is no (?!longer|limit|need|such)\w+|(?<!there )are no (?!longer|such)\w+": "is not a …",
    r"whole file": "complete file",
}
_RULED_OUT = re.compile("|".join(rf"\b({pattern})\b" for pattern in RULED_OUT), re.IGNORECASE)


def messages(path: Path) -> Iterator[tuple[int, str]]:
    """Give the line and text of each string of a module that people may read.

    Docstrings are not among them, and neither are the comments of database columns, which only a migration changes.
    """
    tree = ast.parse(path.read_text(encoding="utf-8"))
    silent = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) or (isinstance(node, ast.keyword) and node.arg == "comment")
    }
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and " " in node.value
            and id(node) not in silent
        ):
            yield node.lineno, node.value


def modules() -> list[Path]:
    """Return the modules of the product, migrations aside."""
    found = (path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
    return sorted(path for path in found if "versions" not in path.parts)


@pytest.mark.parametrize("package", PACKAGES)
def test_messages_are_plain_english(package: str) -> None:
    """Errors, descriptions of options and settings, and what the command line prints."""
    wrong = [
        f"{path.relative_to(ROOT)}:{line}: {text!r}"
        for path in modules()
        if path.relative_to(ROOT).parts[0] == package
        for line, text in messages(path)
        if _RULED_OUT.search(text)
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("folder", ["api/pages/static", "docs"])
def test_pages_and_documents_are_plain_english(folder: str) -> None:
    """The web page, the documents, and with them `--help`, from which one of the documents is generated."""
    files = [path for path in (ROOT / folder).rglob("*") if path.suffix in (".md", ".js", ".html")]
    assert files
    wrong = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in sorted(files)
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if _RULED_OUT.search(line) and not line.lstrip().startswith(("//", "*", "/*"))
    ]
    assert not wrong, "\n".join(wrong)
