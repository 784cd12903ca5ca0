"""The simulators refuse what the providers refuse, in their words, and count their caches."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from .simulators import PROJECT, Simulator

Json = dict[str, Any]

INVOKE = "/model/global.anthropic.claude-sonnet-4-6/invoke"
INVOKE_4_5 = "/model/global.anthropic.claude-sonnet-4-5-20250929-v1:0/invoke"
INVOKE_OPUS_5_5 = "/model/global.anthropic.claude-opus-5-5/invoke"
CONVERSE = "/model/global.anthropic.claude-sonnet-4-6/converse"
NOVA = "/model/us.amazon.nova-pro-v1:0/converse"
LLAMA = "/model/us.meta.llama4-maverick-17b-instruct-v1:0/converse"
_PLACE = f"/v1/projects/{PROJECT}/locations/global"
GEMINI = f"{_PLACE}/publishers/google/models/gemini-3.5-flash:generateContent"
GEMINI_2 = f"{_PLACE}/publishers/google/models/gemini-2.5-flash:generateContent"
VERTEX = f"{_PLACE}/publishers/anthropic/models/claude-sonnet-4-6:rawPredict"
CHAT = "/openai/deployments/gpt-4.1/chat/completions"
CHAT_5 = "/openai/deployments/gpt-5.5/chat/completions"
RESPONSES = "/openai/v1/responses"

USER: Json = {"role": "user", "content": "Hello"}
OBJECT: Json = {"type": "object", "properties": {}}
TOOL: Json = {"name": "weather", "input_schema": OBJECT}
USE: Json = {"type": "tool_use", "id": "t1", "name": "weather", "input": {}}
RESULT: Json = {"type": "tool_result", "tool_use_id": "t1", "content": "sunny"}
THOUGHT: Json = {"type": "thinking", "thinking": "Hm.", "signature": "bm9uZSBvZiBvdXJz"}
TRUE_THOUGHT: Json = {  # what the simulator signs "Let me think." with
    "type": "thinking",
    "thinking": "Let me think.",
    "signature": "c2ltdWxhdGVkIGEwZTkwYjM5OTUwNjlkOGE=",
}
ASKED: Json = {"role": "assistant", "content": [USE]}
ANSWERED: Json = {"role": "user", "content": [RESULT]}
MANUAL: Json = {"thinking": {"type": "enabled", "budget_tokens": 2048}}
ADAPTIVE: Json = {"thinking": {"type": "adaptive"}}


@pytest.fixture(scope="module")
def sim() -> Iterator[Simulator]:
    """One simulator for the whole file."""
    with Simulator.start() as simulator:
        yield simulator


def ask(sim: Simulator, path: str, body: Json, **headers: str) -> httpx.Response:
    """One request."""
    return httpx.post(sim.url + path, json=body, headers=headers)


def claude(**more: Any) -> Json:
    """A body for Claude on InvokeModel."""
    plain: Json = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 4096}
    return {**plain, "messages": [USER], **more}


def marked(count: int) -> list[Json]:
    """So many blocks with a cache marker."""
    return [{"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}] * count


def converse(**more: Any) -> Json:
    """A body for Converse."""
    return {"messages": [{"role": "user", "content": [{"text": "Hello"}]}], **more}


def converse_tools(schema: Json, name: str = "weather") -> Json:
    """Tools for Converse."""
    return {"tools": [{"toolSpec": {"name": name, "inputSchema": {"json": schema}}}]}


def google(*contents: Json, **more: Any) -> Json:
    """A body for Gemini."""
    return {"contents": list(contents) or [{"role": "user", "parts": [{"text": "Hello"}]}], **more}


def declared(name: str, schema: Json) -> list[Json]:
    """Tools for Gemini."""
    return [{"functionDeclarations": [{"name": name, "parameters": schema}]}]


def openai_tool(name: str, schema: Json) -> list[Json]:
    """Tools for chat completions."""
    return [{"type": "function", "function": {"name": name, "parameters": schema}}]


def chat(*messages: Json, **more: Any) -> Json:
    """A body for chat completions."""
    return {"messages": list(messages) or [USER], **more}


def responses(model: str, **more: Any) -> Json:
    """A body for the Responses API."""
    return {"model": model, "input": "Hello", **more}


CALLING: Json = {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {}}}]}
RESPONSE: Json = {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {}}}]}
ASKING: Json = {"role": "user", "parts": [{"text": "Hello"}]}
CHAT_CALL: Json = {
    "role": "assistant",
    "content": None,
    "tool_calls": [
        {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}},
    ],
}

REFUSED = [
    # Claude, parameters
    (INVOKE, claude(temperature=0.5, top_p=0.9), "cannot both be specified"),
    (INVOKE, claude(max_tokens=128_001), "max_tokens: 128001 > 128000"),
    (INVOKE, claude(**ADAPTIVE, temperature=0.5), "may only be set to 1 when thinking"),
    (INVOKE_4_5, claude(**ADAPTIVE), "adaptive thinking is not supported"),
    (INVOKE_4_5, claude(thinking={"type": "enabled", "budget_tokens": 4096}), "must be greater"),
    (INVOKE_4_5, claude(thinking={"type": "enabled", "budget_tokens": 512}), "equal to 1024"),
    (INVOKE_OPUS_5_5, claude(**MANUAL), '"thinking.type.enabled" is not supported'),
    (INVOKE_OPUS_5_5, claude(thinking={"type": "disabled"}), '"thinking.type.disabled" is not'),
    (INVOKE_OPUS_5_5, claude(temperature=0), "`temperature` is deprecated for this model."),
    (INVOKE, claude(messages=[USER, {"role": "assistant", "content": "So"}]), "message prefill"),
    (INVOKE, claude(reasoning_effort="low"), "reasoning_effort: Extra inputs are not permitted"),
    (INVOKE, claude(context_management={}), "context_management: Extra inputs"),
    (INVOKE, claude(anthropic_beta=["web-search-2025-03-05"]), "invalid beta flag"),
    # Claude, thoughts
    (
        INVOKE,
        claude(messages=[USER, {"role": "assistant", "content": [THOUGHT]}, USER]),
        "Invalid `signature` in `thinking` block",
    ),
    (
        INVOKE_4_5,
        claude(**MANUAL, tools=[TOOL], messages=[USER, ASKED, ANSWERED]),
        "Expected `thinking` or `redacted_thinking`, but found `tool_use`",
    ),
    # Claude, tools
    (INVOKE, claude(tools=[TOOL, TOOL]), "Tool names must be unique"),
    (INVOKE, claude(tools=[{**TOOL, "name": "a" * 65}]), "should match pattern"),
    (INVOKE, claude(tools=[{**TOOL, "name": "mcp.weather"}]), "should match pattern"),
    (INVOKE, claude(tools=[{"name": "weather"}]), "input_schema: Field required"),
    (INVOKE, claude(tools=[{**TOOL, "input_schema": {}}]), "input_schema.type: Field required"),
    (
        INVOKE,
        claude(tools=[{**TOOL, "input_schema": {**OBJECT, "anyOf": []}}]),
        "does not support oneOf, allOf, or anyOf at the top level",
    ),
    (INVOKE, claude(tools=[{"type": "web_search_20250305", "name": "w"}]), "does not match any of"),
    (
        INVOKE,
        claude(tools=[TOOL], messages=[USER, ASKED, USER]),
        "`tool_use` ids were found without `tool_result` blocks immediately after: t1",
    ),
    (
        INVOKE,
        claude(tools=[TOOL], messages=[USER, ANSWERED]),
        "unexpected `tool_use_id` found in `tool_result` blocks: t1",
    ),
    (INVOKE, claude(messages=[USER, ASKED, ANSWERED]), "tools: Field required"),
    # Claude, cache markers
    (INVOKE, claude(system=marked(5)), "A maximum of 4 blocks with cache_control"),
    (
        INVOKE,
        claude(
            system=[
                *marked(1),
                {"type": "text", "text": "x", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
            ]
        ),
        "must not come after a ttl='5m'",
    ),
    # Converse
    (CONVERSE, converse(toolConfig=converse_tools({})), "must be one of the following: object"),
    (CONVERSE, converse(toolConfig=converse_tools(OBJECT, "a" * 65)), "regular expression"),
    (
        CONVERSE,
        converse(system=[{"text": "x"}, {"cachePoint": {"type": "default"}}] * 5),
        "Found 5",
    ),
    (
        CONVERSE,
        converse(inferenceConfig={"temperature": 0.5, "topP": 0.9}),
        "cannot both be specified",
    ),
    (
        CONVERSE,
        converse(messages=[{"role": "user", "content": [{"text": " "}]}]),
        "The text field in the ContentBlock object at messages.0.content.0 is blank",
    ),
    (
        CONVERSE,
        converse(messages=[{"role": "user", "content": [{"text": "a"}]}] * 2),
        "alternate between user and assistant",
    ),
    (
        CONVERSE,
        converse(
            messages=[
                {"role": "user", "content": [{"text": "a"}]},
                {"role": "assistant", "content": [{"toolUse": {"toolUseId": "t", "name": "w"}}]},
                {"role": "user", "content": [{"text": "b"}]},
            ],
            toolConfig=converse_tools(OBJECT),
        ),
        "Expected toolResult blocks at messages.2.content for the following Ids: t",
    ),
    (
        CONVERSE,
        converse(additionalModelRequestFields={"anthropic_beta": ["mcp-client-2025-11-20"]}),
        "invalid beta flag",
    ),
    (NOVA, converse(inferenceConfig={"maxTokens": 32_000}), "exceeds the model limit of 10000"),
    (LLAMA, converse(system=[{"text": "x"}, {"cachePoint": {"type": "default"}}]), "unsupported"),
    # Gemini
    (GEMINI, google(ASKING, CALLING, RESPONSE), "is missing a `thought_signature`"),
    (GEMINI, google(ASKING, CALLING), "function call turn is followed by a function response"),
    (GEMINI, google(ASKING, RESPONSE), "number of function response parts is equal"),
    (GEMINI, google({"role": "user", "parts": [{"text": ""}]}), "must have a text parameter"),
    (GEMINI, google(tools=declared("a/b", OBJECT)), "Invalid function name: a/b"),
    (GEMINI, google(tools=declared("a" * 65, OBJECT)), "Maximum length 64"),
    (GEMINI, google(tools=declared("f", {**OBJECT, "$schema": "x"})), 'Unknown name "$schema"'),
    (GEMINI, google(tools=declared("f", {**OBJECT, "required": ["a"]})), "property is not defined"),
    (
        GEMINI,
        google(tools=declared("f", {"type": "object", "properties": {"a": {"type": "array"}}})),
        "properties[a].items: missing field",
    ),
    (GEMINI, google(labels={"session": "Ab{c"}), "Invalid label value 'Ab{c'"),
    # Chat completions
    (CHAT, chat(tools=openai_tool("a.b", OBJECT)), "string does not match pattern"),
    (CHAT, chat(tools=openai_tool("f", {"type": "string"})), "schema must be a JSON Schema of"),
    (CHAT, chat(tools=openai_tool("f", {**OBJECT, "anyOf": []})), "at the top level"),
    (CHAT, chat(tools=[]), "Invalid 'tools': empty array"),
    (CHAT, chat(max_tokens=32_769), "supports at most 32768 completion tokens"),
    (CHAT, chat(reasoning_effort="low"), "'reasoning_effort' is not supported"),
    (CHAT, chat(USER, CHAT_CALL, USER), "tool_call_ids did not have response messages: c1"),
    (
        CHAT,
        chat(USER, {"role": "tool", "tool_call_id": "c1", "content": "x"}),
        "must be a response to a preceding message with 'tool_calls'",
    ),
    (CHAT_5, chat(temperature=0), "'temperature' does not support 0 with this model"),
    (CHAT_5, chat(max_tokens=100), "Use 'max_completion_tokens' instead"),
    # Responses
    (
        RESPONSES,
        responses("gpt-4.1", include=["reasoning.encrypted_content"]),
        "Encrypted content is not supported with this model.",
    ),
    (RESPONSES, responses("gpt-4.1", reasoning={"effort": "low"}), "'reasoning.effort' is not"),
    (RESPONSES, responses("gpt-5.5", temperature=0.2), "does not support 0.2"),
    (RESPONSES, responses("gpt-5.5", max_output_tokens=8), "Expected >= 16"),
    (
        RESPONSES,
        responses(
            "gpt-5.5",
            input=[{"type": "function_call_output", "call_id": "c1", "output": "x"}],
        ),
        "No tool call found for function call output with call_id c1",
    ),
    (
        RESPONSES,
        responses(
            "gpt-5.5",
            input=[
                {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "foreign"},
                {"type": "message", "role": "assistant", "content": "x"},
            ],
        ),
        "The encrypted content foreign could not be verified",
    ),
]


@pytest.mark.parametrize(("path", "body", "words"), REFUSED, ids=[case[2] for case in REFUSED])
def test_refused(sim: Simulator, path: str, body: Json, words: str) -> None:
    """What a provider refuses is answered 400 in its words."""
    answer = ask(sim, path, body)
    assert answer.status_code == 400, answer.text
    error = answer.json()
    said = error.get("message") or error["error"]["message"]
    assert words in said


def signed_call(signature: str) -> Json:
    """A call of Gemini's with a signature."""
    part = {"functionCall": {"name": "f", "args": {}}, "thoughtSignature": signature}
    return {"role": "model", "parts": [part]}


