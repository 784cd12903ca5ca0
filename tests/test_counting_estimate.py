"""Estimates of tokens: against the tokenizers that LiteLLM ships, and by the parts of a request."""

import json
import re
import time
from typing import Any

import pytest
from sekisho.gate.counting_estimate import tokens

from .texts import TEXTS, claude, openai

Json = dict[str, Any]


def _say(content: Any, **fields: Any) -> Json:
    return {"messages": [{"role": "user", "content": content}], **fields}


@pytest.mark.parametrize("name", TEXTS)
def test_gpt_is_counted_well(name: str) -> None:
    """For OpenAI's models it is their newest tokenizer's count, and the marks of turns."""
    text = TEXTS[name]
    assert tokens(_say(text), ["azure/gpt-5.5"]) == openai()[0](text) + 16


@pytest.mark.parametrize("name", TEXTS)
def test_others_are_not_counted_low(name: str) -> None:
    """No estimate is more than 5 % below what any of the tokenizers at hand makes of a text, nor,
    where each digit is a token, below that."""
    text = TEXTS[name]
    single = openai()[0](re.sub(r"\d", "", text)) + len(re.findall(r"\d", text))
    found = tokens(_say(text), ["bedrock/us.meta.llama4-maverick"])
    assert found >= 0.95 * max(single, *(count(text) for count in openai()))
    assert tokens(_say(text), ["vertex_ai/claude-opus-5-5"]) >= 0.95 * claude()(text)


@pytest.mark.parametrize("name", ["Python", "Markdown", "YAML", "CSV", "JSON", "Chinese", "hex"])
def test_claude_is_not_counted_low(name: str) -> None:
    """Claude since Opus 4.7 makes up to 1.35 times as many tokens as before."""
    found = tokens(_say(TEXTS[name]), ["vertex_ai/claude-opus-5-5"])
    assert found >= 0.95 * 1.35 * 1.16 * openai()[0](TEXTS[name])
    assert found >= 0.95 * 1.35 * claude()(TEXTS[name])


@pytest.mark.parametrize(
    ("model", "most"), [("nova-pro", 1.4), ("mistral-large-3", 1.4), ("claude-opus-5-5", 2.1)]
)
@pytest.mark.parametrize("name", ["Python", "Markdown", "YAML"])
def test_estimates_stay_in_proportion(name: str, model: str, most: float) -> None:
    """An estimate of ordinary text is not far above OpenAI's count."""
    assert tokens(_say(TEXTS[name]), [model]) < most * openai()[0](TEXTS[name]) + 50


def test_the_dearest_of_several_models_counts() -> None:
    """Of an alias's models the one that makes the most tokens is taken; of none, the others'."""
    asked = _say("one two three " * 100)
    both = tokens(asked, ["azure/gpt-oss-120b", "vertex_ai/claude-opus-5-5"])
    assert both == tokens(asked, ["vertex_ai/claude-opus-5-5"])
    assert tokens(asked, []) == tokens(asked, ["bedrock/us.amazon.nova-pro-v1:0"])


def test_parts_of_a_conversation() -> None:
    """Instructions, calls, results and tools count; ids, roles, marks and signatures don't."""
    call = {
        "type": "tool_use",
        "id": "toolu_" + "x9" * 50,
        "name": "read",
        "input": {"path": "a.py"},
    }
    result = {"type": "tool_result", "tool_use_id": "toolu_" + "x9" * 50, "content": "print(1)"}
    thought = {"type": "thinking", "thinking": "Let me look.", "signature": "Qk9" * 500}
    messages = [
        {"role": "user", "content": [{"type": "text", "text": "Read a.py"}]},
        {"role": "assistant", "content": [thought, call]},
        {"role": "user", "content": [result]},
    ]
    asked: Json = {"system": "Be brief.", "messages": messages}
    assert tokens(asked, ["gpt-5.5"]) == 32 + 23
    tool = {"name": "read", "description": "Read a file.", "input_schema": {"type": "object"}}
    assert tokens({**asked, "tools": [tool]}, ["gpt-5.5"]) == 32 + 23 + 16 + 18
    assert tokens({**asked, "tools": [tool]}, ["claude-opus-5-5"]) > 804


def test_pictures_and_documents() -> None:
    """A picture counts as the vendor says at most, a document by its size; not their letters."""
    data = "iVBORw0KGgo" * 3_000  # 33,000 characters
    source = {"type": "base64", "media_type": "image/png", "data": data}
    picture = _say([{"type": "image", "source": source}])
    assert tokens(picture, ["claude-opus-5-5"]) == 16 + 4784
    assert tokens(picture, ["vertex_ai/gemini-3.8-flash"]) == 16 + 2240
    document = {"type": "document", "source": {**source, "media_type": "application/pdf"}}
    assert tokens(_say([document]), ["claude-opus-5-5"]) == 16 + 2 * 24_750


def test_googles_form() -> None:
    """Contents and parts of Google's API are counted like messages."""
    parts = [{"text": "How many?"}, {"functionResponse": {"name": "f", "response": {"a": 1}}}]
    asked: Json = {"contents": [{"role": "user", "parts": parts}]}
    asked["systemInstruction"] = {"parts": [{"text": "Be brief."}]}
    assert tokens(asked, ["gpt-5.5"]) == 16 + 13


def test_every_estimate_takes_little_time() -> None:
    """A megabyte of code and JSON is cut in less than two seconds, a letter repeated as well."""
    text = (TEXTS["Python"] + json.dumps(TEXTS["Markdown"])) * 10
    for given in (text[:1_000_000], "a" * 200_000):
        begun = time.process_time()
        assert tokens(_say(given), ["nova-pro"]) > 10_000
        assert time.process_time() - begun < 2
