"""The store of keys: what it keeps, how keys are named, and what it says when it can't."""

import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sekisho.keys.row import Issued, KeyRefusedError, KeyStoreError, NoSuchKeyError
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


def test_every_field_comes_back(store: Store) -> None:
    """What was issued is what the store tells, owner and patterns in lower case."""
    issued = store.issue(
        alias="Alice laptop",
        kind="person",
        by="root",
        now=NOW,
        owner="Alice@Example.com",
        team="research",
        models=["Claude-*", "gpt-5"],
        expires_at=NOW + timedelta(days=90),
    )
    row = store.get("Alice laptop")
    assert row == issued.row
    assert row.identity.owner == "alice@example.com"
    assert row.identity.team == "research"
    assert row.identity.kind == "person"
    assert row.identity.models == ("claude-*", "gpt-5")
    assert row.identity.expires_at == datetime(2026, 5, 30, 12, 0, tzinfo=UTC)
    assert (row.created_at, row.created_by, row.last_used_at) == (NOW, "root", None)


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


def test_a_key_goes_by_id_alias_public_part_and_itself(store: Store) -> None:
    """Names are accepted wherever an id is; a leaked key can be revoked by pasting it."""
    issued = issue(store)
    for name in (issued.row.identity.key_id, "alice", issued.row.prefix, issued.key):
        assert store.get(name) == issued.row


def test_find_by_hash_finds_exactly_that_key(store: Store) -> None:
    """A hash finds its own key, and no other hash finds anything."""
    issued = issue(store)
    assert store.find_by_hash(issued.row.hash) == issued.row
    assert store.find_by_hash(issued.row.hash.upper()) is None
    assert store.find_by_hash("' OR 1=1 --") is None


def test_an_unknown_name_is_answered_with_the_nearest(store: Store) -> None:
    """A typo gets one line with the alias that was probably meant."""
    issue(store, "alice")
    with pytest.raises(NoSuchKeyError, match=r'^no key goes by "alcie"; did you mean alice\?$'):
        store.get("alcie")
    with pytest.raises(NoSuchKeyError, match=r'^no key goes by "zzz"; see: sekisho keys list$'):
        store.get("zzz")


@pytest.mark.parametrize("length", [63, 62, 64])
def test_an_unknown_key_is_not_repeated_in_the_error(store: Store, length: int) -> None:
    """Asking for a key by itself, whole or mistyped, never prints the key."""
    key = ("sk-sekisho-AbCd1234-" + "S" * 50)[:length]
    with pytest.raises(NoSuchKeyError) as caught:
        store.get(key)
    assert str(caught.value) == 'no key goes by "sk-sekisho-AbCd1234-..."; see: sekisho keys list'


def test_an_alias_is_unique_until_it_is_revoked(store: Store) -> None:
    """A taken alias is refused with the way out; after revoking it is free again."""
    first = issue(store)
    with pytest.raises(KeyRefusedError, match="a key named alice exists; choose another alias"):
        issue(store)
    store.revoke("alice", by="tests", now=NOW)
    second = issue(store)
    assert store.get("alice") == second.row
    assert store.get(first.row.identity.key_id).revoked_at == NOW


def test_a_name_of_several_revoked_keys_is_ambiguous(store: Store) -> None:
    """Two revoked keys of one alias are told apart by their ids, which the error names."""
    ids: list[str] = []
    for _ in range(2):
        ids.append(issue(store).row.identity.key_id)
        store.revoke("alice", by="tests", now=NOW)
    with pytest.raises(NoSuchKeyError) as caught:
        store.get("alice")
    assert str(caught.value).startswith("2 keys go by alice; name one by its id: key_")
    assert all(key_id in str(caught.value) for key_id in ids)


def test_block_unblock_revoke_and_their_trail(store: Store) -> None:
    """Each change is noted once with who and when, and doing it again changes nothing."""
    issue(store)
    later = NOW + timedelta(hours=1)
    assert store.block("alice", by="bob", now=later).state(later) == "blocked"
    assert store.block("alice", by="bob", now=later + timedelta(hours=1)).blocked_at == later
    assert store.unblock("alice", by="bob", now=later).state(later) == "active"
    assert store.revoke("alice", by="eve", now=later).state(later) == "revoked"
    trail = [(c.who, c.action, c.at) for c in store.history("alice")]
    assert trail == [
        ("tests", "issue", NOW),
        ("bob", "block", later),
        ("bob", "unblock", later),
        ("eve", "revoke", later),
    ]


