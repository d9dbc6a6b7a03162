"""An error as the command line shows it: a sentence with what to do, or JSON."""

from __future__ import annotations

from rich.markup import escape

from api.cli.render.plans import mapping_table
from api.cli.terminal import err, print_json
from api.cli.wording import COMMAND_LINE
from api.json_output import error_json
from schemas.errors import CmdbError, MappingError
from schemas.language.remedies import worded


def show_error(error: CmdbError, json: bool) -> None:
    """Print an error: as JSON on standard output, else on standard error, with the mapping that it is about."""
    if json:
        print_json({"error": error_json(error, COMMAND_LINE)})
        return
    err.print(f"[bold red]Error:[/bold red] {escape(worded(error.message, COMMAND_LINE))}", soft_wrap=True)
    if isinstance(error, MappingError) and error.mapping and error.mapping.matches:
        err.print(mapping_table(error.mapping))
