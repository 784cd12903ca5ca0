"""`sekisho logs`: status, tail, flush and ship."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sekisho import settings
from sekisho.cli.logs import logs
from sekisho.lake import codec
from sekisho.lake.columns import NAMES
from sekisho.lake.record import Record
from sekisho.lake.shipping import progress
from sekisho.lake.shipping.progress import Progress
from sekisho.lake.spool.lines import Spool
from sekisho.settings import Settings

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
RECORD = Record(
    request_id="r0",
    start_time=START,
    end_time=START,
    duration_ms=1234.4,
    status="success",
    http_response_status_code=200,
    owner="alice@example.com",
    gen_ai_request_model="claude-sonnet-4-6",
    gen_ai_usage_input_tokens=10,
    gen_ai_usage_output_tokens=5,
    billed_cost=Decimal("0.00012"),
    is_priced=True,
)


@pytest.fixture
def places(tmp_path: Path) -> Settings:
    """A home with two requests in the spool."""
    spool = Spool(tmp_path / "spool", "host")
    spool.append(codec.encode(RECORD))
    refused = Record(
        request_id="r1",
        start_time=START,
        end_time=START.replace(hour=13),
        status="refused",
        http_response_status_code=401,
        gen_ai_request_model="\x1b[2J",
    )
    spool.append(codec.encode(refused))
    spool.close()
    return settings.load({"home": str(tmp_path)}, {})


def run(places: Settings, *words: str) -> Result:
    """One command."""
    return CliRunner().invoke(logs, words, obj=places)


def test_tail_shows_the_last_requests(places: Settings) -> None:
    """A line each, oldest first, with what was used; what isn't known is a dash."""
    lines = [line.split() for line in run(places, "tail").stdout.splitlines()]
    assert lines == [
        ["ended", "(UTC)", "status", "http", "user", "model", "in", "out", "USD", "ms", "request"],
        [
            *("2026-03-01", "12:00:00", "success", "200", "alice@example.com"),
            *("claude-sonnet-4-6", "10", "5", "0.00012", "1234", "r0"),
        ],
        [
            *("2026-03-01", "13:00:00", "refused", "401", "(none)", "\ufffd[2J"),
            *("-", "-", "-", "-", "r1"),
        ],
    ]


def test_tail_json_is_one_whole_record_a_line(places: Settings) -> None:
    """Programs get every column; -n counts from the end."""
    lines = run(places, "tail", "-n", "1", "--json").stdout.splitlines()
    assert len(lines) == 1
    found = json.loads(lines[0])
    assert (found["request_id"], found["status"]) == ("r1", "refused")
    assert list(found) == list(NAMES)


@pytest.mark.parametrize("words", [["flush"], ["ship", "--once"]])
def test_flush_brings_the_spool_to_the_lake(places: Settings, words: list[str]) -> None:
    """Flushing tells what it did, and once done there is nothing left to do."""
    assert run(places, *words).stdout == "2 records of 1 segments into 1 files.\n"
    result = run(places, "flush", "--json")
    assert json.loads(result.stdout) == {
        "batches": 0,
        "segments": 0,
        "records": 0,
        "files": 0,
        "bad_lines": 0,
    }
    tail = run(places, "tail", "--json").stdout.splitlines()
    assert [json.loads(line)["request_id"] for line in tail] == ["r0", "r1"]


def test_flush_tells_of_bad_lines(places: Settings) -> None:
    """Lines that are no records are told on stderr with where they are now."""
    (places.spool / "x.closed").write_bytes(b"rubbish\n")
    result = run(places, "flush")
    assert result.exit_code == 0
    assert result.stderr == f"1 lines were no records: {places.spool / 'bad'}\n"


def test_status_before_and_after(places: Settings) -> None:
    """The status has the waiting records first, and the lake's files afterwards."""
    before = json.loads(run(places, "status", "--json").stdout)
    assert (before["records_waiting"], before["lake_files"]) == (2, 0)
    assert before["oldest_waiting"] == "2026-03-01T12:00:00Z"
    assert (before["lake"], before["shipper"], before["problems"]) == (places.lake, None, [])
    assert before["spool_bytes"] > 1000
    run(places, "flush")
    after = json.loads(run(places, "status", "--json").stdout)
    assert (after["records_waiting"], after["lake_files"]) == (0, 1)
    assert (after["first_day"], after["last_day"]) == ("2026-03-01", "2026-03-01")
    shipper = after["shipper"]
    assert (shipper["batches"], shipper["records"], shipper["trouble"]) == (1, 2, None)
    text = run(places, "status").stdout
    assert "records waiting" in text
    assert "shipped records" in text


def test_status_knows_requests_that_run(places: Settings) -> None:
    """A beginning without a row is no waiting record."""
    spool = Spool(places.spool, "other")
    for name in ("r0", "running"):
        begun = Record(request_id=name, start_time=START, status="interrupted")
        spool.append(codec.encode(begun))
    spool.append(codec.encode(RECORD))
    found = json.loads(run(places, "status", "--json").stdout)
    assert (found["records_waiting"], found["requests_running"]) == (3, 1)
    spool.close()


