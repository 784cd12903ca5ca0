"""Lines of the spool to Parquet files, one for each table and day; the schema is spelled out.

DuckDB is the judge of a line of usage: only when it stumbles is each line looked at, for that
costs as much as all the rest. Prompts and answers are made into rows one by one in any case.
"""

from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal, TypeVar

import duckdb
import orjson

from .. import codec
from ..asking import engine, tables
from ..bodies import body as bodies
from ..bodies.redaction import Patterns
from ..columns import COLUMNS, PAYLOAD_COLUMNS, Column
from ..place import LakeError
from ..spool import segments
from . import scratch

# What DuckDB and the interpreter hold of a batch at once, in bytes: together with boto3 the
# shipper stays below 256 MB, see tests/test_lake_memory.py.
_CHUNK_BYTES = 2 << 20
_MEMORY = "96MB"
_MEMORY_ALONE = "160MB"  # where nothing can overflow to a disk, because it is full
_ROW_GROUP_BYTES = 4 << 20
_OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_NAIVE_UTC
_IS_RECORD = "request_id IS NOT NULL AND start_time IS NOT NULL AND status IS NOT NULL"

_Item = TypeVar("_Item")
_Payload = tuple[bytes, bytes]  # a row as JSON, and the line that it was made of


@dataclass(frozen=True, slots=True)
class Written:
    """A file that is ready to be stored: its key in the lake, and its rows."""

    key: str
    path: Path
    rows: int


@dataclass(frozen=True, slots=True)
class Made:
    """The files of a batch's table, by day, and the lines that were no records."""

    files: tuple[Written, ...]
    bad: tuple[bytes, ...]

    @property
    def rows(self) -> int:
        """Rows of all files."""
        return sum(file.rows for file in self.files)


class Writer:
    """Makes the files of one batch."""

    def __init__(self, batch_id: str, clock: datetime, room: scratch.Room) -> None:
        """`clock` (UTC) is when the batch was made: days after the next one are not believed."""
        self._batch_id = batch_id
        self._clock = clock.replace(tzinfo=None)
        self._room = room

    def usage(self, lines: Iterable[bytes]) -> Made:
        """Files of `llm_usage` of the lines of whole segments: one row for each request.

        Raises LakeError when not all rows arrived, OSError when there is no room.
        """
        with self._table(COLUMNS) as connection:
            bad = _settled(connection, segments.settled(lines))
            connection.execute(
                f"CREATE TEMP TABLE batch AS SELECT * FROM rows {engine.ONCE}"  # noqa: S608
            )
            files = self._write(connection, "usage", COLUMNS, "ORDER BY start_time, request_id")
            ids = connection.execute("SELECT count(DISTINCT request_id) FROM rows").fetchone()
            wanted = ids[0] if ids else 0
        made = Made(files, bad)
        if made.rows != wanted:
            raise LakeError(f"batch {self._batch_id}: {made.rows} of {wanted} records arrived")
        return made

    def payload(
        self, lines: Iterable[bytes], media: Literal["hash", "full"], redact: Patterns
    ) -> Made:
        """Files of `llm_payload`; the same errors."""
        bad: list[bytes] = []
        rows = 0
        with self._table(PAYLOAD_COLUMNS) as connection:
            connection.execute("ALTER TABLE rows RENAME TO batch")
            for chunk in _chunks(_payload_rows(lines, media, redact, bad)):
                rows += _append(connection, chunk, bad)
            files = self._write(connection, "payload", PAYLOAD_COLUMNS, "")
        made = Made(files, tuple(bad))
        if made.rows != rows:
            raise LakeError(f"batch {self._batch_id}: {made.rows} of {rows} bodies arrived")
        return made

    @contextmanager
    def _table(self, columns: Sequence[Column]) -> Generator[duckdb.DuckDBPyConnection]:
        """A DuckDB with the empty table `rows`."""
        config: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": _MEMORY if self._room.overflow else _MEMORY_ALONE,
            "threads": 1,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "preserve_insertion_order": False,
            "temp_directory": self._room.overflow,
        }
        with duckdb.connect(":memory:", config=config) as connection:
            connection.execute(engine.QUIET)
            engine.create(connection, "rows", columns)
            yield connection

    def _write(
        self,
        connection: duckdb.DuckDBPyConnection,
        table: str,
        columns: Sequence[Column],
        order: str,
    ) -> tuple[Written, ...]:
        """The table `batch` as files, one a day."""
        latest = self._clock + timedelta(days=1)
        day = (
            f"strftime(least(greatest(start_time, TIMESTAMP '{tables.FIRST_DAY}'), "
            f"TIMESTAMP '{latest}'), '%Y-%m-%d')"
        )
        days = connection.execute(f"SELECT DISTINCT {day} FROM batch ORDER BY 1").fetchall()  # noqa: S608
        names = ", ".join(
            f"'{self._batch_id}' AS batch_id" if column.name == "batch_id" else column.name
            for column in columns
        )
        files: list[Written] = []
        for (dt,) in days:
            path = self._room.path(f"{table}-{dt}.parquet")
            found = connection.execute(
                f"COPY (SELECT {names} FROM batch WHERE {day} = '{dt}' {order}) "  # noqa: S608
                f"TO {engine.quoted(path)} (FORMAT parquet, COMPRESSION zstd, "
                f"ROW_GROUP_SIZE_BYTES {_ROW_GROUP_BYTES}, USE_TMP_FILE false)"
            ).fetchone()
            key = f"{table}/dt={dt}/{self._batch_id}.parquet"
            files.append(Written(key, path, int(found[0]) if found else 0))
        return tuple(files)


