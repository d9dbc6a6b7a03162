"""The tools that one would pick instead, each in a virtual environment of its own: dlt, and pgloader where it is."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from sqlalchemy.engine import make_url

LONGEST = 300.0
"""Seconds after which a rival is stopped."""

DLT = "dlt[postgres]==1.31.*"

_DLT_PROGRAM = """
import sys, time, dlt, pyarrow.csv
began = time.perf_counter()
url, file = sys.argv[1:]
types = {name: "string" for name in open(file).readline().strip().split(",")}
table = pyarrow.csv.read_csv(file, convert_options=pyarrow.csv.ConvertOptions(column_types=types))
pipeline = dlt.pipeline("bench", destination=dlt.destinations.postgres(url), dataset_name="dlt_bench")
pipeline.run(
    dlt.resource(
        table, name="vpc", primary_key="vpc_id", write_disposition={"disposition": "merge", "strategy": "upsert"}
    )
)
print(time.perf_counter() - began)
"""


def dlt(url: str, file: Path, home: Path) -> float:
    """Upsert a file with dlt from an Arrow table; returns its seconds, without those of its start.

    One that takes longer than `LONGEST` is stopped, and counted as that: PostgreSQL may join its tables row by row.
    """
    # dlt wants a host and a password; the socket of the query is what libpq then uses.
    named = make_url(url).set(drivername="postgresql", host="localhost", password="none")
    address = named.render_as_string(hide_password=False)
    environment = os.environ | {"HOME": str(home), "RUNTIME__DLTHUB_TELEMETRY": "false"}
    command = [str(_dlt_python(home)), "-c", _DLT_PROGRAM, address, str(file)]
    try:
        done = subprocess.run(command, env=environment, check=False, capture_output=True, text=True, timeout=LONGEST)
    except subprocess.TimeoutExpired:
        return LONGEST
    if done.returncode:
        sys.exit(f"dlt failed:\n{done.stderr[-2000:]}")
    return float(done.stdout.split()[-1])


def has_dlt(home: Path) -> bool:
    """Install dlt into a virtual environment of its own; says whether it was to be had."""
    subprocess.run([sys.executable, "-m", "venv", str(home / "dlt")], check=True)
    install = [str(_dlt_python(home)), "-m", "pip", "install", "--quiet", DLT, "pyarrow"]
    return not subprocess.run(install, check=False).returncode


def _dlt_python(home: Path) -> Path:
    return home / "dlt" / "bin" / "python"


def has_pgloader() -> bool:
    """Say whether pgloader is on this machine."""
    return shutil.which("pgloader") is not None


def pgloader(url: str, file: Path, home: Path) -> float:
    """Load a file with pgloader; returns the seconds of the process."""
    parsed = make_url(url)
    socket = str(parsed.query["host"])
    header = file.open(encoding="utf-8").readline().strip()
    script = home / "vpc.load"
    script.write_text(
        f"LOAD CSV FROM '{file}' HAVING FIELDS ({header}) INTO "
        f"postgresql://{parsed.username}@unix:{socket}:5432/{parsed.database}?tablename=peer ({header}) "
        "WITH skip header = 1, fields terminated by ',';",
        encoding="utf-8",
    )
    began = time.perf_counter()
    subprocess.run([str(shutil.which("pgloader")), str(script)], check=True, capture_output=True, cwd=home)
    return time.perf_counter() - began