def old_segment(places: Settings, hours: float) -> None:
    """A finished segment that was begun so long ago."""
    begun = datetime.now(UTC) - timedelta(hours=hours)
    name = f"{begun:%Y%m%dT%H%M%S}-host-1-000001-01234567.closed"
    (places.spool / name).write_bytes(codec.encode(RECORD))


def test_status_check_is_silent_when_all_is_well(places: Settings) -> None:
    """Records that have waited for a little while are no problem."""
    assert run(places, "status", "--check").exit_code == 0


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        ("denied", "the last 3 attempts to ship failed: lake s3://x: denied"),
        ("late", "finished records have waited for 120 minutes; by hand: sekisho logs flush"),
        ("nobody", "nothing ships this spool: start the gateway (sekisho up), or sekisho logs"),
        ("silent", "nothing has shipped this spool since 20"),
        ("bad", "2 lines are no records and were set aside: "),
        ("full", "the spool uses 0 of 0 MiB (SEKISHO_SPOOL_BYTES): prompts and answers are left"),
        ("shed", "1 waiting rows have no prompts and answers, for want of room"),
    ],
)
def test_status_check_tells_what_to_mend(places: Settings, trouble: str, words: str) -> None:
    """Each trouble is a line of its own, and the exit code is 1."""
    now = datetime.now(UTC)
    well = Progress(at=now, alive_since=now)
    match trouble:
        case "denied":
            failed = replace(well, consecutive_failures=3, trouble="lake s3://x: denied")
            progress.write(places.spool, failed)
        case "late" | "nobody":
            old_segment(places, 2)
        case "silent":
            old_segment(places, 0.1)
            progress.write(places.spool, replace(well, at=now - timedelta(hours=1)))
        case "bad":
            (places.spool / "bad").mkdir()
            (places.spool / "bad" / "x.jsonl").write_bytes(b"a\nb\n")
        case "full":
            places = replace(places, spool_bytes=100)
        case _:
            shed = replace(RECORD, payload_logged="shed")
            (places.spool / "x.closed").write_bytes(codec.encode(shed))
    result = run(places, "status", "--check")
    assert result.exit_code == 1
    assert f"problem: {words}" in result.stderr
    found = json.loads(run(places, "status", "--json").stdout)
    assert any(problem.startswith(words) for problem in found["problems"])


@pytest.mark.parametrize("words", [["status"], ["flush"], ["ship"], ["ship", "--once"]])
def test_a_lake_that_cannot_be_is_one_line(places: Settings, words: list[str]) -> None:
    """A URL that is no lake is refused in one line."""
    result = run(replace(places, lake="s3://bucket/x?y"), *words)
    assert result.exit_code == 1
    assert result.stderr == "Error: SEKISHO_LAKE=s3://bucket/x?y: write s3://bucket/prefix\n"


def test_status_of_a_bucket_asks_nobody(places: Settings) -> None:
    """What the lake has is not known: a gateway's role may not list it."""
    found = json.loads(run(replace(places, lake="s3://bucket"), "status", "--json").stdout)
    assert (found["lake_files"], found["lake_bytes"], found["records_waiting"]) == (None, None, 2)


@pytest.mark.parametrize("name", ["compact", "ddl", "iam", "ship", "flush", "status", "tail"])
def test_every_command_is_there(name: str) -> None:
    """`sekisho logs NAME --help` says what it does."""
    result = CliRunner().invoke(logs, [name, "--help"])
    assert result.exit_code == 0
    assert result.stdout.startswith(f"Usage: logs {name} ")


def test_follow_shows_new_requests_until_interrupted(places: Settings) -> None:
    """As a real process: the last ones, then each new one once, and Ctrl-C ends it with 0."""
    script = (
        "import sys; from types import SimpleNamespace; from pathlib import Path\n"
        "from sekisho.cli.logs import logs\n"
        "places = SimpleNamespace(database_url='', lake=sys.argv[1], spool=Path(sys.argv[2]))\n"
        "logs(['tail', '-n', '1', '--follow', '--json'], obj=places)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", script, places.lake, str(places.spool)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout is not None
    try:
        assert json.loads(process.stdout.readline())["request_id"] == "r1"
        spool = Spool(places.spool, "other")
        spool.append(codec.encode(replace(RECORD, request_id="r2")))
        assert json.loads(process.stdout.readline())["request_id"] == "r2"
        spool.append(codec.encode(replace(RECORD, request_id="r3")))
        spool.close()
        assert json.loads(process.stdout.readline())["request_id"] == "r3"
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
        assert process.stdout.read() == b""
    finally:
        process.kill()
        process.stdout.close()
        process.wait()
