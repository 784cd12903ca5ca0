"""`sekisho usage` on a small lake: tables, CSV, JSON, and how times are typed."""

import json
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sekisho.cli import output, when
from sekisho.cli.usage import usage
from sekisho.lake.record import Record
from sekisho.lake.spool import Spool

NOW = datetime(2026, 3, 10, 15, 30, tzinfo=UTC)


@dataclass(frozen=True)
class Places:
    """The part of the settings that the command uses."""

    database_url: str
    lake: str
    spool: Path


@pytest.fixture
def places(tmp_path: Path) -> Places:
    """A home with three requests: two priced ones of now, one unpriced of 20 days ago."""
    now = datetime.now(UTC)
    record = Record(
        request_id="r0",
        start_time=now,
        status="success",
        end_user_email="alice@example.com",
        gen_ai_request_model="claude-sonnet-4-6",
        gen_ai_usage_input_tokens=1_200_000,
        gen_ai_usage_output_tokens=34,
        billed_cost=Decimal("3.6005"),
        is_priced=True,
    )
    spool = Spool(tmp_path / "spool", "host")
    spool.append(record)
    spool.append(
        replace(record, request_id="r1", status="failure", billed_cost=Decimal("0.00000001"))
    )
    spool.append(
        replace(
            record,
            request_id="r2",
            start_time=now - timedelta(days=20),
            gen_ai_request_model="=evil\x1b[31m",
            billed_cost=None,
            is_priced=False,
        )
    )
    spool.close()
    return Places("", (tmp_path / "lake").as_uri(), tmp_path / "spool")


def run(places: Places, *words: str) -> Result:
    """One `sekisho usage`."""
    return CliRunner().invoke(usage, words, obj=places)


def test_the_table_has_users_models_and_a_total(places: Places) -> None:
    """By default: user and model of the last seven days, with a total line."""
    result = run(places)
    assert result.exit_code == 0
    squeezed = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert (
        "user model requests errors input output cache read cache write USD unpriced"
    ) in squeezed
    assert "alice@example.com claude-sonnet-4-6 2 1 2,400,000 68 0 0 3.60050001 0" in squeezed
    assert "total 2 1 2,400,000 68 0 0 3.60050001 0" in squeezed


def test_unpriced_is_a_dash_in_the_table(places: Places) -> None:
    """What has no price is counted apart and shows no USD; control characters don't get out."""
    result = run(places, "--by", "model", "--since", "30d")
    squeezed = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert "=evil\ufffd[31m 1 0 1,200,000 34 0 0 - 1" in squeezed
    assert "\x1b" not in result.stdout


def test_json_for_programs(places: Places) -> None:
    """One object a group, USD as exact text, null where nothing has a price."""
    for words in (["--json"], ["--format", "json"]):
        result = run(places, "--by", "model", "--since", "30d", *words)
        assert json.loads(result.stdout) == [
            {
                "model": "claude-sonnet-4-6",
                "requests": 2,
                "errors": 1,
                "input_tokens": 2400000,
                "output_tokens": 68,
                "cache_read_tokens": 0,
                "cache_write_tokens": 0,
                "cost_usd": "3.60050001",
                "unpriced": 0,
            },
            {
                "model": "=evil\x1b[31m",
                "requests": 1,
                "errors": 0,
                "input_tokens": 1200000,
                "output_tokens": 34,
                "cache_read_tokens": 0,
                "cache_write_tokens": 0,
                "cost_usd": None,
                "unpriced": 1,
            },
        ]


def test_csv_for_spreadsheets(places: Places) -> None:
    """A header line and plain numbers."""
    result = run(places, "--by", "user,status", "--format", "csv")
    assert result.stdout == (
        "user,status,requests,errors,input_tokens,output_tokens,cache_read_tokens,"
        "cache_write_tokens,cost_usd,unpriced\n"
        "alice@example.com,success,1,0,1200000,34,0,0,3.6005,0\n"
        "alice@example.com,failure,1,1,1200000,34,0,0,0.00000001,0\n"
    )


def test_csv_runs_no_formula(capsys: pytest.CaptureFixture[str]) -> None:
    """Text that a spreadsheet would run is quoted; numbers, nothing and other text stay."""
    formulas = ["=1+1", "+1", "-1", "@a", "\tb"]
    output.print_csv(["a"], [[cell] for cell in [*formulas, -1, Decimal("-0.5"), None, "a=b", ""]])
    assert capsys.readouterr().out == ("a\n'=1+1\n'+1\n'-1\n'@a\n'\tb\n-1\n-0.5\n\"\"\na=b\n\"\"\n")
    output.print_csv(["a"], [["\rc"]])
    assert "'\rc" in capsys.readouterr().out  # in quotes or not: that depends on Python's version


