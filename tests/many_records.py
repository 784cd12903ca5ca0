"""A week of a company's requests, the same each time, and a lake and spool that hold them.

Three days are compacted, one of them while a late batch came; batches that a day's file has are
still there; the spool has rows that are in the lake already, and one that may still be running.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from sekisho.lake.bodies import body as bodies
from sekisho.lake.bodies.body import Body
from sekisho.lake.record import Record

from . import filled

FIRST = datetime(2026, 3, 1, tzinfo=UTC)
DAYS = 7
COUNT = 3000
PROMPTS = (
    "You are a helpful assistant.",
    "Translate into \u65e5\u672c\u8a9e.",
    "x" * 200,
    "Title?",
)
_USERS = [f"user{number}@example.com" for number in range(40)]
_MODELS = {
    "claude-sonnet-4-6": ("aws.bedrock", Decimal("0.000003"), Decimal("0.0000003")),
    "gemini-3-pro": ("gcp.vertex_ai", Decimal("0.00000125"), Decimal("0.000000125")),
    "gpt-5": ("azure.ai.openai", Decimal("0.00000137"), None),
}
_ERRORS = ("rate_limited", "overloaded", None)


@dataclass(frozen=True)
class World:
    """The records that count, by request; where they are; and each logged request's prompt."""

    records: Sequence[Record]
    lake: str
    spool: Path
    prompts: dict[str, str]


def make(folder: Path) -> World:
    """Write the lake and the spool."""
    chance = random.Random(4)
    records = [_record(chance, number) for number in range(COUNT)]
    lake, spool = folder / "lake", folder / "spool"
    waiting = records[-150:]
    shipped = records[:-100]  # fifty of them are in both
    for day in range(DAYS):
        of_day = [r for r in shipped if (r.start_time - FIRST).days == day]
        _write_day(lake, f"2026-03-0{day + 1}", of_day, whole=day < 3)
    begun = replace(records[0], request_id="begun", end_time=None, status="interrupted")
    filled.segment(spool, "20260307T000000-a", waiting[:80])
    filled.segment(spool, "20260307T000001-b", [*waiting[80:], begun], suffix=".open")
    prompts = _write_payload(lake, spool, records)
    return World(records, lake.as_uri(), spool, prompts)


def _record(chance: random.Random, number: int) -> Record:
    model, (provider, plain, cached) = chance.choice(list(_MODELS.items()))
    start = FIRST + timedelta(seconds=number * DAYS * 86400 / COUNT, microseconds=number)
    status = chance.choices(
        ("success", "failure", "refused", "cancelled", "truncated", "interrupted"),
        (80, 5, 5, 4, 3, 3),
    )[0]
    if number >= COUNT - 100 and status == "interrupted":
        status = "failure"  # what is only in the spool and has no end may still be running
    user = chance.choice(_USERS)
    person = chance.random() < 0.6
    read = chance.choice((0, 0, 2048, 4096)) if status == "success" else 0
    written = chance.choice((0, 0, 0, 1024)) if cached and status == "success" else 0
    rest = chance.choice((0, 700, 1234))
    parts = {
        "input": plain * (rest if cached else rest + read),
        "cache_read": (cached or Decimal(0)) * read,
        "cache_write_5m": plain * written * Decimal("1.25"),
        "output": plain * 5 * chance.randrange(1, 900),
        "audio_input": Decimal("0.01") if number % 97 == 0 else Decimal(0),
    }
    breakdown = {unit: cost for unit, cost in parts.items() if cost}
    priced = chance.random() < 0.95
    refused = status == "refused"
    restated = number % 50 == 7 and priced and not refused
    return Record(
        request_id=f"req_{number:05d}",
        start_time=start,
        end_time=None if status == "interrupted" else start + timedelta(seconds=2),
        duration_ms=chance.lognormvariate(7, 1),
        time_to_first_token_ms=chance.lognormvariate(5, 1) if number % 3 else None,
        gateway_overhead_ms=chance.uniform(0.5, 4),
        gen_ai_provider_name=None if refused else provider,
        gen_ai_request_model=None if number % 211 == 0 else model,
        gen_ai_response_model=None if refused else f"{model}-v1",
        api_key_id=None if refused else f"key_{chance.randrange(25)}",
        api_key_alias=None,
        api_key_kind="person" if person else "frontend",
        owner=user if person else "web@example.com",
        team=chance.choice(("red", "blue", None)),
        end_user_id=None if person else f"id-{user}",
        end_user_email=None if chance.random() < 0.3 else user,
        app=chance.choice(("claude-code", "open-webui", None)),
        task=chance.choice((None, None, "chat", "title_generation", "tags_generation")),
        tags=tuple(chance.sample(("prod", "batch", "eval"), chance.randrange(3))),
        gen_ai_usage_input_tokens=None if refused else rest + read + written,
        gen_ai_usage_output_tokens=None if refused else chance.randrange(900),
        gen_ai_usage_cache_read_input_tokens=read or None,
        gen_ai_usage_cache_creation_input_tokens=written or None,
        billed_cost=Decimal(0)
        if refused
        else (sum(breakdown.values(), Decimal(0)) if priced else None),
        is_priced=priced or refused,
        cost_breakdown={} if refused else breakdown,
        status=status,  # type: ignore[arg-type]
        error_type=chance.choice(_ERRORS) if status not in ("success", "cancelled") else None,
        gateway_cache_hit=chance.choice((None, True, False)),
        gateway_instance=f"host-{chance.randrange(3)}",
        usage_is_estimated=status == "truncated",
        payload_logged=chance.choice(("full", "none", "shed")),
        original_billed_cost=Decimal("0.5") if restated else None,
        restated_at=FIRST + timedelta(days=20, seconds=number) if restated else None,
        restated_reason="list price was wrong" if restated else None,
    )


def _write_day(lake: Path, day: str, records: Sequence[Record], *, whole: bool) -> None:
    batches = {f"{day}-{number}": records[number::3] for number in range(3)}
    for name, rows in batches.items():
        filled.file(lake, day, name, rows)
    if whole:  # the last batch came too late for it, the first is deleted already
        compacted = [
            replace(row, batch_id=name) for name, rows in list(batches.items())[:2] for row in rows
        ]
        filled.file(lake, day, "day", compacted)
        (lake / "usage" / f"dt={day}" / f"{day}-0.parquet").unlink()


def _write_payload(lake: Path, spool: Path, records: Sequence[Record]) -> dict[str, str]:
    """Prompts of two of three requests: most in the lake, a few in the spool or in both."""
    logged = [record for number, record in enumerate(records) if number % 3]
    prompts = {r.request_id: PROMPTS[number % 4] for number, r in enumerate(logged)}
    for day in range(DAYS):
        rows = [
            (r.request_id, r.start_time, prompts[r.request_id])
            for r in logged[:-40]
            if (r.start_time - FIRST).days == day
        ]
        filled.payload(lake, f"2026-03-0{day + 1}", "p1", rows)
    (spool / "bodies").mkdir()
    lines = [
        bodies.encode(
            Body(
                request_id=r.request_id,
                start_time=r.start_time,
                operation="chat",
                route="/v1/chat/completions",
                asked={"messages": [{"role": "user", "content": prompts[r.request_id]}]},
                answer=None,
            ),
            "full",
        )
        for r in logged[-60:]
    ]
    (spool / "bodies" / "20260307T000000-a.closed").write_bytes(b"".join(lines) + b"rubbish\n")
    return prompts
