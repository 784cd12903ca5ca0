"""Names of tools that a provider refuses: given names upstream, the originals in the answer."""

import json
from typing import Any

import pytest
from sekisho.callbacks.repairs import registry
from sekisho.callbacks.repairs.call import Api, Call
from sekisho.callbacks.repairs.long_tool_names import is_taken, short
from sekisho.callbacks.repairs.originals import Originals

BEDROCK = "bedrock/global.anthropic.claude-sonnet-4-6"
GEMINI = "vertex_ai/gemini-3.8-flash"
AZURE = "azure/gpt-4.1"
LONG = "mcp__a_server_with_a_rather_long_name__find_customer_orders_by_date_and_region"
GIVEN = "mcp__a_server_with_a_rather_long_name__find_customer__ba22ae3ac9"


@pytest.mark.parametrize("name", [LONG, "files.read", "a/b", "9lives", "_x", "読む", "-"])
def test_a_given_name_is_taken_by_all(name: str) -> None:
    """Up to 64 letters, digits, `_` and `-`, a letter first, and the same each time."""
    assert not is_taken(name)
    assert is_taken(short(name))
    assert short(name) == short(name) != short(name + "x")


def test_a_given_name_can_be_read() -> None:
    """The beginning of a name says what the tool is for."""
    assert short(LONG)[:53] == LONG[:53]
    assert short("files.read").startswith("files_read_")


def _names(api: Api, model: str, **kwargs: Any) -> tuple[dict[str, Any], dict[str, str]]:
    call = Call.of(api, {"model": model, **kwargs}, {})
    registry.mend(call)
    assert call.names is not None
    return call.kwargs, call.names


def test_names_on_chat() -> None:
    """In the tools, the choice and the history; the original is noted once."""
    call = {"id": "a", "type": "function", "function": {"name": LONG, "arguments": "{}"}}
    given, names = _names(
        "chat",
        AZURE,
        tools=[{"type": "function", "function": {"name": LONG}}],
        tool_choice={"type": "function", "function": {"name": LONG}},
        messages=[{"role": "assistant", "tool_calls": [call]}, {"role": "tool", "name": LONG}],
    )
    assert LONG not in json.dumps(given)
    assert names == {short(LONG): LONG}
    assert json.dumps(given).count(short(LONG)) == 4


def test_names_on_messages() -> None:
    """In tools, choice, calls and references to tools."""
    reference = {"type": "tool_reference", "tool_name": LONG}
    given, names = _names(
        "messages",
        BEDROCK,
        tools=[{"name": LONG, "input_schema": {}}],
        tool_choice={"type": "tool", "name": LONG},
        messages=[
            {"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": LONG}]},
            {"role": "user", "content": [{"type": "tool_result", "content": [reference]}]},
        ],
    )
    assert LONG not in json.dumps(given)
    assert names == {short(LONG): LONG}


def test_names_on_responses() -> None:
    """In functions, tools with free text, namespaces, and calls of each."""
    given, names = _names(
        "responses",
        AZURE,
        tools=[
            {"type": "function", "name": LONG},
            {"type": "namespace", "name": LONG, "tools": [{"type": "function", "name": "go"}]},
            {"type": "web_search"},
        ],
        tool_choice={"type": "function", "name": LONG},
        input=[
            {"type": "function_call", "name": LONG, "call_id": "a"},
            {"type": "function_call", "name": "go", "namespace": LONG, "call_id": "b"},
        ],
    )
    assert LONG not in json.dumps(given)
    space = short(LONG, 30)
    assert names == {short(LONG): LONG, space: LONG}
    assert given["tools"][1] == {
        "type": "namespace",
        "name": space,
        "tools": [{"type": "function", "name": "go"}],
    }
    assert given["input"][1]["namespace"] == space


def test_names_through_googles_api() -> None:
    """In declarations, calls, responses and the names that may be called."""
    given, names = _names(
        "generate",
        GEMINI,
        tools=[{"functionDeclarations": [{"name": LONG}, {"name": "ok"}]}],
        toolConfig={"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": [LONG]}},
        contents=[
            {"role": "model", "parts": [{"functionCall": {"name": LONG, "args": {}}}]},
            {"role": "user", "parts": [{"functionResponse": {"name": LONG, "response": {}}}]},
        ],
    )
    assert LONG not in json.dumps(given)
    assert names == {short(LONG): LONG}


def test_without_a_gate_names_stay() -> None:
    """Nobody would put the originals back."""
    call = Call.of("chat", {"model": AZURE, "tools": [{"function": {"name": LONG}}]}, None)
    registry.mend(call)
    assert call.kwargs["tools"] == [{"function": {"name": LONG}}]


def test_originals_over_the_edges_of_pieces() -> None:
    """Wherever a stream is cut, the client gets the original, and each whole line at once."""
    line = b'data: {"name":"%s"}\n\n' % short(LONG).encode()
    expected = b'data: {"name":"%s"}\n\n' % LONG.encode()
    for cut in range(len(line)):
        originals = Originals({short(LONG): LONG})
        got = originals.feed(line[:cut], True) + originals.feed(line[cut:], True)
        assert got == expected
    assert Originals({short(LONG): LONG}).feed(line.rstrip(), False) == expected.rstrip()


def test_originals_are_written_as_json() -> None:
    """A quote in a name can't end the text that it stands in."""
    name = 'say "hi"'
    answer = json.dumps({"name": short(name)}).encode()
    assert json.loads(Originals({short(name): name}).feed(answer, False)) == {"name": name}
