"""Each canned report says what plain Python finds in the same records, every USD exact."""

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import sqlglot
from sekisho.lake.asking import athena, query, reports
from sekisho.lake.asking.span import Span
from sekisho.lake.record import Record
from sqlglot.expressions import Table

from . import many_records
from .many_records import FIRST, World

Row = tuple[Any, ...]
# All seven days; and an odd span, whose ends are within a day.
WEEK = Span(FIRST, FIRST + timedelta(days=7))
ODD = Span(FIRST + timedelta(hours=31, seconds=5), FIRST + timedelta(days=5, hours=7))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Three thousand requests in day files, batch files and a spool."""
    return many_records.make(tmp_path_factory.mktemp("world"))


@pytest.fixture(params=[WEEK, ODD], ids=["week", "odd"])
def span(request: pytest.FixtureRequest) -> Span:
    """The span that is asked for."""
    found: Span = request.param
    return found


def run(world: World, name: str, span: Span) -> list[Row]:
    """The rows of a report."""
    return reports.run(reports.get(name), query.on_duckdb(world.lake, world.spool), span).rows


def of(world: World, span: Span) -> list[Record]:
    """The records of a span."""
    assert span.since is not None
    assert span.until is not None
    return [r for r in world.records if span.since <= r.start_time < span.until]


def grouped(
    records: Iterable[Record], key: Callable[[Record], Any]
) -> list[tuple[Any, list[Record]]]:
    """Records by what `key` says of them, in the order of the keys."""
    found: dict[Any, list[Record]] = {}
    for record in records:
        found.setdefault(key(record), []).append(record)
    return sorted(found.items())


def total(values: Iterable[Any]) -> Any:
    """The sum of what is known, None when nothing is, as SQL has it."""
    known = [value for value in values if value is not None]
    return sum(known[1:], known[0]) if known else None


def cost(records: Iterable[Record]) -> Decimal | None:
    """USD, exactly."""
    found: Decimal | None = total(r.billed_cost for r in records)
    return found


def inputs(records: Iterable[Record]) -> int | None:
    """All input tokens."""
    found: int | None = total(r.gen_ai_usage_input_tokens for r in records)
    return found


def outputs(records: Iterable[Record]) -> int | None:
    """All output tokens."""
    found: int | None = total(r.gen_ai_usage_output_tokens for r in records)
    return found


def dearest(rows: list[Row], column: int) -> list[Row]:
    """The dearest first, what has no cost last, then by name."""
    return sorted(rows, key=lambda row: (row[column] is None, -(row[column] or 0), row[:1]))


KEYS: dict[str, Callable[[Record], str]] = {
    "cost-by-user": lambda r: r.end_user_email or r.end_user_id or r.owner or "(none)",
    "cost-by-key": lambda r: r.api_key_alias or r.api_key_id or "(none)",
    "cost-by-team": lambda r: r.team or "(none)",
    "cost-by-model": lambda r: r.gen_ai_request_model or "(none)",
    "cost-by-app": lambda r: r.app or "(none)",
    "cost-by-day": lambda r: f"{r.start_time:%Y-%m-%d}",
}


@pytest.mark.parametrize("name", KEYS)
def test_cost_by(world: World, span: Span, name: str) -> None:
    """Requests, tokens, USD and unpriced ones by each thing that somebody pays for."""
    expected: list[Row] = [
        (key, len(rs), inputs(rs), outputs(rs), cost(rs), sum(not r.is_priced for r in rs))
        for key, rs in grouped(of(world, span), KEYS[name])
    ]
    if name != "cost-by-day":
        expected = dearest(expected, 4)
    assert run(world, name, span) == expected


def test_every_cost_report_has_the_same_total(world: World) -> None:
    """Whatever the costs are split by, they add up to the same USD: those of all records."""
    expected = cost(world.records)
    for name in KEYS:
        assert total(row[4] for row in run(world, name, WEEK)) == expected, name


def test_cost_by_tag(world: World, span: Span) -> None:
    """A request counts for each of its tags; without tags it isn't there."""
    pairs = [(tag, r) for r in of(world, span) for tag in r.tags]
    expected = [
        (tag, len(rs), cost(rs))
        for tag in ("batch", "eval", "prod")
        if (rs := [r for name, r in pairs if name == tag])
    ]
    assert run(world, "cost-by-tag", span) == dearest(expected, 2)


