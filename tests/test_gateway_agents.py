"""Agents as models: a real agent at an address, asked through the gateway in each dialect."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import httpx
import pytest

from .gateway import Gateway
from .neighbours import Neighbours

SAYS = "The 9:12 to Kanazawa is booked."


@pytest.fixture(scope="module")
def client(with_neighbours: Gateway) -> Iterator[httpx.Client]:
    """A client with the key of somebody who may use every model."""
    key = with_neighbours.issue("taro", owner="taro@example.com")
    with with_neighbours.client(key) as ready:
        yield ready


def ask(client: httpx.Client, model: str, text: str = "Book", **more: Any) -> httpx.Response:
    """A chat completion."""
    messages = [{"role": "user", "content": text}]
    return client.post("/v1/chat/completions", json={"model": model, "messages": messages, **more})


def test_agents_are_listed_as_models(client: httpx.Client) -> None:
    """The list of models has each agent whose variables are set, by its name."""
    names = {model["id"] for model in client.get("/v1/models").json()["data"]}
    assert {"desk", "free-desk", "honest-desk", "token-desk", "busy-desk"} <= names
    assert "desk-without-key" not in names


def test_an_agent_that_bills_each_request(with_neighbours: Gateway, client: httpx.Client) -> None:
    """An answer costs what the rule says for a request, and its tokens are recorded beside it."""
    answer = ask(client, "desk")
    row = with_neighbours.row(answer)
    assert answer.json()["choices"][0]["message"]["content"] == SAYS
    assert (row.billed_cost, row.is_priced, row.status) == (Decimal("0.05"), True, "success")
    assert row.cost_breakdown == {"request": Decimal("0.05")}
    assert row.other_units == {"requests": Decimal(1)}
    assert (row.gen_ai_usage_input_tokens, row.gen_ai_usage_output_tokens) == (11, 7)
    assert (row.gen_ai_request_model, row.deployment_id) == ("desk", "desk@agent")
    assert (row.gen_ai_provider_name, row.end_user_id) == ("agent", "taro@example.com")


@pytest.mark.parametrize("stream", [False, True])
def test_an_agent_that_tells_its_cost_itself(
    with_neighbours: Gateway, client: httpx.Client, stream: bool
) -> None:
    """What the agent's `usage.cost` says is what the row says, whole and streamed."""
    answer = ask(client, "honest-desk", "What does it cost? 0.0123", stream=stream)
    row = with_neighbours.row(answer)
    assert (row.billed_cost, row.is_priced) == (Decimal("0.0123"), True)
    assert row.cost_breakdown == {"passed_through": Decimal("0.0123")}


def test_an_agent_that_says_nothing_of_its_cost(
    with_neighbours: Gateway, client: httpx.Client
) -> None:
    """Its answer has no cost in the row, which is never the same as 0 USD."""
    row = with_neighbours.row(ask(client, "honest-desk"))
    assert (row.billed_cost, row.is_priced, row.status) == (None, False, "success")


@pytest.mark.parametrize("cost", ["1000000", "1e16", "1e300", "-1"])
def test_a_cost_that_can_be_none(with_neighbours: Gateway, client: httpx.Client, cost: str) -> None:
    """A cost that the log has no room for is none: the answer passes, and the row is unpriced."""
    answer = ask(client, "honest-desk", f"What does it cost? {cost}")
    row = with_neighbours.row(answer)
    assert answer.status_code == 200
    assert (row.billed_cost, row.is_priced, row.status) == (None, False, "success")


def test_a_cost_of_zero_is_one(with_neighbours: Gateway, client: httpx.Client) -> None:
    """An agent that tells a cost of 0 has told it."""
    row = with_neighbours.row(ask(client, "honest-desk", "What does it cost? 0"))
    assert (row.billed_cost, row.is_priced) == (Decimal(0), True)


def test_a_free_agent_and_one_that_bills_tokens(
    with_neighbours: Gateway, client: httpx.Client
) -> None:
    """`free` is 0 USD; 11 tokens at 2 USD and 7 at 4 USD a million are 0.00005 USD."""
    free = with_neighbours.row(ask(client, "free-desk"))
    by_token = with_neighbours.row(ask(client, "token-desk"))
    assert (free.billed_cost, free.is_priced) == (Decimal(0), True)
    assert by_token.billed_cost == Decimal("0.00005")


