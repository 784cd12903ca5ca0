"""What the lines of a segment mean: rows, beginnings, and which of two lines counts."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from sekisho.lake import codec
from sekisho.lake.record import Record
from sekisho.lake.spool import segments
from sekisho.lake.spool.beginning import Beginning, encode
from sekisho.lake.spool.follow import Follower
from sekisho.lake.spool.lines import Spool
from sekisho.lake.spool.segments import Segment

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def beginning(name: str) -> bytes:
    """A beginning, as a line without its newline."""
    return encode(Beginning(name, START, {"owner": "a@example.com"})).rstrip(b"\n")


def row(name: str, micros: int = 0, status: str = "success") -> bytes:
    """The row of a request that ended so many microseconds after noon."""
    end = START.replace(microsecond=micros)
    record = Record(request_id=name, start_time=START, end_time=end, status=status)  # type: ignore[arg-type]
    return codec.encode(record).rstrip(b"\n")


def test_a_row_beats_its_beginning() -> None:
    """In whichever order they come; a beginning without a row stays, and is the row."""
    lines = [beginning("a"), beginning("b"), row("a"), row("c"), beginning("c"), beginning("b")]
    assert segments.settled(lines) == [row("a"), beginning("b"), row("c")]


def test_of_two_rows_the_later_counts() -> None:
    """The one that ended later, whichever was written first, to the microsecond."""
    early, late = row("a", 0), row("a", 500_000, "cancelled")
    assert segments.settled([early, late]) == [late]
    assert segments.settled([late, early]) == [late]
    assert segments.settled([row("b", 1, "failure"), row("b", 10)]) == [row("b", 10)]


def test_what_is_no_record_stays() -> None:
    """Lines that are no records are left for whoever sets them aside, each of them."""
    bad = [b"{}", b"no JSON", b"no JSON", b'{"status":"success"}']
    assert segments.settled([*bad, row("a")]) == [*bad, row("a")]


def test_rows_are_what_has_ended() -> None:
    """A beginning may still be running: readers of a living spool leave it out."""
    interrupted = row("c", 5, "interrupted")
    assert segments.rows([beginning("a"), row("b"), interrupted]) == [row("b"), interrupted]


def test_the_words_of_a_client_make_no_beginning() -> None:
    """A text that looks like a beginning's fields is a text."""
    words = '"end_time":null,"status":"interrupted"'
    record = Record(
        request_id="a", start_time=START, end_time=START, status="success", user_agent=words
    )
    assert not segments.is_beginning(codec.encode(record))


def test_a_follower_tells_rows_only(tmp_path: Path) -> None:
    """Who follows the log sees a request when it has ended, once."""
    spool = Spool(tmp_path, "host")
    with Follower(tmp_path) as follower:
        begun = spool.begin(beginning("a") + b"\n")
        assert follower.new_records() == []
        spool.end(begun, row("a") + b"\n")
        assert [record.request_id for record in follower.new_records()] == ["a"]
        assert follower.new_records() == []
    spool.close()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("20260301T120000-host-7-000001-abcd", START),
        ("w1", None),
        ("20261301T120000-host", None),
    ],
)
def test_a_segment_tells_when_it_was_begun(name: str, expected: datetime | None) -> None:
    """By its name, in UTC; other names tell nothing."""
    assert segments.begun_at(Segment(name, Path(name))) == expected


def test_the_size_of_a_spool_is_what_waits_in_it(tmp_path: Path) -> None:
    """Segments of rows and bodies and bad lines count, the files of the shipper don't."""
    for name, size in (("a.open", 1), ("bodies/b.closed", 20), ("bad/c.jsonl", 300), ("x", 4000)):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(bytes(size))
    assert segments.total_bytes(tmp_path) == 321
    assert segments.total_bytes(tmp_path / "none") == 0
