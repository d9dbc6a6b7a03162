"""outcomes of runs as a column, filled from the sentences that told them before."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

# The sentences of the versions before, word for word: they are in the databases that this reads.
SENTENCES = {
    "unchanged": "unchanged: the source is as it was at the last run of this sync, and nothing was done.",
    "cancelled": "The run was stopped; nothing of it was applied.",
    "crashed": "The process of this run ended before it was done; nothing of it was applied.",
}
"""The whole message of runs with such an outcome: it is rendered from the outcome from here on."""
PREFIXES = {"skipped": "Skipped: ", "limited": "The run was ended, and nothing of it was applied: "}
"""What such a message began with: only the rest is kept."""

FILL = """
update import_run set outcome = case
    when status = 'running' then null
    when status = 'cancelled' and starts_with(message, :skipped) then 'skipped'
    when status = 'cancelled' then 'cancelled'
    when status = 'completed' and message = :unchanged then 'unchanged'
    when status = 'completed' and dry_run then 'previewed'
    when status = 'completed' then 'applied'
    when message = :crashed then 'crashed'
    when starts_with(message, :limited) then 'limited'
    when plan is not null and not dry_run then 'held'
    when message like '% rows are rejected, %Nothing was changed.' then 'rejected'
    when message like '%since the plan was made%' or message like '%lost what was staged for this plan%' then 'drifted'
    else 'failed'
end
"""


def upgrade() -> None:
    """Apply the change."""
    op.add_column("import_run", sa.Column("outcome", sa.Text(), comment="how the run ended; none while it runs"))
    connection = op.get_bind()
    connection.execute(sa.text(FILL), SENTENCES | PREFIXES)
    for outcome, sentence in SENTENCES.items():
        told = sa.text("update import_run set message = null where outcome = :outcome and message = :sentence")
        connection.execute(told, {"outcome": outcome, "sentence": sentence})
    for outcome, prefix in PREFIXES.items():
        rest = sa.text("update import_run set message = substr(message, :start) where outcome = :outcome")
        connection.execute(rest, {"outcome": outcome, "start": len(prefix) + 1})
    op.create_index("import_run_running", "import_run", ["run_id"], postgresql_where=sa.text("status = 'running'"))


def downgrade() -> None:
    """Reverse the change: the sentences are written out again."""
    connection = op.get_bind()
    for outcome, sentence in SENTENCES.items():
        whole = sa.text("update import_run set message = :sentence where outcome = :outcome and message is null")
        connection.execute(whole, {"outcome": outcome, "sentence": sentence})
    for outcome, prefix in PREFIXES.items():
        told = sa.text("update import_run set message = :prefix || message where outcome = :outcome")
        connection.execute(told, {"outcome": outcome, "prefix": prefix})
    op.drop_index("import_run_running", "import_run")
    op.drop_column("import_run", "outcome")
