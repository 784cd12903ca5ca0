"""Clients' files on disk: written once with a backup beside them, and undone to the byte.

Beside `settings.json` stand, as long as our settings are in it, `settings.json.before-sekisho`,
the file as it was (if it was), and `settings.json.sekisho`, a note of what was done. The client
itself may write its file in between: then undoing takes only our settings out.
"""

import difflib
import hashlib
import json
import os
import re
import secrets
import shutil
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from ..untyped import mapping, sequence
from .formats.paths import Path as Steps
from .formats.paths import as_json, from_json
from .plan import File, Unmergeable

_PRIVATE = 0o600
_KEYS = (
    re.compile(r"\b(sk-[\w-]{4})[\w-]{8,}"),
    re.compile(r"""(?i)((?:key|token|secret|password)["']?\s*[:=]\s*["']?[\w-]{4})[^\s"',]{8,}"""),
)


class WriteError(Exception):
    """A file can't be read, changed or written; the message is one line that names it."""


@dataclass(frozen=True, slots=True)
class Change:
    """What is to become of one file: its text after, None for no file; the same text: nothing."""

    file: File
    before: str | None
    after: str | None
    exact: bool = True  # when undoing: back to the very bytes from before

    @property
    def is_none(self) -> bool:
        """Whether nothing changes."""
        return self.before == self.after

    def diff(self) -> list[str]:
        """The change as a unified diff, with keys cut short."""
        name = str(self.file.path)
        lines = difflib.unified_diff(
            _hidden(self.before).splitlines(),
            _hidden(self.after).splitlines(),
            name if self.before is not None else "/dev/null",
            name if self.after is not None else "/dev/null",
            lineterm="",
        )
        return [*lines]


@dataclass(frozen=True, slots=True)
class Note:
    """What was done to a file: `paths` were set, `folders` were made for it.

    `mine` is the hash of what we wrote; `exact` is false once others wrote to the file between two
    of our writes.
    """

    existed: bool
    mine: str
    exact: bool
    folders: tuple[str, ...]
    paths: tuple[Steps, ...]


def planned(files: Sequence[File]) -> list[Change]:
    """What writing would change. Raises WriteError, before anything is written."""
    return [_merged(file) for file in files]


def undoing(files: Sequence[File]) -> list[Change]:
    """What undoing would change; a file that we haven't written stays. Raises WriteError.

    The last file comes first: the folders that were made for the first one have to be empty.
    """
    return [_undone(file) for file in reversed(files)]


def write(change: Change) -> None:
    """Write one file, its backup and its note first. Raises WriteError."""
    if change.is_none or change.after is None:
        return
    with _named(change.file.path):
        path = change.file.path.resolve()
        note = _note(path) or Note(change.before is not None, "", True, _missing(path), ())
        path.parent.mkdir(parents=True, exist_ok=True)
        if change.before is not None and not note.mine:
            shutil.copy2(path, _beside(path, "before-sekisho"))
        after = replace(
            note,
            mine=_hash(change.after),
            exact=note.exact and note.mine in ("", _hash(change.before)),
            paths=tuple(_removable(change.file)),
        )
        _replace(_beside(path, "sekisho"), _as_text(after), _PRIVATE)
        _replace(path, change.after, _PRIVATE if change.file.secret else None)


def undo(change: Change) -> None:
    """Take our settings out of one file; an exact undo leaves no trace. Raises WriteError."""
    with _named(change.file.path):
        path = change.file.path.resolve()
        note, backup = _note(path), _beside(path, "before-sekisho")
        if note is None:
            return
        if change.exact and note.existed:
            backup.replace(path)
        elif change.after is None:
            path.unlink(missing_ok=True)
        else:
            _replace(path, change.after, None)
        _beside(path, "sekisho").unlink()
        for folder in reversed([*map(Path, note.folders)]):
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()


def _merged(file: File) -> Change:
    with _named(file.path):
        path = file.path.resolve()
        before, note = _text(path), _note(path)
        text = before or ""
        if note is not None:  # what an earlier write said and this one doesn't
            stale = set(note.paths) - {one.path for one in file.settings}
            text = file.undone(text, _original(path, note) or "", sorted(stale, key=str))
        return Change(file, before, file.merged(text))


def _undone(file: File) -> Change:
    with _named(file.path):
        path = file.path.resolve()
        note, now = _note(path), _text(path)
        if note is None:
            return Change(file, now, now)
        old = _original(path, note)
        if note.exact and (now is None or _hash(now) == note.mine):
            return Change(file, now, old)
        after = file.undone(now or "", old or "", note.paths)
        nothing = not note.existed and not file.read(after)
        return Change(file, now, None if nothing else after, exact=False)


def _original(path: Path, note: Note) -> str | None:
    """The file as it was before we first wrote it; None where there was none."""
    return _text(_beside(path, "before-sekisho")) if note.existed else None


def _removable(file: File) -> list[Steps]:
    """What goes when others wrote to the file too: not what any such file begins with."""
    return [one.path for one in file.settings if not one.once or len(one.path) > 1]


@contextmanager
def _named(path: Path) -> Generator[None]:
    """Name the file in what goes wrong with it. Raises WriteError."""
    try:
        yield
    except Unmergeable as error:
        raise WriteError(
            f"{path}: {error}; nothing was changed. Put in by hand what is printed without --write"
        ) from None
    except UnicodeDecodeError:
        raise WriteError(f"{path}: it is not text; nothing was changed") from None
    except OSError as error:
        raise WriteError(f"{error.filename or path}: {error.strerror}") from None


def _beside(path: Path, ending: str) -> Path:
    return path.with_name(f"{path.name}.{ending}")


def _text(path: Path) -> str | None:
    try:
        return path.read_bytes().decode()
    except FileNotFoundError:
        return None


def _hash(text: str | None) -> str:
    return hashlib.sha256((text or "").encode()).hexdigest()


def _as_text(note: Note) -> str:
    fields = {**asdict(note), "paths": [as_json(path) for path in note.paths]}
    return json.dumps(fields, indent=2) + "\n"


def _note(path: Path) -> Note | None:
    found = _text(_beside(path, "sekisho"))
    if found is None:
        return None
    try:
        fields = mapping(json.loads(found))
        return Note(
            bool(fields["existed"]),
            str(fields["mine"]),
            bool(fields["exact"]),
            tuple(map(str, sequence(fields["folders"]))),
            tuple(map(from_json, sequence(fields["paths"]))),
        )
    except (ValueError, KeyError, TypeError):
        raise Unmergeable(f"the note {path.name}.sekisho beside it can't be read") from None


def _missing(path: Path) -> tuple[str, ...]:
    """The folders that a file needs and that aren't there, the outermost first."""
    return tuple(reversed([str(folder) for folder in path.parents if not folder.exists()]))


def _replace(path: Path, text: str, mode: int | None) -> None:
    """Write a file at once, readable for its owner only when `mode` says so, else as it was."""
    if mode is None and path.exists():
        mode = path.stat().st_mode & 0o777
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666 if mode is None else mode)
    try:
        with os.fdopen(handle, "wb") as file:
            if mode is not None:
                os.fchmod(file.fileno(), mode)
            file.write(text.encode())
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise


def _hidden(text: str | None) -> str:
    text = text or ""
    for pattern in _KEYS:
        text = pattern.sub(r"\1...", text)
    return text