ACCEPTED = [
    (INVOKE, claude(tools=[TOOL], messages=[USER, ASKED, ANSWERED])),
    (INVOKE, claude(context_management={}, anthropic_beta=["context-management-2025-06-27"])),
    (INVOKE_OPUS_5_5, claude(**ADAPTIVE)),
    (
        INVOKE_4_5,
        claude(
            **MANUAL,
            tools=[TOOL],
            messages=[USER, {"role": "assistant", "content": [TRUE_THOUGHT, USE]}, ANSWERED],
        ),
    ),
    (GEMINI_2, google(ASKING, CALLING, RESPONSE)),
    (GEMINI, google(ASKING, signed_call("skip_thought_signature_validator"), RESPONSE)),
    (GEMINI, google(labels={"session": "abc-1_2"})),
    (CHAT, chat(USER, CHAT_CALL, {"role": "tool", "tool_call_id": "c1", "content": "x"})),
]


@pytest.mark.parametrize(("path", "body"), ACCEPTED)
def test_accepted(sim: Simulator, path: str, body: Json) -> None:
    """The right way to ask for what is refused above is answered."""
    answer = ask(sim, path, body)
    assert answer.status_code == 200, answer.text


def test_beta_header_of_vertex(sim: Simulator) -> None:
    """Vertex AI refuses a beta flag that it doesn't know, in its header."""
    body = claude(anthropic_version="vertex-2023-10-16")
    assert ask(sim, VERTEX, body).status_code == 200
    answer = ask(sim, VERTEX, body, **{"anthropic-beta": "effort-2025-11-24"})
    assert answer.status_code == 400
    assert "Unexpected value(s) `effort-2025-11-24`" in answer.json()["error"]["message"]


