"""A first look at cmdb: real imports of the files in this folder, by its real commands. Run it with `make demo`."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.rule import Rule
from rich.table import Table

from deployments.server import prefect_server
from flows.server.sign_in import sign_in
from schemas.settings import Settings
from tasks.store.connection.database import database

HERE = Path(__file__).parent
CMDB = Path(sys.executable).with_name("cmdb")
HOME = Path(tempfile.gettempdir()) / f"cmdb-demo-{os.getuid()}"

console = Console(highlight=False, width=None if sys.stdout.isatty() else 160)


def cmdb(words: str, expect: tuple[int, ...] = (0,), **environment: str) -> None:
    """Run a `cmdb` command and show what it prints."""
    console.print(f"\n[bold]$ cmdb {words}[/bold]", markup=True, soft_wrap=True)
    command = [str(CMDB), *shlex.split(words)]
    code = subprocess.run(command, cwd=HERE, env=os.environ | environment, check=False).returncode
    if code not in expect:
        sys.exit(f"cmdb {words} ended with exit code {code}")


def under_prefect(settings: Settings) -> None:
    """Import under a Prefect server: the runs are flow runs there, and their steps are task runs."""
    console.print(Rule("With a Prefect server: every import is a flow run that it shows", align="left"))
    with prefect_server(settings) as api:
        console.print(f"\na Prefect server answers at {api}", style="dim")
        cmdb("import vpcs.csv", PREFECT_API_URL=api)
        cmdb("import describe-subnets.json --set region=eu-central-1", PREFECT_API_URL=api)
        list_flow_runs(api, settings)


def list_flow_runs(api: str, settings: Settings) -> None:
    """Ask the server for the flow runs and their task runs."""
    os.environ["PREFECT_API_URL"] = api
    sign_in(api, settings)
    from prefect.client.orchestration import get_client

    table = Table(
        "flow run", "task run", "state", "seconds", box=None, title="What Prefect shows", title_justify="left"
    )
    with get_client(sync_client=True) as client:
        for flow_run in reversed(client.read_flow_runs()):
            table.add_row(flow_run.name, "", flow_run.state_name, f"{flow_run.total_run_time.total_seconds():.2f}")
            tasks = [run for run in client.read_task_runs() if run.flow_run_id == flow_run.id]
            for run in sorted(tasks, key=lambda run: str(run.start_time)):
                table.add_row("", run.name, run.state_name, f"{run.total_run_time.total_seconds():.2f}")
    console.print()
    console.print(table)
    del os.environ["PREFECT_API_URL"]


def plainly() -> None:
    """Import without a server: the same flow in the command's own process."""
    console.print()
    console.print(Rule("Without one: the same steps in the command's own process", align="left"))
    cmdb("import vpcs.csv")
    cmdb("preview vpcs-with-mistakes.csv", expect=(3,))
    cmdb("import vpcs-with-mistakes.csv --max-errors 10%", expect=(1,))
    cmdb("import vpcs-with-mistakes.csv", expect=(3,))
    cmdb(f"rejects last -o {HOME / 'rejects.xlsx'}")
    files = ("transit-gateways.json", "sites.csv", "vlans.xlsx", "prefixes.ndjson", "netbox-devices.json")
    for name in (*files, "internet-gateways.yaml"):
        cmdb(f"import {name}")
    cmdb("runs")


def main() -> None:
    """Show all of it, in a folder of its own."""
    shutil.rmtree(HOME, ignore_errors=True)
    os.environ["CMDB_HOME"] = str(HOME)
    for name in ("CMDB_DATABASE_URL", "CMDB_PREFECT_API_URL", "PREFECT_API_URL"):
        os.environ.pop(name, None)
    settings = Settings()
    with database(settings):
        under_prefect(settings)
        plainly()
    console.print()
    console.print(Rule("What to try next", align="left"))
    console.print(
        f"export CMDB_HOME={HOME}                  the demo's database; without it, yours\n"
        ".venv/bin/cmdb show last                              the report of a run\n"
        ".venv/bin/cmdb import examples/vpcs.csv --dry-run     what an import would do\n"
        ".venv/bin/cmdb types vpc                              the fields of a type\n"
        ".venv/bin/cmdb import --help                          mapping, constants, thresholds …\n"
        f"open {HOME / 'rejects.xlsx'}, fix the marked cells, and import it",
        soft_wrap=True,
    )


if __name__ == "__main__":
    main()
