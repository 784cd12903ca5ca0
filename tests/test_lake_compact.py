"""Compaction: the files of a day become one, and at every step each row counts once."""

import contextlib
import os
import threading
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from sekisho.lake import place
from sekisho.lake.place import LakeError
from sekisho.lake.stores.store import Changed, FolderStore, Item
from sekisho.lake.upkeep import compact, whole_day
from sekisho.lake.upkeep.compact import Compacted

from .gateway import until
from .lakes import DAY, Seen, asked, items, names, read, record, rows, seen, store_batch

NEXT = datetime(2026, 11, 21, 3, tzinfo=UTC)
LATER = NEXT + timedelta(hours=2)
ALL = Seen(["a", "b", "c", "d"], Decimal("2.500000000003"))


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    """A lake with three batches of one day, out of order, and one unpriced row."""
    folder = FolderStore(tmp_path / "lake")
    store_batch(folder, "2", [record("c", 2, billed_cost=Decimal("0.000000000003"))])
    store_batch(
        folder,
        "1",
        [
            record("d", 3, billed_cost=Decimal("1.5")),
            record("b", 1, billed_cost=None, is_priced=False),
        ],
    )
    store_batch(folder, "3", [record("a", 0)])
    at(folder, NEXT)
    return folder


def at(store: FolderStore, moment: datetime, name: str = "*") -> None:
    """Let files of the day have been written at that moment."""
    folder = place.folder(store.name)
    for file in folder.glob(f"usage/dt=*/{name}.parquet"):
        os.utime(file, (moment.timestamp(), moment.timestamp()))


def run(
    store: FolderStore, tmp_path: Path, now: datetime = NEXT, dry_run: bool = False
) -> Compacted:
    """One run; whatever it writes is of that moment."""
    before = {item.key: item.tag for item in items(store)}
    done = compact.run(store, tmp_path / "work", now, dry_run=dry_run)
    for item in items(store):
        if before.get(item.key) != item.tag:
            at(store, now, Path(item.key).stem)
    return done


def test_a_past_day_becomes_one_file_beside_its_batches(store: FolderStore, tmp_path: Path) -> None:
    """The first run makes `day.parquet` and deletes nothing; each row counts once."""
    assert run(store, tmp_path) == Compacted((date(2026, 11, 20),), 3, 4, 0, 0, 3)
    assert names(store) == ["1", "2", "3", "day"]
    assert seen(store) == ALL


def test_the_whole_day_has_every_row_as_it_was_in_the_order_of_time(
    store: FolderStore, tmp_path: Path
) -> None:
    """Every column of every row is what the batches had, their batch id too."""
    before = sorted(rows(store), key=lambda row: row["start_time"])
    run(store, tmp_path)
    whole = read(store, items(store)[-1])
    assert [row["request_id"] for row in whole] == ["a", "b", "c", "d"]
    assert [row["batch_id"] for row in whole] == ["3", "1", "2", "1"]
    assert whole == before


def test_batches_go_an_hour_after_the_whole_day_came(store: FolderStore, tmp_path: Path) -> None:
    """A run after 59 minutes leaves them, one after an hour deletes them, a third does nothing."""
    run(store, tmp_path)
    for minutes, waiting, deleted in ((59, 3, 0), (60, 0, 3), (61, 0, 0)):
        now = NEXT + timedelta(minutes=minutes)
        store_batch(store, "today", [record("e")], day="2026-11-21")
        at(store, now, "today")
        done = run(store, tmp_path, now)
        assert done == Compacted(waiting=waiting, deleted=deleted)
        assert seen(store) == ALL
    assert names(store) == ["day"]


def test_the_stores_clock_decides_how_old_a_file_is(store: FolderStore, tmp_path: Path) -> None:
    """A machine whose clock is days ahead deletes nothing: by the files, no hour has passed."""
    run(store, tmp_path)
    assert run(store, tmp_path, NEXT + timedelta(days=3)) == Compacted(waiting=3)
    assert names(store) == ["1", "2", "3", "day"]


