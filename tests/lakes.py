"""A lake as the shipper leaves it, for tests: batches in files, and what a reader counts."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
from sekisho.lake import codec
from sekisho.lake.asking import engine, reading
from sekisho.lake.asking.span import Span
from sekisho.lake.columns import NAMES
from sekisho.lake.record import Record
from sekisho.lake.stores.store import Item, Store
from sekisho.lake.upkeep import days

DAY = "2026-11-20"
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def record(name: str, minutes: float = 0, **fields: Any) -> Record:
    """A request of that day at noon, or some minutes later; one USD, unless told otherwise."""
    start = NOON + timedelta(minutes=minutes)
    known: dict[str, Any] = {
        "status": "success",
        "end_time": start + timedelta(seconds=1),
        "gen_ai_request_model": "claude",
        "billed_cost": Decimal(1),
        "is_priced": True,
    }
    return Record(request_id=name, start_time=start, **{**known, **fields})


def store_batch(
    store: Store,
    batch: str,
    records: Iterable[Record],
    *,
    day: str = DAY,
    columns: Sequence[str] = NAMES,
) -> None:
    """Bring rows to the lake as one batch file, with those columns only."""
    lines = [codec.encode(one).rstrip(b"\n") for one in records]
    with TemporaryDirectory() as work, engine.connect() as connection:
        file = Path(work) / "batch.parquet"
        engine.load_lines(connection, "batch", lines)
        chosen = ", ".join(
            f"'{batch}' AS batch_id" if name == "batch_id" else name for name in columns
        )
        connection.execute(
            f"COPY (SELECT {chosen} FROM batch) TO '{file}' (FORMAT parquet, COMPRESSION zstd)"
        )
        store.put(f"usage/dt={day}/{batch}.parquet", file)


@dataclass(frozen=True)
class Seen:
    """What a reader of the table finds: the requests of each row, and what they cost (USD)."""

    requests: list[str]
    cost: Decimal


def seen(store: Store, day: str = DAY) -> Seen:
    """What the view over a day's files counts, done by hand."""
    return Seen(
        sorted(row["request_id"] for row in rows(store, day)),
        sum((row["billed_cost"] or Decimal(0) for row in rows(store, day)), Decimal(0)),
    )


def asked(store: Store, home: Path) -> Seen:
    """What `llm_usage` answers: the product's own view, run by DuckDB over the whole lake."""
    sql = "SELECT request_id, billed_cost FROM llm_usage ORDER BY 1"
    found: list[Any] = reading.select(store.name, home / "spool", sql, Span(None, None)).rows
    return Seen([row[0] for row in found], sum((row[1] or Decimal(0) for row in found), Decimal(0)))


def rows(store: Store, day: str = DAY) -> list[dict[str, Any]]:
    """The rows that the view shows: a batch's only when the whole day lacks that batch."""
    files = {days.batch_id(item): read(store, item) for item in items(store, day)}
    whole = files.pop("day", [])
    known = {row["batch_id"] for row in whole}
    return [
        *whole,
        *(row for name in files if name not in known for row in files[name]),
    ]


def items(store: Store, day: str = DAY) -> list[Item]:
    """The files of a day."""
    return store.list(f"usage/dt={day}/")


def names(store: Store, day: str = DAY) -> list[str]:
    """Their names without folder and suffix."""
    return [days.batch_id(item) for item in items(store, day)]


def read(store: Store, item: Item) -> list[dict[str, Any]]:
    """A file's rows in its order, each a mapping of columns."""
    with TemporaryDirectory() as work, duckdb.connect() as connection:
        file = Path(work) / "file.parquet"
        store.fetch(item.key, file)
        found = connection.execute(f"SELECT * FROM read_parquet('{file}')")
        columns = [column[0] for column in found.description or ()]
        return [dict(zip(columns, row, strict=True)) for row in found.fetchall()]
