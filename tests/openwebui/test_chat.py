"""Chats of two users: whatever they do and in whatever form, the log has it under who has asked."""

import json
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest

from .chat import BACKGROUND, Person
from .stage import AGENT, MODEL, Stage

pytestmark = pytest.mark.openwebui

CHAT = [f"chat/{task}" for task in BACKGROUND]


@pytest.fixture(params=["hanako", "taro"])
def person(request: pytest.FixtureRequest, world: Stage) -> Person:
    """Each of the two users."""
    return world.hanako if request.param == "hanako" else world.taro


def test_plain(world: Stage, person: Person) -> None:
    """A plain answer is one row, and names the row's cost."""
    messages = [{"role": "user", "content": "Hello [[sim:text Good day]]"}]
    with world.ledger.expects(person, "chat") as rows:
        told = person.post("/api/chat/completions", {"model": MODEL, "messages": messages})
    assert told["choices"][0]["message"]["content"] == "Good day"
    (row,) = rows
    assert row.billed_cost is not None
    assert row.billed_cost > 0
    assert Decimal(str(told["usage"]["cost"])) == row.billed_cost
    assert (row.status, row.app, row.api_key_alias) == ("success", "open-webui", "open-webui")
    assert (row.chat_id, row.gen_ai_request_stream) == (None, False)


def test_streamed(world: Stage, person: Person) -> None:
    """A streamed answer is one row, and its last chunk names the row's cost."""
    with world.ledger.expects(person, "chat") as rows:
        said, usage = person.ask_streamed(MODEL, "Hello [[sim:text Good day to you]]")
    assert said == "Good day to you"
    (row,) = rows
    assert row.gen_ai_request_stream is True
    assert row.billed_cost is not None
    assert row.billed_cost > 0
    assert Decimal(str(usage["cost"])) == row.billed_cost


def test_saved_chat(world: Stage, person: Person) -> None:
    """A saved chat is four rows: the answer, with its message's id, and three named helpers."""
    with world.ledger.expects(person, "chat", *CHAT) as rows:
        chat = person.start_chat(MODEL, "Hello [[sim:text Good day]]")
        message = chat.answer()
    assert message["content"] == "Good day"
    assert {row.chat_id for row in rows} == {chat.id}
    (answer,) = [row for row in rows if row.task is None]
    assert answer.message_id == chat.answer_id
    assert answer.gen_ai_request_model == MODEL


def test_cost_line(world: Stage, person: Person) -> None:
    """Under a saved answer stands the gateway's own figure, with the tokens."""
    directive = "[[sim:usage input=12345 output=678]]"
    with world.ledger.expects(person, "chat", *CHAT) as rows:
        chat = person.start_chat(MODEL, f"Hello {directive}")
        message = chat.answer()
    (answer,) = [row for row in rows if row.task is None]
    # 12345 tokens at $0.10 and 678 at $0.40 a million.
    assert answer.billed_cost == Decimal("0.0015057")
    assert message["usage"]["cost"] == 0.0015057
    assert chat.status_lines() == ["$0.001506 · 12,345 tokens in, 678 out"]


def test_agent(world: Stage, person: Person) -> None:
    """An agent is asked like a model, and costs what its price rule says."""
    with world.ledger.expects(person, "chat") as rows:
        assert person.ask(AGENT, "Book a train") == "The 9:12 to Kanazawa is booked."
    (row,) = rows
    assert (row.gen_ai_request_model, row.billed_cost) == (AGENT, Decimal("0.05"))


def test_messages(world: Stage, person: Person) -> None:
    """Anthropic's form of Open WebUI's API, whole and streamed, is booked like any other."""
    body = {
        "model": MODEL,
        "max_tokens": 100,
        "messages": [{"role": "user", "content": "Hello [[sim:text Good day]]"}],
    }
    with world.ledger.expects(person, "count_tokens", "chat"):
        assert "Good day" in json.dumps(person.post("/api/v1/messages", body))
    with world.ledger.expects(person, "count_tokens", "chat"):
        answer = person.http.post("/api/v1/messages", json={**body, "stream": True})
        assert answer.status_code == 200


def test_straight_through(world: Stage, person: Person) -> None:
    """Open WebUI's way to the connection without chat and Functions names the user as well."""
    messages = [{"role": "user", "content": "Hello"}]
    with world.ledger.expects(person, "chat"):
        person.post("/openai/chat/completions", {"model": MODEL, "messages": messages})


def test_responses(world: Stage, person: Person) -> None:
    """So does its way to the Responses API."""
    with world.ledger.expects(person, "responses"):
        told = person.post("/openai/responses", {"model": MODEL, "input": "Hello"})
    assert "This is a simulated answer." in json.dumps(told)


SPOOFS: dict[str, dict[str, Any]] = {
    "user": {"user": "boss@example.com"},
    "metadata": {"metadata": {"user_id": "boss@example.com"}},
    "litellm metadata": {"litellm_metadata": {"user_id": "boss", "user": "boss", "tags": ["boss"]}},
    "safety identifier": {"safety_identifier": "boss@example.com"},
    "custom parameters": {"params": {"custom_params": {"user": "boss@example.com"}}},
    "more in the body": {"extra_headers": {"X-OpenWebUI-User-Id": "boss"}},
}


@pytest.mark.parametrize("what", SPOOFS)
def test_a_user_claims_to_be_another(world: Stage, person: Person, what: str) -> None:
    """Whatever a user writes into a request, the log has it under the one who is signed in."""
    with world.ledger.expects(person, "chat"):
        person.ask(MODEL, "Hello", **SPOOFS[what])


def test_a_users_own_headers(world: Stage, person: Person) -> None:
    """Headers that a user sends to Open WebUI don't reach the gateway as Open WebUI's."""
    other = world.taro if person is world.hanako else world.hanako
    headers = {
        "X-OpenWebUI-User-Id": other.id,
        "X-OpenWebUI-User-Email": "hanako@example.com",
        "X-OpenWebUI-User-Jwt": "e30.e30.e30",
    }
    body = {"model": MODEL, "messages": [{"role": "user", "content": "Hello"}]}
    with world.ledger.expects(person, "chat"):
        answer = person.http.post("/api/chat/completions", json=body, headers=headers)
        assert answer.status_code == 200


def test_two_at_once(world: Stage) -> None:
    """Twenty questions of two users at the same time: each is under whoever has asked it."""
    world.ledger.begin()
    asked = [(world.hanako if n % 2 else world.taro, f"Question {n:02}.") for n in range(20)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda one: one[0].ask(MODEL, one[1]), asked))
    rows = world.ledger.new(20)
    prompts = world.ledger.prompts()
    booked = 0
    for person, question in asked:
        mine = [row for row in rows if question in prompts[row.request_id]]
        assert len(mine) == 1, question
        world.ledger.book(person, mine)
        booked += 1
    assert booked == len(rows) == 20


def test_a_refusal_is_shown(world: Stage) -> None:
    """A failure is told in the chat in the gateway's words, and is in the log under the user."""
    with world.ledger.expects(world.taro, "chat", "chat/title_generation") as rows:
        message = world.taro.start_chat(MODEL, "Hello [[sim:overflow]]").answer()
    (answer,) = [row for row in rows if row.task is None]
    assert answer.status == "failure"
    assert message["error"]["content"].startswith("This model's maximum context length is 128000")