def test_a_file_from_the_future_makes_nothing_old(store: FolderStore, tmp_path: Path) -> None:
    """A file that was written with a clock gone wrong doesn't age the others."""
    run(store, tmp_path)
    store_batch(store, "odd", [record("e")], day="2026-11-21")
    at(store, NEXT + timedelta(days=300), "odd")
    assert run(store, tmp_path, NEXT + timedelta(minutes=5)) == Compacted(waiting=3)


def test_late_batches_count_at_once_and_are_taken_in(store: FolderStore, tmp_path: Path) -> None:
    """A batch that comes when the day is whole is seen before and after it is taken in, once."""
    run(store, tmp_path)
    store_batch(store, "4", [record("e", 30, billed_cost=Decimal("0.25"))])
    at(store, LATER, "4")
    with_late = Seen(["a", "b", "c", "d", "e"], Decimal("2.750000000003"))
    assert seen(store) == with_late
    done = run(store, tmp_path, LATER)
    assert done == Compacted((date(2026, 11, 20),), 1, 5, 0, 3, 1)
    assert names(store) == ["4", "day"]
    assert seen(store) == with_late


def test_a_batch_that_is_shipped_again_after_it_was_taken_in_counts_once(
    store: FolderStore, tmp_path: Path
) -> None:
    """A shipper that died after its PUT repeats it days later: hidden, and deleted again."""
    run(store, tmp_path)
    store_batch(store, "today", [record("e")], day="2026-11-21")
    at(store, LATER, "today")
    run(store, tmp_path, LATER)
    store_batch(store, "3", [record("a", 0)])
    at(store, LATER, "3")
    assert seen(store) == ALL
    assert run(store, tmp_path, LATER) == Compacted(deleted=1)
    assert seen(store) == ALL


def test_today_and_days_of_one_file_are_left_alone(tmp_path: Path) -> None:
    """Batches still come today, and one file can't be fewer."""
    store = FolderStore(tmp_path / "lake")
    store_batch(store, "1", [record("a")])
    assert run(store, tmp_path) == Compacted()
    store_batch(store, "2", [record("b")])
    assert run(store, tmp_path, datetime(2026, 11, 20, 23, 59, tzinfo=UTC)) == Compacted()
    assert names(store) == ["1", "2"]


def test_only_days_since_then(store: FolderStore, tmp_path: Path) -> None:
    """Days before `since` are not looked at."""
    assert compact.run(store, tmp_path / "work", NEXT, since=date(2026, 11, 21)) == Compacted()
    done = compact.run(store, tmp_path / "work", NEXT, since=date(2026, 11, 20))
    assert done.days == (date(2026, 11, 20),)


def test_a_dry_run_tells_and_changes_nothing(store: FolderStore, tmp_path: Path) -> None:
    """It counts as a run does, and leaves every file as it was."""
    before = items(store)
    assert run(store, tmp_path, dry_run=True) == Compacted((date(2026, 11, 20),), 3, 4, 0, 0, 3)
    assert items(store) == before


