"""`sekisho keys list`, `show` and `budgets`: what people and programs see of many keys."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sekisho.keys.limits import Limits
from sekisho.keys.policy import Policy

from .keys_command import Places, done, issue, read, run, spend

NOW = datetime.now(UTC)
TOKYO = ZoneInfo("Asia/Tokyo")
POLICY = Policy(
    gateway=Limits(budget_month=Decimal(1000)),
    each_end_user=Limits(budget_day=Decimal(10)),
    teams={"research": Limits(budget_month=Decimal(200))},
    keys={"service": Limits(rpm=600, parallel=8)},
    team_keys={"research": Limits(budget_day=Decimal(20), rpm=30)},
)


@pytest.fixture
def places(database_url: str) -> Places:
    """An empty key store, with limits in the configuration, in Tokyo."""
    return Places(database_url, TOKYO, POLICY)


def cells(table: str) -> list[list[str]]:
    """The cells of a table's lines, without its heading."""
    return [re.split(r"  +", line.strip()) for line in table.splitlines()[2:]]


def test_a_line_has_all_about_a_key(places: Places) -> None:
    """Spend of the shortest budget beside it, the limits that count, and the last use."""
    issued = issue(
        places,
        *("--alias", "a", "--owner", "a@example.com", "--budget", "50", "--budget", "5/day"),
        *("--tpm", "200k", "--expires", "2099-03-31"),
    )
    spend(places, "key", issued["id"], NOW, {"day": "3.20456", "month": "7", "total": "8"})
    table = done(places, "list")
    assert re.split(r"  +", table.splitlines()[0].strip()) == [
        *("alias", "id", "key", "kind", "owner", "team", "models", "state", "expires (UTC)"),
        *("spent (USD)", "budget (USD)", "limits", "last used (UTC)"),
    ]
    assert cells(table) == [
        [
            *("a", issued["id"], issued["prefix"], "person", "a@example.com", "-", "all"),
            *("active", "2099-03-31 00:00", "3.2045 of 5.00 today", "5/day, 50/month"),
            *("200k tpm", "-"),
        ]
    ]


def test_defaults_of_team_and_kind_are_in_the_line(places: Places) -> None:
    """A key without limits of its own is shown with those that count for it."""
    issue(places, "--alias", "a", "--team", "research")
    (line,) = cells(done(places, "list"))
    assert line[9:12] == ["0.00 of 20.00 today", "20/day", "30 rpm, 8 parallel"]


def test_without_a_budget_the_month_is_told(places: Places) -> None:
    """Spend is shown, though nothing limits it; very little isn't shown as nothing."""
    issued = issue(places, "--alias", "a", "--owner", "a@example.com")
    spend(places, "key", issued["id"], NOW, {"day": "0.000001", "month": "0.000002"})
    (line,) = cells(done(places, "list"))
    assert line[9:12] == ["<0.0001 this month", "-", "-"]


def test_list_json_has_every_period(places: Places) -> None:
    """Programs get exact figures of day, month and all time, with limit, window and reset."""
    issued = issue(places, "--alias", "a", "--owner", "a@example.com", "--budget", "50")
    spend(places, "key", issued["id"], NOW, {"month": "49.123456789012"}, held="0.5")
    (found,) = read(places, "list")
    today = NOW.astimezone(TOKYO)
    assert found["time_zone"] == "Asia/Tokyo"
    assert found["spend"]["month"] == {
        "spent": "49.123456789012",
        "reserved": "0.5",
        "limit": "50",
        "window": f"{today:%Y-%m}",
        "resets_at": found["spend"]["month"]["resets_at"],
    }
    assert found["spend"]["month"]["resets_at"].endswith("T15:00:00Z")  # midnight in Tokyo
    assert found["spend"]["day"]["window"] == f"{today:%Y-%m-%d}"
    assert found["spend"]["total"] == {
        "spent": "0",
        "reserved": "0",
        "limit": None,
        "window": "total",
        "resets_at": None,
    }


