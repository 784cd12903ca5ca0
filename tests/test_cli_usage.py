"""`sekisho usage` on a small lake: tables, CSV, JSON, and how times are typed."""

import json
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner, Result
from sekisho.cli import engines, output, usage_reports, when
from sekisho.cli.usage import usage
from sekisho.keys.limits import Limits
from sekisho.keys.policy import Policy
from sekisho.keys.store import Store
from sekisho.lake.asking import athena
from sekisho.lake.record import Record

from . import filled

NO_POLICY = Policy()
TOKYO = ZoneInfo("Asia/Tokyo")
NOW = datetime(2026, 3, 10, 15, 30, tzinfo=UTC)


@dataclass(frozen=True)
class Places:
    """The part of the settings that the command uses."""

    database_url: str
    lake: str
    spool: Path
    redact: tuple[re.Pattern[str], ...] = ()
    time_zone: ZoneInfo = TOKYO
    policy: Policy = NO_POLICY
    athena_workgroup: str = "company"
    athena_database: str = "sekisho"
    athena_output: str = ""


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
    failed = replace(record, request_id="r1", status="failure", billed_cost=Decimal("0.00000001"))
    unpriced = replace(
        record,
        request_id="r2",
        start_time=now - timedelta(days=20),
        gen_ai_request_model="=evil\x1b[31m",
        billed_cost=None,
        is_priced=False,
    )
    filled.segment(tmp_path / "spool", "x", [record, failed, unpriced])
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
            ["--report", "cost-by-usr"],
            2,
            "Error: --report cost-by-usr: did you mean cost-by-user?",
        ),
        (
            ["--report", "errors", "--by", "user"],
            2,
            "Error: --by and --report don't go together; leave one of them out",
        ),
        (
            ["--engine", "athena"],
            2,
            "Error: --engine athena bills what it reads: say how far back it shall, as --since 7d",
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


REPORT = ("--report", "cost-by-model", "--since", "30d")


def test_reports_are_listed(places: Places) -> None:
    """Each report with what it shows."""
    lines = [" ".join(line.split()) for line in run(places, "--list-reports").stdout.splitlines()]
    assert lines[0] == "report shows"
    assert "cost-by-model What each model cost" in lines
    assert len(lines) >= 2 + 12


def test_a_report_as_a_table(places: Places) -> None:
    """Figures of a report as people read them; control characters don't get out."""
    result = run(places, *REPORT)
    squeezed = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert squeezed[0] == "model requests input_tokens output_tokens cost_usd unpriced"
    assert squeezed[2:] == [
        "claude-sonnet-4-6 2 2,400,000 68 3.60050001 0",
        "=evil\ufffd[31m 1 1,200,000 34 - 1",
    ]


def test_a_report_as_csv_and_json(places: Places) -> None:
    """USD exact and never a float; nothing known is empty, or null."""
    assert run(places, *REPORT, "--format", "csv").stdout == (
        "model,requests,input_tokens,output_tokens,cost_usd,unpriced\n"
        "claude-sonnet-4-6,2,2400000,68,3.60050001,0\n"
        "'=evil\x1b[31m,1,1200000,34,,1\n"
    )
    found = json.loads(run(places, *REPORT, "--json").stdout)
    assert [row["cost_usd"] for row in found] == ["3.60050001", None]
    assert found[0]["requests"] == 2
    times = json.loads(run(places, "--report", "unpriced", "--since", "30d", "--json").stdout)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", times[0]["first_request"])


def test_a_report_without_rows_is_a_sentence(places: Places) -> None:
    """Nothing is said to be nothing."""
    assert run(places, "--report", "restated").stdout == "Nothing to report.\n"


def test_month_to_date_has_budgets(places: Places, tmp_path: Path) -> None:
    """Each line has its monthly budget: a key's own, a user's, a team's, the gateway's."""
    url = f"sqlite:///{tmp_path / 'keys.db'}"
    now = datetime.now(UTC)
    with Store(url, migrate=True) as store:
        issued = store.issue(
            alias="laptop",
            kind="person",
            owner="a@example.com",
            team="red",
            limits=Limits(budget_month=Decimal(4)),
            by="test",
            now=now,
        )
        key = issued.row.identity.key_id
    record = Record(
        request_id="m0",
        start_time=now,
        status="success",
        api_key_id=key,
        api_key_alias="laptop",
        api_key_kind="person",
        owner="a@example.com",
        team="red",
        billed_cost=Decimal("1.000000000001"),
        is_priced=True,
    )
    other = replace(record, request_id="m1", api_key_id="key_gone", team="blue", owner=None)
    filled.segment(tmp_path / "other", "x", [record, other])
    policy = Policy(
        gateway=Limits(budget_month=Decimal(1000)),
        each_end_user=Limits(budget_month=Decimal(10)),
        teams={"red": Limits(budget_month=Decimal(100))},
    )
    here = replace(places, database_url=url, spool=tmp_path / "other", policy=policy)
    found = json.loads(run(here, "--report", "month-to-date", "--json").stdout)
    figures = ("spent_usd", "budget_usd", "left_usd", "used_percent")
    assert {(row["scope"], row["id"]): tuple(row[name] for name in figures) for row in found} == {
        ("gateway", ""): ("2.000000000002", "1000.00", "997.999999999998", "0.20"),
        ("key", key): ("1.000000000001", "4.00", "2.999999999999", "25.00"),
        ("key", "key_gone"): ("1.000000000001", None, None, None),
        ("end_user", "a@example.com"): ("1.000000000001", "10.00", "8.999999999999", "10.00"),
        ("team", "red"): ("1.000000000001", "100.00", "98.999999999999", "1.00"),
        ("team", "blue"): ("1.000000000001", None, None, None),
    }


def test_the_month_begins_where_budgets_are(places: Places) -> None:
    """In Tokyo the month of March begins nine hours before that of UTC."""
    begin = usage_reports.month_start(places, datetime(2026, 3, 31, 14, tzinfo=UTC))
    assert begin == datetime(2026, 2, 28, 15, tzinfo=UTC)
    begin = usage_reports.month_start(places, datetime(2026, 3, 31, 16, tzinfo=UTC))
    assert begin == datetime(2026, 3, 31, 15, tzinfo=UTC)


def test_sql_is_printed_and_not_run(places: Places) -> None:
    """The statement as Athena's console takes it."""
    words = ("--since", "2026-03-01", "--until", "2026-03-07", "--sql", "--engine", "athena")
    assert "WHERE dt >= '2026-03-01' AND dt <= '2026-03-07'" in run(places, *words).stdout
    report = run(places, "--report", "cost-by-day", *words).stdout
    assert report.startswith('-- What each day cost (UTC)\nSELECT\n  dt AS "day",')
    assert "start_time" not in report


def test_athena_answers_the_same_sql(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    """The statement goes to Athena with the settings, and what it scanned is told on stderr."""
    asked: list[str] = []

    def answer(sql: str, settings: Places, progress: object) -> athena.Result:
        asked.append(sql)
        assert settings.athena_workgroup == "company"
        row = ("claude", 2, 0, 10, 5, 0, 0, Decimal("0.1"), 0)
        return athena.Result(("model",), [row], 12_345_678)

    monkeypatch.setattr(athena, "run", answer)
    words = ("--by", "model", "--since", "2026-03-01", "--engine", "athena", "--format", "csv")
    result = run(places, *words)
    assert result.exit_code == 0, result.stderr
    assert result.stdout.splitlines()[1] == "claude,2,0,10,5,0,0,0.10,0"
    assert result.stderr == "Athena scanned 12.3 MB.\n"
    assert asked == [run(places, *words, "--sql").stdout.rstrip("\n")]


@pytest.mark.parametrize(
    ("count", "shown"),
    [(1, "1 byte"), (999, "999 bytes"), (10_000, "10.0 kB"), (5_000_000_000_000, "5.0 TB")],
)
def test_bytes_for_people(count: int, shown: str) -> None:
    """In the units that Athena bills in."""
    assert engines.size(count) == shown


def test_the_default_is_what_the_help_says(places: Places) -> None:
    """The help names the groupings and the defaults."""
    text = " ".join(run(places, "--help").stdout.split())
    assert "Any of user, model, key, team, day, app, status" in text
    assert "Default: 7d, or for --report month-to-date the beginning of the month." in text
