"""Where the gateway of a state folder listens: written by `sekisho up`, read by other commands."""

import fcntl
import json
import os
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Running:
    """A gateway that was started here; `url` has no path, `pid` is its first process."""

    url: str
    pid: int
    demo: bool


class InUse(Exception):
    """Another gateway runs with this state folder."""


@contextmanager
def alone(home: Path) -> Generator[None]:
    """Keep the state folder for this gateway: two of them would empty each other's files.

    The lock ends with the process, however that ends. Raises InUse, OSError.
    """
    folder = home / "run"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / "gateway.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InUse from None
        yield


@contextmanager
def announced(home: Path, url: str, demo: bool) -> Generator[None]:
    """Keep the note for as long as the gateway runs."""
    path = _path(home)
    path.write_text(json.dumps(asdict(Running(url, os.getpid(), demo))))
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def find(home: Path) -> Running | None:
    """The gateway that runs with this state folder, or None."""
    try:
        running = Running(**json.loads(_path(home).read_text()))
        os.kill(running.pid, 0)
    except (OSError, ValueError, TypeError):
        return None
    return running


def _path(home: Path) -> Path:
    return home / "run" / "gateway.json"
