"""Restating: rows get the cost of today's prices, once, and say what they cost before."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sekisho.lake.record import Record
from sekisho.lake.stores.store import FolderStore
from sekisho.lake.upkeep import compact, restate
from sekisho.lake.upkeep.reprice import Prices
from sekisho.lake.upkeep.restate import Restated, Wanted
from sekisho.pricing import catalog
from sekisho.providers.deployment import Deployment, Mode

from .lakes import DAY, NOON, asked, items, names, record, rows, seen, store_batch

NOW = datetime(2026, 11, 21, 3, tzinfo=UTC)
AGAIN = datetime(2026, 11, 22, 4, 5, 6, tzinfo=UTC)
SINCE = datetime(2026, 11, 1, tzinfo=UTC)
ALL = Wanted("claude", SINCE)

# USD for a million tokens.
PRICES = """
bedrock/claude:
  input: "3"
  cache_read: "0.3"
  cache_write_5m: "3.75"
  cache_write_1h: "6"
  output: "15"
  source: a test
  date: 2026-11-21
bedrock/jp.claude:
  input: "3.3"
  output: "16.5"
  source: a test
  date: 2026-11-21
azure/gpt:
  input: "1"
  output: "10"
  priority: {input: "2", output: "20"}
  flex: {input: "0.5", output: "5"}
  source: a test
  date: 2026-11-21
azure/ears:
  second: "0.0001"
  source: a test
  date: 2026-11-21
azure/painter:
  image: {"1024x1024": "0.04", "2048x2048": "0.08"}
  source: a test
  date: 2026-11-21