def test_the_agent_gets_its_key_and_its_own_name(
    with_neighbours: Gateway, client: httpx.Client, neighbours: Neighbours
) -> None:
    """The agent is asked with the key of its entry and by `model`; the caller's key stays here."""
    neighbours.clear()
    with_neighbours.row(ask(client, "desk", user="somebody@example.com"))
    (entry,) = neighbours.journal("agent")
    assert entry["headers"]["authorization"] == "Bearer agents-own-key"
    assert '"model":"travel-agent-v2"' in entry["body"].replace(" ", "")
    assert "@example.com" not in entry["body"] + str(entry["headers"])


def test_an_agent_that_fails_is_not_asked_again(
    with_neighbours: Gateway, client: httpx.Client, neighbours: Neighbours
) -> None:
    """After a 500 there is one request in the agent's journal, one attempt in the row, no cost."""
    neighbours.clear()
    answer = ask(client, "desk", "please fail")
    row = with_neighbours.row(answer)
    assert answer.status_code == 500
    assert "No trains." in answer.json()["error"]["message"]
    assert len(neighbours.journal("agent")) == 1
    assert (row.status, row.billed_cost, len(row.attempts)) == ("failure", Decimal(0), 1)


@pytest.mark.parametrize("api", ["messages", "responses", "generate"])
@pytest.mark.parametrize("stream", [False, True])
def test_a_told_cost_in_the_other_dialects(
    with_neighbours: Gateway, client: httpx.Client, api: str, stream: bool
) -> None:
    """`usage.cost` is recorded although the client's API has no place for it."""
    text = "What does it cost? 0.0123"
    say = [{"role": "user", "content": text}]
    model: dict[str, Any] = {"model": "honest-desk", "stream": stream}
    if api == "messages":
        answer = client.post("/v1/messages", json={**model, "max_tokens": 99, "messages": say})
    elif api == "responses":
        answer = client.post("/v1/responses", json={**model, "input": text})
    else:
        verb = "streamGenerateContent?alt=sse" if stream else "generateContent"
        contents = [{"role": "user", "parts": [{"text": text}]}]
        answer = client.post(f"/v1beta/models/honest-desk:{verb}", json={"contents": contents})
    assert with_neighbours.row(answer).billed_cost == Decimal("0.0123")


@pytest.mark.parametrize("api", ["messages", "responses", "generate"])
def test_an_agent_in_the_other_dialects(
    with_neighbours: Gateway, client: httpx.Client, neighbours: Neighbours, api: str
) -> None:
    """Messages, Responses and Google's API reach the agent as chat completions, at its price."""
    neighbours.clear()
    if api == "messages":
        body = {"max_tokens": 99, "messages": [{"role": "user", "content": "Book"}]}
        answer = client.post("/v1/messages", json={"model": "desk", **body})
    elif api == "responses":
        answer = client.post("/v1/responses", json={"model": "desk", "input": "Book"})
    else:
        contents = [{"role": "user", "parts": [{"text": "Book"}]}]
        answer = client.post("/v1beta/models/desk:generateContent", json={"contents": contents})
    assert answer.status_code == 200, answer.text
    assert SAYS in answer.text
    assert with_neighbours.row(answer).billed_cost == Decimal("0.05")
    assert [entry["path"] for entry in neighbours.journal("agent")] == [
        "/agent/v1/chat/completions"
    ]


def test_the_limits_of_an_agent(with_neighbours: Gateway, client: httpx.Client) -> None:
    """An agent of 2 requests a minute refuses the third, whoever asks, and other agents don't."""
    other = with_neighbours.issue("other-of-desk", owner="jiro@example.com")
    assert ask(client, "busy-desk").status_code == 200
    assert ask(client, "busy-desk").status_code == 200
    with with_neighbours.client(other) as second:
        refused = ask(second, "busy-desk")
        assert ask(second, "free-desk").status_code == 200
    assert refused.status_code == 429
    assert refused.json()["error"]["message"].startswith("The agent busy-desk")


def test_the_budget_of_an_agent(with_neighbours: Gateway, client: httpx.Client) -> None:
    """Of a budget of 0.08 USD a request at 0.05 USD leaves too little for another."""
    assert ask(client, "poor-desk").status_code == 200
    refused = ask(client, "poor-desk")
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "insufficient_quota")
