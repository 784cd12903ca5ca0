"""The run: rounds of plain and streamed requests, with the systems side by side in each."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass

from . import processes
from .load import Plan
from .processes import BenchmarkError
from .stats import MODES, Mode, Sample, percentile
from .systems import MODEL, ROOT, Bench, System

_WARM_UP = 20  # requests before each measurement: new connections, caches
_FIRST_WARM_UP = 100


@dataclass(frozen=True, slots=True)
class Options:
    """How much to measure; `pace_ms` is the upstream's pause before each chunk."""

    rounds: int = 9
    requests: int = 100
    streams: int = 60
    connections: int = 2
    chunks: int = 50
    pace_ms: float = 2.0

    def count(self, mode: Mode) -> int:
        """Requests in one round."""
        return self.requests if mode == "plain" else self.streams


@dataclass(frozen=True, slots=True)
class Memory:
    """Resident memory in MiB of a system, when started and at the end of the run."""

    system: str
    idle_mb: float
    after_mb: float
    helpers_idle_mb: float = 0.0
    helpers_after_mb: float = 0.0


@dataclass(frozen=True, slots=True)
class Result:
    """All that was measured; `helpers_cpu_ms` is Sekisho's shipper per request of the whole run."""

    samples: tuple[Sample, ...]
    memory: tuple[Memory, ...]
    helpers_cpu_ms: float


def order(systems: Sequence[System], round_number: int) -> list[System]:
    """The systems forwards in odd rounds and backwards in even ones."""
    return list(systems) if round_number % 2 else list(reversed(systems))


def run(bench: Bench, options: Options, tell: Callable[[str], None]) -> Result:
    """Measure; `tell` hears what is going on. Raises BenchmarkError for any wrong answer."""
    idle = {s.name: _memory(s) for s in bench.systems}
    helpers = [pid for s in bench.systems for pid in s.helpers]
    helpers_before = processes.cpu_seconds(helpers)
    for system in bench.systems:
        for mode in MODES:
            tell(f"warm-up: {system.name}, {mode}")
            _latencies(system, mode, options, _FIRST_WARM_UP, 0)
    samples = tuple(_rounds(bench, options, tell))
    asked = sum(_FIRST_WARM_UP + options.rounds * (_WARM_UP + options.count(m)) for m in MODES)
    helpers_ms = (processes.cpu_seconds(helpers) - helpers_before) * 1000 / asked
    after = {s.name: _memory(s) for s in bench.systems}
    memory = tuple(
        Memory(name, idle[name][0], after[name][0], idle[name][1], after[name][1]) for name in idle
    )
    return Result(samples, memory, helpers_ms)


def _rounds(bench: Bench, options: Options, tell: Callable[[str], None]) -> Iterator[Sample]:
    for number in range(1, options.rounds + 1):
        for mode in MODES:
            for system in order(bench.systems, number):
                tell(f"round {number} of {options.rounds}: {system.name}, {mode}")
                yield _sample(system, mode, number, options)


def _sample(system: System, mode: Mode, number: int, options: Options) -> Sample:
    count = options.count(mode)
    latencies, cpu = _latencies(system, mode, options, _WARM_UP, count)
    p50, p99 = percentile(latencies, 50), percentile(latencies, 99)
    return Sample(system.name, mode, number, cpu * 1000 / count, p50, p99)


def _latencies(
    system: System, mode: Mode, options: Options, warm_up: int, count: int
) -> tuple[list[float], float]:
    """Latencies in milliseconds and CPU seconds of `count` requests after a warm-up."""
    stream, chunks = mode == "streamed", options.chunks
    plan = Plan(system.port, system.key, MODEL, stream, count, warm_up, options.connections, chunks)
    command = [sys.executable, "-m", f"{__package__}.load"]
    pipe = subprocess.PIPE
    load = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, cwd=ROOT)
    try:
        assert load.stdin
        assert load.stdout
        load.stdin.write(json.dumps(asdict(plan)) + "\n")
        load.stdin.flush()
        load.stdout.readline()  # `ready`, or nothing when the warm-up failed
        before = processes.settled_cpu(system.processes)
        answer, trouble = load.communicate("\n")
    finally:
        load.kill()
        load.wait()
    if load.returncode:
        raise BenchmarkError(f"{system.name}, {mode}: {trouble.strip()[-1000:]}")
    return json.loads(answer), processes.settled_cpu(system.processes) - before


def _memory(system: System) -> tuple[float, float]:
    return processes.memory_mb(system.processes), processes.memory_mb(system.helpers)