def _sift(items: Sequence[_Item], load: Callable[[Sequence[_Item]], bool]) -> list[_Item]:
    """Load all items but the bad ones, which are returned: halves of halves, until they are few."""
    if load(items):
        return []
    if len(items) == 1:
        return list(items)
    middle = len(items) // 2
    return _sift(items[:middle], load) + _sift(items[middle:], load)


def _settled(connection: duckdb.DuckDBPyConnection, lines: Sequence[bytes]) -> tuple[bytes, ...]:
    """Put the lines that are records into `rows`, and return the others."""

    def load(part: Sequence[bytes]) -> bool:
        return _load(connection, "rows", part, COLUMNS, _IS_RECORD)

    if load(lines):
        return ()
    bad = [line for line in lines if codec.record_or_none(line) is None]
    known = set(bad)
    return (*bad, *_sift([line for line in lines if line not in known], load))


def _append(
    connection: duckdb.DuckDBPyConnection, chunk: Sequence[_Payload], bad: list[bytes]
) -> int:
    """Put a chunk of rows into `batch`; how many. Lines whose rows DuckDB refuses are bad."""

    def load(part: Sequence[_Payload]) -> bool:
        return _load(connection, "batch", [row for row, _ in part], PAYLOAD_COLUMNS)

    refused = _sift(chunk, load)
    bad += [line for _, line in refused]
    return len(chunk) - len(refused)


def _payload_rows(
    lines: Iterable[bytes],
    media: Literal["hash", "full"],
    redact: Patterns,
    bad: list[bytes],
) -> Generator[_Payload]:
    """Rows as JSON, each with its line; of two of a request the first."""
    seen: set[str] = set()
    for line in lines:
        try:
            row = bodies.row(line, media, redact)
        except ValueError:
            bad.append(line)
            continue
        if row.request_id not in seen:
            seen.add(row.request_id)
            yield orjson.dumps(row, option=_OPTIONS), line


def _chunks(rows: Iterable[_Payload]) -> Generator[list[_Payload]]:
    chunk: list[_Payload] = []
    size = 0
    for row, line in rows:
        chunk.append((row, line))
        size += len(row) + len(line)
        if size > _CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _load(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    lines: Sequence[bytes],
    columns: Sequence[Column],
    condition: str = "",
) -> bool:
    """Add lines of JSON to a table, all or none: False when there is a bad one among them."""
    if not lines:
        return True
    with scratch.lines(lines) as file:
        connection.execute("BEGIN")
        try:
            found = engine.insert(connection, table, file, columns, max(map(len, lines)))
            good = found == len(lines) and (not condition or _all(connection, table, condition))
        except (duckdb.DataError, duckdb.ProgrammingError):
            connection.execute("ROLLBACK")
            return False
        connection.execute("COMMIT" if good else "ROLLBACK")
    return good


def _all(connection: duckdb.DuckDBPyConnection, table: str, condition: str) -> bool:
    sql = f"SELECT count(*) FROM {table} WHERE NOT ({condition})"  # noqa: S608 - own text
    return connection.execute(sql).fetchone() == (0,)
