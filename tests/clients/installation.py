"""Installs the clients on first use into `.venv/clients`, which git ignores.

npm runs no install scripts here: what they would do, fetch the program for this machine, npm does
by itself, since those programs are packages that ours depend on.
"""

import fcntl
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Literal

import pytest

Group = Literal["first", "rest"]

_SOURCE = Path(__file__).with_name("packages")
TARGET = Path(__file__).parents[2] / ".venv" / "clients"
_LOCKED = ("package.json", "package-lock.json")
_OLDEST_NODE = 18  # runs npm; the clients that need a newer one get it from npm


class Missing(Exception):
    """The clients can't be installed here; the message says why."""


def npm(group: Group) -> Path:
    """The folder with a group's `node_modules`, installed. Raises Missing."""
    _need_node()
    folder = TARGET / group
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several test processes may be first
        _install_npm(_SOURCE / group, folder)
        for program in _SOURCE.parent.glob("sdks/*.mjs"):  # where they find their packages
            shutil.copyfile(program, folder / program.name)
    return folder


def node(folder: Path) -> Path:
    """The newest Node.js: the package's where the group has one, else the machine's."""
    own = sorted(folder.glob("node_modules/node-*/bin/node"))
    return own[0] if own else Path(shutil.which("node") or "node")


def pypi() -> Path:
    """The `bin` folder of the virtual environment with the clients from PyPI. Raises Missing."""
    folder = TARGET / "pypi"
    TARGET.mkdir(parents=True, exist_ok=True)
    locked = (_SOURCE / "requirements.txt").read_text()
    done = folder / "installed.txt"
    with (TARGET / "pypi.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if _read(done) != locked:
            _run([sys.executable, "-m", "venv", str(folder)])
            options = ["--quiet", "--disable-pip-version-check", "--require-hashes", "-r"]
            pip = [str(folder / "bin" / "python"), "-m", "pip", "install", *options]
            _run([*pip, str(_SOURCE / "requirements.txt")])
            done.write_text(locked)
    return folder / "bin"


def locked(group: Group | Literal["pypi"]) -> dict[str, str]:
    """The versions that a group pins."""
    if group == "pypi":
        lines = (_SOURCE / "requirements.in").read_text().split()
        return dict(line.split("==") for line in lines)
    packages = json.loads((_SOURCE / group / "package.json").read_text())
    found: dict[str, str] = packages["dependencies"]
    return found


def give_up(reason: str) -> None:
    """Skip the test; in CI, where everything can be had, fail it."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def _need_node() -> None:
    missing = [name for name in ("node", "npm") if shutil.which(name) is None]
    if missing:
        raise Missing(f"{' and '.join(missing)} not installed")
    version = _run(["node", "--version"]).strip()
    if int(version.lstrip("v").split(".")[0]) < _OLDEST_NODE:
        raise Missing(f"Node.js {version} is older than {_OLDEST_NODE}")


def _install_npm(source: Path, folder: Path) -> None:
    locked = (source / "package-lock.json").read_text()
    done = folder / "node_modules" / ".sekisho"
    if _read(done) == locked:
        return
    for name in _LOCKED:
        shutil.copyfile(source / name, folder / name)
    _run(["npm", "install", "--no-save", "--ignore-scripts", "--no-audit", "--no-fund"], folder)
    done.write_text(locked)


def _read(path: Path) -> str | None:
    return path.read_text() if path.exists() else None


def _run(command: list[str], folder: Path = _SOURCE) -> str:
    try:
        return subprocess.run(
            command, cwd=folder, check=True, capture_output=True, text=True, timeout=600
        ).stdout
    except subprocess.CalledProcessError as error:
        raise Missing(f"{command[0]} failed: {error.stderr!s}") from error
    except subprocess.TimeoutExpired as error:
        raise Missing(f"{command[0]} took more than ten minutes") from error
