"""Usage: the right sums, from lake and spool together, each request once."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from sekisho.lake import codec
from sekisho.lake.asking.query import By, UsageRow, latest, usage
from sekisho.lake.place import LakeError
from sekisho.lake.record import Record
from sekisho.lake.spool import segments
from sekisho.lake.spool.follow import Follower
from sekisho.lake.stores.store import open_store

from . import filled, s3_servers

START = datetime(2026, 3, 1, 23, 0, tzinfo=UTC)
BASE = Record(
    request_id="r0",
    start_time=START,
    end_time=START,
    status="success",
    gen_ai_request_model="claude-sonnet-4-6",
    api_key_id="key_1",
    api_key_alias="alice-laptop",
    owner="alice@example.com",
    end_user_email="alice@example.com",
    team="research",
    app="claude-code",
    gen_ai_usage_input_tokens=1000,
    gen_ai_usage_output_tokens=200,
    gen_ai_usage_cache_read_input_tokens=300,
    gen_ai_usage_cache_creation_input_tokens=40,
    billed_cost=Decimal("0.000000000001"),
    is_priced=True,
)
FREE = {
    "billed_cost": Decimal(0),
    "gen_ai_usage_input_tokens": None,
    "gen_ai_usage_output_tokens": None,
    "gen_ai_usage_cache_read_input_tokens": None,
    "gen_ai_usage_cache_creation_input_tokens": None,
}
FLUSHED = [
    BASE,
    replace(BASE, request_id="r1", billed_cost=Decimal("0.1")),
    replace(
        BASE,
        request_id="r2",
        start_time=START + timedelta(hours=2),
        end_time=START + timedelta(hours=2),
        gen_ai_request_model="gpt-5",
        end_user_email=None,
        end_user_id="u-7",
        billed_cost=None,
        is_priced=False,
    ),
]
SPOOLED = [
    replace(BASE, request_id="r1", billed_cost=Decimal("0.1")),
    replace(
        BASE,
        request_id="r3",
        start_time=START + timedelta(hours=2, seconds=1),
        end_time=START + timedelta(hours=3),
        status="refused",
        end_user_email=None,
        owner=None,
        api_key_id=None,
        api_key_alias=None,
        team=None,
        app=None,
        **FREE,  # type: ignore[arg-type]
    ),
    replace(
        BASE,
        request_id="r4",
        start_time=START + timedelta(hours=3),
        end_time=START + timedelta(hours=4),
        status="cancelled",
        billed_cost=Decimal("2.5"),
    ),
]


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    """A spool with three records still in it, one of which is in the lake as well."""
    folder = tmp_path / "spool"
    filled.segment(folder, "20260302T000000-host", SPOOLED)
    return folder


@pytest.fixture
def lake(tmp_path: Path) -> str:
    """The lake with three records of two days."""
    filled.file(tmp_path / "lake", "2026-03-01", "b1", FLUSHED[:2])
    filled.file(tmp_path / "lake", "2026-03-02", "b1", FLUSHED[2:])
    return (tmp_path / "lake").as_uri()


def test_sums_over_lake_and_spool(lake: str, spool: Path) -> None:
    """Without a grouping there is one row: five requests, exact USD, one unpriced."""
    assert usage(lake, spool, ()) == [
        UsageRow((), 5, 1, 4000, 800, 1200, 160, Decimal("2.600000000001"), 1)
    ]


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        (
            ("user",),
            [(("alice@example.com",), 3), (("(none)",), 1), (("u-7",), 1)],
        ),
        (("model",), [(("claude-sonnet-4-6",), 4), (("gpt-5",), 1)]),
        (("key",), [(("alice-laptop",), 4), (("(none)",), 1)]),
        (("team",), [(("research",), 4), (("(none)",), 1)]),
        (("app",), [(("claude-code",), 4), (("(none)",), 1)]),
        (("day",), [(("2026-03-01",), 2), (("2026-03-02",), 3)]),
        (
            ("status",),
            [(("cancelled",), 1), (("success",), 3), (("refused",), 1)],
        ),
        (
            ("day", "model"),
            [
                (("2026-03-01", "claude-sonnet-4-6"), 2),
                (("2026-03-02", "claude-sonnet-4-6"), 2),
                (("2026-03-02", "gpt-5"), 1),
            ],
        ),
    ],
)
def test_groupings(
    lake: str, spool: Path, by: tuple[By, ...], expected: list[tuple[tuple[str, ...], int]]
) -> None:
    """Each grouping counts each request once, dearest first, days in their order."""
    assert [(row.group, row.requests) for row in usage(lake, spool, by)] == expected


def test_unpriced_is_not_zero(lake: str, spool: Path) -> None:
    """A model without a price has no USD, and its requests are counted apart."""
    [gpt] = [row for row in usage(lake, spool, ("model",)) if row.group == ("gpt-5",)]
    assert (gpt.cost_usd, gpt.unpriced) == (None, 1)


def test_errors_leave_out_what_the_client_cancelled(lake: str, spool: Path) -> None:
    """Refused, failed, truncated and interrupted requests are errors; cancelled ones aren't."""
    errors = {row.group[0]: row.errors for row in usage(lake, spool, ("status",))}
    assert errors == {"success": 0, "cancelled": 0, "refused": 1}


