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
from typing import Any

import duckdb
import orjson
import pytest
from sekisho.lake import codec, columns
from sekisho.lake.asking import engine, query
from sekisho.lake.bodies import body as bodies
from sekisho.lake.bodies.body import Body
from sekisho.lake.place import LakeError
from sekisho.lake.record import Attempt, Record
from sekisho.lake.shipping import batches
from sekisho.lake.shipping.carry import Kept
from sekisho.lake.shipping.flush import Flushed, flush
from sekisho.lake.spool import segments
from sekisho.lake.spool.lines import Spool

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def record(name: str, start: datetime = START) -> Record:
    """A small record."""
    return Record(request_id=name, start_time=start, end_time=start, status="success")


def beginning(name: str) -> Record:
    """A request that has begun."""
    return Record(request_id=name, start_time=START, status="interrupted")


def body(name: str, words: str = "hello", start: datetime = START) -> bytes:
    """A line of prompts and answers."""
    said = {"messages": [{"role": "user", "content": words}]}
    answer = {"choices": [{"message": {"role": "assistant", "content": "hi"}}]}
    return bodies.encode(Body(name, start, "chat", "/v1/chat/completions", said, answer), "full")


def write(folder: Path, records: Sequence[Record | bytes]) -> None:
    """A closed segment with these records."""
    spool = Spool(folder, "host")
    for item in records:
        spool.append(codec.encode(item) if isinstance(item, Record) else item)
    spool.close()


def rows(lake: Path, table: str = "usage") -> list[dict[str, Any]]:
    """Every row of a table's files, by request id, each as often as it is there."""
    files = list(lake.glob(f"{table}/*/*.parquet"))
    if not files:
        return []
    with engine.connect() as connection:
        source, names = engine.parquet(files)
        found = connection.execute(f"SELECT * FROM {source} ORDER BY request_id", [names])
        heads = [column[0] for column in found.description or ()]
        return [dict(zip(heads, row, strict=True)) for row in found.fetchall()]


def lake_ids(lake: Path, table: str = "usage") -> list[str]:
    """Request ids in the lake's files, sorted; each as often as it is there."""
    return [row["request_id"] for row in rows(lake, table)]


def left(spool: Path) -> list[str]:
    """What is in the spool but locks, the spare draft and the shipper's notes."""
    ours = ("flush.lock", "ship.json", "spare")
    return [path.name for path in spool.rglob("*") if path.is_file() and path.name not in ours]


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
    assert flush(spool, lake.as_uri()) == Flushed()
    assert not lake.exists()


def test_a_batch_becomes_a_file_for_each_day(spool: Path, lake: Path) -> None:
    """Segments go together, records by the UTC day of their start; the spool is empty then."""
    write(spool, [record("a"), record("b", START + timedelta(days=1))])
    write(spool, [record("c")])
    done = flush(spool, lake.as_uri())
    assert done == Flushed(batches=1, segments=2, records=3, files=2, bad_lines=0)
    files = sorted(lake.glob("usage/*/*.parquet"))
    assert [file.parent.name for file in files] == ["dt=2026-03-01", "dt=2026-03-02"]
    assert files[0].name == files[1].name
    assert {row["batch_id"] for row in rows(lake)} == {files[0].stem}
    assert lake_ids(lake) == ["a", "b", "c"]
    assert left(spool) == []
    assert [path.name for path in lake.rglob(".*")] == []


def test_prompts_and_answers_go_with_their_rows(spool: Path, lake: Path) -> None:
    """`llm_payload` has the same days, the same names and what was said."""
    write(spool / "bodies", [body("a", "\u65e5\u672c\u8a9e \U0001f600 \0"), body("b")])
    write(spool, [record("a"), record("b")])
    done = flush(spool, lake.as_uri())
    assert done == Flushed(batches=1, segments=2, records=2, files=2, bad_lines=0)
    usage, payload = (next(lake.glob(f"{table}/*/*")) for table in ("usage", "payload"))
    assert (payload.name, payload.parent.name) == (usage.name, "dt=2026-03-01")
    found = rows(lake, "payload")
    assert [row["request_id"] for row in found] == ["a", "b"]
    assert orjson.loads(found[0]["gen_ai_input_messages"]) == [
        {
            "role": "user",
            "parts": [{"type": "text", "content": "\u65e5\u672c\u8a9e \U0001f600 \0"}],
        }
    ]
    assert {row["batch_id"] for row in found} == {payload.stem}
    assert left(spool) == []


