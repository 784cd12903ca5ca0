"""What brings the tables of a database to what this version needs, step by step (Alembic)."""

from pathlib import Path

from sqlalchemy import Connection, column, inspect, select, table

from ..row import KeyStoreError

HEAD = "0003"
_FIRST = "0001"  # what Sekisho 0.1 made, before there were migrations
_VERSIONS = table("sekisho_schema", column("version_num"))


def version(connection: Connection) -> str | None:
    """The step that the tables are at; None when there are none yet."""
    found = inspect(connection)
    if found.has_table(_VERSIONS.name):
        return connection.execute(select(_VERSIONS)).scalar_one_or_none()
    return _FIRST if found.has_table("sekisho_keys_meta") else None


def upgrade(connection: Connection, where: str, *, migrate: bool) -> None:
    """Bring the tables to `HEAD`, in the transaction of a connection that holds the schema's lock.

    Raises KeyStoreError when they are older and not `migrate`, or made by a newer Sekisho.
    """
    found = version(connection)
    if found is not None and found > HEAD:
        raise KeyStoreError(
            f"{where} was made by a newer Sekisho (key store version {found}, this one knows "
            f"{HEAD}); upgrade Sekisho or point SEKISHO_DATABASE_URL elsewhere"
        )
    if found is not None and found < HEAD and not migrate:
        raise KeyStoreError(
            f"{where} was made by an older Sekisho (key store version {found}, this one needs "
            f"{HEAD}); make a backup, then type: sekisho keys migrate"
        )
    if found != HEAD:
        _run(connection, adopted=_FIRST if found == _FIRST else None)


def _run(connection: Connection, adopted: str | None) -> None:
    # Imported here: a tenth of a second that only a new or an old database needs.
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext
    from alembic.runtime.migration import MigrationContext, RevisionStep
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    scripts = ScriptDirectory.from_config(config)

    if adopted is not None:
        named = {"version_table": _VERSIONS.name}
        MigrationContext.configure(connection, opts=named).stamp(scripts, adopted)

    def steps(found: str | tuple[str, ...], _context: MigrationContext) -> list[RevisionStep]:
        # The name that Alembic's own cookbook uses.
        return scripts._upgrade_revs(HEAD, found)  # type: ignore[arg-type]  # pyright: ignore

    with EnvironmentContext(config, scripts, fn=steps) as environment:
        environment.configure(connection=connection, version_table=_VERSIONS.name)
        environment.run_migrations()
