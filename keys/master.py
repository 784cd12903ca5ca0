"""LiteLLM's master key: made at first start, kept in a file that only its owner can read."""

import os
import re
import secrets
import stat
import tempfile
from pathlib import Path

from .row import KeysError

FILE_NAME = "master.key"
_SHAPE = re.compile(r"sk-master-[0-9A-Za-z_-]{43}")


class MasterKeyError(KeysError):
    """The file of the master key can't be used; one line with the remedy."""


def ensure_master_key(home: Path) -> str:
    """The master key in `home`, made when there is none. Raises MasterKeyError.

    It never opens the gate: it isn't shaped like an issued key, so `Keyring` refuses it.
    """
    path = home / FILE_NAME
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists() and not path.is_symlink():
            _create(path)
        return _read(path)
    except OSError as error:
        raise MasterKeyError(
            f"master key {path}: {error.strerror}; check the owner and mode of the folder and file"
        ) from error


def _create(path: Path) -> None:
    # Written whole under another name (mode 0600 by mkstemp), then linked: several workers may
    # start at once, none of them may read half a key, and the first one's key stays.
    descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=".master-")
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(f"sk-master-{secrets.token_urlsafe(32)}\n")
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        Path(draft).unlink()


def _read(path: Path) -> str:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise MasterKeyError(f"master key {path} is not a file; move it away and start again")
        if found.st_uid != os.geteuid():
            raise MasterKeyError(
                f"master key {path} belongs to another user; type: chown {os.geteuid()} {path}"
            )
        if found.st_mode & 0o077:
            raise MasterKeyError(
                f"master key {path} can be read by others (mode {found.st_mode & 0o777:04o}); "
                f"type: chmod 600 {path}"
            )
        key = file.read(200).decode("utf-8", "replace").removesuffix("\n")
    if not _SHAPE.fullmatch(key):
        raise MasterKeyError(
            f"master key {path} is {'corrupt' if key else 'empty'}; type: rm {path}  "
            "(a new one is made at the next start)"
        )
    return key
