"""Request processes and Sekisho's commands, run and watched from outside."""

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from ..overhead.processes import BenchmarkError
from .process import ACK, Found, Plan

_ROOT = Path(__file__).resolve().parents[2]
_PATIENCE = 300.0  # seconds for one run


@dataclass(frozen=True, slots=True)
class Used:
    """What a command used: seconds that passed and of CPU, and its largest memory in MiB."""

    seconds: float
    cpu_s: float
    peak_mb: float


@contextmanager
def started(plan: Plan) -> Generator["subprocess.Popen[bytes]"]:
    """A request process that has just begun; it is killed at the end. Raises BenchmarkError."""
    process = subprocess.Popen(
        [sys.executable, "-m", f"{__package__}.process"],
        env={**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # LiteLLM has much to say when S3 is away
        cwd=_ROOT,
    )
    try:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(asdict(plan)).encode() + b"\n")
        process.stdin.flush()
        if process.stdout.readline() != b"ready\n":
            raise BenchmarkError(f"the request process of {plan.kind} did not start")
        yield process
    finally:
        process.kill()
        process.communicate()


def result(plan: Plan, patience: float = _PATIENCE) -> Found:
    """Run a plan to its end, within so many seconds. Raises BenchmarkError."""
    with started(plan) as process:
        out, _ = process.communicate(timeout=patience)
    try:
        return Found(**json.loads(out))
    except ValueError:
        raise BenchmarkError(f"the request process of {plan.kind} ended early") from None


def acks(process: "subprocess.Popen[bytes]") -> int:
    """How many requests a process that was killed had logged."""
    out, _ = process.communicate(timeout=10)
    return out.count(ACK)


def sekisho(home: Path, variables: Mapping[str, str], *words: str) -> Used:
    """Run one of Sekisho's commands. Raises BenchmarkError when it fails."""
    environment = {**os.environ, **variables, "SEKISHO_HOME": str(home)}
    begun = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "sekisho", *words],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        cwd=home,
    )
    assert process.stderr is not None
    told = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stderr.close()
    if process.returncode:
        raise BenchmarkError(f"sekisho {' '.join(words)}: {told.decode().strip()}")
    return Used(time.perf_counter() - begun, _cpu(usage), usage.ru_maxrss / 1024)


def _cpu(usage: resource.struct_rusage) -> float:
    return usage.ru_utime + usage.ru_stime
