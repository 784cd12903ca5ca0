"""What the spool has of a request's content is what the client asked and what it got."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sekisho.lake.bodies.body import PayloadRow, row
from sekisho.lake.spool import segments

from .gateway import Gateway, cloud_variables, until
from .simulators import Simulator
from .simulators.media import PNG, wav

Json = dict[str, Any]

CHAT, MESSAGES, RESPONSES = "/v1/chat/completions", "/v1/messages", "/v1/responses"
TEXT = "関所 is a gate 😀 in the hills, with a \\ and a quote"
TOOL = '[[sim:tool get_weather={"city": "Kyoto", "day": 2}]]'
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}


def _row(gateway: Gateway, request_id: str) -> PayloadRow:
    """The one body of a request."""

    def found() -> list[PayloadRow]:
        lines = segments.snapshot(gateway.home / "spool" / "bodies")
        return [row(line, "hash", ()) for line in lines if request_id.encode() in line]

    (one,) = until(f"the body of {request_id}", found)
    assert one.request_id == request_id
    return one


def _events(stream: str) -> list[Json]:
    """The events of a stream that the client got."""
    lines = [line[5:].strip() for line in stream.splitlines() if line.startswith("data:")]
    return [json.loads(line) for line in lines if line != "[DONE]"]


def _post(client: httpx.Client, path: str, body: Json) -> tuple[str, list[Json]]:
    """The id of a request, and its answer, or the events of it."""
    answer = client.post(path, json=body)
    assert answer.status_code == 200, answer.text
    streamed = answer.headers["content-type"].startswith("text/event-stream")
    events = _events(answer.text) if streamed else [answer.json()]
    return answer.headers["x-sekisho-request-id"], events


# What the client got, as (kind, text), and for tools (name, arguments); gathered in another way.


def _of_chat(events: Iterable[Json]) -> Iterator[tuple[str, Any]]:
    said: dict[str, str] = {}
    calls: dict[int, list[str]] = {}
    for choice in (c for event in events for c in event["choices"]):
        told = choice["delta"] if "delta" in choice else choice["message"]
        for kind, field in (("reasoning", "reasoning_content"), ("text", "content")):
            said[kind] = said.get(kind, "") + (told.get(field) or "")
        for number, call in enumerate(told.get("tool_calls") or ()):
            into = calls.setdefault(call.get("index", number), ["", ""])
            into[0] += call["function"].get("name") or ""
            into[1] += call["function"].get("arguments") or ""
    yield from ((kind, text) for kind, text in said.items() if text)
    yield from ((name, json.loads(arguments)) for name, arguments in calls.values())


def _of_messages(events: Iterable[Json]) -> Iterator[tuple[str, Any]]:
    blocks: list[Json] = []
    for event in events:
        blocks += event.get("content", ())
        if event["type"] == "content_block_start":
            blocks.append({**event["content_block"], "partial_json": ""})
        if event["type"] == "content_block_delta":
            for field, value in event["delta"].items():
                if field in ("text", "thinking", "partial_json"):
                    blocks[event["index"]][field] += value
    for block in blocks:
        if block["type"] == "tool_use":
            streamed = block.get("partial_json")
            yield block["name"], json.loads(streamed) if streamed else block["input"]
        elif block["type"] == "thinking":
            yield "reasoning", block["thinking"]
        elif block["text"]:
            yield "text", block["text"]


def _of_responses(events: Iterable[Json]) -> Iterator[tuple[str, Any]]:
    *_, last = events
    for item in last.get("response", last)["output"]:
        if item["type"] == "function_call":
            yield item["name"], json.loads(item["arguments"])
        for part in item.get("summary", ()):
            yield "reasoning", part["text"]
        for part in item.get("content") or ():
            yield "text" if item["type"] == "message" else "reasoning", part["text"]


GATHER = {CHAT: _of_chat, MESSAGES: _of_messages, RESPONSES: _of_responses}


def _logged(found: PayloadRow) -> list[tuple[str, Any]]:
    """The same of what was logged."""
    (message,) = json.loads(found.gen_ai_output_messages or "")
    assert message["role"] == "assistant"
    return [
        (part["name"], part["arguments"])
        if part["type"] == "tool_call"
        else (part["type"], part["content"])
        for part in message["parts"]
        if part.get("content") != ""
    ]


def _body(path: str, model: str, text: str, *, stream: bool, tools: bool, thinking: bool) -> Json:
    """A request in the dialect of its path."""
    words = [{"role": "user", "content": text}]
    body: Json = {"model": model, "stream": stream}
    if path == CHAT:
        body["messages"] = words
        tool: Json = {"name": "get_weather", "parameters": SCHEMA}
        body |= {"tools": [{"type": "function", "function": tool}]} if tools else {}
        return body | ({"reasoning_effort": "low"} if thinking else {})
    if path == MESSAGES:
        body |= {"messages": words, "max_tokens": 2000, "system": "Be brief."}
        tool = {"name": "get_weather", "input_schema": SCHEMA}
        body |= {"tools": [tool]} if tools else {}
        return body | ({"thinking": {"type": "enabled", "budget_tokens": 1024}} if thinking else {})
    body |= {"input": words, "instructions": "Be brief."}
    tool = {"type": "function", "name": "get_weather", "parameters": SCHEMA}
    body |= {"tools": [tool]} if tools else {}
    return body | ({"reasoning": {"effort": "low", "summary": "auto"}} if thinking else {})


@pytest.mark.parametrize("kind", ["text", "tools", "thinking"])
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("path", "model"),
    [
        (CHAT, "gpt-4.1"),
        (CHAT, "claude-sonnet-4-6-bedrock"),
        (CHAT, "gemini-3.5-flash"),
        (MESSAGES, "claude-sonnet-4-6"),
        (MESSAGES, "gpt-5.4"),
        (RESPONSES, "gpt-5.4"),
        (RESPONSES, "claude-sonnet-4-6-vertex"),
    ],
)
def test_what_the_client_got(
    gateway: Gateway, client: httpx.Client, path: str, model: str, stream: bool, kind: str
) -> None:
    """In every dialect, streamed or not, the body has what the client asked and what it got."""
    tools, thinking = kind == "tools", kind == "thinking" and model != "gpt-4.1"
    text = TOOL if tools else f"[[sim:text {TEXT}]]"
    body = _body(path, model, text, stream=stream, tools=tools, thinking=thinking)
    request_id, events = _post(client, path, body)
    got = list(GATHER[path](events))
    if tools:
        assert ("get_weather", {"city": "Kyoto", "day": 2}) in got
    else:
        assert ("text", TEXT) in got
    found = _row(gateway, request_id)
    assert _logged(found) == got
    assert not found.truncated
    asked = json.loads(found.gen_ai_input_messages or "")
    assert asked[-1] == {"role": "user", "parts": [{"type": "text", "content": text}]}
    assert [one["role"] for one in asked[:-1]] == ([] if path == CHAT else ["system"])
    said = ("messages", "system", "input", "instructions")
    left = {name: value for name, value in body.items() if name not in said}
    assert json.loads(found.request_parameters or "") == left


@pytest.mark.parametrize(
    ("path", "model"),
    [(CHAT, "gpt-4.1"), (MESSAGES, "claude-sonnet-4-6"), (RESPONSES, "gpt-5.4")],
)
def test_a_stream_that_the_client_left(
    gateway: Gateway, client: httpx.Client, path: str, model: str
) -> None:
    """Of a cancelled stream the body has all that the client got, and no end."""
    text = "[[sim:chunks 200 delay=0.02]]"
    body = _body(path, model, text, stream=True, tools=False, thinking=False)
    got = ""
    with client.stream("POST", path, json=body) as answer:
        for line in answer.iter_lines():
            for event in _events(line):
                got += _delta(event)
            if len(got) > 40:
                break
        request_id = answer.headers["x-sekisho-request-id"]
    assert gateway.row_of(request_id).status == "cancelled"
    found = _row(gateway, request_id)
    ((kind, said),) = _logged(found)
    assert kind == "text"
    assert said.startswith(got)
    assert "more198" not in said
    (message,) = json.loads(found.gen_ai_output_messages or "")
    assert message["finish_reason"] in (None, "in_progress")
    assert not found.truncated


def _delta(event: Json) -> str:
    """The text in an event of any dialect."""
    if "choices" in event:
        return "".join(choice["delta"].get("content") or "" for choice in event["choices"])
    delta = event.get("delta", "")
    return delta if isinstance(delta, str) else delta.get("text", "")


@pytest.mark.parametrize("fault", ["cut 5", "midstream 5"])
@pytest.mark.parametrize(
    ("path", "model"), [(CHAT, "gpt-4.1"), (MESSAGES, "claude-sonnet-4-6-vertex")]
)
def test_a_stream_that_the_provider_cut_off(
    gateway: Gateway, client: httpx.Client, path: str, model: str, fault: str
) -> None:
    """Of a broken stream the body has exactly what came of it."""
    text = f"[[sim:{fault}]] [[sim:chunks 20 delay=0.02]]"
    body = _body(path, model, text, stream=True, tools=False, thinking=False)
    request_id, events = _post(client, path, body)
    got = "".join(map(_delta, events))
    assert gateway.row_of(request_id).status == "truncated"
    assert _logged(_row(gateway, request_id)) == [("text", got)]
    assert got


def test_errors_have_no_answer(gateway: Gateway, client: httpx.Client) -> None:
    """Of a request that failed the prompt is logged; what went wrong is in the row."""
    body = {"model": "gpt-4.1", "messages": [{"role": "user", "content": "[[sim:status 400]]"}]}
    answer = client.post(CHAT, json=body)
    assert answer.status_code == 400
    found = _row(gateway, answer.headers["x-sekisho-request-id"])
    assert "[[sim:status 400]]" in (found.gen_ai_input_messages or "")
    assert found.gen_ai_output_messages is None


def test_refused_requests_have_no_body(gateway: Gateway, client: httpx.Client) -> None:
    """What the gate refused is a row alone: nobody can fill the lake with it."""
    refused = client.post(CHAT, json={"model": "no-such", "messages": []})
    served = client.post(
        CHAT, json={"model": "demo", "messages": [{"role": "user", "content": "a"}]}
    )
    _row(gateway, served.headers["x-sekisho-request-id"])
    request_id = refused.headers["x-sekisho-request-id"]
    assert gateway.row_of(request_id).status == "refused"
    lines = segments.snapshot(gateway.home / "spool" / "bodies")
    assert not any(request_id.encode() in line for line in lines)


def test_steering_fields_are_not_logged(gateway: Gateway, client: httpx.Client) -> None:
    """A key or password that a client sends for LiteLLM is not in the log."""
    body = {
        "model": "demo",
        "messages": [{"role": "user", "content": "hello"}],
        "api_key": "sk-another",
        "aws_secret_access_key": "secret",
        "metadata": {"session": "s1"},
    }
    found = _row(gateway, _post(client, CHAT, body)[0])
    assert json.loads(found.request_parameters or "") == {
        "model": "demo",
        "metadata": {"session": "s1"},
    }
    lines = segments.snapshot(gateway.home / "spool" / "bodies")
    assert not any(b"sk-another" in line for line in lines)


def test_embeddings(gateway: Gateway, client: httpx.Client) -> None:
    """Of vectors only their number and size are logged."""
    body = {"model": "text-embedding-3-small", "input": ["one", "two"]}
    request_id, (answer,) = _post(client, "/v1/embeddings", body)
    found = _row(gateway, request_id)
    (message,) = json.loads(found.gen_ai_output_messages or "")
    dimensions = len(answer["data"][0]["embedding"])
    assert message["parts"] == [{"type": "embeddings", "count": 2, "dimensions": dimensions}]
    (asked,) = json.loads(found.gen_ai_input_messages or "")
    assert [part["content"] for part in asked["parts"]] == ["one", "two"]


def test_pictures(gateway: Gateway, client: httpx.Client) -> None:
    """A picture that was made, and one that was sent to be changed, are hash and size."""
    form = {"model": "gpt-image-1-mini", "prompt": "at night"}
    files = {"image": ("gate.png", PNG, "image/png")}
    answer = client.post("/v1/images/edits", data=form, files=files)
    assert answer.status_code == 200, answer.text
    found = _row(gateway, answer.headers["x-sekisho-request-id"])
    asked = json.loads(found.gen_ai_input_messages or "")
    assert asked[0]["parts"] == [{"type": "text", "content": "at night"}]
    (sent,) = asked[1]["parts"]
    assert (sent["size"], sent["mime_type"]) == (len(PNG), "image/png")
    assert sent["sha256"] == hashlib.sha256(PNG).hexdigest()
    (message,) = json.loads(found.gen_ai_output_messages or "")
    (made,) = message["parts"]
    assert made["type"] == "blob"
    assert "content" not in made
    assert made["size"] > 0


def test_sound(gateway: Gateway, client: httpx.Client) -> None:
    """Sound that was sent, and sound that was made, are hash and size."""
    sound = wav(1)
    files = {"file": ("a.wav", sound, "audio/wav")}
    form = {"model": "gpt-4o-mini-transcribe"}
    answer = client.post("/v1/audio/transcriptions", data=form, files=files)
    assert answer.status_code == 200, answer.text
    found = _row(gateway, answer.headers["x-sekisho-request-id"])
    assert hashlib.sha256(sound).hexdigest() in (found.gen_ai_input_messages or "")
    (message,) = json.loads(found.gen_ai_output_messages or "")
    assert message["parts"][0]["content"] == answer.json()["text"]
    body = {"model": "tts-1", "input": "hello", "voice": "alloy"}
    speech = client.post("/v1/audio/speech", json=body)
    found = _row(gateway, speech.headers["x-sekisho-request-id"])
    (message,) = json.loads(found.gen_ai_output_messages or "")
    assert message["parts"] == [
        {
            "type": "blob",
            "modality": "audio",
            "size": len(speech.content),
            "sha256": hashlib.sha256(speech.content).hexdigest(),
        }
    ]


def test_other_routes(gateway: Gateway, client: httpx.Client) -> None:
    """Rankings and counted tokens are logged as they were answered."""
    body: Json = {"model": "cohere-rerank-4-fast", "query": "gate", "documents": ["one", "two"]}
    request_id, (answer,) = _post(client, "/v1/rerank", body)
    (message,) = json.loads(_row(gateway, request_id).gen_ai_output_messages or "")
    assert message["parts"] == [{"type": "ranking", "results": answer["results"]}]
    body = {"model": "claude-sonnet-4-6-vertex", "messages": [{"role": "user", "content": "hi"}]}
    request_id, (answer,) = _post(client, "/v1/messages/count_tokens", body)
    (message,) = json.loads(_row(gateway, request_id).gen_ai_output_messages or "")
    assert message["parts"][0]["input_tokens"] == answer["input_tokens"]


@pytest.mark.parametrize("size", [200_000, 1_000_000])
def test_large_prompts(gateway: Gateway, client: httpx.Client, size: int) -> None:
    """A long prompt with NUL and all scripts in it is logged to the last character."""
    text = ("関所 \0 😀 gate " * (size // 14))[:size]
    # As a client writes it that escapes everything beyond ASCII, and lays out its JSON.
    content = json.dumps(
        {"model": "demo", "messages": [{"role": "user", "content": text}]}, indent=2
    )
    headers = {"content-type": "application/json"}
    answer = client.post(CHAT, content=content, headers=headers)
    assert answer.status_code == 200, answer.text
    found = _row(gateway, answer.headers["x-sekisho-request-id"])
    (asked,) = json.loads(found.gen_ai_input_messages or "")
    assert asked["parts"] == [{"type": "text", "content": text}]
    assert not found.truncated


def test_hashes_on_the_disk(clouds: Simulator, tmp_path: Path) -> None:
    """With SEKISHO_LOG_BODIES=hash no word of prompts and answers is in the gateway's folder."""
    variables = {**cloud_variables(clouds), "SEKISHO_LOG_BODIES": "hash"}
    with Gateway.start(tmp_path, variables=variables) as gateway:
        with gateway.client(gateway.issue("hanako")) as client:
            columns = set()
            for stream in (False, True):
                text = "[[sim:text answered-words]] asked-words"
                for path, model in ((CHAT, "gpt-4.1"), (MESSAGES, "claude-sonnet-4-6")):
                    body = _body(path, model, text, stream=stream, tools=True, thinking=False)
                    request_id, _ = _post(client, path, body)
                    assert gateway.row_of(request_id).payload_logged == "hash"
                    columns.add(_row(gateway, request_id).gen_ai_output_messages)
        (column,) = columns
        (part,) = json.loads(column or "")[0]["parts"]
        assert part["algorithm"] == "hmac-sha256"
        files = [path for path in tmp_path.rglob("*") if path.is_file()]
        assert any("bodies" in path.parts for path in files)
        assert not [path for path in files if b"ed-words" in path.read_bytes()]
