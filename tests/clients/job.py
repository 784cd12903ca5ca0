"""One run of a client: its home, its folder, what it printed, what reached the clouds."""

import base64
import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..gateway import Gateway, until
from ..simulators import Simulator

PATIENCE = 90  # seconds; a client takes two to ten on an idle machine


@dataclass(frozen=True, slots=True)
class Stage:
    """A gateway before simulated clouds, with a key for it."""

    clouds: Simulator
    gateway: Gateway
    key: str


@dataclass(frozen=True, slots=True)
class Job:
    """Where a client runs and which model it shall use."""

    stage: Stage
    model: str
    home: Path

    @property
    def folder(self) -> Path:
        """The project that the client works on."""
        return self.home / "project"

    def variables(self, more: Mapping[str, str]) -> dict[str, str]:
        """The environment of the client: nothing of ours but the path."""
        found = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        return found | {"HOME": str(self.home), "TERM": "dumb", "NO_COLOR": "1"} | dict(more)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended. `upstream` is what reached the clouds of it, as the journal tells it."""

    code: int
    out: str
    folder: Path
    upstream: Sequence[Mapping[str, Any]] = field(default_factory=tuple[Mapping[str, Any], ...])
    gone: float = 0.0  # when the client had ended, Unix time

    @property
    def last_words(self) -> str:
        """The end of what was printed, for a report."""
        lines = [line.strip() for line in self.out.splitlines() if line.strip()]
        return " / ".join(lines[-3:])[-300:]


def run(job: Job, command: Sequence[str], more: Mapping[str, str], cancel: bool) -> Outcome:
    """Run a client to its end; with `cancel` interrupt it once the clouds have begun to answer."""
    job.stage.clouds.clear()
    with (job.home / "out.txt").open("wb") as out:
        process = subprocess.Popen(
            command,
            cwd=job.folder,
            env=job.variables(more),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            if cancel:
                _cancel(job, process)
            process.wait(PATIENCE)
        except (subprocess.TimeoutExpired, AssertionError):
            pass  # told by its exit code and by what is missing
        finally:
            gone = time.time()
            _end(process)
            _end_strays(job.home)
    if cancel:
        with suppress(AssertionError):
            until("the clouds to see it", lambda: _all_left(job), 5)
    text = (job.home / "out.txt").read_text(errors="replace")
    return Outcome(process.returncode, text, job.folder, asked(job.stage.clouds), gone)


def _cancel(job: Job, process: "subprocess.Popen[bytes]") -> None:
    until("an answer to begin", lambda: any(e["status"] for e in asked(job.stage.clouds)), 60)
    process.send_signal(signal.SIGINT)
    with suppress(subprocess.TimeoutExpired):
        process.wait(3)
        return
    _end(process)


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End what is left of the client's own process group."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _end_strays(home: Path) -> None:
    """End what a client has left running in a session of its own, as Cline does."""
    mark = f"\0HOME={home}\0".encode()
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if mark in b"\0" + (folder / "environ").read_bytes():
                os.kill(int(folder.name), signal.SIGKILL)


def _all_left(job: Job) -> bool:
    return all(e["left"] or e["complete"] for e in asked(job.stage.clouds))


def asked(clouds: Simulator) -> list[dict[str, Any]]:
    """The journal without logins and counting."""
    aside = ("/token", "count-tokens", "countTokens", "count_tokens")
    return [e for e in clouds.journal() if not any(word in e["path"] for word in aside)]


def tool(name: str, **arguments: Any) -> str:
    """The directive that makes the simulated model call a tool; opencode changes quotes in it."""
    encoded = base64.b64encode(json.dumps(arguments).encode()).decode()
    return f"[[sim:tool {name}=b64:{encoded}]]"
