"""The arguments and options that several commands have, next to the options of jobs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from schemas.formats import READ_LABELS

File = Annotated[
    Path,
    typer.Argument(
        metavar="FILE",
        help=f"{READ_LABELS}; also .gz or .zip. - reads standard input.",
    ),
]
Type = Annotated[str | None, typer.Option("--type", "-t", help="Resource type. Default: detected from the file.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
TypeArgument = Annotated[str, typer.Argument(metavar="TYPE", help="Such as vpc or transit-gateway: `cmdb types`.")]
RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="The id of a run, its beginning, or 'last'.")]
