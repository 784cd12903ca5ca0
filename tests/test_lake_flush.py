"""From spool to lake: everything arrives, once, whatever is in the way."""

import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from sekisho.lake import codec, columns, engine, query, segments
from sekisho.lake.flush import Flushed, flush
from sekisho.lake.place import LakeError
from sekisho.lake.record import Attempt, Record
from sekisho.lake.spool import Spool

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def record(name: str, start: datetime = START) -> Record:
    """A small record."""
    return Record(request_id=name, start_time=start, end_time=start, status="success")


def write(folder: Path, records: Sequence[Record]) -> None:
    """A closed segment with these records."""
    spool = Spool(folder, "host")
    for item in records:
        spool.append(item)
    spool.close()


def lake_ids(lake: Path) -> list[str]:
    """Request ids in the lake's files, sorted; each as often as it is there."""
    if not list(lake.glob("usage/*/*.parquet")):
        return []
    with engine.connect() as connection:
        source, names = engine.parquet(list(lake.glob("usage/*/*.parquet")))
        rows = connection.execute(f"SELECT request_id FROM {source}", [names]).fetchall()
    return sorted(row[0] for row in rows)


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    """The spool's folder, not there yet."""
    return tmp_path / "spool"


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    """The lake's folder, not there yet."""
    return tmp_path / "the lake's [1] 100%*"


def test_nothing_to_do_is_done(spool: Path, lake: Path) -> None:
    """Without a spool there is nothing to flush and nothing is made."""
    assert flush(spool, lake.as_uri()) == Flushed(0, 0, 0, 0)
    assert not lake.exists()


def test_a_closed_segment_becomes_a_file_for_each_day(spool: Path, lake: Path) -> None:
    """Records go by the UTC day of their start; the segment is gone afterwards."""
    write(spool, [record("a"), record("b", START + timedelta(days=1)), record("c")])
    assert flush(spool, lake.as_uri()) == Flushed(segments=1, records=3, files=2, bad_lines=0)
    days = sorted(path.parent.name for path in lake.glob("usage/*/*.parquet"))
    assert days == ["dt=2026-03-01", "dt=2026-03-02"]
    assert lake_ids(lake) == ["a", "b", "c"]
    assert segments.find(spool) == []
    assert [path.name for path in lake.glob("usage/*/.*")] == []


def test_the_file_has_exactly_the_columns_and_their_types(
    spool: Path, lake: Path, tmp_path: Path
) -> None:
    """Parquet's schema is the table of columns, never guessed from the data."""
    write(spool, [record("6ba7b810-9dad-11d1-80b4-00c04fd430c8")])
    flush(spool, lake.as_uri())
    file = str(next(lake.glob("usage/*/*.parquet")).rename(tmp_path / "x.parquet"))
    with duckdb.connect(":memory:") as connection:
        described = connection.execute("DESCRIBE SELECT * FROM read_parquet(?)", [file]).fetchall()
        found = [(name, kind) for name, kind, *_ in described]
        codecs = connection.execute(
            "SELECT DISTINCT compression FROM parquet_metadata(?)", [file]
        ).fetchall()
    assert found == [(column.name, column.type) for column in columns.COLUMNS]
    assert codecs == [("ZSTD",)]


def test_a_full_record_comes_back_from_the_lake(spool: Path, lake: Path) -> None:
    """Japanese, NUL, quotes, exact decimals, maps and attempts survive Parquet."""
    full = replace(
        record("a"),
        owner="\u65e5\u672c\u8a9e@example.com",
        user_agent="nul \0 'quote' \U0001f600",
        attempts=(Attempt(deployment_id="d", http_response_status_code=429, duration_ms=1.5),),
        tags=("x", ""),
        gen_ai_usage_input_tokens=2**63 - 1,
        other_units={"seconds": Decimal("1.500000")},
        billed_cost=Decimal("123456.123456789012"),
        is_priced=True,
        cost_breakdown={"input": Decimal("0.000000000001")},
    )
    write(spool, [full, replace(record("b"), user_agent="\ud800")])
    flush(spool, lake.as_uri())
    read = {item.request_id: item for item in query.latest(lake.as_uri(), spool, 10)}
    assert read["a"] == full
    assert read["b"] == replace(record("b"), user_agent="\ufffd")


def test_doing_it_twice_counts_once(spool: Path, lake: Path) -> None:
    """A crash between the file and the removal of its segment doubles nothing."""
    write(spool, [record("a"), record("b")])
    segment = segments.find(spool)[0].path
    content = segment.read_bytes()
    flush(spool, lake.as_uri())
    segment.write_bytes(content)
    assert [row.requests for row in query.usage(lake.as_uri(), spool, ())] == [2]
    flush(spool, lake.as_uri())
    assert lake_ids(lake) == ["a", "b"]


def test_a_request_written_twice_in_a_segment_counts_once(spool: Path, lake: Path) -> None:
    """Of two rows of a request, the one that ended last stays."""
    later = replace(record("a"), end_time=START + timedelta(seconds=1), status="failure")
    write(spool, [record("a"), later, record("a")])
    assert flush(spool, lake.as_uri()).records == 1
    assert query.latest(lake.as_uri(), spool, 10) == [later]


