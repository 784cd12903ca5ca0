"""Repairs of parameters, tools, labels and ids, as pure functions: what a call becomes."""

from typing import Any

import pytest
from sekisho.callbacks.repairs.call import Api

from .mending import AZURE, BEDROCK, GEMINI, NOVA, VERTEX, mended

# Parameters


@pytest.mark.parametrize(
    ("most", "budget", "expected"),
    [(32_000, 32_000, 24_000), (1100, 5000, 1024), (8000, 4000, 4000), (20_000, 64_000, 15_000)],
)
def test_a_thinking_budget_fits_into_the_answer(most: int, budget: int, expected: int) -> None:
    """A budget is three quarters of the answer when it was no smaller, and else as asked."""
    thinking = {"type": "enabled", "budget_tokens": budget}
    given = mended("messages", BEDROCK, max_tokens=most, thinking=thinking)
    assert given["thinking"] == {"type": "enabled", "budget_tokens": expected}


def test_no_thinking_where_there_is_no_room() -> None:
    """An answer of up to 1,024 tokens has no room for the least budget."""
    thinking = {"type": "enabled", "budget_tokens": 4096}
    assert mended("chat", VERTEX, max_tokens=1024, thinking=thinking) == {"max_tokens": 1024}


@pytest.mark.parametrize("model", [BEDROCK, VERTEX, "azure_ai/claude-haiku-4-5"])
def test_claude_gets_one_of_temperature_and_top_p(model: str) -> None:
    """The temperature stays; `top_p` alone would have stayed too."""
    assert mended("chat", model, temperature=0.5, top_p=0.9) == {"temperature": 0.5}
    assert mended("messages", model, top_p=0.9) == {"top_p": 0.9}


@pytest.mark.parametrize(
    "model",
    [NOVA, GEMINI, AZURE, "vertex_ai/claude-sonnet-4@20250514", "bedrock/anthropic.claude-3-5-x"],
)
def test_others_get_both(model: str) -> None:
    """Other models, and Claude before 4.1, take both."""
    both = {"temperature": 0.5, "top_p": 0.9}
    assert mended("chat", model, **both) == both


@pytest.mark.parametrize(
    ("api", "field"),
    [
        ("chat", "max_tokens"),
        ("chat", "max_completion_tokens"),
        ("messages", "max_tokens"),
        ("responses", "max_output_tokens"),
    ],
)
def test_no_answer_is_longer_than_the_models_longest(api: Api, field: str) -> None:
    """32,000 tokens of a model that writes 10,000 become 10,000; fewer stay."""
    info = {"max_output_tokens": 10_000}
    assert mended(api, NOVA, info, **{field: 32_000}) == {field: 10_000}
    assert mended(api, NOVA, info, **{field: 500}) == {field: 500}
    assert mended(api, NOVA, {}, **{field: 32_000}) == {field: 32_000}


def test_the_longest_answer_through_googles_api() -> None:
    """The limit in `generationConfig`, by either of LiteLLM's names for it."""
    info = {"max_output_tokens": 10_000}
    given = mended("generate", NOVA, info, config={"maxOutputTokens": 32_000, "topK": 4})
    assert given == {"config": {"maxOutputTokens": 10_000, "topK": 4}}


def test_sampling_beside_thinking() -> None:
    """Claude that thinks gets no temperature but 1, no low top_p and no top_k."""
    thinking = {"type": "adaptive"}
    sampling = {"temperature": 0.2, "top_k": 5}
    given = mended("messages", BEDROCK, thinking=thinking, **sampling)
    assert given == {"thinking": {"type": "adaptive"}}
    given = mended("chat", BEDROCK, reasoning_effort="low", top_p=0.5)
    assert given == {"reasoning_effort": "low"}
    assert mended("chat", BEDROCK, reasoning_effort="none", top_p=0.5)["top_p"] == 0.5


@pytest.mark.parametrize("choice", ["required", {"type": "any"}, {"type": "tool", "name": "a"}])
def test_no_thinking_beside_a_forced_tool(choice: Any) -> None:
    """A tool that has to be called wins over thinking."""
    tools = [{"name": "a", "function": {"name": "a"}}]
    thinking = {"type": "enabled", "budget_tokens": 2000}
    given = mended("messages", BEDROCK, tools=tools, tool_choice=choice, thinking=thinking)
    assert "thinking" not in given
    assert given["tool_choice"] == choice