def test_month_to_date(world: World, span: Span) -> None:
    """Spending of each key, each holder of personal keys, each team, and all of it."""
    records = of(world, span)
    expected: list[Row] = [
        ("gateway", "", "", len(records), cost(records), sum(not r.is_priced for r in records))
    ]
    scopes: dict[str, Callable[[Record], str]] = {
        "key": lambda r: r.api_key_id or "",
        "end_user": lambda r: (r.owner if r.api_key_kind == "person" else r.end_user_id) or "",
        "team": lambda r: r.team or "",
    }
    for scope, key in scopes.items():
        for name, rs in grouped(records, key):
            label = None if scope == "key" else name
            if name:
                unpriced = sum(not r.is_priced for r in rs)
                spent = cost(rs) or Decimal(0)
                expected.append((scope, name, label, len(rs), spent, unpriced))
    expected.sort(key=lambda row: (-row[4], row[0], row[1]))
    assert run(world, "month-to-date", span) == expected


def test_unpriced(world: World, span: Span) -> None:
    """What has no price, with the first and the last time that it was used."""
    groups = grouped(
        (r for r in of(world, span) if not r.is_priced),
        lambda r: (
            r.gen_ai_request_model or "(none)",
            r.gen_ai_provider_name or "(none)",
            r.gen_ai_response_model or "(none)",
        ),
    )
    expected: list[Row] = [
        (
            *key,
            len(rs),
            inputs(rs),
            outputs(rs),
            min(r.start_time for r in rs),
            max(r.start_time for r in rs),
        )
        for key, rs in groups
    ]
    expected.sort(key=lambda row: (-row[3], row[:3]))
    assert run(world, "unpriced", span) == expected
    assert len(expected) >= 3


def test_errors(world: World, span: Span) -> None:
    """Errors of a provider by kind, and their share of its requests; cancelled is none."""
    expected: list[Row] = []
    for provider, rs in grouped(of(world, span), lambda r: r.gen_ai_provider_name or "(none)"):
        bad = [r for r in rs if r.status not in ("success", "cancelled")]
        kinds = Counter(r.error_type or r.status for r in bad)
        lines = [
            (provider, kind, count, len(rs), pytest.approx(100 * count / len(rs), abs=0.00501))
            for kind, count in kinds.items()
        ]
        expected += sorted(lines, key=lambda row: (-row[2], row[1]))
    assert run(world, "errors", span) == expected


def percentile(values: Iterable[float | None], share: float) -> tuple[float, float]:
    """What a percentile may be said to be: at most two in a hundred places off."""
    known = sorted(value for value in values if value is not None)
    low = math.floor((share - 0.02) * len(known))
    high = math.ceil((share + 0.02) * len(known))
    return known[max(low, 0)] - 0.05, known[min(high, len(known) - 1)] + 0.05


def test_latency(world: World, span: Span) -> None:
    """Median and 95th percentile of successful requests, as near as an estimate must be."""
    groups = dict(
        grouped(
            (r for r in of(world, span) if r.status == "success"),
            lambda r: (r.gen_ai_request_model or "(none)", r.gen_ai_provider_name),
        )
    )
    found = run(world, "latency", span)
    assert [row[:3] for row in found] == sorted(
        ((*key, len(rs)) for key, rs in groups.items()), key=lambda row: (-row[2], row[:2])
    )
    for row in found:
        rs = groups[row[:2]]
        if len(rs) < 100:
            continue
        for number, share in ((3, 0.5), (4, 0.95)):
            low, high = percentile((r.duration_ms for r in rs), share)
            assert low <= row[number] <= high
        for number, share in ((5, 0.5), (6, 0.95)):
            low, high = percentile((r.time_to_first_token_ms for r in rs), share)
            assert low <= row[number] <= high


def test_cache(world: World, span: Span) -> None:
    """Tokens from caches, and their share of the input."""
    expected: list[Row] = []
    for model, rs in grouped(of(world, span), KEYS["cost-by-model"]):
        read = total(r.gen_ai_usage_cache_read_input_tokens for r in rs)
        written = total(r.gen_ai_usage_cache_creation_input_tokens for r in rs)
        hits = sum(r.gateway_cache_hit is True for r in rs)
        share = pytest.approx(100 * (read or 0) / (inputs(rs) or 1), abs=0.00501)
        expected.append((model, len(rs), hits, inputs(rs), read, written, share if read else None))
    expected.sort(key=lambda row: (-row[3], row[0]))
    assert run(world, "cache", span) == expected


