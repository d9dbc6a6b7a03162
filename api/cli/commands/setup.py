"""The commands `cmdb settings` and `cmdb db`."""

from __future__ import annotations

import typer

from api.cli.backends.choice import only_here
from api.cli.commands.panels import SETUP
from api.cli.options import Json
from api.cli.render.types import settings_table
from api.cli.terminal import out, print_json
from schemas.settings import settings
from tasks.store.connection.database import address
from tasks.store.connection.engine import engine
from tasks.store.connection.migrate import upgrade

commands = typer.Typer()


db = typer.Typer(help="The database.", no_args_is_help=True)


@db.command("upgrade", epilog="Example: CMDB_DATABASE_URL=postgresql://… cmdb db upgrade")
def db_upgrade() -> None:
    """Migrate the database to this version; the first run does this, too."""
    only_here("db upgrade")
    with address(settings()) as url:
        changed = upgrade(engine(url))
    out.print("The database was upgraded." if changed else "The database is up to date.")


@commands.command("settings", rich_help_panel=SETUP)
def settings_(json: Json = False) -> None:
    """Show all settings with their values (secrets masked) and origins."""
    if json:
        print_json({name: {"value": _plain(value), "source": source} for name, value, source in settings().shown()})
        return
    out.print(settings_table(settings()))


def _plain(value: object) -> object:
    return value if isinstance(value, int | type(None)) else str(value)