def test_claude_is_no_warmer_than_one() -> None:
    """OpenAI's temperatures go to 2, Anthropic's to 1."""
    assert mended("chat", VERTEX, temperature=1.7) == {"temperature": 1}


def test_settings_of_tools_without_tools() -> None:
    """An empty list of tools goes, and what would choose among them."""
    given = mended("chat", AZURE, tools=[], tool_choice="auto", parallel_tool_calls=True)
    assert given == {}


@pytest.mark.parametrize(
    ("model", "expected"),
    [(BEDROCK, "high"), (GEMINI, "high"), ("bedrock/x.claude-opus-5-5", "xhigh"), (AZURE, "xhigh")],
)
def test_an_effort_that_a_model_does_not_have(model: str, expected: str) -> None:
    """Becomes its highest one."""
    assert mended("chat", model, reasoning_effort="xhigh") == {"reasoning_effort": expected}


def test_reasoning_models_of_azure_tell_no_probabilities() -> None:
    """Log probabilities go; a model that doesn't reason keeps them."""
    assert mended("responses", "azure/gpt-5.5", top_logprobs=2) == {}
    info = {"base_model": "azure/gpt-5.5"}
    assert mended("responses", "azure/mine", info, top_logprobs=2) == {}
    assert mended("responses", AZURE, top_logprobs=2) == {"top_logprobs": 2}


def test_thinking_that_can_not_be_switched_off() -> None:
    """Claude 5.5 and newer always think; older ones take the switch."""
    off = {"thinking": {"type": "disabled"}}
    assert mended("messages", "azure_ai/claude-haiku-5-5", **off) == {}
    assert mended("messages", BEDROCK, **off) == off


@pytest.mark.parametrize(
    ("effort", "most", "expected"),
    [
        ("high", 4000, {"thinking": {"type": "enabled", "budget_tokens": 3000}}),
        ("high", 500, {}),
        ("low", 4000, {"reasoning_effort": "low"}),
    ],
)
def test_effort_of_an_older_claude(effort: str, most: int, expected: dict[str, Any]) -> None:
    """The budget that LiteLLM would make of it fits too."""
    given = mended("chat", "bedrock/x.claude-haiku-4-5", reasoning_effort=effort, max_tokens=most)
    assert given == {**expected, "max_tokens": most}


# Tools of the provider


SEARCH = {"type": "web_search_20250305", "name": "web_search"}
EDIT = {"name": "edit", "input_schema": {"type": "object"}}


def test_server_tools_go_where_the_cloud_has_none() -> None:
    """Bedrock loses the search and keeps the others; Vertex AI keeps the search."""
    given = mended("messages", BEDROCK, tools=[SEARCH, EDIT], system="Be brief.")
    assert given == {"tools": [EDIT], "system": "Be brief."}
    assert mended("messages", VERTEX, tools=[SEARCH, EDIT])["tools"] == [SEARCH, EDIT]


def test_a_model_without_its_only_tool_is_told() -> None:
    """So that it doesn't make up what it would have found."""
    choice = {"type": "tool", "name": "web_search"}
    given = mended("messages", BEDROCK, tools=[SEARCH], tool_choice=choice, system="Search.")
    note = "The tool web_search is not available here. Do not make up its results: say that it"
    assert given == {
        "system": [
            {"type": "text", "text": "Search."},
            {"type": "text", "text": f"{note} isn't available."},
        ]
    }


def test_a_choice_of_a_tool_that_is_gone() -> None:
    """Goes with it; other choices stay."""
    gone = {"type": "tool", "name": "web_search"}
    assert "tool_choice" not in mended("messages", BEDROCK, tools=[SEARCH, EDIT], tool_choice=gone)
    kept = {"type": "tool", "name": "edit"}
    given = mended("messages", BEDROCK, tools=[SEARCH, EDIT], tool_choice=kept)
    assert given["tool_choice"] == kept


# Encrypted reasoning