"""
DEARER = PRICES.replace('input: "3"', 'input: "4"')


def deployment(alias: str, model: str, mode: Mode = "chat") -> Deployment:
    """A deployment that is priced as its model is called."""
    name = f"{alias}@bedrock"
    return Deployment(name, alias, "bedrock", mode, {"model": model}, {"id": name}, model)


DEPLOYMENTS = [
    deployment("claude", "bedrock/claude"),
    deployment("gpt", "azure/gpt"),
    deployment("ears", "azure/ears", "transcription"),
    deployment("painter", "azure/painter", "image"),
    deployment("unpriced", "azure/unknown"),
]


def prices(
    tmp_path: Path,
    text: str = PRICES,
    deployments: list[Deployment] = DEPLOYMENTS,
    tier: str | None = None,
) -> Prices:
    """The prices of a list that says this."""
    folder = tmp_path / f"prices-{len(list(tmp_path.iterdir()))}"
    folder.mkdir()
    (folder / "all.yaml").write_text(text)
    return Prices(deployments, catalog.load(folder), tier)


def used(
    name: str,
    minutes: float = 0,
    tokens: tuple[int, int] = (1000, 100),
    cost: str | None = "0.01",
    alias: str = "claude",
    model: str = "bedrock/claude",
    **fields: Any,
) -> Record:
    """A request that cost so much (USD) when its price was a wrong one."""
    known: dict[str, Any] = {
        "gen_ai_request_model": alias,
        "gen_ai_response_model": model,
        "deployment_id": f"{alias}@bedrock",
        "gen_ai_operation_name": "chat",
        "gen_ai_usage_input_tokens": tokens[0],
        "gen_ai_usage_output_tokens": tokens[1],
        "billed_cost": None if cost is None else Decimal(cost),
        "cost_breakdown": {} if cost is None else {"input": Decimal(cost)},
        "is_priced": cost is not None,
        "price_version": "wrong",
    }
    return record(name, minutes, **{**known, **fields})


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    """Two batches of a day: two rows of claude with a wrong cost, one of another model."""
    folder = FolderStore(tmp_path / "lake")
    store_batch(folder, "1", [used("a"), record("other", 1, gen_ai_request_model="else")])
    store_batch(folder, "2", [used("b", 2, (7, 1), "0.02")])
    return folder


def run(
    store: FolderStore,
    tmp_path: Path,
    with_prices: Prices | None = None,
    wanted: Wanted = ALL,
    now: datetime = NOW,
    **options: Any,
) -> list[Restated]:
    """One run."""
    found = with_prices or prices(tmp_path)
    return restate.run(store, tmp_path / "work", now, wanted, found, **options)


def by_name(store: FolderStore, day: str = DAY) -> dict[str, dict[str, Any]]:
    """The rows that the view shows, by request id."""
    return {row["request_id"]: row for row in rows(store, day)}


def test_rows_get_the_cost_of_the_present_prices(store: FolderStore, tmp_path: Path) -> None:
    """1000 x 3 + 100 x 15 and 7 x 3 + 1 x 15 millionths of a USD; the sums are exact."""
    known = prices(tmp_path)
    done = run(store, tmp_path, known)
    assert done == [
        Restated(
            DAY, 2, 2, 0, Decimal("0.03"), Decimal("0.004536"), {}, frozenset({"bedrock/claude"})
        )
    ]
    found = by_name(store)
    assert found["a"]["billed_cost"] == Decimal("0.004500000000")
    assert found["b"]["billed_cost"] == Decimal("0.000036000000")
    assert found["a"]["cost_breakdown"] == {
        "input": Decimal("0.003000000000"),
        "output": Decimal("0.001500000000"),
    }
    assert found["a"]["price_version"] == known.version
    assert seen(store).cost == Decimal("1.004536")
    assert asked(store, tmp_path) == seen(store)


def test_the_first_cost_the_time_and_the_reason_are_kept(
    store: FolderStore, tmp_path: Path
) -> None:
    """Also when a row is restated a second time: the original stays the first."""
    run(store, tmp_path, reason="the list was wrong")
    first = by_name(store)["a"]
    assert first["original_billed_cost"] == Decimal("0.010000000000")
    assert first["restated_at"] == NOW.replace(tzinfo=None)
    assert first["restated_reason"] == "the list was wrong"
    dearer = prices(tmp_path, DEARER)
    run(store, tmp_path, dearer, now=AGAIN)
    second = by_name(store)["a"]
    assert second["billed_cost"] == Decimal("0.005500000000")
    assert second["original_billed_cost"] == Decimal("0.010000000000")
    assert second["restated_at"] == AGAIN.replace(tzinfo=None)
    assert second["restated_reason"] == f"price list {dearer.version}"


def test_nothing_else_of_a_row_changes(store: FolderStore, tmp_path: Path) -> None:
    """Other columns and rows of other models are what they were."""
    before = by_name(store)
    run(store, tmp_path)
    after = by_name(store)
    assert after["other"] == before["other"]
    changed = {
        "billed_cost",
        "cost_breakdown",
        "price_version",
        "original_billed_cost",
        "restated_at",
        "restated_reason",
    }
    for name in "ab":
        assert {key for key in after[name] if after[name][key] != before[name][key]} == changed


def test_doing_it_again_changes_nothing(store: FolderStore, tmp_path: Path) -> None:
    """The second run finds every cost right, and stores no file."""
    run(store, tmp_path)
    before = items(store)
    assert run(store, tmp_path, now=AGAIN) == [
        Restated(DAY, 2, 0, 0, Decimal("0.004536"), Decimal("0.004536"))
    ]
    assert items(store) == before


def test_a_row_that_had_no_cost_gets_one(tmp_path: Path) -> None:
    """It is priced then; that it had none before is what its original says, for ever."""
    store = FolderStore(tmp_path / "lake")
    store_batch(store, "1", [used("a", cost=None)])
    assert run(store, tmp_path) == [
        Restated(DAY, 1, 1, 1, Decimal(0), Decimal("0.0045"), {}, frozenset({"bedrock/claude"}))
    ]
    row = by_name(store)["a"]
    assert (row["billed_cost"], row["is_priced"]) == (Decimal("0.0045"), True)
    assert row["original_billed_cost"] is None
    run(store, tmp_path, prices(tmp_path, DEARER), now=AGAIN)
    row = by_name(store)["a"]
    assert (row["billed_cost"], row["original_billed_cost"]) == (Decimal("0.0055"), None)


def test_cached_tokens_are_told_apart(tmp_path: Path) -> None:
    """5000 x 3 + 2000 x 0.3 + 1000 x 3.75 + 2000 x 6 + 10 x 15 millionths of a USD."""
    store = FolderStore(tmp_path / "lake")
    row = used(
        "a",
        tokens=(10_000, 10),
        gen_ai_usage_cache_read_input_tokens=2000,
        gen_ai_usage_cache_creation_input_tokens=3000,
        gen_ai_usage_reasoning_output_tokens=4,
        other_units={"cache_write_1h_tokens": Decimal(2000)},
    )
    store_batch(store, "1", [row])
    run(store, tmp_path)
    assert by_name(store)["a"]["cost_breakdown"] == {
        "input": Decimal("0.015"),
        "cache_read": Decimal("0.0006"),
        "cache_write_5m": Decimal("0.00375"),
        "cache_write_1h": Decimal("0.012"),
        "output": Decimal("0.00015"),
    }
    assert by_name(store)["a"]["billed_cost"] == Decimal("0.0315")


KEPT: Mapping[str, tuple[Record, str]] = {
    "tier": (used("x", alias="gpt", model="azure/gpt"), "its service tier is not in the row"),
    "picture": (
        used(
            "x",
            alias="painter",
            model="azure/painter",
            tokens=(0, 0),
            other_units={"images": Decimal(1)},
        ),
        "the size of its pictures is not in the row",
    ),
    "gone": (used("x", model="bedrock/old"), "no deployment of bedrock/old is configured here"),
    "unknown": (
        used("x", deployment_id=None, gen_ai_response_model=None),
        "which deployment answered is not in the row",
    ),
    "unused": (used("x", tokens=(0, 0)), "what it used is not in the row"),
    "no price": (used("x", alias="unpriced", model="azure/unknown"), "azure/unknown has no price"),
    "no unit": (
        used("x", other_units={"queries": Decimal(2)}),
        "no price for query in bedrock/claude",
    ),
}


@pytest.mark.parametrize("case", KEPT)
def test_a_row_whose_cost_cant_be_known_stays_and_is_counted(tmp_path: Path, case: str) -> None:
    """Whether it had a cost or not: it is skipped, for a reason that is told, and not guessed."""
    row, reason = KEPT[case]
    store = FolderStore(tmp_path / "lake")
    store_batch(
        store,
        "1",
        [row, replace(row, request_id="y", billed_cost=None, is_priced=False, cost_breakdown={})],
    )
    before = rows(store)
    done = run(store, tmp_path, wanted=Wanted(str(row.gen_ai_request_model), SINCE))
    assert [(one.rows, one.restated, sum(one.skipped.values())) for one in done] == [(2, 0, 2)]
    assert [key for key in done[0].skipped if key.startswith(reason)]
    assert (done[0].before, done[0].after) == (Decimal("0.01"), Decimal("0.01"))
    assert rows(store) == before


@pytest.mark.parametrize(
    ("tier", "cost"), [("standard", "0.002"), ("priority", "0.004"), ("flex", "0.001")]
)
def test_who_knows_the_service_tier_can_tell_it(tmp_path: Path, tier: str, cost: str) -> None:
    """1000 x 1 + 100 x 10 millionths of a USD in the standard tier, twice and half of it else."""
    store = FolderStore(tmp_path / "lake")
    store_batch(store, "1", [used("a", alias="gpt", model="azure/gpt")])
    run(store, tmp_path, prices(tmp_path, tier=tier), Wanted("gpt", SINCE))
    assert by_name(store)["a"]["billed_cost"] == Decimal(cost)


def test_a_tier_that_the_model_does_not_have_prices_nothing(tmp_path: Path) -> None:
    """Claude has no flex tier in this list: its rows are skipped."""
    store = FolderStore(tmp_path / "lake")
    store_batch(store, "1", [used("a")])
    done = run(store, tmp_path, prices(tmp_path, tier="flex"))
    assert done[0].skipped == {"no price for service tier flex in bedrock/claude": 1}


def test_what_cost_nothing_goes_on_costing_nothing(tmp_path: Path) -> None:
    """Refused and failed requests, token counting, and what no provider was asked for."""
    store = FolderStore(tmp_path / "lake")
    free = [
        used("a", cost="0", status="refused", deployment_id=None, cost_breakdown={}),
        used("b", cost="0", status="failure", cost_breakdown={}),
        used("c", cost="0", gen_ai_operation_name="count_tokens", cost_breakdown={}),
        used("d", cost="0", status="cancelled", deployment_id=None, cost_breakdown={}),
    ]
    store_batch(store, "1", free)
    assert run(store, tmp_path) == [Restated(DAY, 4, 0, 0, Decimal(0), Decimal(0))]
    assert names(store) == ["1"]


def test_the_model_that_answered_decides_not_what_its_deployment_is_now(tmp_path: Path) -> None:
    """After a change of region `claude@bedrock` is another model, which costs more: 3.3 not 3."""
    store = FolderStore(tmp_path / "lake")
    store_batch(store, "1", [used("a"), used("b", 1, model="bedrock/jp.claude")])
    moved = [
        deployment("claude", "bedrock/jp.claude"),
        deployment("claude-old", "bedrock/claude"),
    ]
    run(store, tmp_path, prices(tmp_path, deployments=moved))
    found = by_name(store)
    assert found["a"]["billed_cost"] == Decimal("0.0045")
    assert found["b"]["billed_cost"] == Decimal("0.00495")


def test_answers_that_stood_in_for_another_model_are_restated_too(tmp_path: Path) -> None:
    """A row asked for `gpt` that `claude` answered costs what claude costs."""
    store = FolderStore(tmp_path / "lake")
    row = used("a", gen_ai_request_model="gpt")
    store_batch(store, "1", [row])
    assert [one.restated for one in run(store, tmp_path)] == [1]
    assert by_name(store)["a"]["billed_cost"] == Decimal("0.0045")


def test_a_cost_of_unrounded_seconds_is_right(tmp_path: Path) -> None:
    """The row has six decimals of the seconds that were billed; the cost may tell them better."""
    store = FolderStore(tmp_path / "lake")
    told = used(
        "a",
        alias="ears",
        model="azure/ears",
        tokens=(0, 0),
        cost="0.00012345678",
        cost_breakdown={"second": Decimal("0.00012345678")},
        other_units={"seconds": Decimal("1.2345678")},
    )
    store_batch(store, "1", [told, replace(told, request_id="b", billed_cost=Decimal("0.0001236"))])
    done = run(store, tmp_path, wanted=Wanted("ears", SINCE))
    assert [one.restated for one in done] == [1]
    found = by_name(store)
    assert found["a"]["restated_at"] is None
    assert found["b"]["billed_cost"] == Decimal("0.0001234568")


def test_batches_that_are_not_compacted_yet_are_restated_in_a_whole_day(
    store: FolderStore, tmp_path: Path
) -> None:
    """Today too: the day is made whole with what it has, and later batches count beside it."""
    today = "2026-11-21"
    store_batch(store, "3", [used("c", 60 * 15)], day=today)
    done = run(store, tmp_path)
    assert [one.day for one in done] == [DAY, today]
    assert (names(store), names(store, today)) == (["1", "2", "day"], ["3", "day"])
    store_batch(store, "4", [used("d", 60 * 15 + 1, cost="0.0045")], day=today)
    assert sorted(by_name(store, today)) == ["c", "d"]
    assert seen(store, today).cost == Decimal("0.009")
    assert asked(store, tmp_path).cost == Decimal("1.013536")
    assert compact.run(store, tmp_path / "work", NOW + timedelta(days=2)).days == (NOW.date(),)
    assert seen(store, today).cost == Decimal("0.009")
    assert by_name(store, today)["c"]["original_billed_cost"] == Decimal("0.01")


def test_only_the_time_that_was_asked_for(store: FolderStore, tmp_path: Path) -> None:
    """From the first moment on, until before the last; days beside it are not even read."""
    store_batch(store, "before", [used("z")], day="2026-11-19")
    broken = tmp_path / "broken"
    broken.write_bytes(b"no Parquet")
    for day in ("2026-11-18", "2026-11-21"):
        store.put(f"usage/dt={day}/1.parquet", broken)
    midnight = datetime(2026, 11, 21, tzinfo=UTC)
    wanted = Wanted("claude", NOON + timedelta(minutes=1), midnight)
    assert [(one.day, one.rows, one.restated) for one in run(store, tmp_path, wanted=wanted)] == [
        (DAY, 1, 1)
    ]
    assert by_name(store)["a"]["billed_cost"] == Decimal("0.01")
    assert by_name(store)["b"]["billed_cost"] == Decimal("0.000036")


def test_a_row_of_an_insane_clock_belongs_to_the_day_that_it_is_in(tmp_path: Path) -> None:
    """It started in 1996 by its clock, and lies in the day that the shipper put it in."""
    store = FolderStore(tmp_path / "lake")
    store_batch(store, "1", [used("a", -60 * 24 * 365 * 30), used("b", 60 * 24 * 365 * 9)])
    wanted = Wanted(
        "claude", datetime(2026, 11, 20, tzinfo=UTC), datetime(2026, 11, 21, tzinfo=UTC)
    )
    assert [one.restated for one in run(store, tmp_path, wanted=wanted)] == [2]


def test_a_dry_run_shows_the_same_and_changes_nothing(store: FolderStore, tmp_path: Path) -> None:
    """Its figures are those of the real run after it."""
    before = items(store)
    shown = run(store, tmp_path, dry_run=True)
    assert items(store) == before
    assert run(store, tmp_path) == shown


class Dies(BaseException):
    """The process is killed here."""


def test_a_run_that_was_killed_is_finished_by_the_next(store: FolderStore, tmp_path: Path) -> None:
    """The first day is done, the second isn't: the next run does that one, and nothing twice."""
    store_batch(store, "3", [used("c", 60 * 24)], day="2026-11-21")

    class Dying(FolderStore):
        """Dies after the first day, or before the second is put in place."""

        def replace(self, key: str, path: Path, tag: str | None) -> None:
            """Replace the first day only."""
            if "2026-11-21" in key:
                raise Dies
            super().replace(key, path, tag)

    with pytest.raises(Dies):
        run(Dying(tmp_path / "lake"), tmp_path)
    assert by_name(store, "2026-11-21")["c"]["restated_at"] is None
    assert [(one.day, one.restated) for one in run(store, tmp_path, now=AGAIN)] == [
        (DAY, 0),
        ("2026-11-21", 1),
    ]
    assert by_name(store)["a"]["restated_at"] == NOW.replace(tzinfo=None)
    assert by_name(store)["a"]["original_billed_cost"] == Decimal("0.01")
    assert by_name(store, "2026-11-21")["c"]["billed_cost"] == Decimal("0.0045")


