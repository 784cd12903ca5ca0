"""Which MCP servers each key may use: none, for the keys that there are."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the column."""
    op.add_column("sekisho_keys", sa.Column("mcp", sa.JSON, nullable=False, server_default="[]"))
