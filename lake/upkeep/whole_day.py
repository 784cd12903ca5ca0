"""A day made whole: its files become one `day.parquet`, put in place by one conditional PUT.

What a reader counts is the same before and after: the view (`tables`) hides a batch as soon as the
day file beside it has that batch's id. So there is one moment of change, the PUT, and before it
nothing that anybody reads has been touched.
"""

import contextlib
import shutil
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import duckdb

from ..asking import engine
from ..columns import COLUMNS, NAMES
from ..place import LakeError
from ..stores.store import Changed, Item, Store
from . import days
from .days import Day

MEMORY = "512MB"
_TRIES = 5
_DESK = "day-"
_LEFT_SECONDS = 86_400.0
SLICE = 20_000  # rows, about 20 MB while they are sorted
_DOWNLOADS = 8  # at once: a day of an S3 lake has hundreds of small files
_ONCE = (
    "QUALIFY row_number() OVER (PARTITION BY request_id ORDER BY end_time DESC NULLS LAST, "
    "restated_at DESC NULLS LAST, schema_version DESC, billed_cost DESC NULLS LAST, batch_id) = 1"
)
_FILE = "sekisho_file"  # a column that no file has
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Fetched:
    """A day's files on this machine: the whole day with its tag, and what it doesn't have yet.

    `contained` are the batches whose rows the whole day has.
    """

    whole: Path | None
    tag: str | None
    batches: tuple[Path, ...]
    contained: tuple[Item, ...]

    @property
    def files(self) -> tuple[Path, ...]:
        """All that together are the day, each row once."""
        return (self.whole, *self.batches) if self.whole else self.batches


@dataclass(frozen=True, slots=True)
class Counted:
    """What a file or several have: rows, different requests, exact sum of `billed_cost` (USD)."""

    rows: int
    requests: int
    cost: Decimal


@contextmanager
def desk(work: Path, memory: str = MEMORY) -> Generator[tuple[duckdb.DuckDBPyConnection, Path]]:
    """A DuckDB of bounded memory and an empty folder to work in, gone afterwards."""
    try:
        work.mkdir(mode=0o700, parents=True, exist_ok=True)
        _remove_leftovers(work)
        with (
            TemporaryDirectory(prefix=_DESK, dir=work, ignore_cleanup_errors=True) as folder,
            engine.connect(memory) as connection,
        ):
            connection.execute(f"SET temp_directory = {engine.quoted(Path(folder) / 'overflow')}")
            yield connection, Path(folder)
    except OSError as error:
        raise LakeError(
            f"{error.filename or work}: {error.strerror}; compacting needs room for two days' files"
        ) from error


def _remove_leftovers(work: Path) -> None:
    """Remove the folders of processes that were killed: no living one has its for so long."""
    for folder in work.glob(f"{_DESK}*"):
        with contextlib.suppress(FileNotFoundError):
            if time.time() - folder.stat().st_mtime > _LEFT_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)


def keep_trying(store: Store, day: Day, attempt: Callable[[Day], _Result]) -> _Result:
    """What `attempt` answers; from the start again when somebody else changed the day meanwhile.

    Raises LakeError when that happens every time.
    """
    for _ in range(_TRIES):
        try:
            return attempt(day)
        except Changed:
            day = look(store, day.table, day.day)
    raise LakeError(f"{day.folder} was changed by somebody else {_TRIES} times; try again later")


def look(store: Store, table: str, day: date) -> Day:
    """A day as it is now; without files when there is none."""
    empty = Day(table, day, None, ())
    found = days.find(store.list(empty.folder))
    return found[0] if found else empty


def fetch(store: Store, connection: duckdb.DuckDBPyConnection, day: Day, folder: Path) -> Fetched:
    """Download what a day is made of. Raises Changed when a file has gone since the listing."""
    whole, tag, ids = None, None, frozenset[str]()
    if day.whole:
        whole = folder / f"{days.WHOLE}.parquet"
        tag = store.fetch(day.whole_key, whole)
        if tag is None:
            raise Changed(day.whole_key)
        ids = batch_ids(connection, whole)
    new = [item for item in day.batches if days.batch_id(item) not in ids]
    contained = tuple(item for item in day.batches if days.batch_id(item) in ids)
    return Fetched(whole, tag, _download(store, new, folder / "batches"), contained)


def _download(store: Store, items: Sequence[Item], folder: Path) -> tuple[Path, ...]:
    folder.mkdir(exist_ok=True)

    def one(item: Item) -> Path:
        path = folder / f"{days.batch_id(item)}.parquet"
        if store.fetch(item.key, path) is None:
            raise Changed(item.key)
        return path

    with ThreadPoolExecutor(_DOWNLOADS) as pool:
        return tuple(pool.map(one, items))


def batch_ids(connection: duckdb.DuckDBPyConnection, whole: Path) -> frozenset[str]:
    """The batches that a whole day has rows of."""
    rows = connection.execute(
        f"SELECT DISTINCT batch_id FROM {read([whole])} WHERE batch_id IS NOT NULL"  # noqa: S608
    ).fetchall()
    return frozenset(str(row[0]) for row in rows)