@pytest.mark.parametrize(
    ("since", "until", "requests"),
    [
        (None, None, [5]),
        (START, None, [5]),
        (START + timedelta(microseconds=1), None, [3]),
        (START + timedelta(hours=2), None, [3]),
        (None, START + timedelta(hours=2), [2]),
        (START, START + timedelta(hours=2, seconds=1), [3]),
        (START + timedelta(days=9), None, []),
    ],
)
def test_since_and_until(
    lake: str, spool: Path, since: datetime | None, until: datetime | None, requests: list[int]
) -> None:
    """A request belongs to [since, until) by its start."""
    assert [row.requests for row in usage(lake, spool, (), since, until)] == requests


def test_nothing_there_is_no_rows(tmp_path: Path) -> None:
    """An installation without a single request has no usage and no last records."""
    lake = (tmp_path / "lake").as_uri()
    assert usage(lake, tmp_path / "spool", ("user",)) == []
    assert usage(lake, tmp_path / "spool", ()) == []
    assert latest(lake, tmp_path / "spool", 5) == []


def test_a_bad_line_in_the_spool_is_left_out(lake: str, spool: Path) -> None:
    """A line that is no record neither stops a question nor counts."""
    bad = b'{"request_id":"x","start_time":"never"}\nrubbish\n'
    (spool / "20990101T000000-x.closed").write_bytes(bad + codec.encode(BASE))
    assert [row.requests for row in usage(lake, spool, ())] == [5]


def test_a_broken_file_in_the_lake_is_one_line(lake: str, spool: Path, tmp_path: Path) -> None:
    """A Parquet file that is none is told in one line."""
    (tmp_path / "lake" / "usage" / "dt=2026-03-01" / "x.parquet").write_bytes(b"no parquet at all")
    with pytest.raises(LakeError) as caught:
        usage(lake, spool, ())
    assert "x.parquet" in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_a_segment_that_moves_while_it_is_read_is_found(tmp_path: Path) -> None:
    """A segment closed between listing and reading is read under its new name."""
    opened = filled.segment(tmp_path, "x", [BASE], suffix=".open")
    [found] = segments.find(tmp_path)
    opened.rename(opened.with_suffix(".closed"))
    assert segments.content(found) == codec.encode(BASE)
    found.path.with_suffix(".closed").unlink()
    assert segments.content(found) == b""


@pytest.mark.parametrize(
    ("count", "expected"),
    [(0, []), (1, ["r4"]), (2, ["r3", "r4"]), (4, ["r1", "r2", "r3", "r4"]), (99, None)],
)
def test_latest(lake: str, spool: Path, count: int, expected: list[str] | None) -> None:
    """The last requests come oldest first, each once, from spool and then from lake."""
    found = [record.request_id for record in latest(lake, spool, count)]
    if expected is None:
        assert sorted(found) == ["r0", "r1", "r2", "r3", "r4"]
    elif count == 4:
        assert set(found[1:]) == {"r2", "r3", "r4"}
    else:
        assert found == expected


