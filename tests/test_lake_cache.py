"""A lake on S3 read as a folder: the wanted days, each file once, and no more than agreed."""

import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from uuid import uuid4

import boto3
import pytest
from sekisho.lake.asking import cache
from sekisho.lake.asking.cache import Source
from sekisho.lake.place import LakeError
from sekisho.lake.stores.store import Item, Store, open_store

from .gateway import until
from .s3_servers import S3Server

FIRST, SECOND, THIRD = date(2026, 2, 28), date(2026, 3, 1), date(2026, 3, 2)
ONE = "usage/dt=2026-02-28/20260228T101530Z-host-00000001.parquet"
TWO = "usage/dt=2026-03-01/20260301T101530Z-host-00000002.parquet"
DAY = "usage/dt=2026-03-01/day.parquet"
THREE = "usage/dt=2026-03-02/20260302T101530Z-host-00000003.parquet"
BODIES = "payload/dt=2026-03-01/20260301T101530Z-host-00000002.parquet"
CONTENTS = {ONE: b"one", TWO: b"two", DAY: b"the day", THREE: b"three", BODIES: b"prompts"}


@dataclass(slots=True)
class Counted:
    """A source that notes what it is asked for."""

    store: Source | None
    items: Sequence[Item] = ()
    gone: str = ""
    fetched: list[str] = field(default_factory=list[str])
    listed: list[str] = field(default_factory=list[str])

    def fetch(self, key: str, path: Path) -> str | None:
        """As the store; `gone` has been compacted since it was listed."""
        self.fetched.append(key)
        return self.store.fetch(key, path) if self.store and key != self.gone else None

    def list(self, prefix: str) -> "list[Item]":
        """As the store, and `items`."""
        self.listed.append(prefix)
        return [*(self.store.list(prefix) if self.store else ()), *self.items]


def put(store: Store, folder: Path, key: str, content: bytes) -> None:
    """Store an object."""
    draft = folder / "object"
    draft.write_bytes(content)
    store.put(key, draft)


def files(folder: Path) -> dict[str, bytes]:
    """The lake's files in a folder, by key."""
    found = folder.glob("*/dt=*/*")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


@pytest.fixture(scope="module", params=["real", "emulator"])
def server(request: pytest.FixtureRequest) -> S3Server:
    """Each test runs against rclone's server, which checks signatures, and moto's."""
    found: S3Server = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def lake(server: S3Server, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """A lake of this test's own, still empty, and the variables to reach it."""
    for name, value in server.variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)  # it keeps another server's credentials
    return f"s3://{server.bucket}/lake-{uuid4().hex}"


@pytest.fixture
def bucket(lake: str, tmp_path: Path) -> Store:
    """The lake with five files of three days."""
    store = open_store(lake)
    for key, content in CONTENTS.items():
        put(store, tmp_path, key, content)
    return store


@pytest.fixture
def store(bucket: Store) -> Counted:
    """The same lake, counted."""
    return Counted(bucket)


def test_the_wanted_days_are_copied(lake: str, store: Counted, tmp_path: Path) -> None:
    """Files of the days asked for are there under their keys, and no others."""
    found = cache.folder(lake, tmp_path, FIRST, SECOND, store=store)
    assert files(found) == {ONE: b"one", TWO: b"two", DAY: b"the day"}
    assert sorted(store.fetched) == sorted([ONE, TWO, DAY])
    assert store.listed == ["usage/dt=2026-02-", "usage/dt=2026-03-"]
    assert found.parent == tmp_path / "cache" / "lake"


def test_both_tables_and_every_day(lake: str, store: Counted, tmp_path: Path) -> None:
    """Without days everything of the tables asked for is copied."""
    found = cache.folder(lake, tmp_path, None, None, ("usage", "payload"))
    assert files(found) == CONTENTS


def test_nothing_is_copied_twice(lake: str, store: Counted, tmp_path: Path) -> None:
    """What is here with the same tag is not copied again; new days come in addition."""
    cache.folder(lake, tmp_path, SECOND, SECOND, store=store)
    store.fetched.clear()
    found = cache.folder(lake, tmp_path, SECOND, THIRD, store=store)
    assert store.fetched == [THREE]
    assert files(found) == {TWO: b"two", DAY: b"the day", THREE: b"three"}