def test_who_compacts_meanwhile_loses_nothing_of_it(store: FolderStore, tmp_path: Path) -> None:
    """A compaction between reading and storing: the restating begins again, with its day."""

    class Overtaken(FolderStore):
        """Somebody compacts the day just before it is replaced for the first time."""

        is_first = True

        def replace(self, key: str, path: Path, tag: str | None) -> None:
            """Replace, a moment too late."""
            if self.is_first:
                self.is_first = False
                store_batch(store, "late", [used("c", 5)])
                compact.run(store, tmp_path / "other", NOW)
            super().replace(key, path, tag)

    done = run(Overtaken(tmp_path / "lake"), tmp_path)
    assert [(one.rows, one.restated) for one in done] == [(3, 3)]
    assert seen(store).requests == ["a", "b", "c", "other"]
    assert seen(store).cost == Decimal("1.009036")


def test_a_request_that_is_there_twice_is_restated_once(tmp_path: Path) -> None:
    """The day that it makes has the request once."""
    store = FolderStore(tmp_path / "lake")
    store_batch(store, "1", [used("a"), used("b", 1)])
    store_batch(store, "2", [used("a"), used("c", 2)])
    assert [(one.rows, one.restated) for one in run(store, tmp_path)] == [(3, 3)]
    assert seen(store).requests == ["a", "b", "c"]
    assert seen(store).cost == Decimal("0.0135")