def test_cache_savings(world: World, span: Span) -> None:
    """What cached tokens would have cost as plain input, by each request's own unit price."""
    expected: list[Row] = []
    cached = [
        r
        for r in of(world, span)
        if r.is_priced
        and (r.gen_ai_usage_cache_read_input_tokens or r.gen_ai_usage_cache_creation_input_tokens)
    ]
    for model, rs in grouped(cached, KEYS["cost-by-model"]):
        reads = total(r.gen_ai_usage_cache_read_input_tokens or 0 for r in rs)
        writes = total(r.gen_ai_usage_cache_creation_input_tokens or 0 for r in rs)
        known = [figures for r in rs if (figures := savings(r)) is not None]
        saved = extra = None
        if known:
            saved = sum((figures[0] for figures in known), Decimal(0))
            extra = sum((figures[1] for figures in known), Decimal(0))
        both = saved - extra if saved is not None and extra is not None else None
        usd = [
            None if v is None else pytest.approx(float(v), abs=2e-6) for v in (saved, extra, both)
        ]
        expected.append((model, len(rs), len(rs) - len(known), reads, writes, *usd))
    found = run(world, "cache-savings", span)
    assert sorted(found) == expected
    assert any(row[2] for row in found)
    by_model = {row[0]: row for row in found}
    assert by_model["gpt-5"][7] == 0  # it has no price for cached tokens
    assert by_model["claude-sonnet-4-6"][7] > 0


def savings(record: Record) -> tuple[Decimal, Decimal] | None:
    """USD saved by reading, and paid more for writing; None when it can't be known."""
    parts = record.cost_breakdown
    read = record.gen_ai_usage_cache_read_input_tokens or 0
    written = record.gen_ai_usage_cache_creation_input_tokens or 0
    discounted = read if "cache_read" in parts else 0
    plain = (record.gen_ai_usage_input_tokens or 0) - discounted - written
    if plain <= 0 or "input" not in parts or "audio_input" in parts:
        return None
    price = parts["input"] / plain
    saved = price * discounted - parts.get("cache_read", Decimal(0))
    return saved, parts.get("cache_write_5m", Decimal(0)) - price * written


def test_top_prompts(world: World, span: Span) -> None:
    """The first 120 characters of what was asked, with what it cost and how many asked it."""
    expected = [
        (
            prompt,
            len(rs),
            len({KEYS["cost-by-user"](r) for r in rs} - {"(none)"}),
            inputs(rs),
            cost(rs),
        )
        for prompt, rs in grouped(
            of(world, span), lambda r: world.prompts.get(r.request_id, "(not logged)")[:120]
        )
    ]
    assert run(world, "top-prompts", span) == dearest(expected, 4)
    assert len(expected) == 5


def test_helper_calls(world: World, span: Span) -> None:
    """What frontends asked for by themselves."""
    groups = grouped(
        (r for r in of(world, span) if r.task and r.task != "chat"),
        lambda r: (r.app or "(none)", r.task, r.gen_ai_request_model or "(none)"),
    )
    expected = [(*key, len(rs), inputs(rs), outputs(rs), cost(rs)) for key, rs in groups]
    expected.sort(key=lambda row: (row[6] is None, -(row[6] or 0), row[:3]))
    assert run(world, "helper-calls", span) == expected


def test_gateway_health(world: World, span: Span) -> None:
    """What each process of the gateway served, cut off, estimated and could not log."""
    groups = dict(grouped(of(world, span), lambda r: r.gateway_instance))
    found = run(world, "gateway-health", span)
    assert len(found) == 3
    for row in found:
        rs = groups[row[0]]
        statuses = Counter(r.status for r in rs)
        assert row[1:10] == (
            min(r.start_time for r in rs),
            max(r.start_time for r in rs),
            len(rs),
            statuses["refused"],
            statuses["failure"],
            statuses["truncated"],
            statuses["interrupted"],
            sum(r.usage_is_estimated for r in rs),
            sum(r.payload_logged == "shed" for r in rs),
        )
        for number, share in ((10, 0.5), (11, 0.95)):
            low, high = percentile((r.gateway_overhead_ms for r in rs), share)
            assert low <= row[number] <= high


