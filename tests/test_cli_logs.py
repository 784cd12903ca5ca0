"""`sekisho logs`: status, tail and flush."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sekisho.cli.logs import logs
from sekisho.lake.record import Record
from sekisho.lake.spool import Spool

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


@dataclass(frozen=True)
class Places:
    """The part of the settings that the commands use."""

    database_url: str
    lake: str
    spool: Path


@pytest.fixture
def places(tmp_path: Path) -> Places:
    """A home with two requests in the spool."""
    spool = Spool(tmp_path / "spool", "host")
    spool.append(RECORD)
    spool.append(
        Record(
            request_id="r1",
            start_time=START,
            end_time=START.replace(hour=13),
            status="refused",
            http_response_status_code=401,
            gen_ai_request_model="\x1b[2J",
        )
    )
    spool.close()
    return Places("", (tmp_path / "lake").as_uri(), tmp_path / "spool")


def run(places: Places, *words: str) -> Result:
    """One command."""
    return CliRunner().invoke(logs, words, obj=places)


def test_tail_shows_the_last_requests(places: Places) -> None:
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


def test_tail_json_is_one_whole_record_a_line(places: Places) -> None:
    """Programs get every column; -n counts from the end."""
    lines = run(places, "tail", "-n", "1", "--json").stdout.splitlines()
    assert len(lines) == 1
    found = json.loads(lines[0])
    assert (found["request_id"], found["status"], len(found)) == ("r1", "refused", 53)


def test_flush_brings_the_spool_to_the_lake(places: Places) -> None:
    """Flushing tells what it did, and once done there is nothing left to do."""
    assert run(places, "flush").stdout == "2 records of 1 segments into 1 files.\n"
    result = run(places, "flush", "--json")
    assert json.loads(result.stdout) == {"segments": 0, "records": 0, "files": 0, "bad_lines": 0}
    tail = run(places, "tail", "--json").stdout.splitlines()
    assert [json.loads(line)["request_id"] for line in tail] == ["r0", "r1"]


def test_flush_tells_of_bad_lines(places: Places) -> None:
    """Lines that are no records are told on stderr with where they are now."""
    (places.spool / "x.closed").write_bytes(b"rubbish\n")
    result = run(places, "flush")
    assert result.exit_code == 0
    assert result.stderr == f"1 lines were no records: {places.spool / 'bad'}\n"


def test_status_before_and_after(places: Places) -> None:
    """The status has the waiting records first, and the lake's files afterwards."""
    before = json.loads(run(places, "status", "--json").stdout)
    assert (before["records_waiting"], before["lake_files"]) == (2, 0)
    assert before["oldest_waiting"] == "2026-03-01T12:00:00Z"
    assert before["lake"] == places.lake
    run(places, "flush")
    after = json.loads(run(places, "status", "--json").stdout)
    assert (after["records_waiting"], after["lake_files"]) == (0, 1)
    assert (after["first_day"], after["last_day"]) == ("2026-03-01", "2026-03-01")
    assert "records waiting" in run(places, "status").stdout


@pytest.mark.parametrize("words", [["status"], ["tail"], ["flush"]])
def test_a_lake_on_s3_is_one_line(places: Places, words: list[str]) -> None:
    """Until it works, S3 is refused in one line."""
    result = run(replace(places, lake="s3://bucket"), *words)
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: SEKISHO_LAKE=s3://bucket: S3 lakes don't work in this")


def test_follow_shows_new_requests_until_interrupted(places: Places) -> None:
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
        spool.append(replace(RECORD, request_id="r2"))
        assert json.loads(process.stdout.readline())["request_id"] == "r2"
        spool.append(replace(RECORD, request_id="r3"))
        spool.close()
        assert json.loads(process.stdout.readline())["request_id"] == "r3"
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
        assert process.stdout.read() == b""
    finally:
        process.kill()
        process.stdout.close()
        process.wait()
