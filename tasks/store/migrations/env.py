"""What Alembic runs: the migrations, on the connection that `tasks.store.connection.migrate` gives it."""

from alembic import context

from schemas.model.tables import METADATA

context.configure(
    connection=context.config.attributes["connection"], target_metadata=METADATA, compare_server_default=False
)
with context.begin_transaction():
    context.run_migrations()