def test_a_model_that_does_not_reason_is_not_asked_to() -> None:
    """What Codex always sends goes on GPT-4.1, with the reasoning of other models' turns."""
    turn = {"role": "user", "content": "Good day"}
    given = mended(
        "responses",
        AZURE,
        include=["reasoning.encrypted_content"],
        reasoning={"effort": "medium"},
        input=[{"type": "reasoning", "encrypted_content": "x"}, turn],
    )
    assert given == {"include": None, "input": [turn]}


@pytest.mark.parametrize(
    ("model", "info"),
    [
        ("azure/gpt-5.5", {}),
        ("azure/my-deployment", {"base_model": "azure/gpt-5.5"}),
        ("azure/my-deployment", {}),
        (AZURE, {"supports_reasoning": True}),
        ("bedrock/openai.gpt-oss-120b-1:0", {"supports_reasoning": False}),
    ],
)
def test_models_that_reason_are_left_alone(model: str, info: dict[str, Any]) -> None:
    """Those that are known to, those that nobody knows, and other clouds."""
    asked = {"include": ["reasoning.encrypted_content"], "reasoning": {"effort": "low"}}
    assert mended("responses", model, info, **asked) == asked


# Labels


def test_labels_keep_googles_rules() -> None:
    """Lower case, 63 characters, a letter first; what is no text goes."""
    labels = {"User Id": "Hanako@Example.com", "9session": "A" * 70, "n": 3, "ok": "fine"}
    given = mended("generate", GEMINI, labels=labels)
    expected = {"user_id": "hanako_example_com", "session": "a" * 63, "ok": "fine"}
    assert given["labels"] == expected


def test_labels_that_litellm_would_make_of_metadata() -> None:
    """They are made here, and fit; those that fit anyway are left to LiteLLM."""
    metadata = {"requester_metadata": {"user_id": '{"device": "X"}'}}
    given = mended("chat", GEMINI, litellm_metadata=metadata)
    assert given["labels"] == {"user_id": "__device____x__"}
    clean = {"requester_metadata": {"user_id": "u-0123"}}
    assert "labels" not in mended("chat", GEMINI, litellm_metadata=clean)
    assert "labels" not in mended("chat", VERTEX, litellm_metadata=metadata)


# Ids of tool calls


def _called(*names: str) -> dict[str, Any]:
    calls = [{"id": f"call_{n}", "type": "function", "function": {"name": n}} for n in names]
    return {"role": "assistant", "content": None, "tool_calls": calls}


def _result(name: str, content: str) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": f"call_{name}", "content": content}


def test_parallel_calls_of_one_tool_get_ids_of_their_own() -> None:
    """Calls are numbered through the conversation; each result goes to its call."""
    messages = [
        {"role": "user", "content": "Read both"},
        _called("read", "read", "look"),
        _result("read", "one"),
        _result("read", "two"),
        _result("look", "three"),
        _called("read"),
        _result("read", "four"),
    ]
    given = mended("chat", NOVA, messages=messages)["messages"]
    ids = [call["id"] for message in given for call in message.get("tool_calls", ())]
    assert ids == ["call_1", "call_2", "call_3", "call_4"]
    results = [(m["tool_call_id"], m["content"]) for m in given if m["role"] == "tool"]
    expected = [("call_1", "one"), ("call_2", "two"), ("call_3", "three"), ("call_4", "four")]
    assert results == expected


def test_a_clients_own_ids_stay() -> None:
    """Only ids that LiteLLM has made up from names are replaced."""
    call = {"id": "call_8f", "type": "function", "function": {"name": "read"}}
    messages = [{"role": "assistant", "content": None, "tool_calls": [call, call]}]
    assert mended("chat", NOVA, messages=messages)["messages"] == messages


def test_results_are_brought_into_the_order_of_their_calls() -> None:
    """By the ids that the client sent, before LiteLLM drops them."""

    def part(kind: str, one: str) -> dict[str, Any]:
        return {kind: {"id": one, "name": "read"}}

    contents = [
        {"role": "model", "parts": [part("functionCall", "a"), part("functionCall", "b")]},
        {"role": "user", "parts": [part("functionResponse", "b"), part("functionResponse", "a")]},
    ]
    given = mended("generate", NOVA, contents=contents)["contents"]
    assert [p["functionResponse"]["id"] for p in given[1]["parts"]] == ["a", "b"]
    assert mended("generate", GEMINI, contents=contents)["contents"] == contents
