"""The lake benchmark's pure parts: requests, scans, tables, command line. Nothing is timed."""

from pathlib import Path

import duckdb
import orjson
import pytest
from sekisho.benchmarks.lake import report, scan
from sekisho.benchmarks.lake.__main__ import arguments, options_of
from sekisho.benchmarks.lake.loggers import ended
from sekisho.benchmarks.lake.measure import Cost, Lost, Options, Result, Ship, Stored
from sekisho.benchmarks.lake.requests import made
from sekisho.benchmarks.lake.served import Inside
from sekisho.benchmarks.overhead.report import markdown
from sekisho.benchmarks.overhead.stats import Spread
from sekisho.lake import codec


def costs(kind: str, *cpu_us: float) -> tuple[Cost, ...]:
    """One cost in each round."""
    return tuple(Cost(kind, n, us, us / 2, us / 10) for n, us in enumerate(cpu_us, 1))


@pytest.fixture
def result() -> Result:
    """Two rounds, two lives."""
    return Result(
        costs=(
            *costs("sekisho", 100.0, 200.0),
            *costs("s3_v2", 1000.0, 3000.0),
            *costs("s3_v2 batch-file", 500.0, 500.0),
        ),
        stored=(
            Stored("sekisho", 8680, 20, 8_680_000),
            Stored("s3_v2", 86, 86, 2_000_000),
            Stored("s3_v2 batch-file", 86, 4, 2_000_000),
        ),
        scanned=(
            scan.Scanned("sekisho, as shipped", 1000, 2, 40_000, 100_000),
            scan.Scanned("sekisho, compacted", 1000, 1, 20_000, 90_000),
            scan.Scanned("s3_v2", 100, 100, 2_300_000, 2_300_000),
        ),
        lost=(
            Lost("sekisho", 1000, 0),
            Lost("sekisho", 500, 0),
            Lost("s3_v2", 1000, 700),
            Lost("s3_v2", 500, 300),
            Lost("s3_v2 batch-file", 1000, 600),
            Lost("s3_v2 batch-file", 500, 500),
        ),
        away_kb={"sekisho": 0.04, "s3_v2": 51.5, "s3_v2 batch-file": 50.0},
        ship=Ship(60.0, 8000.0, 180.0),
        ship_rows=Ship(40.0, 20_000.0, 90.0),
        inside=Inside(600, 10.0, 40.0, 5.0),
    )


def test_requests_are_as_large_as_they_are_said_to_be() -> None:
    """Each has 20 KB of JSON within 2 %, the same ones for the same seed, and none twice."""
    found = list(made(20, seed=1))
    assert all(19_600 < len(one.asked) + len(one.answered) < 20_400 for one in found)
    assert found == list(made(20, seed=1))
    assert len({one.asked for one in found}) == 20


def test_both_loggers_get_the_same_request() -> None:
    """Sekisho's row and LiteLLM's payload tell the same tokens, model and prompt."""
    (one,) = made(1, seed=1)
    known = ended(one, days_ago=0)
    assert codec.decode(codec.encode(known.row)) == known.row
    assert known.row.gen_ai_usage_input_tokens == known.payload["prompt_tokens"]
    assert known.row.gen_ai_request_model == known.payload["model_group"]
    assert known.payload["messages"] == known.asked["messages"]
    assert 20_000 < len(orjson.dumps(known.payload)) < 27_000


def test_a_scan_counts_the_columns_that_a_query_names(tmp_path: Path) -> None:
    """Comments name nothing; the view's own column and the footer count always."""
    sql = "-- by team\nSELECT owner, sum(billed_cost) FROM llm_usage GROUP BY 1"
    assert scan.columns_of(sql) == {"owner", "billed_cost", "batch_id"}
    file = tmp_path / "x.parquet"
    with duckdb.connect() as connection:
        connection.execute(
            "COPY (SELECT i::VARCHAR AS owner, md5(i::VARCHAR) AS error_message, [i] AS tags "
            f"FROM range(1000) t(i)) TO '{file}' (FORMAT parquet)"
        )
        found = connection.execute(
            "SELECT sum(total_compressed_size) FROM parquet_metadata(?) "
            "WHERE path_in_schema = 'owner'",
            [str(file)],
        ).fetchone()
    assert found is not None
    footer = int.from_bytes(file.read_bytes()[-8:-4], "little") + 8
    scanned = scan.parquet("one", [file], sql)
    assert (scanned.records, scanned.files) == (1000, 1)
    assert scanned.read == found[0] + footer
    assert scanned.whole == file.stat().st_size


def test_objects_of_a_day_follow_from_the_rules() -> None:
    """A million requests on four containers: two files every five minutes, and at midnight."""
    assert report.objects_per_million("sekisho") == 2_312
    assert report.objects_per_million("s3_v2 batch-file") == 34_560
    assert report.objects_per_million("s3_v2") == 1_000_000


def test_ratio_is_taken_within_a_round(result: Result) -> None:
    """The median of the rounds' ratios, and their range."""
    assert report.ratio(result.costs, "s3_v2", lambda cost: cost.cpu_us) == Spread(12.5, 10.0, 15.0)


def test_tables_have_every_figure(result: Result) -> None:
    """The document states CPU, stalls, memory, losses, objects, bytes and scans."""
    text = markdown(report.tables(result), {"Machine": "one core"})
    assert "| (b) `s3_v2` | 2,000 (1,000-3,000) | 12.5 | 1,000 (500-1,500) | 12.5 | " in text
    assert "| 12.5 | 200 (100-300) | 51.5 | 1,000 of 1,500 | 500 |" in text
    assert "| (a) Sekisho | 2,312 | 434.0 | 1,000 |" in text
    assert "| (a) Sekisho, compacted | 20 | 90 | 1,000 |" in text
    assert "| (a) Sekisho | 55 | 10 | 40 | 5 |" in text
    assert "| rows and 20 KB of text each | 60 | 8,000 | 180 |" in text
    assert "| rows alone | 40 | 20,000 | 90 |" in text


def test_options_come_from_the_command_line() -> None:
    """What isn't given is as usual."""
    assert options_of(arguments([])) == Options()
    found = options_of(arguments(["--rounds", "1", "--lives", "2", "--per-second", "50"]))
    assert found == Options(rounds=1, lives=2, per_second=50.0)
    with pytest.raises(SystemExit):
        arguments(["--rounds", "0"])


def test_document_has_the_marks() -> None:
    """`--docs` finds where to write."""
    document = Path(__file__).resolve().parents[1] / "docs" / "performance.md"
    text = document.read_text()
    assert text.index(report.MARKS[0]) < text.index(report.MARKS[1])
