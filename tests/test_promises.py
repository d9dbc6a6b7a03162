"""What the documents promise: the README's session runs and prints that, and the list of types is the declarations'."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest

from docs.generate import RULES, TARGET, rules_markdown, types_markdown
from tests.api.conftest import cli  # noqa: F401  # a fixture
from tests.api.support import Cli

ROOT = Path(__file__).parents[1]


def without_chance(text: str) -> list[str]:
    """Return the lines of an output without run ids, times and the width of columns."""
    text = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "RUN", text)
    text = re.sub(r"cmdb (rejects|show) [0-9a-f]{8}", r"cmdb \1 RUN", text)
    text = re.sub(r"\d+\.\d s", "TIME", text)
    text = re.sub(r"[\d,]+ bytes, TIME", "SIZE", text)
    return [" ".join(line.split()) for line in text.splitlines() if line.strip()]


def session() -> list[tuple[str, str]]:
    """Return (command, output) of the README's session."""
    block = re.search(r"```console\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert block
    parts = block[1].split("$ cmdb ")[1:]
    return [(part.partition("\n")[0], part.partition("\n")[2]) for part in parts]


def test_the_readmes_session_runs_and_prints_that(
    cli: Cli,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each command of the session gives the lines that stand below it."""
    monkeypatch.chdir(shutil.copytree(ROOT / "examples", tmp_path / "examples"))
    assert session()
    for command, output in session():
        done = cli(*shlex.split(command))
        rejected = re.search(r"[1-9]\d* rejected", output) is not None
        assert done.code == (3 if rejected else 0), done.err
        assert without_chance(done.out) == without_chance(output)


def test_the_list_of_types_is_up_to_date() -> None:
    """`docs/reference/types.md` is what `python docs/generate.py` writes."""
    assert TARGET.read_text(encoding="utf-8") == types_markdown()


def test_the_sources_of_rules_are_up_to_date() -> None:
    """`docs/reference/rules.md` lists the rules as `python docs/generate.py` writes them, each with its source."""
    assert RULES.read_text(encoding="utf-8") == rules_markdown()


def test_every_example_is_shown_by_the_demo() -> None:
    """No example file is left over."""
    demo = (ROOT / "examples" / "demo.py").read_text(encoding="utf-8")
    names = [
        path.name for path in (ROOT / "examples").iterdir() if path.suffix not in (".py", ".pyc") and path.is_file()
    ]
    assert [name for name in names if name not in demo] == []
