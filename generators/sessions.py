"""Terminal sessions in the documents: `make sessions` runs them again and writes what the commands print.

A session is a block of `console` lines; each runs in a copy of `examples/`, in the order of the document, with a
database of its own. A test compares what the documents show with what the commands print.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
DOCUMENTS = ("README.md", *(str(path.relative_to(ROOT)) for path in sorted((ROOT / "docs" / "tutorials").glob("*.md"))))
"""The documents that show sessions."""

_BLOCK = re.compile(r"```console\n(.*?)```", re.DOTALL)
_PROMPT = re.compile(r"^\$ ", re.MULTILINE)


def commands(text: str) -> list[tuple[str, str]]:
    """Return the commands of a document in order, each with the output that the document shows."""
    parts = (part for block in _BLOCK.findall(text) for part in _PROMPT.split(block)[1:])
    return [(command, output) for command, _, output in (part.partition("\n") for part in parts)]


def recorded(text: str) -> str:
    """Return a document with the output of its commands as they print it now."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)  # the embedded PostgreSQL of root runs as another user
        examples = Path(shutil.copytree(ROOT / "examples", Path(folder) / "examples"))
        environment = {**os.environ, "CMDB_HOME": f"{folder}/home", "COLUMNS": "200", "NO_COLOR": "1"}

        def session(block: re.Match[str]) -> str:
            shown = [f"$ {command}\n{_output(command, examples, environment)}" for command, _ in commands(block[0])]
            return "```console\n" + "".join(shown) + "```"

        return _BLOCK.sub(session, text)


def _output(command: str, folder: Path, environment: dict[str, str]) -> str:
    program = str(Path(sys.executable).with_name("cmdb"))
    line = re.sub(r"^cmdb ", f"{program} ", command)
    done = subprocess.run(
        ["bash", "-c", line], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode not in (0, 1, 3):
        raise SystemExit(f"{command}: {done.stderr}")
    text = (done.stdout or done.stderr).replace(str(folder), "/home/me/examples")
    return "".join(line.rstrip() + "\n" for line in text.rstrip().splitlines())


if __name__ == "__main__":
    for name in DOCUMENTS:
        document = ROOT / name
        document.write_text(recorded(document.read_text(encoding="utf-8")), encoding="utf-8")
