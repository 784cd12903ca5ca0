"""The measurements, all on one S3 server in one run; loggers take turns within each round."""

import random
import shutil
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import duckdb
from sekisho.tests.gateway import free_port
from sekisho.tests.s3_servers import S3Server

from . import running, scan, served
from .loggers import IDLE, LITELLM, S3_V2_FILES, SEKISHO, Place
from .process import Found, Plan
from .requests import made
from .served import Inside

KINDS = (SEKISHO, *LITELLM)
COST_QUERY = "cost-by-user.sql"
_QUERIES = Path(__file__).resolve().parents[2] / "lake" / "queries"
# A million requests a day on four containers: what each of them has in one shipping interval.
CONTAINERS, SHIP_SECONDS, DAY = 4, 300, 86_400
PER_BATCH = 1_000_000 * SHIP_SECONDS // (CONTAINERS * DAY)
_HEAP = 10_000  # requests that the shipper finds at once: 200 MB
_SERVED = 600  # requests to a gateway
_KILLED = 3_000  # requests of a process that will not come so far


@dataclass(frozen=True, slots=True)
class Options:
    """How much to measure; `seconds` of one run, `lives` that a kill -9 ends, `intervals` of
    shipping on each container.
    """

    rounds: int = 5
    seconds: float = 10.0
    per_second: float = 100.0
    lives: int = 3
    away_seconds: float = 30.0
    intervals: int = 3


@dataclass(frozen=True, slots=True)
class Cost:
    """What a logger costs in a round: CPU in microseconds for each record at the pace and one after
    the other, that of a process without a logger taken off, and the longest stall of the event loop
    at the pace in milliseconds.
    """

    kind: str
    round: int
    cpu_us: float
    cpu_at_once_us: float
    stall_ms: float


@dataclass(frozen=True, slots=True)
class Stored:
    """What a store has of so many records of one logger; `size` in bytes."""

    kind: str
    records: int
    objects: int
    size: int


@dataclass(frozen=True, slots=True)
class Lost:
    """A life of a request process: how many requests it had logged, how many the store lacks."""

    kind: str
    logged: int
    lost: int


@dataclass(frozen=True, slots=True)
class Ship:
    """Sekisho's shipper, a process beside: CPU in microseconds, records a second, MiB at most."""

    cpu_us: float
    per_second: float
    peak_mb: float


@dataclass(frozen=True, slots=True)
class Result:
    """Everything; `away_kb` is memory in KiB for each record logged while S3 was away, `ship_rows`
    the shipper on rows without prompts and answers, `inside` the log in a gateway.
    """

    costs: tuple[Cost, ...]
    stored: tuple[Stored, ...]
    scanned: tuple[scan.Scanned, ...]
    lost: tuple[Lost, ...]
    away_kb: Mapping[str, float]
    ship: Ship
    ship_rows: Ship
    inside: Inside


