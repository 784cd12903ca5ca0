"""A lake on S3 as a folder: the wanted days are copied to this machine, once, and kept.

So DuckDB works on an S3 lake without AWS tools or an extension. A file is copied when it is new or
its tag has changed, and goes when it has gone from the lake.
"""

import contextlib
import fcntl
import hashlib
import os
import re
import time
from collections.abc import Callable, Collection, Generator, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Protocol, cast

import orjson

from .. import place
from ..place import LakeError
from ..stores.store import Item, open_store

MOST_BYTES = 10 * 1024**3
PROMPTS_SECONDS = 24 * 3600.0
"""How long copies of `payload/` are kept: retention is the lake's, and it can't reach them."""

Progress = Callable[[int, int], None]

_AT_ONCE = 4
_PATIENCE = 600.0  # seconds for another process's copying
_INDEX = "index.json"
# What a lake may put on this machine's disk: nothing hidden, and nowhere else.
_KEY = re.compile(r"(?:usage|payload)/dt=(\d{4}-\d{2}-\d{2})/[^/._\0][^/\0]*\.parquet")


class Source(Protocol):
    """What of a `stores.Store` is used here."""

    def fetch(self, key: str, path: Path) -> str | None:
        """Copy an object into a file; its tag, or None when there is no such object."""
        ...

    def list(self, prefix: str) -> list[Item]:
        """The objects whose keys begin with `prefix`."""
        ...


def folder(
    lake: str,
    home: Path,
    since_day: date | None,
    until_day: date | None,
    tables: Sequence[str] = ("usage",),
    *,
    progress: Progress | None = None,
    most_bytes: int = MOST_BYTES,
    store: Source | None = None,
) -> Path:
    """A folder with the lake's files of these tables and days, both included (UTC); None: any day.

    A lake that is a folder is that folder. One on S3 is copied below `home/cache/lake`, which keeps
    at most `most_bytes`: days that nobody asks for now go first, the oldest before the others.
    Copies of prompts go with the first use after `PROMPTS_SECONDS`.
    `progress` gets bytes copied and to copy. Raises LakeError.
    """
    if not place.is_s3(lake):
        return place.folder(lake)
    days = _Days(since_day, until_day)
    cache = _Cache(home / "cache" / "lake" / _name(lake))
    try:
        with cache.locked():
            cache.sync(store or open_store(lake), days, tables, progress, most_bytes)
    except OSError as error:
        raise LakeError(
            f"cache {cache.folder}: {error.strerror}; make room there, or set SEKISHO_HOME"
        ) from error
    return cache.folder


def _name(lake: str) -> str:
    """A folder's name for this lake on this server."""
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or ""
    digest = hashlib.sha256(f"{endpoint} {lake.rstrip('/')}".encode()).hexdigest()
    return f"{place.bucket(lake)[0]}-{digest[:12]}"


@dataclass(frozen=True, slots=True)
class _Days:
    """A range of days, both ends included."""

    first: date | None
    last: date | None

    def has(self, key: str) -> bool:
        day = _day(key)
        first = f"{self.first:%Y-%m-%d}" if self.first else ""
        last = f"{self.last:%Y-%m-%d}" if self.last else "9999"
        return day != "" and first <= day <= last

    def prefixes(self, table: str) -> list[str]:
        """What to list: a month at a time, so that a short range in a long lake stays cheap."""
        first, last = self.first, self.last
        if first is None or last is None or (last - first).days > 366:
            return [f"{table}/"]
        if first == last:
            return [f"{table}/dt={first:%Y-%m-%d}/"]
        count = (last - first).days + 1
        months = {f"{first + timedelta(days=number):%Y-%m}" for number in range(count)}
        return [f"{table}/dt={month}-" for month in sorted(months)]


def _bare(tag: str) -> str:
    """A tag without quotes, which some servers put around it in one answer and not in another."""
    return tag.strip('"')


def _day(key: str) -> str:
    found = _KEY.fullmatch(key)
    return found[1] if found else ""