def open_rows(connection: duckdb.DuckDBPyConnection, files: Sequence[Path]) -> tuple[Counted, int]:
    """Make the view `found`: each request's row in these files, with every column in its type.

    A file of an older Sekisho lacks newer columns: they are NULL. One of a newer Sekisho has more:
    they are kept. Also what that comes to, and how many rows were left out because their request
    was there twice.
    """
    select = " UNION ALL BY NAME ".join(
        _selected(connection, alike) for alike in _by_columns(connection, files)
    )
    connection.execute(f"CREATE OR REPLACE TEMP VIEW found AS {select}")
    every = count(connection)
    if every.requests == every.rows:
        return every, 0
    connection.execute(f"CREATE OR REPLACE TEMP VIEW found AS {select} {_ONCE}")
    return count(connection), every.rows - every.requests


def _by_columns(connection: duckdb.DuckDBPyConnection, files: Sequence[Path]) -> list[list[Path]]:
    """The files in groups of the same columns: then DuckDB need not keep all of them open."""
    listed = engine.listed(files)
    sql = f"SELECT file_name, list_sort(list(name)) FROM parquet_schema({listed}) GROUP BY 1"  # noqa: S608
    found = connection.execute(sql).fetchall()
    columns = {name: tuple(columns) for name, columns in found}
    groups: dict[tuple[str, ...], list[Path]] = {}
    for file in files:
        groups.setdefault(columns[str(file)], []).append(file)
    return list(groups.values())


def _selected(connection: duckdb.DuckDBPyConnection, files: Sequence[Path]) -> str:
    """SQL for the rows of files with the same columns: ours with their types, then others."""
    source = read(files)
    present = [row[0] for row in connection.execute(f"DESCRIBE FROM {source}").fetchall()]
    ours = [_column(column.name, column.type, column.name in present) for column in COLUMNS]
    others = [f'"{name}"' for name in present if name not in (*NAMES, _FILE)]
    return f"SELECT {', '.join([*ours, *others])} FROM {source}"  # noqa: S608 - own names


def _column(name: str, kind: str, present: bool) -> str:
    value = name if present else "NULL"
    if name == "batch_id":  # of a batch it is the file's name, by which the view knows it
        stem = f"parse_filename({_FILE}, true)"
        value = f"CASE {stem} WHEN '{days.WHOLE}' THEN {value} ELSE {stem} END"
    return f"CAST({value} AS {kind}) AS {name}"


def read(files: Sequence[Path]) -> str:
    """SQL that reads files of the same columns, with the name of each row's file in one more."""
    return f"read_parquet({engine.listed(files)}, hive_partitioning = false, filename = '{_FILE}')"


def count(connection: duckdb.DuckDBPyConnection, source: str = "found") -> Counted:
    """Count the rows of a table or view."""
    row: tuple[Any, ...] | None = connection.execute(
        "SELECT coalesce(sum(n), 0)::BIGINT, count(*), coalesce(sum(cost), 0) FROM ("  # noqa: S608
        "SELECT count(*) AS n, coalesce(sum(billed_cost), 0) AS cost "
        f"FROM {source} GROUP BY request_id)"
    ).fetchone()
    assert row is not None
    return Counted(int(row[0]), int(row[1]), Decimal(row[2]))


def write(
    connection: duckdb.DuckDBPyConnection, target: Path, wanted: Counted, source: str = "found"
) -> None:
    """Write the rows of a view into a file, by time, and count them there.

    Raises LakeError when they are not what is wanted; then nobody has seen the file.
    """
    try:
        copy(connection, f"SELECT * FROM {source} ORDER BY start_time", target)  # noqa: S608
    except duckdb.OutOfMemoryException:  # sorting wide rows takes more than the rest together
        _copy_in_slices(connection, target, source)
    written = count(connection, read([target]))
    if written != wanted:
        raise LakeError(f"the new day has {written} instead of {wanted}; nothing was changed")


def _copy_in_slices(connection: duckdb.DuckDBPyConnection, target: Path, source: str) -> None:
    """The same with little memory, at a quarter of the speed: sort a slice of time at once."""
    connection.execute("SET threads = 1")
    places = f"SELECT start_time, row_number() OVER (ORDER BY start_time) AS place FROM {source}"  # noqa: S608
    bounds = connection.execute(
        f"SELECT DISTINCT start_time FROM ({places}) WHERE place % {SLICE} = 0 ORDER BY 1"  # noqa: S608
    ).fetchall()
    begins = ["true", *(f"start_time >= TIMESTAMP '{bound}'" for (bound,) in bounds)]
    ends = [*(f"start_time < TIMESTAMP '{bound}'" for (bound,) in bounds), "true"]
    slices: list[Path] = []
    for number, (begin, end) in enumerate(zip(begins, ends, strict=True)):
        slices.append(target.with_name(f"slice-{number}.parquet"))
        sql = f"SELECT * FROM {source} WHERE {begin} AND {end} ORDER BY start_time"  # noqa: S608
        copy(connection, sql, slices[-1])
    connection.execute("SET preserve_insertion_order = true")
    copy(connection, f"SELECT * FROM read_parquet({engine.listed(slices)})", target)  # noqa: S608
    for one in slices:
        one.unlink()


def copy(connection: duckdb.DuckDBPyConnection, sql: str, target: Path) -> None:
    """Write what a SELECT answers into a Parquet file."""
    connection.execute(
        f"COPY ({sql}) TO {engine.quoted(target)} (FORMAT parquet, COMPRESSION zstd)"
    )
