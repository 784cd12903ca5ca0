"""The options of `sekisho keys issue` and `update`: limits, networks, tags, and what changes."""

import json
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from sekisho.cli import when
from sekisho.cli.keys import words as key_words
from sekisho.cli.output import Misuse

from .keys_command import Places, done, issue, read, run

NO_LIMITS = dict.fromkeys(("rpm", "tpm", "parallel", "budget_day", "budget_month", "budget_total"))
EVERYTHING = (
    *("--alias", "ci", "--team", "platform", "--models", "claude-*,gpt-5"),
    *("--budget", "$5/day", "--budget", "100", "--budget", "1000/total"),
    *("--rpm", "60", "--tpm", "200k", "--parallel", "4"),
    *("--allow-ip", "10.1.0.0/16", "--allow-ip", "2001:db8::/32,192.0.2.7"),
    *("--tag", "prod", "--tag", "cost=42", "--mcp", "wiki", "--mcp", "calc"),
)


@pytest.fixture
def places(database_url: str) -> Places:
    """An empty key store."""
    return Places(database_url)


@pytest.fixture
def small(tmp_path: Path) -> Places:
    """An empty key store in a file, for what has little to do with the database."""
    return Places(f"sqlite:///{tmp_path / 'keys.db'}")


def test_issue_takes_every_limit(places: Places) -> None:
    """Budgets of each period, rates, networks and tags are kept as they were typed."""
    issued = issue(places, *EVERYTHING)
    assert issued["limits"] == {
        "rpm": 60,
        "tpm": 200_000,
        "parallel": 4,
        "budget_day": "5",
        "budget_month": "100",
        "budget_total": "1000",
    }
    assert issued["networks"] == ["10.1.0.0/16", "2001:db8::/32", "192.0.2.7/32"]
    assert issued["tags"] == ["prod", "cost=42"]
    assert issued["mcp"] == ["wiki", "calc"]


def test_budget_period_is_for_amounts_that_name_none(places: Places) -> None:
    """As the design writes it: --budget 50 --budget-period day."""
    issued = issue(
        places, "--alias", "a", "--budget", "50", "--budget", "99.5/total", "--budget-period", "day"
    )
    assert issued["limits"] == NO_LIMITS | {"budget_day": "50", "budget_total": "99.5"}


def test_words_for_nothing_are_as_good_as_nothing_said(places: Places) -> None:
    """none, all, any and never are taken by issue, too."""
    issued = issue(
        places,
        *("--alias", "a", "--models", "all", "--allow-ip", "any", "--tag", "none"),
        *("--expires", "never", "--rpm", "none", "--budget", "none", "--team", "none"),
        *("--mcp", "none"),
    )
    assert (issued["models"], issued["networks"], issued["tags"]) == ([], [], [])
    assert issued["mcp"] == []
    assert (issued["expires_at"], issued["team"], issued["limits"]) == (None, None, NO_LIMITS)


def test_no_server_and_another_is_misuse(places: Places) -> None:
    """`--mcp none` stands alone: it would be unclear which of the two was meant."""
    result = run(places, "issue", "--alias", "a", "--mcp", "wiki", "--mcp", "none")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "--mcp none takes all servers away: name no others beside it" in result.stderr


def test_update_says_what_changed(places: Places) -> None:
    """Each field that differs is a line: old -> new; the others stay as they were."""
    issued = issue(places, *EVERYTHING)
    shown = done(
        places,
        *("update", "ci", "--alias", "build", "--models", "all", "--rpm", "120", "--tag", "none"),
        *("--budget", "none/day", "--expires", "2099-01-01", "--allow-ip", "any", "--mcp", "all"),
    )
    lines = [re.sub(r" +", " ", line).strip() for line in shown.splitlines()]
    assert lines == [
        f"build ({issued['id']}) is changed:",
        "alias ci -> build",
        "models claude-*,gpt-5 -> all",
        "budget per day 5 USD -> none",
        "rpm 60 -> 120",
        "expires never -> 2099-01-01 00:00 UTC",
        "networks 10.1.0.0/16,2001:db8::/32,192.0.2.7/32 -> any",
        "tags prod,cost=42 -> none",
        "mcp servers wiki,calc -> *",
    ]
    kept = read(places, "show", "build")
    assert kept["limits"] == {
        "rpm": 120,
        "tpm": 200_000,
        "parallel": 4,
        "budget_day": None,
        "budget_month": "100",
        "budget_total": "1000",
    }
    assert (kept["team"], kept["id"], kept["prefix"]) == (
        "platform",
        issued["id"],
        issued["prefix"],
    )


def test_update_json_names_what_changed(places: Places) -> None:
    """Programs get the key as it is now, and old and new of each field."""
    issue(places, "--alias", "a", "--owner", "a@example.com", "--team", "one")
    changed = read(places, "update", "a", "--team", "none", "--kind", "service", "--owner", "none")
    assert (changed["team"], changed["kind"], changed["owner"]) == (None, "service", None)
    assert changed["changed"] == {
        "kind": ["person", "service"],
        "owner": ["a@example.com", None],
        "team": ["one", None],
    }


def test_none_takes_every_budget_away_but_those_named_beside_it(places: Places) -> None:
    """--budget none --budget 7/day leaves one budget, whatever there was."""
    issue(places, "--alias", "a", "--budget", "5/day", "--budget", "50")
    changed = read(places, "update", "a", "--budget", "none", "--budget", "7/day")
    assert changed["limits"] == NO_LIMITS | {"budget_day": "7"}


