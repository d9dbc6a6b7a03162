"""undo: how many records a run deleted, and which run it takes back."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


COMMENTS = {
    "before": "the whole record before the run; JSON null where there was none",
    "after": "the fields that the run wrote; JSON null where it deleted the record",
}


def upgrade() -> None:
    """Apply the change."""
    op.add_column("import_run", sa.Column("records_deleted", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column(
        "import_run", sa.Column("undoes", sa.Uuid(), nullable=True, comment="the run that this one takes back")
    )
    op.create_index(op.f("ix_import_run_undoes"), "import_run", ["undoes"], unique=False)
    for name, comment in COMMENTS.items():
        op.alter_column("change", name, existing_type=JSONB(), comment=comment, existing_nullable=False)


def downgrade() -> None:
    """Take the change back."""
    op.drop_index(op.f("ix_import_run_undoes"), table_name="import_run")
    op.drop_column("import_run", "undoes")
    op.drop_column("import_run", "records_deleted")
