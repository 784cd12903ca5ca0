"""Tool calls that come through Google's API get ids of their own.

For Gemini CLI and Qwen Code's Gemini mode, on models that aren't Google's: LiteLLM names each call
after its function (`call_read_file`), so two parallel calls of one tool become one. On Bedrock a
result is lost without a word, on Azure the request is refused. Here the calls are numbered through
the conversation, and results are given to calls in the order in which both stand; where the client
sent ids, results are first brought into the order of their calls.
"""

from collections import deque
from typing import Any

from ...untyped import mapping, sequence
from .call import Call, Json

NAME: str = "gemini_tool_ids"


def apply(call: Call) -> None:
    """Google's API before LiteLLM translates it, and Chat after that."""
    if call.api == "generate" and not (call.provider == "vertex_ai" and "gemini" in call.model):
        contents = call.list("contents")
        if any(_ids(content, "functionResponse") for content in contents):
            call.kwargs["contents"] = _in_order(contents)
    elif call.api == "chat":
        messages = call.list("messages")
        if _from_google(messages):
            call.kwargs["messages"] = _numbered(messages)


def _parts(content: object) -> list[Any]:
    return sequence(mapping(content).get("parts"))


def _ids(content: object, kind: str) -> list[str]:
    found = (mapping(mapping(part).get(kind)).get("id") for part in _parts(content))
    return [one for one in found if isinstance(one, str)]


def _in_order(contents: list[Any]) -> list[Any]:
    """The conversation with each turn's results in the order of the calls before them."""
    ordered: list[Any] = []
    places: dict[str, int] = {}
    for content in contents:
        calls = _ids(content, "functionCall")
        if calls:
            places = {one: place for place, one in enumerate(calls)}
        ordered.append(_sorted(content, places) if _ids(content, "functionResponse") else content)
    return ordered


def _sorted(content: Any, places: dict[str, int]) -> Any:
    parts = _parts(content)
    answers = [part for part in parts if "functionResponse" in mapping(part)]
    # One without a known id stays behind the others.
    answers.sort(key=lambda part: places.get(str(part["functionResponse"].get("id")), len(places)))
    waiting = iter(answers)
    in_place = [next(waiting) if "functionResponse" in mapping(part) else part for part in parts]
    return {**content, "parts": in_place}


def _from_google(messages: list[Any]) -> bool:
    """Whether LiteLLM made up the ids: they are the functions' names."""
    for message in messages:
        for one in sequence(mapping(message).get("tool_calls")):
            called = mapping(one)
            return called.get("id") == f"call_{mapping(called.get('function')).get('name')}"
    return False


def _numbered(messages: list[Any]) -> list[Any]:
    """The messages with ids `call_1`, `call_2`, …; an answer gets the oldest waiting call's."""
    count = 0
    waiting: dict[str, deque[str]] = {}
    numbered: list[Any] = []
    for message in messages:
        current = mapping(message)
        if current.get("tool_calls"):
            waiting = {}
            calls: list[Json] = []
            for one in map(mapping, sequence(current["tool_calls"])):
                count += 1
                waiting.setdefault(str(one.get("id")), deque()).append(f"call_{count}")
                calls.append({**one, "id": f"call_{count}"})
            current = {**current, "tool_calls": calls}
        elif queue := waiting.get(str(current.get("tool_call_id"))):
            current = {**current, "tool_call_id": queue.popleft()}
        numbered.append(current or message)
    return numbered