def test_a_request_that_was_cut_off_becomes_a_row(spool: Path, lake: Path) -> None:
    """A beginning without a row is interrupted and of unknown cost; one with a row is no row."""
    write(spool, [beginning("a"), beginning("b"), record("b")])
    assert flush(spool, lake.as_uri()).records == 2
    found = [
        (row["request_id"], row["status"], row["end_time"], row["is_priced"], row["billed_cost"])
        for row in rows(lake)
    ]
    assert found == [
        ("a", "interrupted", None, False, None),
        ("b", "success", START.replace(tzinfo=None), False, None),
    ]


def test_what_is_kept_of_prompts_is_decided_here(spool: Path, lake: Path) -> None:
    """Patterns are blotted out on the way to the lake."""
    import re

    write(spool / "bodies", [body("a", "my number is 4111-1111")])
    flush(spool, lake.as_uri(), Kept(redact=(re.compile(r"\d{4}-\d{4}"),)))
    text = rows(lake, "payload")[0]["gen_ai_input_messages"]
    assert "my number is" in text
    assert "4111" not in text


def test_clocks_gone_wrong_are_put_on_the_first_or_last_day(spool: Path, lake: Path) -> None:
    """1970 goes to the first day of all, 2099 to tomorrow; the time itself stays as told."""
    past, future = datetime(1970, 1, 1, tzinfo=UTC), datetime(2099, 1, 1, tzinfo=UTC)
    write(spool, [record("past", past), record("future", future)])
    write(spool / "bodies", [body("past", start=past), body("future", start=future)])
    tomorrow = {f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%d}"}
    flush(spool, lake.as_uri())
    tomorrow.add(f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%d}")
    for table in ("usage", "payload"):
        days = sorted(path.name for path in (lake / table).iterdir())
        assert days[0] == "dt=2026-01-01"
        assert days[1].removeprefix("dt=") in tomorrow
        assert len(days) == 2
        assert [row["start_time"].year for row in rows(lake, table)] == [2099, 1970]


@pytest.mark.parametrize(
    ("table", "expected"),
    [("usage", columns.COLUMNS), ("payload", columns.PAYLOAD_COLUMNS)],
)
def test_the_files_have_exactly_the_columns_and_their_types(
    table: str, expected: Sequence[columns.Column], spool: Path, lake: Path, tmp_path: Path
) -> None:
    """Parquet's schema is the table of columns, never guessed from the data."""
    write(spool, [record("6ba7b810-9dad-11d1-80b4-00c04fd430c8")])
    write(spool / "bodies", [body("6ba7b810-9dad-11d1-80b4-00c04fd430c8", "1")])
    flush(spool, lake.as_uri())
    file = str(next(lake.glob(f"{table}/*/*.parquet")).rename(tmp_path / "x.parquet"))
    with duckdb.connect(":memory:") as connection:
        described = connection.execute("DESCRIBE SELECT * FROM read_parquet(?)", [file]).fetchall()
        found = [(name, kind) for name, kind, *_ in described]
        codecs = connection.execute(
            "SELECT DISTINCT compression FROM parquet_metadata(?)", [file]
        ).fetchall()
    assert found == [(column.name, column.type) for column in expected]
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
    batch = next(lake.glob("usage/*/*.parquet")).stem
    read = {item.request_id: item for item in query.latest(lake.as_uri(), spool, 10)}
    assert read["a"] == replace(full, batch_id=batch)
    assert read["b"] == replace(record("b"), user_agent="\ufffd", batch_id=batch)


def test_a_request_written_twice_counts_once(spool: Path, lake: Path) -> None:
    """Of two rows of a request, the one that ended last stays, in whichever segment it is."""
    later = replace(record("a"), end_time=START + timedelta(seconds=1), status="failure")
    write(spool, [record("a"), later])
    write(spool, [record("a")])
    assert flush(spool, lake.as_uri()).records == 1
    assert [(row["request_id"], row["status"]) for row in rows(lake)] == [("a", "failure")]


