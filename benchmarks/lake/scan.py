"""What Athena would read of files for a query: in Parquet the columns it names, else everything."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
from sekisho.lake.columns import NAMES


@dataclass(frozen=True, slots=True)
class Scanned:
    """Bytes that the query reads, and whole files, of so many records."""

    what: str
    records: int
    files: int
    read: int
    whole: int


def columns_of(sql: str) -> frozenset[str]:
    """The columns of `llm_usage` that stand in a query, and the one that its view looks at."""
    words = set(re.findall(r"[a-z_0-9]+", re.sub("--.*", "", sql)))
    return frozenset(words & set(NAMES)) | {"batch_id"}


def parquet(what: str, files: Sequence[Path], sql: str) -> Scanned:
    """What a query reads of Parquet files: the compressed chunks of its columns, and the footers.

    Athena bills what it reads; the footer is read of each file, whatever the query names.
    """
    wanted = columns_of(sql)
    with duckdb.connect() as connection:
        chunks = connection.execute(
            "SELECT path_in_schema, total_compressed_size FROM parquet_metadata(?)",
            [[str(file) for file in files]],
        ).fetchall()
        found = connection.execute(
            "SELECT count(*) FROM read_parquet(?)", [[str(file) for file in files]]
        ).fetchone()
    # A nested column's chunks are `name, list, element`, and so on.
    read = sum(size for path, size in chunks if re.split("[,.]", path)[0].strip() in wanted)
    footers = sum(_footer(file) for file in files)
    records = int(found[0]) if found else 0
    whole = sum(file.stat().st_size for file in files)
    return Scanned(what, records, len(files), read + footers, whole)


def everything(what: str, files: Sequence[Path], records: int) -> Scanned:
    """What any query reads of JSON files: all of them."""
    size = sum(file.stat().st_size for file in files)
    return Scanned(what, records, len(files), size, size)


def _footer(file: Path) -> int:
    """The length of a Parquet file's footer in bytes, with its length and the magic number."""
    with file.open("rb") as content:
        content.seek(-8, 2)
        return int.from_bytes(content.read(4), "little") + 8
