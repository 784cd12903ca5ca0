"""A client that goes away takes the provider's work with it, and what was done is recorded."""

import asyncio
import json
import time
from dataclasses import dataclass
from itertools import product
from typing import Any

import httpx
import pytest
from sekisho.lake.record import Record

from .gateway import Gateway, until
from .simulators import Simulator
from .test_gateway_error_map import DIALECTS, PROVIDERS, asked

Json = dict[str, Any]

SECONDS = 1.0  # in which the upstream connection must have ended
# By this claim, which the gate records and does not believe, a row is found without a request id.
CLAIM = "x-litellm-end-user-id"


@dataclass(frozen=True)
class Case:
    """One request that its client leaves: a stream after its first words, else before the end."""

    provider: str
    api: str
    stream: bool

    @property
    def name(self) -> str:
        """What it is found by, in the simulator's journal and in the log."""
        return f"left: {self.provider}, {self.api}, {'stream' if self.stream else 'whole'}"


CASES = [Case(*case) for case in product(PROVIDERS, DIALECTS, (True, False))]


def test_a_client_that_leaves(gateway: Gateway, key: str, clouds: Simulator) -> None:
    """The provider's connection ends within a second; the row is `cancelled`, counted and priced.

    A stream's row has the tokens that came; of an answer that would have come whole only the
    prompt is known.
    """
    left = asyncio.run(_leave_all(gateway, key))
    journal = until("every provider to be left", lambda: _left(clouds))
    late = {
        case.name: journal[case.name] - left[case]
        for case in CASES
        if journal[case.name] - left[case] > SECONDS
    }
    assert not late
    rows = until("a row for each", lambda: _rows(gateway))
    wrong = [f"{case.name}: {rows[case.name]}" for case in CASES if not _fits(case, rows)]
    assert not wrong, "\n".join(wrong)
    printed = gateway.log()
    for words in ("Traceback", "never retrieved", "Unclosed", "was destroyed"):
        assert words not in printed


def _fits(case: Case, rows: dict[str, Record]) -> bool:
    row = rows[case.name]
    spoken = (row.gen_ai_usage_output_tokens or 0) > 0
    return (
        row.status == "cancelled"
        and row.http_response_status_code == (200 if case.stream else 499)
        and (row.gen_ai_usage_input_tokens or 0) > 10
        and spoken == case.stream
        and row.usage_is_estimated
        and row.is_priced
        and (row.billed_cost or 0) > 0
    )


async def _leave_all(gateway: Gateway, key: str) -> dict[Case, float]:
    """Ask and leave: the whole answers together, the streams of one API after those of another."""
    headers = {"authorization": f"Bearer {key}"}
    limits = httpx.Limits(max_connections=None)
    left: dict[Case, float] = {}
    together = [[case for case in CASES if not case.stream]]
    together += [[case for case in CASES if case.stream and case.api == api] for api in DIALECTS]
    async with httpx.AsyncClient(
        base_url=gateway.url, headers=headers, timeout=60, limits=limits
    ) as client:
        for cases in together:
            moments = await asyncio.gather(*(_leave(client, case) for case in cases))
            left |= dict(zip(cases, moments, strict=True))
    return left


async def _leave(client: httpx.AsyncClient, case: Case) -> float:
    """Ask, leave, and tell when."""
    directive = "[[sim:chunks 400 delay=0.05]]" if case.stream else "[[sim:slow 20]]"
    alias, _ = PROVIDERS[case.provider]
    path, body = asked(case.api, alias, f"{case.name} {directive}", stream=case.stream)
    claim = {CLAIM: case.name}
    if case.stream:
        async with client.stream("POST", path, json=body, headers=claim) as answer:
            async for piece in answer.aiter_text():
                assert answer.status_code == 200, piece
                if "word3" in piece:
                    break
        return time.time()
    with pytest.raises(httpx.ReadTimeout):
        await client.post(path, json=body, headers=claim, timeout=2)
    return time.time()


def _left(clouds: Simulator) -> dict[str, float]:
    """When each provider's connection ended, by name, once they all have."""
    found: dict[str, float] = {}
    for entry in clouds.journal():
        said = json.dumps(entry["body"])
        for case in CASES:
            if case.name in said and entry["left"] is not None:
                found[case.name] = entry["left"]
    return found if len(found) == len(CASES) else {}


def _rows(gateway: Gateway) -> dict[str, Record]:
    rows = {row.claimed_user: row for row in gateway.rows()}
    found = {case.name: rows[case.name] for case in CASES if case.name in rows}
    return found if len(found) == len(CASES) else {}