def test_what_is_so_already_is_no_change(places: Places) -> None:
    """An update to what the key has says so."""
    issued = issue(places, "--alias", "a", "--rpm", "60")
    assert (
        done(places, "update", "a", "--rpm", "60") == f"a ({issued['id']}) is like that already.\n"
    )


def test_history_has_old_and_new(places: Places) -> None:
    """The audit trail of an update tells who changed what from what to what."""
    issue(places, "--alias", "a", "--budget", "50", "--by", "root")
    done(places, "update", "a", "--budget", "80.5", "--rpm", "60", "--by", "eve")
    shown = done(places, "show", "a", "--history")
    assert re.search(r"root +issue +alias=a, kind=service, .*budget_month=50", shown)
    assert re.search(r"eve +update +.*budget_month 50 -> 80\.5", shown)
    assert re.search(r"eve +update +.*rpm none -> 60", shown)


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ([], 2, "nothing to change; name what, as in: --budget 50/month --rpm 60"),
        (["--rpm", "0"], 2, "--rpm 0: must be a whole number from 1 to 2147483647"),
        (["--tpm", "1.5"], 2, "--tpm '1.5': write a whole number, as 60, 200k or 1.5m"),
        (["--parallel", "-1"], 2, "--parallel '-1': write a whole number, as 60, 200k or 1.5m"),
        (
            ["--budget", "5/week"],
            2,
            "--budget '5/week': the period must be day, month or total",
        ),
        (
            ["--budget", "1,000"],
            2,
            "--budget '1,000': write USD, as 50 or 0.25, without commas",
        ),
        (
            ["--budget", "0"],
            2,
            "--budget 0: must be USD, more than 0 and at most 1,000,000, as 50 or 0.25",
        ),
        (
            ["--budget", "5", "--budget", "6/month"],
            2,
            "--budget 6/month: there is another --budget for the period month",
        ),
        (["--budget-period", "day"], 2, "--budget-period needs an amount: add --budget USD"),
        (
            ["--allow-ip", "10.0.0.0/40"],
            1,
            "network '10.0.0.0/40': write 10.1.0.0/16, 2001:db8::/32 or one address",
        ),
        (["--owner", "alice"], 1, "owner alice: must be an e-mail address"),
        (
            ["--alias", "taken"],
            1,
            "a key named taken exists; choose another alias, or first: sekisho keys revoke taken",
        ),
    ],
)
def test_mistakes_are_one_line_and_change_nothing(
    small: Places, words: list[str], code: int, message: str
) -> None:
    """Used wrongly is 2, no is 1; the key is as before."""
    issue(small, "--alias", "taken")
    issue(small, "--alias", "a", "--rpm", "60")
    result = run(small, "update", "a", *words)
    assert (result.exit_code, result.stderr, result.stdout) == (code, f"Error: {message}\n", "")
    assert read(small, "show", "a")["limits"] == NO_LIMITS | {"rpm": 60}


def test_update_of_a_revoked_key_is_refused(places: Places) -> None:
    """What is gone for ever can't be changed."""
    issued = issue(places, "--alias", "a")
    done(places, "revoke", "a")
    result = run(places, "update", "a", "--rpm", "5")
    assert result.exit_code == 1
    assert result.stderr.startswith(f"Error: a ({issued['id']}) was revoked and can't come back")


@pytest.mark.parametrize(
    ("text", "number"), [("60", 60), ("200k", 200_000), ("1.5M", 1_500_000), ("1_000", 1000)]
)
def test_numbers_as_people_type_them(text: str, number: int) -> None:
    """k is a thousand, m a million."""
    assert key_words.count("--tpm", "tpm", text) == number


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("50", ("month", Decimal(50))),
        ("$50", ("month", Decimal(50))),
        (" .25 / Day ", ("day", Decimal("0.25"))),
        ("0.000000000001/total", ("total", Decimal("0.000000000001"))),
        ("none/day", ("day", None)),
    ],
)
def test_budgets_as_people_type_them(text: str, expected: tuple[str, Decimal | None]) -> None:
    """An amount and its period, exactly."""
    assert key_words.budget(text, "month") == expected


@pytest.mark.parametrize("text", ["", "5e3", "1/2/day", "NaN", "inf", "0.0000000000001", "1000001"])
def test_what_is_no_budget_is_refused(text: str) -> None:
    """No floats' spellings, no more decimals than a price has, no riches."""
    with pytest.raises(Misuse, match="--budget"):
        key_words.budget(text, "month")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", timedelta()),
        ("24h", timedelta(hours=24)),
        ("7D", timedelta(days=7)),
        ("30m", timedelta(minutes=30)),
    ],
)
def test_durations(text: str, expected: timedelta) -> None:
    """How long a grace is."""
    assert when.duration("--grace", text) == expected


@pytest.mark.parametrize("text", ["", "soon", "2027-01-01", "-1h", "1y"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    """A date is none."""
    with pytest.raises(Misuse) as caught:
        when.duration("--grace", text)
    assert caught.value.message == (
        f"--grace {text!r}: write a duration (30m, 24h, 7d, 2w), or 0 for none"
    )


def test_never_takes_an_expiry_away(places: Places) -> None:
    """--expires never, on a key that had one."""
    issued = issue(places, "--alias", "a", "--expires", "90d")
    assert datetime.fromisoformat(issued["expires_at"]) > datetime.now(UTC)
    assert (
        json.loads(done(places, "update", "a", "--expires", "never", "--json"))["expires_at"]
        is None
    )
