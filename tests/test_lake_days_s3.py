"""Compaction and restating in a bucket: the same promises, kept by conditional PUTs."""

import threading
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import boto3
import pytest
from sekisho.lake.place import LakeError
from sekisho.lake.stores import policies
from sekisho.lake.stores.s3 import S3Store
from sekisho.lake.stores.store import Store, open_store
from sekisho.lake.upkeep import compact, restate, retention
from sekisho.lake.upkeep.compact import Compacted
from sekisho.lake.upkeep.reprice import Prices
from sekisho.lake.upkeep.restate import Wanted
from sekisho.pricing import catalog
from sekisho.providers.deployment import Deployment

from .faulty_s3 import FaultyS3
from .lakes import Seen, asked, names, record, seen, store_batch
from .s3_servers import Moto, S3Server

ALL = Seen(["a", "b", "c"], Decimal("2.000000000003"))
THE_DAY = (date(2026, 11, 20),)


def lake(server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A lake with two batches of a day in a bucket of that server."""
    for name, value in server.variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)  # it keeps another server's credentials
    store = open_store(f"s3://{server.bucket}/{tmp_path.name}")
    store_batch(store, "1", [record("c", 2, billed_cost=Decimal("0.000000000003")), record("a")])
    store_batch(store, "2", [record("b", 1)])
    return store


def now() -> datetime:
    """The present: these servers' files are of now."""
    return datetime.now(UTC)


@pytest.mark.parametrize("server", ["emulator", "real"])
def test_a_day_becomes_one_object(
    server: str,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Made whole, a late batch taken in, batches deleted an hour later: each row counts once."""
    store = lake(request.getfixturevalue(server), tmp_path, monkeypatch)
    done = compact.run(store, tmp_path / "work", now())
    assert done == Compacted(THE_DAY, files=2, records=3, waiting=2)
    assert names(store) == ["1", "2", "day"]
    assert seen(store) == asked(store, tmp_path) == ALL
    store_batch(store, "3", [record("d", 3)])
    late = Seen([*"abcd"], Decimal("3.000000000003"))
    assert seen(store) == late
    assert compact.run(store, tmp_path / "work", now()).files == 1
    assert compact.run(store, tmp_path / "work", now()) == Compacted(waiting=3)
    assert compact.run(store, tmp_path / "work", now() + timedelta(days=1)).deleted == 0
    monkeypatch.setattr(compact, "PATIENCE", timedelta(0))
    assert compact.run(store, tmp_path / "work", now()) == Compacted(deleted=3)
    assert names(store) == ["day"]
    assert seen(store) == late
    assert asked(store, tmp_path) == late
    gone = retention.run(store, now() + timedelta(days=400), usage_days=30, payload_days=0)
    assert [(one.table, one.files) for one in gone] == [("usage", 1)]
    assert store.list("") == []


class Together(S3Store):
    """A store of one of two compactors: each waits for the other before its first PUT."""

    def __init__(self, lake: str, both: threading.Barrier) -> None:
        super().__init__(lake, read_seconds=30, attempts=3)
        self.both = both
        self.is_first = True

    def replace(self, key: str, path: Path, tag: str | None) -> None:
        """Replace, at the same moment as the other."""
        if self.is_first:
            self.is_first = False
            self.both.wait(30)
        super().replace(key, path, tag)


def run_two(store: Store, tmp_path: Path) -> list[Compacted | LakeError]:
    """Two compactors at once, and what each says."""
    both = threading.Barrier(2)
    said: list[Compacted | LakeError] = []

    def one(work: Path) -> None:
        try:
            said.append(compact.run(Together(store.name, both), work, now()))
        except LakeError as error:
            said.append(error)

    threads = [threading.Thread(target=one, args=(tmp_path / name,)) for name in "xy"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return said


def test_of_two_compactors_at_once_one_wins(
    emulator: Moto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server refuses the second PUT; that one looks again and finds everything done."""
    store = lake(emulator, tmp_path, monkeypatch)
    said = run_two(store, tmp_path)
    won, lost = Compacted(THE_DAY, files=2, records=3, waiting=2), Compacted(waiting=2)
    assert sorted(said, key=str) == sorted([won, lost], key=str)
    assert seen(store) == ALL


def test_without_conditional_puts_two_at_once_lose_no_row_either(
    real: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last PUT stays; batches that it lacks still have their files, and count from them."""
    store = lake(real, tmp_path, monkeypatch)
    said = run_two(store, tmp_path)
    assert [type(one) for one in said] == [Compacted, Compacted]
    assert seen(store) == ALL


@pytest.mark.parametrize("fault", ["lost", "503", "cut"])
def test_a_put_that_fails_once_is_made_once(
    fault: str, emulator: Moto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when the server did it and the reply was lost."""
    store = lake(emulator, tmp_path, monkeypatch)
    with FaultyS3.before(emulator) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", proxy.server.url)
        faulty = open_store(store.name)
        proxy.next(None, None, None, fault)  # type: ignore[arg-type]  # listing, two batches, PUT
        done = compact.run(faulty, tmp_path / "work", now())
        assert [one.fault for one in proxy.journal if one.method == "PUT"] == [fault, None]
    assert done == Compacted(THE_DAY, files=2, records=3, waiting=2)
    assert seen(store) == ALL


def test_a_bucket_that_is_away_is_one_line(
    emulator: Moto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No trace of the program, and nothing half done."""
    store = lake(emulator, tmp_path, monkeypatch)
    with FaultyS3.before(emulator) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", proxy.server.url)
        faulty = open_store(store.name, read_seconds=1, attempts=1)
        proxy.next(None, "503", "503")
        with pytest.raises(LakeError) as error:
            compact.run(faulty, tmp_path / "work", now())
    assert "\n" not in str(error.value)
    assert seen(store) == ALL


def test_a_bucket_can_be_restated(
    emulator: Moto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """1000 x 3 + 100 x 15 millionths of a USD, by the price list that comes with Sekisho."""
    store = lake(emulator, tmp_path, monkeypatch)
    model = "bedrock/global.anthropic.claude-sonnet-4-6"
    wrong = record(
        "d",
        gen_ai_response_model=model,
        deployment_id="claude@bedrock",
        gen_ai_usage_input_tokens=1000,
        gen_ai_usage_output_tokens=100,
    )
    store_batch(store, "3", [wrong])
    deployment = Deployment(
        "claude@bedrock", "claude", "bedrock", "chat", {"model": model}, {}, model
    )
    prices = Prices([deployment], catalog.load())
    wanted = Wanted("claude", datetime(2026, 11, 20, tzinfo=UTC))
    done = restate.run(store, tmp_path / "work", now(), wanted, prices)
    assert [(one.rows, one.restated, one.before, one.after) for one in done] == [
        (4, 1, Decimal("3.000000000003"), Decimal("2.004500000003"))
    ]
    assert seen(store) == Seen([*"abcd"], Decimal("2.004500000003"))
    assert names(store) == ["1", "2", "3", "day"]


def test_the_keepers_policy_is_enough_and_the_writers_is_not(
    emulator: Moto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Compacting and retiring work with the rights of `sekisho logs iam --role keeper`."""
    store = lake(emulator, tmp_path, monkeypatch)
    athena = policies.Athena(workgroup="primary", database="sekisho")
    writer, keeper = (
        emulator.user(policies.policy(role, store.name, athena)) for role in ("writer", "keeper")
    )
    monkeypatch.setattr(compact, "PATIENCE", timedelta(0))
    emulator.enforce()
    try:
        for name, value in writer.variables.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
        with pytest.raises(LakeError, match=r"s3:ListBucket"):
            compact.run(open_store(store.name), tmp_path / "work", now())
        for name, value in keeper.variables.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
        allowed = open_store(store.name)
        assert compact.run(allowed, tmp_path / "work", now()).files == 2
        assert compact.run(allowed, tmp_path / "work", now()).deleted == 2
        gone = retention.run(allowed, now() + timedelta(days=99), usage_days=9, payload_days=9)
        assert [one.files for one in gone] == [1]
    finally:
        emulator.enforce(on=False)
