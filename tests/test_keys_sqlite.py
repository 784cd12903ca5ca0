"""The key store as a SQLite file: whom it is for, and what is said when something is wrong."""

import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sekisho.keys.row import Issued, KeyStoreError
from sekisho.keys.store import Store

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the store's database is."""
    return tmp_path / "home" / "keys.db"


@pytest.fixture
def store(file: Path) -> Iterator[Store]:
    """An empty store."""
    with Store(f"sqlite:///{file}") as opened:
        yield opened


def issue(store: Store, alias: str = "alice") -> Issued:
    """A service key with this alias."""
    return store.issue(alias=alias, kind="service", by="tests", now=NOW)


def test_issue_returns_the_key_and_stores_only_its_hash(store: Store, file: Path) -> None:
    """The secret part of a key stands nowhere in the database's files."""
    issued = issue(store)
    secret_part = issued.key.rsplit("-", 1)[1].encode()
    content = b"".join(path.read_bytes() for path in file.parent.iterdir())
    assert issued.row.hash.encode() in content
    assert secret_part not in content


def test_files_are_for_their_owner_only(store: Store, file: Path) -> None:
    """The database and its side files have mode 0600, the folder made for them 0700."""
    issue(store)
    assert {stat.S_IMODE(path.stat().st_mode) for path in file.parent.iterdir()} == {0o600}
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_a_database_that_others_can_read_is_closed_to_them(file: Path) -> None:
    """A database with mode 0644 gets mode 0600 when it is opened."""
    file.parent.mkdir()
    file.touch(0o644)
    file.chmod(0o644)
    with Store(f"sqlite:///{file}"):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_revocation_survives_a_power_cut(store: Store) -> None:
    """Each commit is on the disk before it is answered: synchronous is 2 (FULL), in WAL mode."""
    with store.database.reading() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar_one() == 2
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "wal"


def test_a_file_that_is_no_database_is_one_line(file: Path) -> None:
    """A corrupt key file is told by what, where and what next, in one line."""
    file.parent.mkdir()
    file.write_bytes(b"this is not a database, not at all" * 100)
    with pytest.raises(KeyStoreError) as caught:
        Store(f"sqlite:///{file}")
    assert str(caught.value) == (
        f"key store {file}: file is not a database; restore it from a backup, or move it away to "
        "begin with an empty one"
    )


def test_a_folder_in_its_place_is_one_line(file: Path) -> None:
    """A path that can't be opened as a file is told in one line."""
    file.mkdir(parents=True)
    with pytest.raises(KeyStoreError, match=r"keys\.db: Is a directory; check the folder's owner"):
        Store(f"sqlite:///{file}")


def test_a_store_that_is_gone_says_so(store: Store, file: Path) -> None:
    """A database deleted under a running process is an error, not an empty store."""
    issue(store)
    file.unlink()
    with pytest.raises(KeyStoreError, match=r"keys\.db is gone; put it back from a backup"):
        store.list()


def test_a_store_that_was_replaced_is_read_anew(store: Store, file: Path, tmp_path: Path) -> None:
    """After a backup is put in place, its keys count and the old ones don't."""
    issue(store, "old")
    with Store(f"sqlite:///{tmp_path / 'other.db'}") as other:
        issue(other, "new")
    before = store.generation()
    for suffix in ("-wal", "-shm"):
        file.with_name(file.name + suffix).unlink(missing_ok=True)
    (tmp_path / "other.db").replace(file)
    assert [row.identity.alias for row in store.list()] == ["new"]
    assert store.generation() != before
