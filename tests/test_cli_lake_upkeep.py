"""`sekisho prices restate` and `sekisho logs compact`: what an operator types and reads."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sekisho.cli.logs_compact import compact
from sekisho.cli.main import main
from sekisho.config import load_settings
from sekisho.lake import codec
from sekisho.lake.stores.store import FolderStore

from .lakes import DAY, items, names, record, rows, seen, store_batch

CONFIG = """
model_list:
  - model_name: claude
    litellm_params: {model: openai/claude, api_key: os.environ/NOBODYS_KEY}
    model_info: {mode: chat, input_cost_per_token: 3.0e-06, output_cost_per_token: 1.5e-05}
"""
BUDGETS = "Budgets are not changed: what keys have spent stays as it was counted then."


def used(name: str, minutes: float = 0, **fields: Any) -> Any:
    """A request of 1000 tokens in and 100 out: 0.0045 USD, were the price right."""
    known: dict[str, Any] = {
        "deployment_id": "claude@custom",
        "gen_ai_response_model": "openai/claude",
        "gen_ai_usage_input_tokens": 1000,
        "gen_ai_usage_output_tokens": 100,
    }
    return record(name, minutes, **{**known, **fields})


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FolderStore:
    """A home with a lake of two days: three rows of claude, one without usage."""
    (tmp_path / "config.yaml").write_text(CONFIG)
    monkeypatch.setenv("SEKISHO_CONFIG", str(tmp_path / "config.yaml"))
    monkeypatch.setenv("SEKISHO_HOME", str(tmp_path))
    folder = FolderStore(tmp_path / "lake")
    store_batch(folder, "1", [used("a"), used("b", 1, billed_cost=None, is_priced=False)])
    nothing = {"gen_ai_usage_input_tokens": None, "gen_ai_usage_output_tokens": None}
    store_batch(folder, "2", [used("c", 24 * 60), used("d", 24 * 60, **nothing)], day="2026-11-21")
    return folder


def restate(*words: str) -> Result:
    """One `sekisho prices restate --model claude`, since the first of those days."""
    return sekisho("prices", "restate", "--model", "claude", "--since", DAY, *words)


def sekisho(*words: str) -> Result:
    """One command."""
    return CliRunner().invoke(main, words)


def lines(result: Result) -> list[str]:
    """What was printed, each line with single blanks."""
    return [" ".join(line.split()) for line in result.stdout.splitlines() if line.strip()]


def test_restating_shows_each_day_before_and_after(store: FolderStore) -> None:
    """A table of exact sums, what was skipped and why, and that budgets stay."""
    result = restate("--reason", "we typed 10 for 3")
    assert result.exit_code == 0, result.output
    assert lines(result) == [
        "day rows restated skipped before USD after USD difference USD",
        "\u2500" * len(result.stdout.splitlines()[1]),
        "2026-11-20 2 2 0 1.00 0.009 -0.991",
        "2026-11-21 2 1 1 2.00 1.0045 -0.9955",
        "total 4 3 1 3.00 1.0135 -1.9865",
        "3 rows were restated, of which 1 had no cost before.",
        "1 row left as it is: what it used is not in the row.",
        "Priced by claude@custom.",
        BUDGETS,
    ]
    assert seen(store).cost == Decimal("0.009")
    assert {row["restated_reason"] for row in rows(store)} == {"we typed 10 for 3"}
    again = restate()
    assert "0 rows were restated, of which 0 had no cost before." in lines(again)
    assert {row["restated_reason"] for row in rows(store)} == {"we typed 10 for 3"}


def test_a_dry_run_says_what_would_be(store: FolderStore) -> None:
    """The same table; no file changes."""
    before = items(store)
    result = restate("--dry-run", "--until", DAY)
    assert "total 2 2 0 1.00 0.009 -0.991" in lines(result)
    assert "2 rows would be restated, of which 1 had no cost before." in lines(result)
    assert BUDGETS in lines(result)
    assert items(store) == before


def test_json_for_programs(store: FolderStore) -> None:
    """USD as exact text, the reasons with their counts."""
    result = restate("--json", "--until", DAY)
    day = {
        "day": DAY,
        "rows": 2,
        "restated": 2,
        "newly_priced": 1,
        "before": "1.000000000000",
        "after": "0.009000000000",
        "skipped": {},
        "prices": ["claude@custom"],
    }
    total = {name: value for name, value in day.items() if name != "day"}
    assert json.loads(result.stdout) == {
        "model": "claude",
        "since": "2026-11-20T00:00:00Z",
        "until": "2026-11-21T00:00:00Z",
        "dry_run": False,
        "days": [day],
        "total": total,
        "waiting_in_spool": 0,
        "budgets": "not changed",
    }


def test_rows_that_are_not_in_the_lake_yet_are_told_of(store: FolderStore, tmp_path: Path) -> None:
    """How many of them wait in the spool, and what to type first; they stay as they are."""
    waiting = [
        record("w1"),
        record("w2"),
        record("w3", gen_ai_request_model="else"),
        record("w4", -60 * 24 * 30),
        record("w5", status="interrupted", end_time=None),
    ]
    (tmp_path / "spool").mkdir()
    segment = tmp_path / "spool" / "20261120T120000.000000-host-1.closed"
    segment.write_bytes(b"".join(codec.encode(one) for one in waiting))
    result = restate()
    assert (
        "2 rows of this machine's spool are not in the lake yet and keep their cost: "
        "'sekisho logs flush' brings them there, then do this again."
    ) in lines(result)


def test_a_model_that_nobody_knows_is_a_mistake(store: FolderStore) -> None:
    """One line with the nearest alias, and exit code 1."""
    result = sekisho("prices", "restate", "--model", "cloude", "--since", DAY)
    assert result.exit_code == 1
    assert result.stderr == (
        "Error: there are no rows of cloude since then, and no such model: did you mean claude?\n"
    )


def test_a_known_model_without_rows_is_none(store: FolderStore) -> None:
    """There is nothing to do, and it says so."""
    result = sekisho("prices", "restate", "--model", "claude", "--since", "2026-11-25")
    assert result.exit_code == 0
    assert lines(result) == ["There are no rows of claude in the lake in this time.", BUDGETS]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("--tier", "gold"), "--tier 'gold': write one of standard, priority, flex"),
        (("--until", "yesterday"), "--until 'yesterday': write a duration"),
    ],
)
def test_words_that_mean_nothing_are_refused(
    store: FolderStore, words: tuple[str, ...], line: str
) -> None:
    """Exit code 2, with what can be written."""
    result = restate(*words)
    assert result.exit_code == 2
    assert line in result.stderr


def logs_compact(*words: str) -> Result:
    """One `sekisho logs compact`, with the settings of the environment."""
    return CliRunner().invoke(compact, words, obj=load_settings())


def test_compacting_says_in_one_line_what_was_done(store: FolderStore) -> None:
    """The day that has two files becomes one; the other has one already."""
    store_batch(store, "3", [record("e")])
    result = logs_compact()
    assert result.exit_code == 0, result.output
    assert result.stdout == (
        "Made 1 day whole: 3 records, 2 files taken in; 0 old files deleted, 2 stay for an hour; "
        "0 days past retention.\n"
    )
    assert names(store) == ["1", "3", "day"]


def test_a_dry_run_of_compacting_changes_nothing(store: FolderStore) -> None:
    """It says what it would do."""
    store_batch(store, "3", [record("e")])
    result = logs_compact("--dry-run")
    assert result.stdout == (
        "Would make 1 day whole: 3 records, 2 files taken in; 0 old files would be deleted, "
        "2 stay for an hour; 0 days past retention.\n"
    )
    assert names(store) == ["1", "3"]


def test_compacting_deletes_what_is_past_retention(
    store: FolderStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each day that goes has a line of its own, and nothing of a day that goes is compacted."""
    monkeypatch.setenv("SEKISHO_USAGE_DAYS", "400")
    old = str(datetime.now(UTC).date() - timedelta(days=401))
    store_batch(store, "1", [record("x")], day=old)
    store_batch(store, "2", [record("y")], day=old)
    size = sum(item.size for item in items(store, old))
    result = logs_compact()
    assert result.stdout.splitlines()[0] == f"Deleted usage of {old}: 2 files, {size:,} bytes"
    assert result.stdout.splitlines()[-1].endswith("; 1 day past retention.")
    assert result.stdout.splitlines()[-1].startswith("Made 0 days whole")
    assert items(store, old) == []


def test_compacting_as_json(store: FolderStore) -> None:
    """Every figure by its name."""
    store_batch(store, "3", [record("e")])
    assert json.loads(logs_compact("--json").stdout) == {
        "days": [DAY],
        "files": 2,
        "records": 3,
        "doubles": 0,
        "deleted": 0,
        "waiting": 2,
        "expired": [],
        "dry_run": False,
    }


def test_a_lake_that_cant_be_read_is_one_line(store: FolderStore, tmp_path: Path) -> None:
    """Exit code 1 and a remedy, no trace of the program."""
    broken = tmp_path / "broken"
    broken.write_bytes(b"no Parquet at all")
    store.put(f"usage/dt={DAY}/bad.parquet", broken)
    result = logs_compact()
    assert result.exit_code == 1
    assert result.stderr.startswith(f"Error: usage/dt={DAY}/ lake: ")
    assert result.stderr.endswith("mend it and type: sekisho logs compact\n")
    assert result.stderr.count("\n") == 1
