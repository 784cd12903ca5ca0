"""The Functions for Open WebUI, run as it runs them: code from a text, called by keyword."""

import asyncio
import base64
import types
from typing import Any

import pytest
from sekisho.frontends.open_webui import shipped
from sekisho.gate import who_asks

_BY_NAME = {function.name: function for function in shipped.functions()}


def loaded(name: str) -> Any:
    """An instance of the Function's class, made from its text alone."""
    module = types.ModuleType(f"function_sekisho_{name}")
    exec(_BY_NAME[name].content, module.__dict__)
    return module.Filter()


def run(coroutine: Any) -> Any:
    """What a Function's coroutine returns."""
    return asyncio.run(coroutine)


def test_which_there_are() -> None:
    """The three Functions have an id of their own, a title and a description."""
    found = [(one.id, one.title) for one in shipped.functions()]
    assert found == [
        ("sekisho_cost_line", "Cost line"),
        ("sekisho_full_document", "Full document"),
        ("sekisho_user_to_gateway", "User to gateway"),
    ]
    assert all(one.description.endswith(".") for one in shipped.functions())


@pytest.mark.parametrize("name", _BY_NAME)
def test_open_webui_reads_the_head(name: str) -> None:
    """The text begins with the quotes after which Open WebUI looks for title and description."""
    function = _BY_NAME[name]
    assert function.content.startswith(f'"""\ntitle: {function.title}\n')
    assert "sekisho." not in function.content
    assert "from utils" not in function.content  # which Open WebUI would rewrite


def test_full_document_is_a_switch() -> None:
    """The chat has a switch for it, with a picture that is an SVG."""
    function = loaded("full_document")
    assert function.toggle is True
    kind, _, data = function.icon.partition(",")
    assert kind == "data:image/svg+xml;base64"
    assert base64.b64decode(data).startswith(b'<svg xmlns="http://www.w3.org/2000/svg"')


def test_full_document_takes_attached_files_whole() -> None:
    """Files and pasted texts are sent whole; collections are searched, pictures left alone."""
    files = [{"type": kind, "id": kind} for kind in ("file", "text", "collection", "image")]
    body = run(loaded("full_document").inlet(body={"model": "m", "files": files}))
    assert body["files"] == [
        {"type": "file", "id": "file", "context": "full"},
        {"type": "text", "id": "text", "context": "full"},
        {"type": "collection", "id": "collection"},
        {"type": "image", "id": "image"},
    ]


@pytest.mark.parametrize("body", [{"model": "m"}, {"files": None}, {"files": []}])
def test_full_document_without_files(body: dict[str, Any]) -> None:
    """A message without files stays as it is."""
    assert run(loaded("full_document").inlet(body=dict(body))) == body


def test_user_to_gateway_names_user_and_chat() -> None:
    """The request gets the user's id, the chat and the message; no name and no address."""
    user = {"id": "u-1", "name": "Taro", "email": "taro@example.com"}
    about = {"chat_id": "c-1", "message_id": "m-1", "session_id": "s-1"}
    body = run(
        loaded("user_to_gateway").inlet(body={"model": "m"}, __user__=user, __metadata__=about)
    )
    assert body == {
        "model": "m",
        "user": "u-1",
        "litellm_metadata": {"chat_id": "c-1", "message_id": "m-1"},
    }


def test_the_gateway_notes_that_chat() -> None:
    """The chat that the Function writes into a request becomes the row's conversation."""
    about = {"chat_id": "c-1"}
    body = run(loaded("user_to_gateway").inlet(body={}, __metadata__=about))
    assert who_asks.conversation({}, body) == "c-1"


def test_user_to_gateway_replaces_a_claim() -> None:
    """What a user has written into the request doesn't stand."""
    body = {"user": "somebody else"}
    found = run(loaded("user_to_gateway").inlet(body=body, __user__={"id": "u-1"}))
    assert found == {"user": "u-1"}


def test_user_to_gateway_without_a_user() -> None:
    """Without user and chat nothing is added."""
    assert run(loaded("user_to_gateway").inlet(body={"model": "m"})) == {"model": "m"}


def shown(usage: Any, **valves: str) -> list[dict[str, Any]]:
    """What the page is sent after an answer with this usage."""
    events: list[dict[str, Any]] = []

    async def emit(event: dict[str, Any]) -> None:
        events.append(event)

    function = loaded("cost_line")
    function.valves = function.Valves(**valves)
    messages = [{"role": "user", "content": "Hello"}, {"role": "assistant", "usage": usage}]
    body = {"messages": messages}
    assert run(function.outlet(body=body, __event_emitter__=emit)) is body
    return events


def test_cost_line() -> None:
    """Under the answer stand the gateway's cost and the tokens."""
    usage = {"prompt_tokens": 1234, "completion_tokens": 56, "cost": 0.006917}
    assert shown(usage) == [
        {
            "type": "status",
            "data": {"description": "$0.006917 · 1,234 tokens in, 56 out", "done": True},
        }
    ]


@pytest.mark.parametrize(
    ("cost", "line"),
    [
        (0, "$0.00"),
        (0.0000004, "<$0.000001"),
        (0.000039, "$0.000039"),
        (0.0123456, "$0.0123"),
        (1.5, "$1.50"),
        (1234.5, "$1,234.50"),
    ],
)
def test_cost_in_usd(cost: float, line: str) -> None:
    """Small costs have digits enough to be one."""
    usage = {"input_tokens": 1, "output_tokens": 2, "cost": cost}
    assert shown(usage)[0]["data"]["description"] == f"{line} · 1 tokens in, 2 out"


@pytest.mark.parametrize("cost", [None, "0.5", True])
def test_cost_line_without_a_cost(cost: object) -> None:
    """Where the gateway names no cost, the line has tokens alone: it computes none."""
    usage = {"input_tokens": 1, "output_tokens": 2, "cost": cost}
    assert shown(usage)[0]["data"]["description"] == "1 tokens in, 2 out"


def test_cost_line_in_words_of_ones_own() -> None:
    """An admin may write the line in their own language."""
    usage = {"input_tokens": 1, "output_tokens": 2, "cost": 0.5}
    found = shown(usage, text="費用 {cost}、入力 {input}、出力 {output}")
    assert found[0]["data"]["description"] == "費用 $0.5000、入力 1、出力 2"


@pytest.mark.parametrize("usage", [None, {}, {"cost": 0.1}])
def test_no_line_without_tokens(usage: object) -> None:
    """An answer that nobody has counted gets no line."""
    assert shown(usage) == []


def test_cost_line_of_an_empty_chat() -> None:
    """A chat without messages, and a call without a page, are no trouble."""
    assert run(loaded("cost_line").outlet(body={"messages": []})) == {"messages": []}
    assert run(loaded("cost_line").outlet(body={})) == {}