def test_gemini_signature_of_another_call(sim: Simulator) -> None:
    """A signature belongs to its call: on another one it is corrupted."""
    asked = google(
        {"role": "user", "parts": [{"text": "[[sim:tool f={}]]"}]},
        tools=declared("f", OBJECT),
    )
    part = ask(sim, GEMINI, asked).json()["candidates"][0]["content"]["parts"][0]
    own = google(ASKING, {"role": "model", "parts": [part]}, RESPONSE)
    assert ask(sim, GEMINI, own).status_code == 200
    other = {**part, "functionCall": {"name": "g", "args": {}}}
    answer = {"role": "user", "parts": [{"functionResponse": {"name": "g", "response": {}}}]}
    changed = google(ASKING, {"role": "model", "parts": [other]}, answer)
    refused = ask(sim, GEMINI, changed)
    assert refused.json()["error"]["message"] == "Corrupted thought signature."


def test_cache_writes_then_reads(sim: Simulator) -> None:
    """A marked prefix is written the first time and read the next, with what is new written."""
    system = [{"type": "text", "text": "a" * 8000, "cache_control": {"type": "ephemeral"}}]
    question: Json = {"type": "text", "text": "b" * 400, "cache_control": {"type": "ephemeral"}}
    first = claude(system=system, messages=[{"role": "user", "content": [question]}])
    usage = ask(sim, INVOKE, first).json()["usage"]
    assert (usage["cache_creation_input_tokens"], usage["cache_read_input_tokens"]) == (2100, 0)
    usage = ask(sim, INVOKE, first).json()["usage"]
    assert (usage["cache_creation_input_tokens"], usage["cache_read_input_tokens"]) == (0, 2100)
    other: Json = {"type": "text", "text": "c" * 800, "cache_control": {"type": "ephemeral"}}
    second = claude(system=system, messages=[{"role": "user", "content": [other]}])
    usage = ask(sim, INVOKE, second).json()["usage"]
    assert (usage["cache_creation_input_tokens"], usage["cache_read_input_tokens"]) == (200, 2000)
    assert usage["input_tokens"] == 1


