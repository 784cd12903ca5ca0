"""Processes: started in groups of their own, stopped whatever happens, and read from /proc."""

import os
import signal
import subprocess
import time
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE_MB = os.sysconf("SC_PAGE_SIZE") / 2**20


class BenchmarkError(Exception):
    """The benchmark can't go on; the message says why."""


@contextmanager
def running(
    command: Sequence[str], environment: Mapping[str, str], log: Path, folder: Path
) -> Generator[subprocess.Popen[bytes], None, None]:
    """Run a command in `folder`; it is stopped at the end."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            env=environment,
            stdout=output,
            stderr=output,
            cwd=folder,
            start_new_session=True,  # a group of its own, so that nothing of it outlives us
        )
    try:
        yield process
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(20)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def tree(root: int) -> list[int]:
    """A process and all its descendants."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))):
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    found = [root]
    for pid in found:
        found.extend(children.get(pid, ()))
    return found


def command_line(pid: int) -> str:
    """The words of a process's command, or nothing when it has gone."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    return ""


def cpu_seconds(pids: Iterable[int]) -> float:
    """User and system time of processes, all their threads included (steps of 10 ms)."""
    stats = [fields for pid in pids if (fields := _stat(pid))]
    return sum(int(fields[11]) + int(fields[12]) for fields in stats) / _TICKS


def memory_mb(pids: Iterable[int]) -> float:
    """Resident memory of processes in MiB."""
    return sum(int(fields[21]) for pid in pids if (fields := _stat(pid))) * _PAGE_MB


def settled_cpu(pids: Sequence[int], most: float = 3.0) -> float:
    """CPU seconds once no work is left over from the last request (or after `most` seconds)."""
    end = time.monotonic() + most
    before = cpu_seconds(pids)
    while time.monotonic() < end:
        time.sleep(0.1)
        now = cpu_seconds(pids)
        if now == before:
            break
        before = now
    return before


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the third on (proc(5)); none when it has gone."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return []
