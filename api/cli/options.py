"""The arguments and options that several commands have, next to the options of jobs."""

from __future__ import annotations

from typing import Annotated

import typer

from api.cli.completion import complete_run, complete_type
from schemas.formats import READ_LABELS

Files = Annotated[
    list[str],
    typer.Argument(
        metavar="FILE...",
        help=f"{READ_LABELS}; also .gz or .zip. Several files and patterns are one run. - reads standard input.",
    ),
]
Type = Annotated[
    str | None,
    typer.Option("--type", "-t", help="Resource type. Default: detected from the file.", autocompletion=complete_type),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
TypeArgument = Annotated[
    str,
    typer.Argument(metavar="TYPE", help="Such as vpc or transit-gateway: `cmdb types`.", autocompletion=complete_type),
]
RunArgument = Annotated[
    str,
    typer.Argument(metavar="RUN", help="The id of a run, its beginning, or 'last'.", autocompletion=complete_run),
]