def test_a_bad_segment_keeps_no_other_back(
    spool: Path, lake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What can't be read or stored is named, the first one whole; all the rest arrives."""
    write(spool, [record("a")])
    (spool / "0-first.closed").mkdir()
    (spool / "9-last.closed").mkdir()
    with pytest.raises(LakeError) as caught:
        flush(spool, lake.as_uri())
    assert f"Is a directory: {spool / '0-first.closed'} (and 1 more such); mend it" in str(
        caught.value
    )
    assert lake_ids(lake) == ["a"]

    for name in ("0-first.closed", "9-last.closed"):
        (spool / name).rmdir()
    for name in ("b", "c"):
        write(spool, [record(name)])
    read = codec.record_or_none

    def sometimes(line: bytes) -> Record | None:
        if b'"b"' in line:
            raise duckdb.IOException("of\nduckdb")
        return read(line)

    monkeypatch.setattr(codec, "record_or_none", sometimes)
    with pytest.raises(LakeError, match=f"of duckdb: {spool}"):
        flush(spool, lake.as_uri())
    assert lake_ids(lake) == ["a", "c"]
    monkeypatch.undo()
    flush(spool, lake.as_uri())
    assert lake_ids(lake) == ["a", "b", "c"]


def test_a_living_writers_segment_stays(spool: Path, lake: Path) -> None:
    """A segment that a writer holds is left to it, and its records are found where they are."""
    writer = Spool(spool, "host")
    writer.append(record("a"))
    assert flush(spool, lake.as_uri()) == Flushed(0, 0, 0, 0)
    assert [row.requests for row in query.usage(lake.as_uri(), spool, ())] == [1]
    writer.append(record("b"))
    writer.close()
    assert flush(spool, lake.as_uri()).records == 2


def test_a_dead_writers_segment_is_taken_over(spool: Path, lake: Path) -> None:
    """After kill -9 the orphaned segment goes to the lake, without its torn last line."""
    script = (
        "import os, signal, sys; from pathlib import Path; from datetime import UTC, datetime\n"
        "from sekisho.lake.record import Record; from sekisho.lake.spool import Spool\n"
        "spool = Spool(Path(sys.argv[1]), 'dead')\n"
        "for name in 'ab':\n"
        "    spool.append(Record(request_id=name, status='success',"
        " start_time=datetime(2026, 3, 1, tzinfo=UTC)))\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(spool)], check=False, timeout=20)
    assert done.returncode == -signal.SIGKILL
    segment = segments.find(spool)[0]
    assert segment.is_open
    with segment.path.open("ab") as file:
        file.write(b'{"request_id":"torn')
    assert flush(spool, lake.as_uri()) == Flushed(segments=1, records=2, files=1, bad_lines=0)
    assert lake_ids(lake) == ["a", "b"]


def test_bad_lines_are_set_aside_and_counted(spool: Path, lake: Path) -> None:
    """A line that is no record goes to bad/, the others to the lake."""
    spool.mkdir()
    good = codec.encode(record("a"))
    bad = [b"\0\0\0", b'{"request_id":"x"}', b"not json"]
    (spool / "20260301T120000-x.closed").write_bytes(good + b"\n".join(bad) + b"\n")
    assert flush(spool, lake.as_uri()) == Flushed(segments=1, records=1, files=1, bad_lines=3)
    aside = (spool / "bad" / "20260301T120000-x.jsonl").read_bytes()
    assert aside.split(b"\n") == [*bad, b""]
    assert lake_ids(lake) == ["a"]


def test_a_line_that_only_duckdb_refuses_is_set_aside_too(spool: Path, lake: Path) -> None:
    """A poison line that our own reader lets through doesn't stop the others."""
    spool.mkdir()
    poison = codec.encode(record("b")).replace(b'"billed_cost":null', b'"billed_cost":"1_0"')
    assert codec.decode(poison).billed_cost == Decimal(10)
    (spool / "20260301T120000-x.closed").write_bytes(codec.encode(record("a")) + poison)
    done = flush(spool, lake.as_uri())
    assert done.records + done.bad_lines == 2
    assert "a" in lake_ids(lake)


def test_a_failed_flush_keeps_the_segment(spool: Path, lake: Path) -> None:
    """When the lake can't be written, the records wait and the error says what to do."""
    write(spool, [record("a")])
    lake.write_text("a file is in the way")
    with pytest.raises(LakeError, match=r"Not a directory.*mend it and type: sekisho logs flush"):
        flush(spool, lake.as_uri())
    assert len(segments.find(spool)) == 1
    lake.unlink()
    assert flush(spool, lake.as_uri()).records == 1


def test_only_one_process_flushes(spool: Path, lake: Path) -> None:
    """While another one is at it, flushing is refused in one line."""
    write(spool, [record("a")])
    with (spool / "flush.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(LakeError, match="another process is flushing it; wait and try again"):
            flush(spool, lake.as_uri())
    assert flush(spool, lake.as_uri()).records == 1


def test_drafts_of_dead_writers_are_removed(spool: Path, lake: Path) -> None:
    """An old .new file is nobody's; a fresh one may be a writer's this very moment."""
    spool.mkdir()
    (spool / "old.new").touch()
    (spool / "fresh.new").touch()
    os.utime(spool / "old.new", (0, 0))
    flush(spool, lake.as_uri())
    assert [path.name for path in sorted(spool.glob("*.new"))] == ["fresh.new"]


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("s3://bucket/prefix", "s3://bucket/prefix: S3 lakes don't work in this version; use"),
        ("file:relative", "write file:///absolute/folder"),
        ("file://server/share", "write file:///absolute/folder"),
        ("/just/a/path", "write file:///absolute/folder"),
    ],
)
def test_lakes_that_are_no_folders_are_refused(spool: Path, url: str, message: str) -> None:
    """A lake that doesn't work in this version is refused in one clear line."""
    with pytest.raises(LakeError, match=message):
        flush(spool, url)
