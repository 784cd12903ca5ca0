"""The test's end of `writers`: has writers born and killed, and remembers what they told."""

import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from ..gateway import until

_ROOT = Path(__file__).resolve().parents[2]


@dataclass(slots=True)
class Nursery:
    """Writers on one spool; `began` and `ended` are request ids, in any order."""

    process: "subprocess.Popen[str]"
    began: set[str] = field(default_factory=set[str])
    ended: set[str] = field(default_factory=set[str])
    alive: set[int] = field(default_factory=set[int])
    steps: dict[int, int] = field(default_factory=dict[int, int])
    killed: int = 0
    born: int = 0

    @classmethod
    @contextmanager
    def start(cls, spool: Path) -> Generator["Nursery"]:
        """Nobody is born yet; all who live at the end are killed."""
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.kill.writers", str(spool)],
            cwd=_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        nursery = cls(process)
        listening = threading.Thread(target=nursery._listen, daemon=True)
        listening.start()
        try:
            yield nursery
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(30)
            nursery.kill_all()
            listening.join(30)
            assert process.stdout is not None
            process.stdout.close()

    def bear(self, seed: int) -> None:
        """Have another writer, and wait until it writes."""
        assert self.process.stdin is not None
        before = self.born
        self.process.stdin.write(f"{seed}\n")
        self.process.stdin.flush()
        until("a writer", lambda: self.born > before)

    def kill_one(self, dice: random.Random) -> None:
        """`kill -9` one of those who have done something."""
        pid = dice.choice(sorted(self.alive))
        enough = self.steps[pid] + dice.randrange(60)
        until("a writer's work", lambda: self.steps[pid] >= enough)
        self._kill(pid)

    def kill_all(self) -> None:
        """`kill -9` everyone; what they told before still comes."""
        for pid in sorted(self.alive):
            self._kill(pid)

    def _kill(self, pid: int) -> None:
        self.alive.discard(pid)
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            self.killed += 1

    def _listen(self) -> None:
        """Read until the last writer is dead."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            pid, what, request_id = line.split()
            self.steps[int(pid)] = self.steps.get(int(pid), 0) + 1
            if what == "born":
                self.alive.add(int(pid))
                self.born += 1
            else:
                (self.began if what == "began" else self.ended).add(request_id)