def test_a_day_that_is_too_large_for_the_memory_is_sorted_in_slices(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then it takes longer, and comes out the same: every row once, in the order of time."""
    store = FolderStore(tmp_path / "lake")
    for batch in range(3):
        rows_of_batch = [record(f"{n:02}-{batch}", n) for n in range(17)]
        store_batch(store, str(batch), rows_of_batch[::-1])
    copy = whole_day.copy
    first = True

    def fails_once(connection: duckdb.DuckDBPyConnection, sql: str, target: Path) -> None:
        nonlocal first
        if first:
            first = False
            raise duckdb.OutOfMemoryException("Out of Memory Error: failed to pin block")
        copy(connection, sql, target)

    monkeypatch.setattr(whole_day, "copy", fails_once)
    monkeypatch.setattr(whole_day, "SLICE", 7)
    assert run(store, tmp_path).records == 51
    whole = read(store, items(store)[-1])
    assert [row["request_id"][:2] for row in whole] == [f"{n:02}" for n in range(17) for _ in "abc"]
    assert len({row["request_id"] for row in whole}) == 51


def test_files_of_older_and_newer_versions_are_taken_in(tmp_path: Path) -> None:
    """Columns that an old file lacks are NULL, its name is its batch id; nothing new is lost."""
    store = FolderStore(tmp_path / "lake")
    old = ["request_id", "start_time", "status", "billed_cost"]
    store_batch(store, "old", [record("a")], columns=old)
    store_batch(store, "older", [record("b", 1)], columns=old)
    store_batch(store, "new", [record("c", 2)], columns=[*old, "batch_id", "'x' AS invented"])
    run(store, tmp_path)
    whole = read(store, items(store)[0])
    assert [(row["request_id"], row["batch_id"], row["invented"]) for row in whole] == [
        ("a", "old", None),
        ("b", "older", None),
        ("c", "new", "x"),
    ]
    assert seen(store) == Seen(["a", "b", "c"], Decimal(3))


def test_a_request_that_is_there_twice_is_once_in_the_whole_day(tmp_path: Path) -> None:
    """The row that knows how the request ended stays, and a batch of nothing else goes."""
    store = FolderStore(tmp_path / "lake")
    store_batch(store, "1", [record("a", billed_cost=None, end_time=None), record("b", 1)])
    store_batch(store, "2", [record("a"), record("c", 2)])
    assert run(store, tmp_path) == Compacted((date(2026, 11, 20),), 2, 3, 1, 0, 2)
    assert seen(store) == Seen(["a", "b", "c"], Decimal(3))
    store_batch(store, "3", [record("a"), record("c", 2)])
    at(store, LATER, "3")
    assert run(store, tmp_path, LATER) == Compacted(deleted=3)
    assert names(store) == ["day"]
    assert seen(store) == Seen(["a", "b", "c"], Decimal(3))


def test_rows_whose_clock_was_insane_stay_in_their_day(tmp_path: Path) -> None:
    """A row belongs to the day that it lies in, whatever its `start_time` says."""
    store = FolderStore(tmp_path / "lake")
    store_batch(store, "1", [record("a", -60 * 24 * 365 * 30)])
    store_batch(store, "2", [record("b", 60 * 24 * 365 * 100)])
    run(store, tmp_path)
    assert seen(store).requests == ["a", "b"]


def test_what_is_not_ours_is_not_touched(store: FolderStore, tmp_path: Path) -> None:
    """Files with other names or in other folders are neither read nor deleted."""
    note = tmp_path / "note"
    note.write_text("not Parquet")
    strange = [
        f"usage/dt={DAY}/README.md",
        f"usage/dt={DAY}/_SUCCESS.parquet",
        f"usage/dt={DAY}/deeper/1.parquet",
        "usage/dt=2026-13-45/1.parquet",
        "usage/dt=2026-13-45/2.parquet",
        "usage/1.parquet",
        f"other/usage/dt={DAY}/1.parquet",
    ]
    for key in strange:
        store.put(key, note)
    run(store, tmp_path)
    store_batch(store, "today", [record("e")], day="2026-11-21")
    at(store, LATER, "today")
    assert run(store, tmp_path, LATER).deleted == 3
    assert {item.key for item in store.list("")} >= set(strange)


class Dies(BaseException):
    """The process is killed here."""


class Scripted(FolderStore):
    """A store that does something before or after a call, once."""

    def __init__(self, folder: Path, when: str, call: str, number: int = 1) -> None:
        super().__init__(folder)
        self.when, self.call, self.left = when, call, number
        self.act: Callable[[], None] = self._die

    def _die(self) -> None:
        raise Dies

    def _at(self, when: str, call: str) -> None:
        if (when, call) == (self.when, self.call):
            self.left -= 1
            if self.left == 0:
                self.act()

    def fetch(self, key: str, path: Path) -> str | None:
        """Download, with the act before or after it."""
        self._at("before", "fetch")
        try:
            return super().fetch(key, path)
        finally:
            self._at("after", "fetch")

    def replace(self, key: str, path: Path, tag: str | None) -> None:
        """Replace, with the act before or after it."""
        self._at("before", "replace")
        super().replace(key, path, tag)
        self._at("after", "replace")

    def delete(self, key: str) -> None:
        """Delete, with the act before or after it."""
        self._at("before", "delete")
        super().delete(key)
        self._at("after", "delete")

    def list(self, prefix: str) -> list[Item]:
        """List, with the act after it."""
        found = super().list(prefix)
        self._at("after", "list")
        return found


STEPS = [
    ("after", "list", 1),
    ("before", "fetch", 1),
    ("before", "fetch", 3),
    ("after", "fetch", 4),
    ("before", "replace", 1),
    ("after", "replace", 1),
    ("before", "delete", 1),
    ("after", "delete", 1),
    ("before", "delete", 2),
    ("after", "delete", 3),
]


@pytest.mark.parametrize(("when", "call", "number"), STEPS)
def test_being_killed_at_a_step_loses_and_doubles_nothing(
    store: FolderStore, tmp_path: Path, when: str, call: str, number: int
) -> None:
    """With a late batch to take in and three to delete: the view counts the same at every step."""
    run(store, tmp_path)
    store_batch(store, "4", [record("e", 30)])
    store_batch(store, "5", [record("f", 31)])
    store_batch(store, "6", [record("g", 32)])
    for name in "456":
        at(store, LATER, name)
    every = Seen([*"abcdefg"], Decimal("5.500000000003"))
    dying = Scripted(tmp_path / "lake", when, call, number)
    with pytest.raises(Dies):
        compact.run(dying, tmp_path / "work", LATER)
    assert seen(store) == every
    assert asked(store, tmp_path) == every
    at(store, LATER, "day")
    for hours in (0, 2, 4):
        store_batch(store, "today", [record("z")], day="2026-11-21")
        at(store, LATER + timedelta(hours=hours), "today")
        run(store, tmp_path, LATER + timedelta(hours=hours))
        assert seen(store) == every
        store.delete("usage/dt=2026-11-21/today.parquet")
        assert asked(store, tmp_path) == every
    assert names(store) == ["day"]


def test_a_crash_leaves_no_files_behind_in_the_lake_or_the_work_folder(
    store: FolderStore, tmp_path: Path
) -> None:
    """What fails in the middle takes its downloads with it."""
    with pytest.raises(Dies):
        compact.run(Scripted(tmp_path / "lake", "before", "replace"), tmp_path / "work", NEXT)
    assert list((tmp_path / "work").iterdir()) == []
    assert names(store) == ["1", "2", "3"]


def test_what_killed_runs_left_goes_after_a_day(tmp_path: Path) -> None:
    """A process that was killed can't clean up: another one does; a living one's files stay."""
    dead, living = tmp_path / "day-dead", tmp_path / "day-living"
    for folder in (dead, living):
        folder.mkdir()
        (folder / "day.parquet").write_bytes(b"x")
    os.utime(dead, (0, 0))
    with whole_day.desk(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == [living]


def test_of_two_compactors_at_once_one_wins_and_nothing_is_lost(
    store: FolderStore, tmp_path: Path
) -> None:
    """The one that comes second sees that the day has changed, and begins again from that."""
    slow = Scripted(tmp_path / "lake", "before", "replace")

    def overtake() -> None:
        store_batch(store, "4", [record("e", 30)])
        assert run(store, tmp_path).records == 5

    slow.act = overtake
    assert compact.run(slow, tmp_path / "work", NEXT) == Compacted(waiting=4)
    assert seen(store) == Seen([*"abcde"], Decimal("3.500000000003"))
    assert names(store) == ["1", "2", "3", "4", "day"]


def test_a_batch_that_another_deletes_meanwhile_is_no_error(
    store: FolderStore, tmp_path: Path
) -> None:
    """The other one has made the day whole and tidied up: the second finds that done."""
    slow = Scripted(tmp_path / "lake", "after", "list")

    def overtake() -> None:
        run(store, tmp_path)
        for name in "123":
            store.delete(f"usage/dt={DAY}/{name}.parquet")

    slow.act = overtake
    assert compact.run(slow, tmp_path / "work", NEXT) == Compacted()
    assert seen(store) == ALL


def test_a_day_that_changes_all_the_time_is_an_error_with_a_remedy(
    store: FolderStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It gives up after some tries, and says to try later."""

    def changes(*_: object) -> None:
        raise Changed("changed")

    restless = FolderStore(tmp_path / "lake")
    monkeypatch.setattr(restless, "replace", changes)
    with pytest.raises(LakeError, match=r"dt=2026-11-20/ was changed .* 5 times; try again later"):
        compact.run(restless, tmp_path / "work", NEXT)
    assert seen(store) == ALL


def test_a_file_that_cant_be_read_is_named_and_keeps_no_other_day_back(
    store: FolderStore, tmp_path: Path
) -> None:
    """One line says which day and file; the days after it are compacted all the same."""
    broken = tmp_path / "broken"
    broken.write_bytes(b"PAR1 and then nothing of use, for long enough")
    store.put("usage/dt=2026-11-19/bad-one.parquet", broken)
    store_batch(store, "good", [record("x")], day="2026-11-19")
    with pytest.raises(LakeError, match=r"usage/dt=2026-11-19/ .*bad-one\.parquet") as error:
        run(store, tmp_path)
    assert "\n" not in str(error.value)
    assert names(store) == ["1", "2", "3", "day"]
    assert names(store, "2026-11-19") == ["bad-one", "good"]


def test_a_file_that_comes_out_wrong_is_never_stored(
    store: FolderStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rows and the sum are counted in the new file before it is put in place."""
    right = whole_day.count

    def wrong(connection: object, source: str = "found") -> whole_day.Counted:
        found = right(connection, source)  # type: ignore[arg-type]
        return found if source == "found" else whole_day.Counted(3, 3, found.cost)

    monkeypatch.setattr(whole_day, "count", wrong)
    with pytest.raises(LakeError, match="nothing was changed"):
        run(store, tmp_path)
    assert names(store) == ["1", "2", "3"]


def by_hand(store: FolderStore, home: Path) -> Seen:
    """What a reader counts who reads the files as the view does."""
    return seen(store)


@pytest.mark.parametrize("read_by", [by_hand, asked])
def test_a_reader_beside_it_sees_one_count_only(
    store: FolderStore, tmp_path: Path, read_by: Callable[[FolderStore, Path], Seen]
) -> None:
    """Whoever looks while late batches are taken in counts each row that has come, and once."""
    stop = threading.Event()
    come = 4  # rows that are certainly there
    found: list[tuple[int, int, int]] = []

    def look() -> None:
        while not stop.is_set():
            least = come
            with contextlib.suppress(LakeError):  # no answer, as the files changed all the time
                count = len(read_by(store, tmp_path).requests)
                found.append((least, count, come + 1))

    reader = threading.Thread(target=look)
    reader.start()
    try:
        for number in range(6):
            store_batch(store, f"late-{number}", [record(f"late-{number}", number)])
            come += 1
            run(store, tmp_path)
            answers = len(found)
            until("the reader", lambda: len(found) > answers)  # noqa: B023 - asked here and now
    finally:
        stop.set()
        reader.join(30)
    assert found
    assert [one for one in found if not one[0] <= one[1] <= one[2]] == []
    assert len(read_by(store, tmp_path).requests) == 10


def test_the_view_knows_batches_by_the_name_of_their_file(tmp_path: Path) -> None:
    """Rows of older versions, which had no batch id, count once beside the whole day too."""
    store = FolderStore(tmp_path / "lake")
    old = ["request_id", "start_time", "status", "billed_cost"]
    store_batch(store, "segment-1", [record("a")], columns=old)
    store_batch(store, "segment-2", [record("b", 1)], columns=old)
    for _ in range(2):
        assert asked(store, tmp_path) == Seen(["a", "b"], Decimal(2))
        run(store, tmp_path)