def test_a_replaced_file_is_copied_again(
    lake: str, bucket: Store, store: Counted, tmp_path: Path
) -> None:
    """A day that was compacted again, to a file of the same size, is the new one here too."""
    cache.folder(lake, tmp_path, SECOND, SECOND, store=store)
    put(bucket, tmp_path, DAY, b"THE DAY")
    store.fetched.clear()
    found = cache.folder(lake, tmp_path, SECOND, SECOND, store=store)
    assert store.fetched == [DAY]
    assert files(found) == {TWO: b"two", DAY: b"THE DAY"}


def test_a_deleted_file_goes(lake: str, bucket: Store, store: Counted, tmp_path: Path) -> None:
    """What has gone from the lake goes here; days that nobody asked for now stay."""
    cache.folder(lake, tmp_path, None, None)
    bucket.delete(TWO)
    bucket.delete(THREE)
    found = cache.folder(lake, tmp_path, FIRST, SECOND)
    assert files(found) == {ONE: b"one", DAY: b"the day", THREE: b"three"}
    assert files(cache.folder(lake, tmp_path, None, None)) == {ONE: b"one", DAY: b"the day"}
    assert not (found / "usage" / "dt=2026-03-02").exists()


def test_a_file_that_goes_while_copying(lake: str, store: Counted, tmp_path: Path) -> None:
    """A batch file that was compacted away after the listing is no error."""
    store.gone = TWO
    found = cache.folder(lake, tmp_path, SECOND, SECOND, store=store)
    assert files(found) == {DAY: b"the day"}


def test_a_damaged_copy_is_copied_again(lake: str, store: Counted, tmp_path: Path) -> None:
    """A local file that was cut, or an index that was lost or broken, mends itself."""
    found = cache.folder(lake, tmp_path, SECOND, SECOND)
    (found / TWO).write_bytes(b"t")
    assert files(cache.folder(lake, tmp_path, SECOND, SECOND))[TWO] == b"two"
    (found / "index.json").write_text("[broken")
    store.fetched.clear()
    assert files(cache.folder(lake, tmp_path, SECOND, SECOND, store=store))[TWO] == b"two"
    assert sorted(store.fetched) == [TWO, DAY]


def test_an_index_that_came_too_early(lake: str, store: Counted, tmp_path: Path) -> None:
    """A file that was deleted by hand is copied again although the index knows it."""
    found = cache.folder(lake, tmp_path, SECOND, SECOND)
    (found / DAY).unlink()
    assert files(cache.folder(lake, tmp_path, SECOND, SECOND))[DAY] == b"the day"


def test_the_oldest_days_go_beyond_the_limit(lake: str, store: Counted, tmp_path: Path) -> None:
    """Days not asked for go, oldest first, until what is kept fits."""
    cache.folder(lake, tmp_path, None, SECOND)
    found = cache.folder(lake, tmp_path, THIRD, THIRD, most_bytes=15)
    assert files(found) == {TWO: b"two", DAY: b"the day", THREE: b"three"}
    found = cache.folder(lake, tmp_path, THIRD, THIRD, most_bytes=5)
    assert files(found) == {THREE: b"three"}


def test_more_than_the_limit_is_refused(lake: str, store: Counted, tmp_path: Path) -> None:
    """Days that can't be kept are not begun, and the message says what to do."""
    with pytest.raises(LakeError, match=r"ask for fewer days, or use --engine athena$"):
        cache.folder(lake, tmp_path, None, None, store=store, most_bytes=17)
    assert store.fetched == []
    assert files(cache.folder(lake, tmp_path, None, None, most_bytes=18))[THREE] == b"three"


def test_strange_keys_are_not_copied(tmp_path: Path) -> None:
    """A lake can't write outside its folder here, nor anything but Parquet files."""
    keys = [
        "usage/dt=2026-03-01/../../../x.parquet",
        "usage/dt=2026-03-01/notes.txt",
        "usage/dt=2026-03-01/deeper/x.parquet",
        "usage/dt=soon/x.parquet",
        "usage/dt=2026-03-01/.hidden.parquet",
        "/etc/x.parquet",
    ]
    store = Counted(None, [Item(key, 1, datetime(2026, 3, 1, tzinfo=UTC), "t") for key in keys])
    found = cache.folder("s3://b/x", tmp_path, None, None, store=store)
    assert store.fetched == []
    assert files(found) == {}


def test_progress_is_told(lake: str, store: Counted, tmp_path: Path) -> None:
    """Bytes copied and to copy, from nothing to everything; nothing when nothing is copied."""
    seen: list[tuple[int, int]] = []
    cache.folder(lake, tmp_path, None, None, progress=lambda *told: seen.append(told))
    assert seen[0] == (0, 18)
    assert seen[-1] == (18, 18)
    assert len(seen) == 5
    seen.clear()
    cache.folder(lake, tmp_path, None, None, progress=lambda *told: seen.append(told))
    assert seen == []


