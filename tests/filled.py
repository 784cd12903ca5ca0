"""Lakes and spools with known contents, as files, whoever may write them in real life."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import orjson
from sekisho.lake import codec
from sekisho.lake.asking import engine
from sekisho.lake.columns import NAMES, PAYLOAD_COLUMNS
from sekisho.lake.record import Record


def file(
    lake: Path, day: str, name: str, records: Iterable[Record], columns: Sequence[str] = NAMES
) -> Path:
    """Write a file of the lake: a batch, whose rows get its name, or `day` with theirs as is."""
    batch = None if name == "day" else name
    ours = [replace(record, batch_id=batch or record.batch_id) for record in records]
    return lines(lake, day, name, list(map(codec.encode, ours)), columns)


def lines(
    lake: Path, day: str, name: str, found: Iterable[bytes], columns: Sequence[str] = NAMES
) -> Path:
    """Write a file of the lake from lines of the spool, as they are."""
    folder = lake / "usage" / f"dt={day}"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.parquet"
    with engine.connect() as connection:
        engine.load_lines(connection, "batch", [line.rstrip(b"\n") for line in found])
        connection.execute(
            f"COPY (SELECT {', '.join(columns)} FROM batch ORDER BY start_time) "
            f"TO {engine.quoted(path)} (FORMAT parquet, COMPRESSION zstd)"
        )
    return path


def payload(lake: Path, day: str, name: str, rows: Iterable[tuple[str, datetime, str]]) -> Path:
    """Write a file of `llm_payload`: of each row request, start and its first message's words."""
    found = [
        orjson.dumps(
            {
                "request_id": request,
                "start_time": start,
                "gen_ai_input_messages": messages(words),
                "truncated": False,
                "batch_id": name,
                "schema_version": 2,
            },
            option=orjson.OPT_UTC_Z,
        )
        for request, start, words in rows
    ]
    folder = lake / "payload" / f"dt={day}"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.parquet"
    with engine.connect() as connection:
        engine.load_lines(connection, "batch", found, PAYLOAD_COLUMNS)
        connection.execute(
            f"COPY batch TO {engine.quoted(path)} (FORMAT parquet, COMPRESSION zstd)"
        )
    return path


def messages(words: str) -> str:
    """A conversation of one message as `llm_payload` has it."""
    part = {"type": "text", "content": words}
    return orjson.dumps([{"role": "user", "parts": [part]}]).decode()


def segment(spool: Path, name: str, records: Iterable[Record], suffix: str = ".closed") -> Path:
    """Write a segment of the spool."""
    spool.mkdir(parents=True, exist_ok=True)
    path = spool / (name + suffix)
    path.write_bytes(b"".join(map(codec.encode, records)))
    return path