def test_cache_needs_a_minimum(sim: Simulator) -> None:
    """A prefix below the model's minimum, 4,096 tokens for Haiku 4.5, is not cached."""
    path = "/model/global.anthropic.claude-haiku-4-5-20251001-v1:0/invoke"
    system = [{"type": "text", "text": "a" * 16_000, "cache_control": {"type": "ephemeral"}}]
    for _ in range(2):
        usage = ask(sim, path, claude(system=system)).json()["usage"]
        assert usage["cache_creation_input_tokens"] == usage["cache_read_input_tokens"] == 0


def test_cache_of_converse(sim: Simulator) -> None:
    """Converse caches up to its cachePoint blocks."""
    body = converse(system=[{"text": "d" * 8000}, {"cachePoint": {"type": "default"}}])
    usage = ask(sim, CONVERSE, body).json()["usage"]
    assert (usage["cacheWriteInputTokens"], usage["cacheReadInputTokens"]) == (2000, 0)
    usage = ask(sim, CONVERSE, body).json()["usage"]
    assert (usage["cacheWriteInputTokens"], usage["cacheReadInputTokens"]) == (0, 2000)
    assert usage["inputTokens"] == 2


def test_counting_takes_plain_ids(sim: Simulator) -> None:
    """Bedrock counts for a foundation model of Anthropic's, not for a profile or for Nova."""
    body = {"input": {"converse": converse()}}
    plain = ask(sim, "/model/anthropic.claude-sonnet-4-6/count-tokens", body)
    assert plain.json() == {"inputTokens": 2}
    for model in ("global.anthropic.claude-sonnet-4-6", "amazon.nova-pro-v1:0"):
        refused = ask(sim, f"/model/{model}/count-tokens", body)
        assert refused.status_code == 400
        assert refused.json()["message"] == "The provided model doesn't support counting tokens."