@pytest.fixture
def several(places: Places) -> Places:
    """Five keys: two persons of a team, a service, one blocked, one revoked."""
    issue(places, "--alias", "alice", "--owner", "alice@example.com", "--team", "research")
    issue(places, "--alias", "Bob", "--owner", "bob@example.org", "--team", "research")
    issue(places, "--alias", "ci", "--team", "platform")
    issue(places, "--alias", "stopped")
    issue(places, "--alias", "gone")
    run(places, "block", "stopped")
    run(places, "revoke", "gone")
    return places


@pytest.mark.parametrize(
    ("words", "aliases"),
    [
        ([], {"alice", "Bob", "ci", "stopped"}),
        (["--all"], {"alice", "Bob", "ci", "stopped", "gone"}),
        (["--state", "revoked"], {"gone"}),
        (["--state", "blocked"], {"stopped"}),
        (["--state", "active", "--kind", "service"], {"ci"}),
        (["--team", "research"], {"alice", "Bob"}),
        (["--owner", "alice@example.com"], {"alice"}),
        (["--find", "BOB"], {"Bob"}),
        (["--find", "example"], {"alice", "Bob"}),
        (["--find", "gone"], set()),
        (["--find", "%"], set()),
        (["--team", "research", "--find", "org"], {"Bob"}),
        (["--state", "expired"], set()),
    ],
)
def test_list_finds(several: Places, words: list[str], aliases: set[str]) -> None:
    """Every filter alone and with others; revoked keys only when they are asked for."""
    assert {key["alias"] for key in read(several, "list", *words)} == aliases


def test_a_table_tells_what_it_leaves_out(several: Places) -> None:
    """How many more there are and how to see them stands on stderr, for people."""
    result = run(several, "list", "--limit", "3")
    assert len(cells(result.stdout)) == 3
    assert result.stderr == (
        "1 more after these 3; see them with --limit N or --all, or find one with --find TEXT. "
        "1 revoked key is not shown; see --all.\n"
    )
    assert run(several, "list", "--all").stderr == ""
    assert run(several, "list", "--state", "active").stderr == ""


def test_a_search_without_a_find_says_so(several: Places) -> None:
    """No empty table."""
    assert done(several, "list", "--find", "zzz") == "No such key.\n"


def test_an_empty_store_says_what_to_do(places: Places) -> None:
    """Without keys the table is a hint, and the JSON an empty list."""
    assert done(places, "list") == "No keys yet. Issue one with: sekisho keys issue --alias NAME\n"
    assert read(places, "list") == []


def test_show_tells_where_each_limit_comes_from(places: Places) -> None:
    """A limit is the key's own, or its team's or kind's default; spend has its reset and zone."""
    issued = issue(
        places, "--alias", "a", "--team", "research", "--budget", "5/total", "--tag", "prod"
    )
    spend(places, "key", issued["id"], NOW, {"day": "19.5", "total": "4.75"}, held="0.25")
    shown = done(places, "show", "a")
    lines = [re.split(r"  +", line.strip()) for line in shown.splitlines()]
    today = NOW.astimezone(TOKYO)
    for line in (
        ["tags", "prod"],
        ["expires", "never"],
        ["limit", "value", "from"],
        ["rpm", "30", "default of its team"],
        ["parallel", "8", "default of its kind"],
        ["budget per day", "20 USD", "default of its team"],
        ["budget in total", "5 USD", "this key"],
        ["period", "window", "spent (USD)", "reserved", "budget", "resets (Asia/Tokyo)"],
        ["month", f"{today:%Y-%m}", "0.00", "0.00", "-", next_month(today)],
        ["total", "total", "4.75", "0.25", "5.00", "never"],
    ):
        assert line in lines
    found = read(places, "show", "a")
    assert found["effective_limits"] == {
        "rpm": {"value": 30, "from": "team"},
        "parallel": {"value": 8, "from": "kind"},
        "budget_day": {"value": "20", "from": "team"},
        "budget_total": {"value": "5", "from": "key"},
    }
    assert found["spend"]["day"]["spent"] == "19.5"
    assert found["time_zone"] == "Asia/Tokyo"
    assert found["older_keys"] == []