def test_folders_that_are_no_days_are_left_alone(lake: str, spool: Path) -> None:
    """The newest requests are found beside a folder of somebody else's."""
    expected = latest(lake, spool, 3)
    (Path(lake.removeprefix("file://")) / "usage" / "dt=old").mkdir()
    assert latest(lake, spool, 3) == expected


def test_latest_while_a_day_is_compacted(lake: str, spool: Path, tmp_path: Path) -> None:
    """A row that is in its batch and in the day's file is one of the last requests once."""
    compacted = [replace(record, batch_id="b1") for record in FLUSHED[:2]]
    filled.file(tmp_path / "lake", "2026-03-01", "day", compacted)
    found = latest(lake, tmp_path / "empty", 3)
    assert sorted(record.request_id for record in found) == ["r0", "r1", "r2"]
    assert [row.requests for row in usage(lake, spool, ())] == [5]


def test_beginnings_are_no_requests_yet(lake: str, spool: Path) -> None:
    """A request that may still be running neither counts nor is one of the last."""
    begun = replace(BASE, request_id="begun", end_time=None, status="interrupted")
    filled.segment(spool, "20260303T000000-host", [begun], suffix=".open")
    assert [row.requests for row in usage(lake, spool, ())] == [5]
    assert "begun" not in {record.request_id for record in latest(lake, spool, 99)}


def test_following_sees_what_is_written_and_rolled_and_shipped(tmp_path: Path) -> None:
    """New records are seen once each, even when their segment has gone to the lake meanwhile."""
    first = filled.segment(tmp_path, "x", [BASE], suffix=".open")
    with Follower(tmp_path) as follower:
        assert follower.new_records() == []
        with first.open("ab") as file:
            file.write(codec.encode(replace(BASE, request_id="r1")))
        assert [record.request_id for record in follower.new_records()] == ["r1"]
        with first.open("ab") as file:
            file.write(codec.encode(replace(BASE, request_id="r2")))
        first.unlink()
        filled.segment(tmp_path, "y", [replace(BASE, request_id="r3")], suffix=".open")
        assert [record.request_id for record in follower.new_records()] == ["r2", "r3"]
        assert follower.new_records() == []


def test_following_waits_for_the_end_of_a_line(tmp_path: Path) -> None:
    """Half a line is not shown before its other half is there."""
    line = codec.encode(BASE)
    segment = tmp_path / "x.open"
    segment.write_bytes(b"")
    with Follower(tmp_path) as follower:
        with segment.open("ab") as file:
            file.write(line[:50])
        assert follower.new_records() == []
        with segment.open("ab") as file:
            file.write(line[50:])
        assert follower.new_records() == [BASE]


def test_a_lake_on_s3_is_asked_as_a_folder(
    tmp_path: Path, spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Usage and the last requests of an S3 lake: the wanted days are copied and asked here."""
    now = datetime.now(UTC)
    recent = [replace(BASE, request_id="now", start_time=now, end_time=now)]
    filled.file(tmp_path / "bucket", f"{now:%Y-%m-%d}", "b2", recent)
    filled.file(tmp_path / "bucket", "2026-03-01", "b1", FLUSHED[:2])
    with s3_servers.rclone(tmp_path / "served") as server:
        for name, value in server.variables.items():
            monkeypatch.setenv(name, value)
        store = open_store(server.lake)
        for file in (tmp_path / "bucket").glob("usage/*/*.parquet"):
            store.put(file.relative_to(tmp_path / "bucket").as_posix(), file)
        until = START + timedelta(hours=1)
        found = usage(server.lake, spool, ("day",), START - timedelta(days=1), until)
        assert [(row.group, row.requests) for row in found] == [(("2026-03-01",), 2)]
        last = latest(server.lake, tmp_path / "empty" / "spool", 5)
    assert [record.request_id for record in last] == ["now"]
