"""The cost in the answers to frontends: where it stands, and what is left as it is."""

import json
from decimal import Decimal
from typing import Any

import pytest
from sekisho.gate import surface, told_cost
from sekisho.gate.exchange import Exchange
from sekisho.keys.identity import Identity, KeyKind

COST = Decimal("0.0000391234567891")


def exchange(kind: KeyKind | None = "frontend") -> Exchange:
    """A chat of such a key."""
    route = surface.find("POST", "/v1/chat/completions")
    assert route is not None
    made = Exchange(route, "/v1/chat/completions", {}, None)
    made.identity = None if kind is None else Identity("key_1", "chat", kind)
    return made


def streamed(lines: bytes, kind: KeyKind | None = "frontend", cost: Decimal | None = COST) -> bytes:
    """These lines as the client gets them."""
    return told_cost.in_stream(lines, exchange(kind), lambda _: cost)


@pytest.mark.parametrize(
    ("event", "told"),
    [
        (
            {"choices": [], "usage": {"total_tokens": 5}},
            {"choices": [], "usage": {"total_tokens": 5, "cost": 0.000039123457}},
        ),
        (
            {"type": "message_delta", "usage": {"output_tokens": 5}},
            {"type": "message_delta", "usage": {"output_tokens": 5, "cost": 0.000039123457}},
        ),
        (
            {"type": "response.completed", "response": {"usage": {"cost": None, "a": '"usage"'}}},
            {
                "type": "response.completed",
                "response": {"usage": {"cost": 0.000039123457, "a": '"usage"'}},
            },
        ),
    ],
)
def test_the_event_with_the_usage(event: Any, told: Any) -> None:
    """It gets the cost with 12 decimals, in the place where each API has the usage."""
    line = b"data: " + json.dumps(event).encode() + b"\n\n"
    whole = streamed(b"event: x\n" + line + b"data: [DONE]\n\n")
    assert whole.startswith(b"event: x\ndata: {")
    assert whole.endswith(b"}\n\ndata: [DONE]\n\n")
    assert json.loads(whole.split(b"\n")[1][5:]) == told


@pytest.mark.parametrize(
    "lines",
    [
        b'data: {"choices": [], "usage": null}\n\n',
        b'data: {"choices": [], "usage": {}}\n\n',
        b'data: {"choices": [{"delta": {"content": "\\"usage\\": {\\"a\\": 1}"}}]}\n\n',
        b'data: {"type": "message_start", "message": {"usage": {"input_tokens": 5}}}\n\n',
        b'data: {"delta": "\\ud83d", "usage": {"total_tokens": 5}}\n\n',
        b'data: "usage" is no JSON\n\n',
        b': "usage"\n\n',
        b'\xff\xf3"usage"\n',
    ],
)
def test_lines_that_stay(lines: bytes) -> None:
    """What tells no usage at its end, and what nobody could write again, stays byte for byte."""
    assert streamed(lines) == lines


@pytest.mark.parametrize(
    ("kind", "cost"), [("person", COST), ("service", COST), (None, COST), ("frontend", None)]
)
def test_who_is_not_told(kind: KeyKind | None, cost: Decimal | None) -> None:
    """Other keys get the answer as it is, and so does everybody when the cost isn't known."""
    line = b'data: {"choices": [], "usage": {"total_tokens": 5}}\n\n'
    assert streamed(line, kind, cost) == line
    body = b'{"usage": {"total_tokens": 5}}'
    assert told_cost.in_body(body, json.loads(body), exchange(kind), lambda _: cost) == body


@pytest.mark.parametrize(
    ("body", "cost", "told"),
    [
        (b'{"usage": {"a": 1}, "b": 2}', COST, {"usage": {"a": 1, "cost": 0.000039123457}, "b": 2}),
        (b'{"usage": {"a": 1}}', Decimal(0), {"usage": {"a": 1, "cost": 0.0}}),
        (b'{"usage": {"a": 1, "cost": 9}}', COST, {"usage": {"a": 1, "cost": 0.000039123457}}),
        (b'{"usage": null}', COST, {"usage": None}),
        (b'{"data": []}', COST, {"data": []}),
    ],
)
def test_a_whole_answer(body: bytes, cost: Decimal, told: Any) -> None:
    """It gets the cost in its usage, if it has one, in the place of a provider's own figure."""
    whole = told_cost.in_body(body, json.loads(body), exchange(), lambda _: cost)
    assert json.loads(whole) == told