def next_month(day: datetime) -> str:
    """The first moment of the next month."""
    year, month = (day.year + 1, 1) if day.month == 12 else (day.year, day.month + 1)
    return f"{year}-{month:02}-01 00:00"


def test_show_lists_older_keys_that_still_work(places: Places) -> None:
    """After a rotation with grace, the old key's public part and its end."""
    first = issue(places, "--alias", "a")
    done(places, "rotate", "a", "--grace", "24h")
    second = read(places, "show", "a")
    assert [old["prefix"] for old in second["older_keys"]] == [first["prefix"]]
    assert second["prefix"] != first["prefix"]
    shown = done(places, "show", "a")
    assert re.search(rf"{first['prefix']} +\d{{4}}-\d\d-\d\d \d\d:\d\d UTC", shown)
    done(places, "rotate", "a")
    assert read(places, "show", "a")["older_keys"] == []


def budgets(places: Places) -> list[list[Any]]:
    """What `keys budgets --json` says, in short."""
    return [
        [b["scope"], b["name"], b["period"], b["spent"], b["reserved"], b["limit"]]
        for b in read(places, "budgets")
    ]


def test_budgets_lists_what_is_used_fullest_first(places: Places) -> None:
    """Keys, users, teams and the gateway; only where a limit is in force."""
    a = issue(places, "--alias", "a", "--owner", "a@example.com", "--budget", "50")
    gone = issue(places, "--alias", "gone", "--budget", "50")
    free = issue(places, "--alias", "free", "--owner", "b@example.com")
    for key in (a, gone, free):
        spend(places, "key", key["id"], NOW, {"day": "3", "month": "40", "total": "40"})
    spend(places, "end_user", "a@example.com", NOW, {"day": "9.5", "month": "40"}, held="0.5")
    spend(places, "team", "research", NOW, {"month": "20.25"})
    spend(places, "team", "other", NOW, {"month": "20"})
    spend(places, "gateway", "", NOW, {"day": "3", "month": "123.456"})
    run(places, "revoke", "gone")
    assert budgets(places) == [
        ["end_user", "a@example.com", "day", "9.5", "0.5", "10"],
        ["key", "a", "month", "40", "0", "50"],
        ["gateway", "", "month", "123.456", "0", "1000"],
        ["team", "research", "month", "20.25", "0", "200"],
    ]
    table = done(places, "budgets")
    assert re.split(r"  +", table.splitlines()[0].strip()) == [
        *("scope", "name", "period", "spent (USD)", "reserved", "budget", "used"),
        "resets (Asia/Tokyo)",
    ]
    first = cells(table)[0]
    assert first[:7] == ["end user", "a@example.com", "day", "9.50", "0.50", "10.00", "95.0 %"]
    assert first[7].endswith(" 00:00")
    assert cells(table)[2][1:4] == ["-", "month", "123.456"]


def test_a_table_of_budgets_has_the_fullest_hundred(places: Places) -> None:
    """How many more there are stands on stderr; --all and JSON have them."""
    for number in range(103):
        spend(places, "end_user", f"u{number:03}", NOW, {"day": f"{number / 100:.2f}"})
    result = run(places, "budgets")
    lines = cells(result.stdout)
    assert len(lines) == 100
    assert lines[0][1:7] == ["u102", "day", "1.02", "0.00", "10.00", "10.2 %"]
    assert lines[99][1] == "u003"
    assert result.stderr == "3 more; see them with --all.\n"
    everything = run(places, "budgets", "--all")
    assert (len(cells(everything.stdout)), everything.stderr) == (103, "")
    assert len(read(places, "budgets")) == 103


def test_without_spend_there_are_no_budgets_to_list(places: Places) -> None:
    """The table says so, the JSON is empty."""
    assert done(places, "budgets") == "No budget has been used yet.\n"
    assert read(places, "budgets") == []
