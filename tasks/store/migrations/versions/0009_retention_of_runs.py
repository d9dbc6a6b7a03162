"""retention of runs: until when they were deleted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the change."""
    op.create_table(
        "run_retention",
        sa.Column("one", sa.Boolean(), server_default="true", nullable=False),
        sa.Column(
            "deleted_until", sa.DateTime(timezone=True), nullable=False, comment="when the newest deleted run ended"
        ),
        sa.PrimaryKeyConstraint("one", name=op.f("run_retention_pkey")),
    )


def downgrade() -> None:
    """Reverse the change."""
    op.drop_table("run_retention")
