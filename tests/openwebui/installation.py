"""Installs Open WebUI and Playwright on first use into the user's cache folder, some 3 GB.

`XDG_CACHE_HOME` says where that is (`~/.cache` without it). It is found again by later runs and by
other checkouts. Versions are those of `packages/constraints.txt`; no hashes, since of PyTorch each
platform and each index has builds of its own. What is asked of the system is Chromium, ffmpeg
(Open WebUI makes MP3 of speech with it) and a font with Japanese letters.
"""

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

VERSION = "0.12.4"
_CONSTRAINTS = Path(__file__).with_name("packages") / "constraints.txt"
# PyTorch comes first and by version: whoever has a build without CUDA keeps it.
_FIRST = ("torch==2.13.0",)
_THEN = (f"open-webui=={VERSION}", "torch==2.13.0", "playwright")
_SYSTEM = {"chromium": "chromium", "ffmpeg": "ffmpeg", "fc-list": "fontconfig"}
_FONT = "fonts-noto-cjk"
_MINUTES = 30


class Missing(Exception):
    """Open WebUI can't be installed here; the message says why, and what to do."""


def cache() -> Path:
    """The folder of all of this, which is outside the repository."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "sekisho-tests" / "openwebui"


def environment() -> Path:
    """The virtual environment with Open WebUI and Playwright, installed. Raises Missing."""
    if sys.version_info[:2] not in ((3, 11), (3, 12)):
        raise Missing(f"Open WebUI {VERSION} needs Python 3.11 or 3.12: make PYTHON=python3.12")
    folder = cache() / f"python-{sys.version_info.major}.{sys.version_info.minor}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another checkout may be installing
        wanted, done = _CONSTRAINTS.read_text(), folder / "installed.txt"
        if not done.exists() or done.read_text() != wanted:
            _install(folder)
            done.write_text(wanted)
    return folder


def system() -> None:
    """What the system must have; installed from Debian's packages by root. Raises Missing."""
    wanted = [package for program, package in _SYSTEM.items() if shutil.which(program) is None]
    if not _has_japanese_font():
        wanted.append(_FONT)
    if not wanted:
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise Missing(f"not installed: {', '.join(wanted)}; install these Debian packages")
    _run(["apt-get", "update", "-qq"])
    _run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", *wanted])


def _has_japanese_font() -> bool:
    lister = shutil.which("fc-list")
    return lister is not None and _run([lister, ":lang=ja"]).strip() != ""


def _install(folder: Path) -> None:
    _run([sys.executable, "-m", "venv", "--clear", str(folder)])
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "-c"]
    for packages in (_FIRST, _THEN):
        _run([*pip, str(_CONSTRAINTS), *packages])


def _run(command: list[str]) -> str:
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        return subprocess.run(
            command, check=True, capture_output=True, text=True, timeout=60 * _MINUTES, env=quiet
        ).stdout
    except subprocess.CalledProcessError as error:
        raise Missing(f"{' '.join(command[:4])} failed: {error.stderr[-2000:]!s}") from error
    except subprocess.TimeoutExpired as error:
        raise Missing(f"{' '.join(command[:4])} took more than {_MINUTES} minutes") from error


if __name__ == "__main__":
    try:
        system()
        print(environment())
    except Missing as missing:
        sys.exit(str(missing))