def test_lakes_are_kept_apart(lake: str, store: Counted, tmp_path: Path) -> None:
    """Another lake, or the same name on another server, has a folder of its own."""
    found = cache.folder(lake, tmp_path, SECOND, SECOND)
    other = cache.folder(f"{lake}-other", tmp_path, SECOND, SECOND)
    assert files(other) == {}
    assert other != found


def test_copies_are_private(lake: str, store: Counted, tmp_path: Path) -> None:
    """Prompts are for this user's eyes: others may not enter the cache's folder."""
    found = cache.folder(lake, tmp_path, None, None, ("payload",))
    assert found.stat().st_mode & 0o777 == 0o700


def test_drafts_of_a_dead_process_go(lake: str, store: Counted, tmp_path: Path) -> None:
    """What a killed process had half copied is removed by the next one."""
    found = cache.folder(lake, tmp_path, SECOND, SECOND)
    (found / "drafts" / "half").write_bytes(b"x")
    cache.folder(lake, tmp_path, SECOND, SECOND)
    assert list((found / "drafts").iterdir()) == []


def test_copies_of_prompts_go_after_a_day(lake: str, store: Counted, tmp_path: Path) -> None:
    """Whatever is asked next; retention in the lake doesn't reach them here."""
    found = cache.folder(lake, tmp_path, SECOND, SECOND, ("usage", "payload"), store=store)
    long_ago = time.time() - cache.PROMPTS_SECONDS - 1
    os.utime(found / BODIES, (long_ago, long_ago))
    os.utime(found / TWO, (long_ago, long_ago))
    cache.folder(lake, tmp_path, SECOND, SECOND, store=store)
    assert set(files(found)) == {TWO, DAY}


def test_only_one_process_copies(lake: str, store: Counted, tmp_path: Path) -> None:
    """A second process waits for the first, and finds the work done."""
    found = cache.folder(lake, tmp_path, SECOND, SECOND)
    script = (
        "import sys; from datetime import date; from pathlib import Path\n"
        "from sekisho.lake.asking import cache\n"
        "print('began', flush=True)\n"
        "cache.folder(sys.argv[1], Path(sys.argv[2]), None, None)\n"
    )
    lock = os.open(found / "lock", os.O_RDWR)
    fcntl.flock(lock, fcntl.LOCK_EX)
    with subprocess.Popen(
        [sys.executable, "-c", script, lake, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as second:
        assert second.stdout is not None
        assert second.stdout.readline() == "began\n"
        assert second.poll() is None
        assert not (found / THREE).exists()
        os.close(lock)
        until("the second process", lambda: second.poll() is not None)
    assert second.returncode == 0
    assert (found / THREE).read_bytes() == b"three"


def test_a_refusal_is_one_line(lake: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bucket that isn't there is told in one line with the lake's name."""
    with pytest.raises(LakeError) as told:
        cache.folder("s3://no-such-bucket-here/x", tmp_path, None, None)
    assert "s3://no-such-bucket-here/x" in str(told.value)
    assert "\n" not in str(told.value)


def test_a_folder_is_itself(tmp_path: Path) -> None:
    """A lake that is a folder is read where it is."""
    assert cache.folder(tmp_path.as_uri(), tmp_path / "home", None, None) == tmp_path
    assert not (tmp_path / "home").exists()


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    """Where the cache can't be written the message names the folder and the way out."""
    (tmp_path / "cache").write_text("a file where a folder should be")
    with pytest.raises(LakeError, match=r"make room there, or set SEKISHO_HOME$"):
        cache.folder("s3://bucket/x", tmp_path, None, None, store=Counted(None))


def test_a_long_range_is_listed_at_once(tmp_path: Path) -> None:
    """Up to a year is listed by month, one day by day, more than a year by table."""
    asked = Counted(None)
    cache.folder("s3://b/x", tmp_path, date(2025, 12, 31), date(2026, 1, 1), store=asked)
    cache.folder("s3://b/x", tmp_path, date(2026, 1, 1), date(2026, 1, 1), store=asked)
    cache.folder("s3://b/x", tmp_path, date(2024, 1, 1), date(2026, 1, 1), store=asked)
    cache.folder("s3://b/x", tmp_path, datetime(2026, 1, 1, 12, tzinfo=UTC), None, store=asked)
    assert asked.listed == [
        "usage/dt=2025-12-",
        "usage/dt=2026-01-",
        "usage/dt=2026-01-01/",
        "usage/",
        "usage/",
    ]