def test_reconciliation(world: World, span: Span) -> None:
    """Each request counts once although it may be in a batch, a day's file and the spool."""
    found = run(world, "reconciliation", span)
    groups = grouped(of(world, span), KEYS["cost-by-day"])
    assert [(row[0], row[1], row[2], row[3], row[7]) for row in found] == [
        (day, len(rs), len(rs), 0, cost(rs)) for day, rs in groups
    ]
    if span is WEEK:
        assert [(row[4], row[5]) for row in found] == [*[(3, 0)] * 6, (3, 100)]
    assert [row[6] for row in found] == [
        sum(r.status == "interrupted" for r in rs) for _, rs in groups
    ]


def test_a_doubled_row_is_told(world: World) -> None:
    """A request that is in two batches, which must never be, shows in the column doubles."""
    found = reports.run(
        reports.get("reconciliation"),
        lambda sql, span: query.on_duckdb(world.lake, world.spool)(
            sql.replace(
                "FROM llm_usage",
                "FROM (SELECT * FROM llm_usage UNION ALL SELECT * FROM llm_usage "
                "WHERE request_id = 'req_00000') AS llm_usage",
            ),
            span,
        ),
        WEEK,
    ).rows
    assert [row[3] for row in found] == [1, 0, 0, 0, 0, 0, 0]


def test_restated(world: World, span: Span) -> None:
    """What corrected prices changed."""
    groups = grouped(
        (r for r in of(world, span) if r.restated_at),
        lambda r: (r.gen_ai_request_model or "(none)", r.restated_reason),
    )
    expected: list[Row] = []
    for key, rs in groups:
        before = total(r.original_billed_cost for r in rs)
        now = cost(rs) or Decimal(0)
        last = max(r.restated_at for r in rs if r.restated_at)
        expected.append((*key, last, len(rs), before, now, now - before))
    expected.sort(key=lambda row: (-row[6], row[:2]))
    assert run(world, "restated", span) == expected
    assert len(expected) >= 3


def test_there_are_at_least_twelve_and_all_are_tested(request: pytest.FixtureRequest) -> None:
    """Every file of `queries/` has a title, and a test above that names it."""
    found = reports.every()
    assert len(found) >= 12
    source = request.path.read_text()
    assert [one.name for one in found if f'"{one.name}"' not in source] == []
    assert [one.name for one in found if not one.title or len(one.title) > 97] == []


@pytest.mark.parametrize("name", [one.name for one in reports.every()])
def test_athena_understands_it(name: str) -> None:
    """Each is Athena's SQL, and no table is read without days."""
    sql = WEEK.fill(reports.get(name).sql)
    parsed = sqlglot.parse_one(sql, dialect="athena")
    read = [table.name for table in parsed.find_all(Table)]
    days = re.findall(r"dt >= '2026-03-01' AND (?:\w\.)?dt <= '2026-03-07'", sql)
    assert len(days) == len(read) >= 1
    assert "start_time >=" not in sql  # whole days don't need that column
    athena.require_days(sql)
    assert ":" not in re.sub(r"--.*|'[^']*'", "", sql)


def test_an_odd_span_has_its_moments() -> None:
    """Ends within a day are conditions on `start_time`, beside those on the days."""
    sql = ODD.fill(reports.get("cost-by-day").sql)
    assert "dt >= '2026-03-02' AND dt <= '2026-03-06'" in sql
    assert "start_time >= TIMESTAMP '2026-03-02 07:00:05.000000'" in sql
    assert "start_time < TIMESTAMP '2026-03-06 07:00:00.000000'" in sql


def test_an_open_end_reaches_to_the_last_day() -> None:
    """Without an end every later day is read, and the first day there can be without a start."""
    sql = Span().fill(reports.get("cost-by-day").sql)
    assert "dt >= '2026-01-01' AND dt <= '9999-12-31'" in sql
    assert "start_time" not in sql


