"""Athena's grammars, Hive's for DDL and Trino's for queries: a Node.js program that tests ask."""

import fcntl
import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import pytest

Grammar = Literal["hive", "trino"]

_SOURCE = Path(__file__).with_name("grammar")
_FILES = ("package.json", "package-lock.json", "check.mjs", "resolve.mjs")
_TARGET = Path(__file__).parents[1] / ".venv" / "grammar"  # ignored by git; `make clean` removes it
_OLDEST_NODE = (18, 19)


class Text(NamedTuple):
    """One text of SQL and the grammar that it must obey."""

    grammar: Grammar
    sql: str


def objections(texts: Sequence[Text]) -> list[list[str]]:
    """For each text what its grammar objects to, `line:column: message`."""
    asked = json.dumps([text._asdict() for text in texts])
    done = _run(["node", "check.mjs"], asked=asked, timeout=60)
    found: list[list[str]] = json.loads(done)
    assert len(found) == len(texts)
    return found


def install() -> None:
    """Install the parsers on first use; skips the test where Node.js can't be had.

    In CI a missing Node.js is a failure: `.ci/run` installs it.
    """
    missing = [name for name in ("node", "npm") if shutil.which(name) is None]
    if missing:
        _give_up(f"{' and '.join(missing)} not installed")
    version = _run(["node", "--version"], folder=_SOURCE).strip()
    if tuple(map(int, version.lstrip("v").split(".")[:2])) < _OLDEST_NODE:
        _give_up(f"Node.js {version} is older than 18.19")
    _TARGET.mkdir(parents=True, exist_ok=True)
    with (_TARGET / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several test processes may be first
        _install()


def _install() -> None:
    fresh = [name for name in _FILES if _read(_TARGET / name) != _read(_SOURCE / name)]
    for name in fresh:
        shutil.copyfile(_SOURCE / name, _TARGET / name)
    done = _TARGET / "node_modules" / ".sekisho"
    lock = (_SOURCE / "package-lock.json").read_text()
    if _read(done) == lock:
        return
    try:
        _run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], timeout=300)
    except subprocess.CalledProcessError as error:
        _give_up(f"npm can't install the parsers: {error.stderr!s}")
    except subprocess.TimeoutExpired:
        _give_up("npm can't install the parsers within five minutes")
    done.write_text(lock)


def _read(path: Path) -> str | None:
    return path.read_text() if path.exists() else None


def _run(
    command: list[str], *, folder: Path = _TARGET, asked: str = "", timeout: float = 30
) -> str:
    return subprocess.run(
        command,
        cwd=folder,
        input=asked,
        timeout=timeout,
        check=True,
        capture_output=True,
        text=True,
        encoding="utf-8",
    ).stdout


def _give_up(reason: str) -> None:
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