def test_what_cannot_be_read_keeps_no_other_back(spool: Path, lake: Path) -> None:
    """What is no segment is named, with how many more there are; all the rest arrives."""
    write(spool, [record("a")])
    (spool / "0-first.closed").mkdir()
    (spool / "9-last.closed").mkdir()
    with pytest.raises(LakeError) as caught:
        flush(spool, lake.as_uri())
    assert f": {spool / '0-first.closed'} (and 1 more such); mend it" in str(caught.value)
    assert lake_ids(lake) == ["a"]


def test_a_batch_that_cannot_be_made_keeps_no_other_back(
    spool: Path, lake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waits with its segments, is tried again with the next run, and others arrive."""
    write(spool / "bodies", [body("a")])
    read = bodies.row

    def fails(*given: Any) -> Any:
        raise duckdb.IOException("of\nduckdb")

    monkeypatch.setattr(bodies, "row", fails)
    with pytest.raises(LakeError, match=r"batch \S+: of duckdb; mend it and type: sekisho logs"):
        flush(spool, lake.as_uri())
    write(spool, [record("a")])
    with pytest.raises(LakeError, match="of duckdb"):
        flush(spool, lake.as_uri())
    assert (lake_ids(lake), lake_ids(lake, "payload")) == (["a"], [])
    monkeypatch.setattr(bodies, "row", read)
    flush(spool, lake.as_uri())
    assert lake_ids(lake, "payload") == ["a"]


def test_a_living_writers_segment_stays(spool: Path, lake: Path) -> None:
    """A segment that a writer holds is left to it, and its records are found where they are."""
    writer = Spool(spool, "host")
    writer.append(codec.encode(record("a")))
    assert flush(spool, lake.as_uri()) == Flushed()
    assert [item.request_id for item in query.latest(lake.as_uri(), spool, 10)] == ["a"]
    writer.append(codec.encode(record("b")))
    writer.close()
    assert flush(spool, lake.as_uri()).records == 2


def test_a_dead_writers_segments_are_taken_over(spool: Path, lake: Path) -> None:
    """After kill -9 the orphaned segments go to the lake, without their torn last lines."""
    script = (
        "import os, signal, sys; from pathlib import Path; from datetime import UTC, datetime\n"
        "from sekisho.lake import codec\n"
        "from sekisho.lake.record import Record; from sekisho.lake.spool.lines import Spool\n"
        "spool = Spool(Path(sys.argv[1]), 'dead')\n"
        "bodies = Spool(Path(sys.argv[1]) / 'bodies', 'dead')\n"
        "for name in 'ab':\n"
        "    spool.append(codec.encode(Record(request_id=name, status='success',"
        " start_time=datetime(2026, 3, 1, tzinfo=UTC))))\n"
        "bodies.append(sys.argv[2].encode() + b'\\n')\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    line = body("a").decode().strip()
    done = subprocess.run([sys.executable, "-c", script, str(spool), line], timeout=20)
    assert done.returncode == -signal.SIGKILL
    for folder in (spool, spool / "bodies"):
        segment = segments.find(folder)[0]
        assert segment.is_open
        with segment.path.open("ab") as file:
            file.write(b'{"request_id":"torn')
    assert flush(spool, lake.as_uri()) == Flushed(batches=1, segments=2, records=2, files=2)
    assert lake_ids(lake) == ["a", "b"]
    assert lake_ids(lake, "payload") == ["a"]


def test_bad_lines_are_set_aside_and_counted(spool: Path, lake: Path) -> None:
    """Lines that are no records go to bad/, the others to the lake."""
    bad = [b"\0\0\0", b'{"request_id":"x"}', b"not json", b"null", b"[]", b'{"a":1}{"b":2}']
    write(spool, [record("a"), *(line + b"\n" for line in bad), record("b")])
    write(spool / "bodies", [body("a"), b"\xff\n", b'{"request_id":1}\n', body("b")])
    done = flush(spool, lake.as_uri())
    assert done == Flushed(batches=1, segments=2, records=2, files=2, bad_lines=8)
    assert lake_ids(lake) == lake_ids(lake, "payload") == ["a", "b"]
    batch = next(lake.glob("usage/*/*")).stem
    aside = {path.name: path.read_bytes() for path in (spool / "bad").iterdir()}
    assert sorted(aside) == [f"{batch}-bodies.jsonl", f"{batch}-usage.jsonl"]
    assert aside[f"{batch}-usage.jsonl"].split(b"\n") == [*bad, b""]
    assert aside[f"{batch}-bodies.jsonl"] == b'\xff\n{"request_id":1}\n'


def test_lines_that_only_duckdb_refuses_are_set_aside_too(spool: Path, lake: Path) -> None:
    """Of many lines exactly the poison one is found, although our own reader lets it through."""
    poison = codec.encode(record("b")).replace(b"2026-03-01T12:00:00Z", b"2026-W09-7")
    assert codec.decode(poison).start_time == datetime(2026, 3, 1, tzinfo=UTC)
    many = [record(f"r{number:03}") for number in range(300)]
    write(spool, [*many[:100], poison, *many[100:]])
    done = flush(spool, lake.as_uri())
    assert (done.records, done.bad_lines) == (300, 1)
    assert lake_ids(lake) == [f"r{number:03}" for number in range(300)]


def test_a_segment_of_nothing_but_rubbish_goes(spool: Path, lake: Path) -> None:
    """Its lines are set aside, nothing is stored, and it doesn't come again."""
    write(spool, [b"rubbish\n"])
    write(spool / "bodies", [b"rubbish\n"])
    assert flush(spool, lake.as_uri()) == Flushed(batches=1, segments=2, bad_lines=2)
    assert not lake.exists()
    assert flush(spool, lake.as_uri()) == Flushed()


def test_a_failed_flush_keeps_the_segments(spool: Path, lake: Path) -> None:
    """When the lake can't be written, the records wait and the error says what to do."""
    write(spool, [record("a")])
    lake.write_text("a file is in the way")
    with pytest.raises(LakeError, match=r"Not a directory.*mend it and type: sekisho logs flush"):
        flush(spool, lake.as_uri())
    assert len(segments.find(spool)) == 1
    lake.unlink()
    assert flush(spool, lake.as_uri()).records == 1


def test_only_one_process_flushes(spool: Path, lake: Path) -> None:
    """While another one is at it for long, flushing is refused in one line."""
    write(spool, [record("a")])
    with (spool / "flush.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(LakeError, match="another process is flushing it; wait and try again"):
            flush(spool, lake.as_uri(), patience=0.1)
    assert flush(spool, lake.as_uri()).records == 1


def test_drafts_of_dead_writers_are_removed(spool: Path, lake: Path) -> None:
    """An old .new file is nobody's; a fresh one may be a writer's this very moment."""
    for folder in (spool, spool / "bodies"):
        folder.mkdir()
        (folder / "old.new").touch()
        (folder / "fresh.new").touch()
        os.utime(folder / "old.new", (0, 0))
    flush(spool, lake.as_uri())
    assert [path.name for path in sorted(spool.rglob("*.new"))] == ["fresh.new", "fresh.new"]


def test_large_bodies_arrive(spool: Path, lake: Path) -> None:
    """200 KB of text whole, and megabytes, as a row that says what was cut or hashed."""
    write(spool / "bodies", [body("a", "\u65e5" * 70_000), body("b", "x" * 9_000_000)])
    flush(spool, lake.as_uri())
    small, large = rows(lake, "payload")
    said = orjson.loads(small["gen_ai_input_messages"])[0]["parts"][0]["content"]
    assert said == "\u65e5" * 70_000
    assert (small["truncated"], large["truncated"]) == (False, True)


@pytest.mark.parametrize("table", ["usage", "payload"])
def test_a_row_that_does_not_arrive_stops_the_batch(
    table: str, spool: Path, lake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows are counted before anything is stored: with one missing, nothing is."""
    from sekisho.lake.shipping import parquet

    write(spool, [record("a")])
    write(spool / "bodies", [body("a")])
    real = parquet.Writer._write  # pyright: ignore[reportPrivateUsage]

    def forgetful(*given: Any) -> Any:
        return tuple(replace(file, rows=0) for file in real(*given))

    monkeypatch.setattr(parquet.Writer, "_write", forgetful)
    with pytest.raises(LakeError, match=r"0 of 1 (records|bodies) arrived"):
        flush(spool, lake.as_uri())
    assert not lake.exists()
    assert len(batches.pending(spool)) == 1


@pytest.mark.parametrize("url", ["file:relative", "file://server/share", "/just/a/path", "s3:///x"])
def test_what_is_no_lake_is_refused(spool: Path, url: str) -> None:
    """It is one clear line, whatever is in the spool."""
    with pytest.raises(LakeError, match=r"write (file:///absolute/folder or )?s3://bucket/prefix"):
        flush(spool, url)