def test_until_a_date_includes_that_day(places: Places) -> None:
    """--until with today's date has today's requests, with yesterday's it has none of them."""
    today = datetime.now(UTC).date()
    until = ["--by", "team", "--json", "--until"]
    assert [row["requests"] for row in json.loads(run(places, *until, str(today)).stdout)] == [2]
    assert json.loads(run(places, *until, str(today - timedelta(days=1))).stdout) == []


def test_nothing_found_says_since_when(places: Places) -> None:
    """An empty answer is a sentence for people."""
    result = run(places, "--since", "2099-01-01")
    assert (result.exit_code, result.stdout) == (0, "No requests since 2099-01-01 00:00 UTC.\n")


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--by", "user,modle"], 2, "Error: --by modle: did you mean model?"),
        (
            ["--by", "xyz"],
            2,
            "Error: --by xyz: choose from user, model, key, team, day, app, status",
        ),
        (
            ["--since", "yesterday"],
            2,
            "Error: --since 'yesterday': write a duration (30m, 24h, 90d, 2w), a date "
            "(2027-03-31) or a time (2027-03-31T12:00Z, UTC)",
        ),
        (
            ["--since", "1d", "--until", "2d"],
            2,
            "Error: --until 2d is not after --since 1d; swap them",
        ),
    ],
)
def test_misuse_is_one_line(places: Places, words: list[str], code: int, message: str) -> None:
    """What is wrong is named, with what to type instead."""
    result = run(places, *words)
    assert (result.exit_code, result.stderr) == (code, message + "\n")


def test_a_lake_on_s3_is_one_line(places: Places) -> None:
    """Until it works, S3 is refused in a line that says what does."""
    result = run(replace(places, lake="s3://bucket/prefix"))
    assert result.exit_code == 1
    assert result.stderr == (
        "Error: SEKISHO_LAKE=s3://bucket/prefix: S3 lakes don't work in this version; use "
        "file:///folder and copy it to the bucket\n"
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30m", datetime(2026, 3, 10, 15, 0, tzinfo=UTC)),
        ("24h", datetime(2026, 3, 9, 15, 30, tzinfo=UTC)),
        ("7d", datetime(2026, 3, 3, 15, 30, tzinfo=UTC)),
        ("2W", datetime(2026, 2, 24, 15, 30, tzinfo=UTC)),
        ("2026-03-01", datetime(2026, 3, 1, tzinfo=UTC)),
        ("2026-03-01T09:00", datetime(2026, 3, 1, 9, tzinfo=UTC)),
        ("2026-03-01T09:00+09:00", datetime(2026, 3, 1, tzinfo=UTC)),
    ],
)
def test_times_as_people_type_them(text: str, expected: datetime) -> None:
    """Durations count back from now, dates and times are UTC unless they say otherwise."""
    assert when.earlier("--since", text, NOW) == expected


def test_later_and_end_of() -> None:
    """An expiry counts ahead; an end that is a date is the end of that day."""
    assert when.later("--expires", "1d", NOW) == datetime(2026, 3, 11, 15, 30, tzinfo=UTC)
    assert when.end_of("--until", "2026-03-01", NOW) == datetime(2026, 3, 2, tzinfo=UTC)
    assert when.end_of("--until", "1h", NOW) == datetime(2026, 3, 10, 14, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["", "7", "7y", "-7d", "2026-13-01", "999999w", "0001-01-01T00:00+09:00"]
)
def test_no_time_is_misuse(text: str) -> None:
    """What is no time is one line, whatever it is."""
    with pytest.raises(output.Misuse, match="write a duration"):
        when.earlier("--since", text, NOW)


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        (None, "-"),
        (Decimal(0), "0.00"),
        (Decimal("1E-12"), "0.000000000001"),
        (Decimal("1234.5"), "1,234.50"),
        (Decimal("0.100000000000"), "0.10"),
    ],
)
def test_money_is_shown_to_its_last_digit(amount: Decimal | None, shown: str) -> None:
    """No rounding, no E notation, at least cents."""
    assert output.money(amount) == shown


def test_the_default_is_what_the_help_says(places: Places) -> None:
    """The help names the groupings and the defaults."""
    text = " ".join(run(places, "--help").stdout.split())
    assert "Any of user, model, key, team, day, app, status" in text
    assert re.search(r"\[default: 7d\]", text)