class _Cache:
    """The folder of one lake, with an index of the tags that its files had there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @contextlib.contextmanager
    def locked(self) -> Generator[None]:
        """Alone with the folder; waits for another process that copies. Raises LakeError."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self.folder / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            self._wait_for(descriptor)
            yield
        finally:
            os.close(descriptor)

    def _wait_for(self, descriptor: int) -> None:
        end = time.monotonic() + _PATIENCE
        while True:
            try:
                return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > end:
                    raise LakeError(
                        f"cache {self.folder}: another process has been copying for "
                        f"{_PATIENCE:g} s; wait for it or end it"
                    ) from None
                time.sleep(0.05)

    def sync(
        self,
        store: Source,
        days: _Days,
        tables: Sequence[str],
        progress: Progress | None,
        most_bytes: int,
    ) -> None:
        """Make the wanted days the same as in the lake."""
        self._remove_drafts()
        self._remove_old_prompts()
        tags = self._read_index()
        there = {item.key: item for item in _listed(store, days, tables)}
        here = {key for key in self._files() if days.has(key) and key.partition("/")[0] in tables}
        self._remove(here - set(there))
        self._make_room(there, most_bytes)
        missing = [item for key, item in there.items() if not self._has(item, tags.get(key))]
        try:
            for key, tag in self._fetch_all(store, missing, progress):
                tags[key] = tag
        finally:
            self._write_index(tags)

    def _has(self, item: Item, tag: str | None) -> bool:
        try:
            size = (self.folder / item.key).stat().st_size
        except FileNotFoundError:
            return False
        return tag == _bare(item.tag) and size == item.size

    def _fetch_all(
        self, store: Source, items: Sequence[Item], progress: Progress | None
    ) -> Generator[tuple[str, str]]:
        """Copy them, a few at once; what each was when it was copied."""
        done, total = 0, sum(item.size for item in items)
        if progress is not None and items:
            progress(0, total)
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            running = {pool.submit(self._fetch, store, item): item for item in items}
            try:
                for future in as_completed(running):
                    item, tag = running[future], future.result()
                    if tag is not None:
                        yield item.key, _bare(tag)
                    done += item.size
                    if progress is not None:
                        progress(done, total)
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _fetch(self, store: Source, item: Item) -> str | None:
        target = self.folder / item.key
        draft = self.folder / "drafts" / hashlib.sha256(item.key.encode()).hexdigest()
        draft.parent.mkdir(mode=0o700, exist_ok=True)
        tag = store.fetch(item.key, draft)
        if tag is None:  # compacted since it was listed: the day's file, which came before, has it
            target.unlink(missing_ok=True)
            return None
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with draft.open("rb") as file:
            os.fsync(file.fileno())
        draft.replace(target)
        return tag

    def _make_room(self, wanted: Mapping[str, Item], most_bytes: int) -> None:
        need = sum(item.size for item in wanted.values())
        if need > most_bytes:
            raise LakeError(
                f"cache {self.folder}: these days are {need / 1e9:.1f} GB, more than the "
                f"{most_bytes / 1e9:.1f} GB that it keeps; ask for fewer days, or use "
                "--engine athena"
            )
        others = sorted(self._files() - set(wanted), key=lambda key: (_day(key), key))
        sizes = {key: (self.folder / key).stat().st_size for key in others}
        kept = sum(sizes.values())
        for key in others:
            if kept + need <= most_bytes:
                return
            self._remove([key])
            kept -= sizes[key]

    def _files(self) -> set[str]:
        """Keys of the files that are here."""
        found = self.folder.glob("*/dt=*/*.parquet")
        return {path.relative_to(self.folder).as_posix() for path in found}

    def _remove(self, keys: Iterable[str]) -> None:
        for key in keys:
            path = self.folder / key
            path.unlink(missing_ok=True)
            with contextlib.suppress(OSError):  # others are in it
                path.parent.rmdir()

    def _remove_drafts(self) -> None:
        for path in (self.folder / "drafts").glob("*"):
            path.unlink(missing_ok=True)

    def _remove_old_prompts(self) -> None:
        kept_since = time.time() - PROMPTS_SECONDS
        prompts = [key for key in self._files() if key.startswith("payload/")]
        self._remove(k for k in prompts if (self.folder / k).stat().st_mtime < kept_since)

    def _read_index(self) -> dict[str, str]:
        try:
            found: object = orjson.loads((self.folder / _INDEX).read_bytes())
        except (FileNotFoundError, orjson.JSONDecodeError):
            return {}
        return cast("dict[str, str]", found) if isinstance(found, dict) else {}

    def _write_index(self, tags: Mapping[str, str]) -> None:
        here = self._files()
        draft = self.folder / (_INDEX + ".draft")
        draft.write_bytes(orjson.dumps({key: tag for key, tag in tags.items() if key in here}))
        draft.replace(self.folder / _INDEX)


def _listed(store: Source, days: _Days, tables: Collection[str]) -> Generator[Item]:
    for table in tables:
        for prefix in days.prefixes(table):
            yield from (item for item in store.list(prefix) if days.has(item.key))