def test_a_revoked_key_never_comes_back(store: Store) -> None:
    """Unblocking or blocking a revoked key is refused."""
    issue(store)
    store.revoke("alice", by="tests", now=NOW)
    for change in (store.block, store.unblock):
        with pytest.raises(KeyRefusedError, match="was revoked and can't come back"):
            change("alice", by="tests", now=NOW)


def test_the_trail_is_append_only(store: Store, file: Path) -> None:
    """The database itself refuses to change or delete a line of the audit trail."""
    issue(store)
    connection = sqlite3.connect(file)
    for statement in ("DELETE FROM sekisho_key_audit", "UPDATE sekisho_key_audit SET who = 'x'"):
        with pytest.raises(sqlite3.IntegrityError, match="the audit trail is append-only"):
            connection.execute(statement)
    connection.close()


def test_touch_keeps_the_latest_use(store: Store) -> None:
    """Uses written late, by another worker, don't move last_used_at back."""
    key_id = issue(store).row.identity.key_id
    store.touch({key_id: NOW + timedelta(minutes=2)})
    store.touch({key_id: NOW, "key_unknown": NOW})
    assert store.get(key_id).last_used_at == datetime(2026, 3, 1, 12, 2, tzinfo=UTC)


def test_generation_differs_after_each_change_and_not_after_a_use(store: Store) -> None:
    """Caches are told of every change of a key, but not of its use."""
    key_id = issue(store).row.identity.key_id
    before = store.generation()
    store.touch({key_id: NOW})
    assert store.generation() == before
    store.block("alice", by="tests", now=NOW)
    assert store.generation() != before


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("alias", "", "alias must be 1 to 128 printable characters"),
        ("alias", "a\nb", "alias must be 1 to 128 printable characters"),
        ("alias", "key_1", "key_ and sk- begin ids and keys"),
        ("alias", "sk-1", "key_ and sk- begin ids and keys"),
        ("owner", "alice", "owner alice: must be an e-mail address"),
        ("team", " ", "team must be 1 to 128 printable characters"),
        ("models", ["a b"], "model pattern 'a b': write them like claude-"),
        ("expires_at", NOW, "has passed; name a later time"),
        ("kind", "person", "a person's key needs its owner: add --owner EMAIL"),
        ("kind", "robot", "kind robot: must be one of person, service, frontend"),
    ],
)
def test_a_malformed_field_is_named(store: Store, field: str, value: object, message: str) -> None:
    """A field that is wrong is refused by name, and nothing is stored."""
    fields: dict[str, object] = {"alias": "a", "kind": "service", "by": "x", "now": NOW}
    with pytest.raises(KeyRefusedError, match=message):
        store.issue(**(fields | {field: value}))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    assert store.list() == []


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


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("postgresql://u:secret@db/keys", "postgresql://u:***@db/keys: only a SQLite file works"),
        ("sqlite://", "only a SQLite file works in this version"),
        ("nonsense", "SEKISHO_DATABASE_URL is not a database URL; write sqlite:////absolute"),
    ],
)
def test_other_databases_are_refused_without_their_password(url: str, message: str) -> None:
    """What doesn't work yet is said in one line that shows no password."""
    with pytest.raises(KeyStoreError) as caught:
        Store(url)
    assert message in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_store_of_a_newer_sekisho_is_refused(store: Store, file: Path) -> None:
    """A store with a higher version is left alone, with the advice to upgrade."""
    connection = sqlite3.connect(file)
    connection.execute("UPDATE sekisho_keys_meta SET schema_version = 2")
    connection.commit()
    connection.close()
    with pytest.raises(
        KeyStoreError, match=r"newer Sekisho \(key store version 2, this one .* 1\)"
    ):
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


def test_several_processes_may_start_and_issue_at_once(file: Path) -> None:
    """Three processes that make the store together all end up with their keys in it."""
    script = (
        "import sys; from datetime import UTC, datetime; from sekisho.keys.store import Store\n"
        "with Store(sys.argv[1]) as store:\n"
        "    for n in range(5):\n"
        "        store.issue(alias=f'{sys.argv[2]}-{n}', kind='service', by='t',"
        " now=datetime.now(UTC))\n"
    )
    url = f"sqlite:///{file}"
    started = [
        subprocess.Popen([sys.executable, "-W", "error", "-c", script, url, str(number)])
        for number in range(3)
    ]
    assert [process.wait(20) for process in started] == [0, 0, 0]
    with Store(url) as store:
        assert len(store.list()) == 15
