"""The outbox: entries stay in order and survive, whoever writes, and whatever the disk does."""

import sqlite3
import stat
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sekisho.keys.budgets.outbox import Outbox
from sekisho.keys.row import KeyStoreError

from .ledgers import add_many, start


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the outbox is."""
    return tmp_path / "home" / "spend.db"


@pytest.fixture
def outbox(path: Path) -> Iterator[Outbox]:
    """An empty outbox."""
    made = Outbox(path)
    yield made
    made.close()


def test_entries_come_back_in_order(outbox: Outbox) -> None:
    """First in, first out, with growing ids; some at a time."""
    ids = [outbox.add(entry) for entry in (b"a", b"b", b"c")]
    assert ids == sorted(set(ids))
    assert outbox.entries(0, 2) == [(ids[0], b"a"), (ids[1], b"b")]
    assert outbox.entries(ids[1], 2) == [(ids[2], b"c")]


def test_dropped_entries_are_gone_and_their_ids_with_them(outbox: Outbox) -> None:
    """An id is never given twice, even when nothing is left that has it."""
    last = outbox.add(b"a")
    outbox.drop(last)
    assert outbox.waiting() == 0
    assert outbox.add(b"b") > last


def test_it_survives_its_process(outbox: Outbox, path: Path) -> None:
    """Another one that opens the file finds the same entries under the same name."""
    outbox.add(b"a")
    other = Outbox(path)
    assert other.id == outbox.id
    assert [entry for _, entry in other.entries(0, 9)] == [b"a"]
    other.close()


def test_ids_grow_after_a_power_cut(tmp_path: Path) -> None:
    """A file that is as it was some time ago gives no id that it has given since."""
    path = tmp_path / "spend.db"
    outbox = Outbox(path)
    outbox.close()
    as_it_was = path.read_bytes()
    outbox = Outbox(path)
    given = [outbox.add(b"x") for _ in range(100)]
    outbox.close()
    path.write_bytes(as_it_was)
    outbox = Outbox(path)
    assert outbox.add(b"y") > given[-1]
    outbox.close()


def test_only_its_owner_can_read_it(outbox: Outbox, path: Path) -> None:
    """The file and its write-ahead log have mode 0600: they name people."""
    outbox.add(b"a")
    modes = {stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert modes == {0o600}


def test_many_processes_and_threads_write_at_once(outbox: Outbox, path: Path) -> None:
    """Nothing is lost, and every id is given once."""
    others = [start(add_many, path.parent, 200) for _ in range(2)]
    ids: list[int] = []
    threads = [
        threading.Thread(target=lambda: ids.extend(outbox.add(b"t") for _ in range(100)))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for other in others:
        other.communicate()
    assert [other.returncode for other in others] == [0, 0]
    kept = [number for number, _ in outbox.entries(0, 10_000)]
    assert len(kept) == 700
    assert {number for number in ids if number} <= set(kept)


def test_what_can_not_be_written_is_kept_and_told_once(
    outbox: Outbox, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It stays in memory, counts as waiting, and is written in order when that works again."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert [outbox.add(b"a"), outbox.add(b"b")] == [0, 0]
        assert outbox.waiting() == 2
    assert [r.levelname for r in caplog.records] == ["CRITICAL"]
    assert f"outbox {path}: database is locked; costs are kept in memory" in caplog.text
    assert [entry for _, entry in outbox.entries(0, 9)] == [b"a", b"b"]
    assert [r.levelname for r in caplog.records] == ["CRITICAL", "WARNING"]
    assert outbox.waiting() == 2


def test_a_file_that_is_no_outbox_is_refused_in_one_line(tmp_path: Path) -> None:
    """The error says which file, and what to look at."""
    path = tmp_path / "spend.db"
    path.write_bytes(b"nonsense" * 1000)
    with pytest.raises(KeyStoreError) as caught:
        Outbox(path)
    assert str(caught.value) == (
        f"outbox {path}: file is not a database; check the owner, the mode and the space of its "
        "folder"
    )
