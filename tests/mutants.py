"""Change the code in small ways and see whether a test notices: `make mutants`, or `python -m tests.mutants MODULE…`.

mutmut makes the changes (mutants) and runs the tests that reach each; a mutant that no test notices has survived. Those
with a reason to, in docs/development/mutants.md, are known; the exit status tells whether there are others.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).parents[1]
REASONS = ROOT / "docs" / "development" / "mutants.md"

TESTS: dict[str, tuple[str, ...]] = {
    "schemas/model/rules.py": ("tests/schemas/model/test_rules.py",),
    **{
        f"schemas/model/kinds/{name}.py": ("tests/schemas/model/test_kinds.py",)
        for name in ("addresses", "kind", "numbers", "structured", "text")
    },
    **{
        f"tasks/{name}.py": ("tests/tasks/mapping/test_columns.py",)
        for name in (
            "mapping/lineage_columns",
            "mapping/match_names",
            "mapping/match_values",
            "mapping/options",
            "mapping/columns",
        )
    },
    "tasks/store/merge/plan.py": ("tests/flows/test_plan.py", "tests/flows/test_undo.py", "tests/flows/test_sync.py"),
    "tasks/store/merge/undo.py": ("tests/flows/test_undo.py",),
    "tasks/store/merge/undo_statements.py": ("tests/flows/test_undo.py", "tests/tasks/store/merge/test_undo.py"),
    "tasks/store/merge/deletions.py": (
        "tests/flows/test_sync.py",
        "tests/flows/test_sync_emptied.py",
        "tests/flows/test_sync_overlap.py",
    ),
}
"""The tests of each module: to run all of them for each mutant would take days."""

PURE = tuple(name for name in TESTS if name.startswith(("schemas/", "tasks/mapping/")))
"""Modules whose tests need no fixture, and run without the second that tests/conftest.py takes to import."""

# What a test process imports of others, so that it is imported once; nothing of ours, which is mutated, and nothing
# that pytest wants to import itself.
PRELOAD = ("openpyxl", "orjson", "pandera.polars", "polars", "psycopg2", "sqlalchemy")


def survivors(module: str) -> list[str]:
    """Run mutmut for one module; returns the changed lines of each mutant that no test notices."""
    # The same examples each time.
    os.environ["HYPOTHESIS_PROFILE"] = "ci"
    # Tests are imported from the copy that is mutated, which this package would hide.
    sys.modules.pop("tests", None)
    from mutmut import __main__ as mutmut
    from mutmut import configuration
    from mutmut.mutation.data import SourceFileMutationData
    from mutmut.mutation.diff_apply import get_diff_for_mutant
    from mutmut.state import state
    from mutmut.stats import status_by_exit_code

    copy = ROOT / "mutants"
    shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir()
    preload = copy / "preload.txt"
    preload.write_text("\n".join(PRELOAD))
    config = configuration.config()
    configuration._config = replace(
        config,
        pytest_add_cli_args=[*config.pytest_add_cli_args, *(["--noconftest"] if module in PURE else [])],
        only_mutate=[module],
        pytest_add_cli_args_test_selection=list(TESTS[module]),
        preload_modules_file=str(preload),
    )
    collect = mutmut.collect_or_load_stats

    def collect_with_imports(*arguments: object, **named: object) -> None:
        collect(*arguments, **named)  # type: ignore[arg-type]  # whatever mutmut gives
        # What is called while modules are imported is ascribed to the test that runs first: any test may notice it.
        every = list(state().duration_by_test)
        for tests in state().tests_by_mangled_function_name.values():
            if every[0] in tests:
                tests.update(every)

    mutmut.collect_or_load_stats = collect_with_imports
    mutmut._run((), 1)
    data = SourceFileMutationData(path=Path(module))
    data.load()
    if set(data.exit_code_by_key.values()) == {255}:
        raise RuntimeError("No test process starts: run mutmut with debug = true in pyproject.toml to see why.")
    statuses = {name: status_by_exit_code[code] for name, code in data.exit_code_by_key.items()}
    counts = {status: list(statuses.values()).count(status) for status in sorted(set(statuses.values()))}
    sys.stdout.write(f"{module}: {len(statuses)} mutants, {counts}\n")
    found = []
    for name, status in statuses.items():
        # A mutant that can't be imported is a timeout to mutmut.
        if status in ("killed", "timeout"):
            continue
        lines = get_diff_for_mutant(name, path=Path(module)).splitlines()
        changed = " ".join(line[1:].strip() for line in lines if line.startswith("+") and not line.startswith("+++"))
        sys.stdout.write(f"  {status}: {name}: {changed}\n")
        found.append(changed)
    return found


def main(modules: tuple[str, ...] = ()) -> int:
    """Test modules one after another; returns how many have a survivor without a reason in the mutants page."""
    if len(modules) != 1:
        # mutmut's state is its process's.
        runs = [[sys.executable, "-m", "tests.mutants", module] for module in modules or TESTS]
        return sum(subprocess.run(run, cwd=ROOT, check=False).returncode != 0 for run in runs)
    reasons = REASONS.read_text("utf-8")
    unexplained = [changed for changed in survivors(modules[0]) if f"`{changed}`" not in reasons]
    if unexplained:
        listed = "\n  ".join(unexplained)
        sys.stdout.write(f"{len(unexplained)} without a reason in {REASONS.relative_to(ROOT)}:\n  {listed}\n")
    return bool(unexplained)


if __name__ == "__main__":
    sys.exit(main(tuple(sys.argv[1:])))