class Bench:
    """One S3 server, whose objects are files, and a folder for everything else."""

    def __init__(self, server: S3Server, folder: Path, told: Callable[[str], object]) -> None:
        """`told` hears what is being done."""
        assert server.folder is not None
        self._server, self._objects = server, server.folder
        self._folder = folder
        self._told = told
        self._count = 0
        self._dice = random.Random(7)

    def run(self, options: Options) -> Result:
        """All measurements, one after the other. Raises BenchmarkError."""
        costs = [
            cost for number in range(options.rounds) for cost in self._round(number + 1, options)
        ]
        self._told("the log in a gateway that serves")
        inside = served.serve(self._folder / "gateway", [*made(_SERVED, seed=3)])
        lake = self._ship(options)
        ship, ship_rows = self._speed(bodies=True), self._speed(bodies=False)
        stored, scanned = self._day(lake)
        lost = [one for life in range(options.lives) for one in self._kill(life, options)]
        away = self._away(options)
        return Result(tuple(costs), stored, scanned, tuple(lost), away, ship, ship_rows, inside)

    def _round(self, number: int, options: Options) -> Generator[Cost]:
        """Each logger once, in alternating order, and the pace without one."""
        pace = options.per_second
        requests = int(options.seconds * pace)
        found: dict[tuple[str, float, bool], Found] = {}
        for kind in (IDLE, *KINDS) if number % 2 else (*reversed(KINDS), IDLE):
            self._told(f"CPU and stalls, round {number} of {options.rounds}: {kind}")
            for per_second, watch in ((pace, False), (0.0, False), (pace, True)):
                if kind == IDLE and watch:
                    continue
                place = self._place(kind)
                plan = Plan(kind, requests, per_second, number, place, watch=watch)
                found[kind, per_second, watch] = running.result(plan)
        for kind in KINDS:
            paced, at_once = (
                (found[kind, p, False].cpu_s - found[IDLE, p, False].cpu_s) / requests * 1e6
                for p in (pace, 0.0)
            )
            yield Cost(kind, number, paced, at_once, found[kind, pace, True].stall_ms)

    def _ship(self, options: Options) -> Place:
        """Some intervals of four containers, each shipped by its own.

        The clock is pressed together: an interval's records are written at once.
        """
        self._told("shipping as at a million requests a day")
        places = [self._place(SEKISHO, prefix="day") for _ in range(CONTAINERS)]
        for number in range(options.intervals):
            for seed, place in enumerate(places):
                plan = Plan(SEKISHO, PER_BATCH, 0, number * 10 + seed, place, days_ago=1)
                running.result(plan)
                self._sekisho(place, "logs", "flush")
        return places[0]

    def _speed(self, bodies: bool) -> Ship:
        """What it takes to ship a heap of records, less what a command takes that finds nothing."""
        self._told("how fast the shipper is")
        place = self._place(SEKISHO)
        nothing = self._sekisho(place, "logs", "flush")
        running.result(Plan(SEKISHO, _HEAP, 0, 99, place))
        if not bodies:
            shutil.rmtree(Path(place.folder) / "bodies")
        used = self._sekisho(place, "logs", "flush")
        seconds, cpu = used.seconds - nothing.seconds, used.cpu_s - nothing.cpu_s
        return Ship(cpu / _HEAP * 1e6, _HEAP / seconds, used.peak_mb)

    def _day(self, lake: Place) -> tuple[tuple[Stored, ...], tuple[scan.Scanned, ...]]:
        """Objects, bytes and scans; LiteLLM's loggers run half a minute at that day's pace."""
        folder, sql = self._objects / lake.prefix, (_QUERIES / COST_QUERY).read_text()
        usage = folder / "usage"
        shipped = scan.parquet(f"{SEKISHO}, as shipped", sorted(usage.rglob("*.parquet")), sql)
        stored = [_stored(SEKISHO, shipped.records, folder)]
        self._sekisho(lake, "logs", "compact")
        whole = sorted(usage.rglob("day.parquet"))
        scanned = [shipped, scan.parquet(f"{SEKISHO}, compacted", whole, sql)]
        pace = 1_000_000 / DAY / CONTAINERS
        for kind in LITELLM:
            self._told(f"objects and bytes: {kind}")
            place, requests = self._place(kind), int(30 * pace)
            running.result(Plan(kind, requests, pace, 5, place))
            folder = self._objects / place.prefix
            stored.append(_stored(kind, requests, folder))
            scanned.append(scan.everything(kind, _files(folder), requests))
        return tuple(stored), tuple(scanned)

    def _kill(self, life: int, options: Options) -> Generator[Lost]:
        """One life of each, at the same time and equally long; then what the store has."""
        self._told(f"kill -9, life {life + 1} of {options.lives}")
        places = {kind: self._place(kind) for kind in KINDS}
        with ExitStack() as stack:
            processes = {
                kind: stack.enter_context(
                    running.started(Plan(kind, _KILLED, options.per_second, life, place, acks=True))
                )
                for kind, place in places.items()
            }
            time.sleep(self._dice.uniform(5.0, 20.0))
            for process in processes.values():
                process.kill()
            logged = {kind: running.acks(process) for kind, process in processes.items()}
        self._sekisho(places[SEKISHO], "logs", "flush")
        for kind, place in places.items():
            yield Lost(kind, logged[kind], max(0, logged[kind] - self._records(kind, place)))

    def _away(self, options: Options) -> dict[str, float]:
        """How memory grows while nobody answers at the server's address."""
        requests = int(options.away_seconds * options.per_second)
        nowhere = f"http://127.0.0.1:{free_port()}"
        found: dict[str, float] = {}
        for kind in (IDLE, *KINDS):
            self._told(f"memory while S3 is away: {kind}")
            place = self._place(kind, url=nowhere)
            plan = Plan(kind, requests, options.per_second, 9, place, finish=False)
            one = running.result(plan)
            found[kind] = one.grown_mb * 1024 / one.grown_over
        return {kind: max(0.0, found[kind] - found[IDLE]) for kind in KINDS}

    def _records(self, kind: str, place: Place) -> int:
        folder = self._objects / place.prefix
        if kind == SEKISHO:
            return _rows(sorted((folder / "usage").rglob("*.parquet")))
        if kind == S3_V2_FILES:
            return sum(file.read_bytes().count(b"\n") for file in _files(folder))
        return len(_files(folder))

    def _place(self, kind: str, prefix: str | None = None, url: str | None = None) -> Place:
        """A new spool, and a prefix that is new unless it is given."""
        self._count += 1
        name = f"{self._count:03}-{kind.replace(' ', '-')}"
        server = self._server
        home = self._folder / name
        home.mkdir()
        return Place(
            str(home / "spool"),
            url or server.url,
            server.bucket,
            prefix or name,
            server.access_key,
            server.secret_key,
            server.region,
        )

    def _sekisho(self, place: Place, *words: str) -> running.Used:
        variables = {
            **self._server.variables,
            "SEKISHO_LAKE": f"s3://{place.bucket}/{place.prefix}",
        }
        return running.sekisho(Path(place.folder).parent, variables, *words)


def _stored(kind: str, records: int, folder: Path) -> Stored:
    files = _files(folder)
    return Stored(kind, records, len(files), sum(file.stat().st_size for file in files))


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def _rows(files: list[Path]) -> int:
    if not files:
        return 0
    with duckdb.connect() as connection:
        found = connection.execute(
            "SELECT count(DISTINCT request_id) FROM read_parquet(?) WHERE status = 'success'",
            [[str(file) for file in files]],
        ).fetchone()
    return int(found[0]) if found else 0
