"""Retention: days that are too old go, of the right table, and nothing else ever does."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from sekisho.lake import place
from sekisho.lake.stores.store import FolderStore
from sekisho.lake.upkeep import retention
from sekisho.lake.upkeep.retention import Expired

NOW = datetime(2026, 11, 21, 0, 30, tzinfo=UTC)

STRANGE = (
    "usage/dt=2020-01-01/notes.txt",
    "usage/dt=2020-01-01/deeper/1.parquet",
    "usage/dt=2020-13-01/1.parquet",
    "usage/dt=__HIVE_DEFAULT_PARTITION__/1.parquet",
    "usage/old.parquet",
    "usage_of_others/dt=2020-01-01/1.parquet",
    "backup/usage/dt=2020-01-01/1.parquet",
    "payload/2020-01-01/1.parquet",
    "dt=2020-01-01/1.parquet",
)


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    """A lake with files of 4 bytes: both tables, three days, and much that is not ours."""
    folder = FolderStore(tmp_path / "lake")
    content = tmp_path / "content"
    content.write_bytes(b"1234")
    for table in ("usage", "payload"):
        for day in ("2026-11-18", "2026-11-19", "2026-11-21"):
            for name in ("1", "2", "day"):
                folder.put(f"{table}/dt={day}/{name}.parquet", content)
    for key in STRANGE:
        folder.put(key, content)
    return folder


def days(store: FolderStore) -> set[str]:
    """What of our days is there."""
    keys = {item.key for item in store.list("")} - set(STRANGE)
    return {key.rpartition("/")[0] for key in keys}


def test_each_table_is_kept_for_its_own_time(store: FolderStore) -> None:
    """Two days ago stays with 2, three days ago goes; with 1, only yesterday and today stay."""
    gone = retention.run(store, NOW, usage_days=2, payload_days=1)
    assert gone == [
        Expired("usage", date(2026, 11, 18), 3, 12),
        Expired("payload", date(2026, 11, 18), 3, 12),
        Expired("payload", date(2026, 11, 19), 3, 12),
    ]
    assert days(store) == {
        "usage/dt=2026-11-19",
        "usage/dt=2026-11-21",
        "payload/dt=2026-11-21",
    }


def test_what_is_not_a_day_of_ours_stays(store: FolderStore) -> None:
    """Other names, other folders, days that don't exist: they are never deleted."""
    retention.run(store, NOW, usage_days=1, payload_days=1)
    assert {item.key for item in store.list("")} >= set(STRANGE)


def test_without_a_limit_nothing_goes(store: FolderStore) -> None:
    """0 keeps a table for ever."""
    before = store.list("")
    assert retention.run(store, NOW, usage_days=0, payload_days=0) == []
    assert store.list("") == before


def test_a_dry_run_tells_and_deletes_nothing(store: FolderStore) -> None:
    """It answers what a run would."""
    before = store.list("")
    shown = retention.run(store, NOW, usage_days=0, payload_days=2, dry_run=True)
    assert shown == [Expired("payload", date(2026, 11, 18), 3, 12)]
    assert store.list("") == before
    assert retention.run(store, NOW, usage_days=0, payload_days=2) == shown


def test_a_run_that_was_killed_is_finished_by_the_next(store: FolderStore) -> None:
    """Batches go before the whole day that has their rows, so that none comes to light again."""

    class Dies(BaseException):
        """The process is killed here."""

    deleted: list[str] = []

    class Dying(FolderStore):
        """Dies at the third file."""

        def delete(self, key: str) -> None:
            """Delete two."""
            if len(deleted) == 2:
                raise Dies
            deleted.append(key)
            super().delete(key)

    with pytest.raises(Dies):
        retention.run(Dying(place.folder(store.name)), NOW, usage_days=2, payload_days=0)
    assert deleted == ["usage/dt=2026-11-18/1.parquet", "usage/dt=2026-11-18/2.parquet"]
    assert retention.run(store, NOW, usage_days=2, payload_days=0) == [
        Expired("usage", date(2026, 11, 18), 1, 4)
    ]


def test_the_last_file_takes_its_folder_with_it(store: FolderStore, tmp_path: Path) -> None:
    """No empty folders are left in a local lake."""
    retention.run(store, NOW, usage_days=2, payload_days=0)
    assert not (tmp_path / "lake/usage/dt=2026-11-18").exists()
