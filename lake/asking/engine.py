"""DuckDB as this room uses it: in memory, small, offline, with the schema always spelled out."""

import re
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from ..columns import COLUMNS, Column
from ..place import LakeError

# One row for each request: when there are two, the one that ended last knows more.
ONCE = (
    "QUALIFY row_number() OVER "
    "(PARTITION BY request_id ORDER BY end_time DESC NULLS LAST, schema_version DESC) = 1"
)


# DuckDB's buffers are twice the longest line that it expects, for each thread.
_LEAST_BUFFER = 1024 * 1024


# After two seconds DuckDB would draw a bar among the answers.
QUIET = "SET enable_progress_bar = false"


@contextmanager
def connect(memory: str = "256MB") -> Generator[duckdb.DuckDBPyConnection]:
    """A DuckDB that never asks the network for an extension. Raises LakeError."""
    settings: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": memory,
        "threads": 2,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "preserve_insertion_order": False,
    }
    try:
        with TemporaryDirectory(prefix="sekisho-") as overflow:
            settings["temp_directory"] = overflow
            with duckdb.connect(":memory:", config=settings) as connection:
                connection.execute(QUIET)
                yield connection
    except duckdb.Error as error:
        raise LakeError(f"lake: {str(error).splitlines()[0]}") from error


def load_lines(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    lines: Iterable[bytes],
    columns: Sequence[Column] = COLUMNS,
) -> None:
    """Make a table of these columns from lines of JSON, which are not kept in memory.

    Raises duckdb.Error for a bad line.
    """
    create(connection, table, columns)
    with TemporaryDirectory(prefix="sekisho-") as work:
        file = Path(work) / "lines.jsonl"
        longest = _write(file, lines)
        if longest:
            insert(connection, table, file, columns, longest)


def create(
    connection: duckdb.DuckDBPyConnection, table: str, columns: Sequence[Column] = COLUMNS
) -> None:
    """Make an empty temporary table of these columns, in the place of one that is there."""
    described = ", ".join(f"{column.name} {column.type}" for column in columns)
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {table} ({described})")


def insert(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    file: Path,
    columns: Sequence[Column],
    longest: int,
) -> int:
    """Add a file's lines of JSON to a table; how many. `longest` is that of a line, in bytes.

    Raises duckdb.Error for a bad line.
    """
    schema = ", ".join(f"'{column.name}': '{column.type}'" for column in columns)
    names = ", ".join(column.name for column in columns)
    found = connection.execute(
        f"INSERT INTO {table} SELECT {names} FROM read_json(?, "  # noqa: S608 - own names
        f"format = 'newline_delimited', columns = {{{schema}}}, "
        f"maximum_object_size = {max(_LEAST_BUFFER, longest) + 1})",
        [str(file)],
    ).fetchone()
    return int(found[0]) if found else 0


def _write(file: Path, lines: Iterable[bytes]) -> int:
    """Write the lines to a file; the length of the longest, 0 when there are none."""
    longest = 0
    with file.open("wb") as out:
        for line in lines:
            out.write(line + b"\n")
            longest = max(longest, len(line))
    return longest


def quoted(path: Path) -> str:
    """A path as an SQL string, for statements that take no parameters."""
    return "'" + str(path).replace("'", "''") + "'"


def parquet(files: Sequence[Path]) -> tuple[str, list[str]]:
    """SQL that reads these files, and its parameter; older files may lack newer columns."""
    return "read_parquet(?, union_by_name = true)", list(map(_plain, files))


def listed(files: Iterable[Path]) -> str:
    """A list of files in SQL, for statements that take no parameters."""
    return f"[{', '.join(quoted(Path(_plain(file))) for file in files)}]"


def _plain(file: Path) -> str:
    """A file's name as DuckDB finds it: it takes it for a pattern; what is special is bracketed."""
    return re.sub(r"([*?\[])", r"[\1]", str(file))