def test_an_unknown_report_names_the_nearest() -> None:
    """What to type instead."""
    with pytest.raises(LookupError, match=r"^did you mean cost-by-user\?$"):
        reports.get("cost-by-usr")
    with pytest.raises(LookupError, match=r"^choose from cache, cache-savings, "):
        reports.get("zzz")


def test_the_table_for_docs() -> None:
    """One line a report, under two of heading."""
    lines = reports.markdown().splitlines()
    assert lines[:2] == ["| Report | Shows |", "|---|---|"]
    assert len(lines) == 2 + len(reports.every())


BY: Sequence[query.By] = ("user", "model", "day")


def test_usage_is_the_same_as_plain_python(world: World, span: Span) -> None:
    """`sekisho usage --by user,model,day`, over day files, batches and spool at once."""
    found = query.usage(world.lake, world.spool, BY, span.since, span.until)
    expected = {
        key: (
            len(rs),
            sum(r.status not in ("success", "cancelled") for r in rs),
            inputs(rs) or 0,
            outputs(rs) or 0,
            total(r.gen_ai_usage_cache_read_input_tokens or 0 for r in rs),
            total(r.gen_ai_usage_cache_creation_input_tokens or 0 for r in rs),
            cost(rs),
            sum(not r.is_priced for r in rs),
        )
        for key, rs in grouped(
            of(world, span),
            lambda r: tuple(
                KEYS[name](r) for name in ("cost-by-user", "cost-by-model", "cost-by-day")
            ),
        )
    }
    assert {
        row.group: (
            row.requests,
            row.errors,
            row.input_tokens,
            row.output_tokens,
            row.cache_read_tokens,
            row.cache_write_tokens,
            row.cost_usd,
            row.unpriced,
        )
        for row in found
    } == expected
    assert len(found) == len(expected)


def test_focus_totals_are_the_tables(world: World) -> None:
    """The bill in FOCUS's columns has the same USD and the same requests, to the last digit."""
    engine = query.on_duckdb(world.lake, world.spool)
    [row] = engine(
        "SELECT sum(BilledCost), sum(EffectiveCost), sum(ListCost), sum(ContractedCost), "
        "sum(x_Requests), sum(x_Requests) FILTER (WHERE NOT x_IsPriced), "
        "count(*) FILTER (WHERE NOT x_IsPriced AND BilledCost IS NOT NULL), "
        "min(ChargePeriodStart), max(ChargePeriodEnd), count(DISTINCT ChargePeriodStart), "
        "sum(ConsumedQuantity) FROM llm_focus",
        WEEK,
    ).rows
    usd = cost(world.records)
    tokens = (inputs(world.records) or 0) + (outputs(world.records) or 0)
    unpriced = sum(not r.is_priced for r in world.records)
    end = datetime(2026, 3, 8, tzinfo=UTC)
    assert row == (usd, usd, usd, usd, 3000, unpriced, 0, FIRST, end, 168, tokens)
    assert unpriced > 100


def test_focus_has_the_mandatory_columns(world: World) -> None:
    """All 21 columns that FOCUS 1.2 calls mandatory, and periods that are an hour and a month."""
    engine = query.on_duckdb(world.lake, world.spool)
    result = engine("SELECT * FROM llm_focus WHERE dt = '2026-03-04'", WEEK)
    assert set(result.columns) >= {
        "BilledCost",
        "BillingAccountId",
        "BillingAccountName",
        "BillingCurrency",
        "BillingPeriodEnd",
        "BillingPeriodStart",
        "ChargeCategory",
        "ChargeClass",
        "ChargeDescription",
        "ChargePeriodEnd",
        "ChargePeriodStart",
        "ContractedCost",
        "EffectiveCost",
        "InvoiceIssuerName",
        "ListCost",
        "PricingQuantity",
        "PricingUnit",
        "ProviderName",
        "PublisherName",
        "ServiceCategory",
        "ServiceName",
    }
    row: dict[str, Any] = dict(zip(result.columns, result.rows[0], strict=True))
    assert row["BillingPeriodStart"] == FIRST
    assert row["BillingPeriodEnd"] == datetime(2026, 4, 1, tzinfo=UTC)
    assert row["ChargePeriodEnd"] - row["ChargePeriodStart"] == timedelta(hours=1)
    assert row["ServiceCategory"] == "AI and Machine Learning"
