"""Write the migration for changed tables: `python -m tasks.store.migrations.new "add routes"`, or `make migration`."""

from __future__ import annotations

import sys

from alembic import command
from alembic.config import Config

from schemas.settings import settings
from tasks.store.connection.database import address
from tasks.store.connection.engine import engine
from tasks.store.connection.migrate import SCRIPTS, run_migrations


def main(message: str) -> None:
    """Compare the tables with the database's and write what brings the one to the other."""
    with address(settings()) as url:
        # Not all of an upgrade: its view of changes needs the tables that the new migration creates.
        with engine(url).begin() as connection:
            run_migrations(connection)
        with engine(url).begin() as connection:
            config = Config()
            config.set_main_option("script_location", str(SCRIPTS))
            config.attributes["connection"] = connection
            command.revision(config, message, autogenerate=True)


if __name__ == "__main__":
    main(sys.argv[1])
