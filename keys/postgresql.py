"""A PostgreSQL database of keys: how long it may take to answer, and its errors in words."""

import math
import time
from typing import Any, Literal, TypeVar

import psycopg
from psycopg.abc import PQGen
from sqlalchemy import URL, Connection, create_engine, event, func, select
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as NoConnectionFree

# What libpq is told unless the URL says otherwise (www.postgresql.org/docs/current/libpq-connect
# .html#LIBPQ-PARAMKEYWORDS): a server that vanished without a word is given up after 5 s.
_CONNECTION = {
    "application_name": "sekisho",
    "connect_timeout": "3",
    "keepalives": "1",
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "3",
    "tcp_user_timeout": "5000",
}
# Set by a statement, because poolers refuse them in the connection's options. The mark is read in
# the same round trip: it differs after a restore, which is another database or a started server.
_FIRST = """
SELECT set_config('statement_timeout', '5s', false), set_config('lock_timeout', '5s', false),
       set_config('timezone', 'UTC', false),
       (SELECT oid FROM pg_database WHERE datname = current_database()),
       extract(epoch FROM pg_postmaster_start_time())
"""
_SCHEMA_LOCK = 0x5E_C1_50  # any number that other programs in this database don't use
# A server that hangs obeys no timeout of its own, and its kernel answers keepalives for it. Longer
# than the timeouts above, so that a server that lives can say itself what takes so long.
_SILENCE_SECONDS = 6.0

T = TypeVar("T")


class PatientConnection(psycopg.Connection[Any]):
    """A connection that is closed when the server says nothing for too long."""

    patience = _SILENCE_SECONDS

    # Whatever arguments psycopg has besides the steps: they differ between its versions.
    def wait(self, gen: PQGen[T], *rest: Any, **more: Any) -> T:
        """As psycopg's, which every statement passes. Raises psycopg.OperationalError."""
        return super().wait(self._limited(gen), *rest, **more)

    def _limited(self, gen: PQGen[T]) -> PQGen[T]:
        """The same steps; psycopg tells us about ten times a second that there is nothing new."""
        heard = time.monotonic()
        try:
            step = next(gen)
            while True:
                ready = yield step
                if ready:
                    heard = time.monotonic()
                elif time.monotonic() - heard > self.patience:
                    self.close()
                    raise psycopg.OperationalError(
                        f"the server did not answer within {self.patience:g} s"
                    )
                step = gen.send(ready)
        except StopIteration as end:
            answer: T = end.value
            return answer


class PostgresServer:
    """A database of a server, and a small pool of connections to it."""

    dialect: Literal["postgresql"] = "postgresql"

    def __init__(self, url: URL) -> None:
        """Nothing is opened yet."""
        self.name = url.set(drivername="postgresql", query={}).render_as_string()
        ours = {name: value for name, value in _CONNECTION.items() if name not in url.query}
        self.engine = create_engine(
            url.set(drivername="postgresql+psycopg").update_query_dict(ours),
            pool_size=5,
            max_overflow=5,
            pool_timeout=3,
            pool_pre_ping=True,
            use_native_hstore=False,  # we have none, and looking for it is another round trip
        )
        self._mark = ""
        event.listen(self.engine, "do_connect", _connect)
        event.listen(self.engine, "connect", self._connected)
        event.listen(self.engine, "checkin", _checked_in)

    def mark(self) -> str:
        """Which database the newest connection found."""
        return self._mark

    def make(self) -> None:
        """An administrator makes the database, not we."""

    def begin(self, connection: Connection, *, writing: bool) -> None:
        """Begin a transaction, with the next statement."""
        if not writing:
            connection.execution_options(postgresql_readonly=True)

    def lock_schema(self, connection: Connection) -> None:
        """Let nobody else change the schema in this transaction, which may take its time."""
        _driver(connection).patience = math.inf
        connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
        connection.exec_driver_sql("SET LOCAL lock_timeout = '60s'")
        connection.execute(select(func.pg_advisory_xact_lock(_SCHEMA_LOCK)))

    def words(self, error: OSError | SQLAlchemyError) -> str:
        """What went wrong and what to do, in one line."""
        if isinstance(error, NoConnectionFree):
            return "all connections to it are busy; try again"
        reason = str(error.orig) if isinstance(error, DBAPIError) else str(error)
        line = (reason.splitlines() or [type(error).__name__])[0]
        if "timeout" in reason:
            return f"{line}; try again"
        if isinstance(error, OperationalError):
            return f"{line}; check that it runs and that SEKISHO_DATABASE_URL is right"
        return line

    def _connected(self, connection: Any, _record: object) -> None:
        *_, database, started = connection.execute(_FIRST).fetchone()
        connection.commit()
        self._mark = f"{database}-{started}"


def _connect(
    _dialect: object, _record: object, arguments: list[Any], parameters: dict[str, Any]
) -> PatientConnection:
    return PatientConnection.connect(*arguments, **parameters)


def _checked_in(connection: PatientConnection | None, _record: object) -> None:
    if connection is not None:  # else it was lost
        connection.patience = type(connection).patience


def _driver(connection: Connection) -> PatientConnection:
    found = connection.connection.driver_connection
    assert isinstance(found, PatientConnection)
    return found