def test_context_caches_are_a_fault(sim: Simulator) -> None:
    """A call to cachedContents is answered, and noted in the journal as a fault."""
    sim.clear()
    assert httpx.get(f"{sim.url}{_PLACE}/cachedContents").status_code == 200
    assert ask(sim, f"{_PLACE}/cachedContents", {"model": "m"}).status_code == 200
    expected = ["cachedContents: needs rights of its own and costs by the hour"]
    assert [entry["faults"] for entry in sim.journal()] == [expected, expected]


OVERFLOWS = [
    (INVOKE, "prompt is too long: 215001 tokens > 200000 maximum"),
    (CONVERSE, "Input is too long for requested model."),
    (GEMINI, "exceeds the maximum number of tokens allowed (1048576)"),
    (CHAT, "This model's maximum context length is 128000 tokens."),
    (RESPONSES, "Your input exceeds the context window of this model."),
]


def asking(path: str, text: str) -> Json:
    """A request to one of the paths above with this text."""
    said: Json = {"role": "user", "content": text}
    if path == CONVERSE:
        return converse(messages=[{"role": "user", "content": [{"text": text}]}])
    if path == GEMINI:
        return google({"role": "user", "parts": [{"text": text}]})
    if path == RESPONSES:
        return responses("gpt-5.5", input=text)
    return claude(messages=[said]) if path == INVOKE else chat(said)


@pytest.mark.parametrize(("path", "words"), OVERFLOWS)
def test_overflow_has_the_providers_words(sim: Simulator, path: str, words: str) -> None:
    """`overflow` is the provider's own 400 for a prompt that is too long."""
    answer = ask(sim, path, asking(path, "[[sim:overflow]]"))
    assert answer.status_code == 400
    assert words in answer.text


def test_times_ends_a_behaviour(sim: Simulator) -> None:
    """`times` makes only so many requests with the same words fail."""
    body = asking(CHAT, "[[sim:status 429 times=2]]")
    assert [ask(sim, CHAT, body).status_code for _ in range(3)] == [429, 429, 200]
