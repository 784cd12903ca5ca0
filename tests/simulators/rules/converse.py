"""Bedrock's Converse: its own form, and what Claude and Nova behind it refuse."""

import re
from itertools import pairwise
from typing import Any

from ..pretend import Json
from ..shapes import inner, items
from . import betas, claude_models
from .claude import MARKERS, is_genuine
from .schemas import NAME, check, claude, unique

# Tokens of Nova's longest answer ("What is Amazon Nova?"); Nova 2 answers at greater length.
NOVA_LONGEST = 10_000
NOVA_2_LONGEST = 65_535
CACHED = r"anthropic\.claude|amazon\.nova"


def obey(model: str, body: Json) -> None:
    """Refuse what Converse or the model refuses."""
    messages: list[Json] = body["messages"]
    is_claude = "anthropic." in model
    _order(messages)
    _tools(inner(body, "toolConfig"), is_claude)
    _pairs(messages, "toolConfig" in body)
    _markers(model, body)
    _texts(messages)
    if is_claude:
        _claude(model, body, messages)
    elif "amazon.nova" in model:
        _nova(model, inner(body, "inferenceConfig"))


def _order(messages: list[Json]) -> None:
    roles = [message.get("role") for message in messages]
    check(roles[0] == "user", "A conversation must start with a user message. Try again.")
    words = "A conversation must alternate between user and assistant roles."
    same = any(role == after for role, after in pairwise(roles))
    check(not same, f"{words} Make sure the conversation alternates and try again.")


def _texts(messages: list[Json]) -> None:
    for number, message in enumerate(messages):
        for place, block in enumerate(items(message, "content")):
            blank = "text" in block and not str(block["text"]).strip()
            at = f"messages.{number}.content.{place}"
            words = f"The text field in the ContentBlock object at {at} is blank."
            check(not blank, f"{words} Add text to the text field, and try again.")


def _tools(config: Json, is_claude: bool) -> None:
    if not config:
        return
    specs = [tool["toolSpec"] for tool in items(config, "tools") if "toolSpec" in tool]
    check(config.get("tools"), "The value at toolConfig.tools can't be empty.")
    unique((spec["name"] for spec in specs), "The toolConfig has tools with the same name.")
    for number, spec in enumerate(specs):
        at = f"toolConfig.tools.{number}.member.toolSpec"
        words = f"Value '{spec['name']}' at '{at}.name' failed to satisfy constraint: Member must"
        check(NAME.fullmatch(spec["name"]), f"{words} satisfy regular expression [a-zA-Z0-9_-]+")
        described = spec.get("description") != ""
        check(described, f"'{at}.description' must have length greater than or equal to 1")
        schema = inner(spec, "inputSchema", "json")
        words = f"The value at {at}.inputSchema.json.type must be one of the following: object."
        check(schema.get("type") == "object", words)
        if is_claude:
            claude(schema, f"tools.{number}.custom.input_schema")


def _pairs(messages: list[Json], with_tools: bool) -> None:
    asked: list[str] = []
    for number, message in enumerate(messages):
        parts = items(message, "content")
        used = [str(part["toolUse"]["toolUseId"]) for part in parts if "toolUse" in part]
        done = [str(part["toolResult"]["toolUseId"]) for part in parts if "toolResult" in part]
        words = "The toolConfig field must be defined when using toolUse and toolResult content"
        check(with_tools or not (used or done), f"{words} blocks.")
        missing = [name for name in asked if name not in done]
        words = f"Expected toolResult blocks at messages.{number}.content for the following Ids:"
        check(not missing, f"{words} {', '.join(missing)}")
        words = f"The number of toolResult blocks at messages.{number}.content exceeds the number"
        extra = len(done) > len(asked) or set(done) - set(asked)
        check(not extra, f"{words} of toolUse blocks of previous turn.")
        unique(used, f"messages.{number}.content contains duplicate Ids: {', '.join(used)}")
        for name in used:
            fits = re.fullmatch(r"[a-zA-Z0-9_.:-]{1,256}", name)
            check(fits, f"Value '{name}' at 'toolUse.toolUseId' failed to satisfy constraint")
        asked = used
    words = "Expected toolResult blocks for the following Ids:"
    check(not asked, f"{words} {', '.join(asked)}")


def _markers(model: str, body: Json) -> None:
    tools = items(inner(body, "toolConfig"), "tools")
    parts = [items(message, "content") for message in items(body, "messages")]
    everywhere = [*tools, *items(body, "system"), *(block for part in parts for block in part)]
    found = [block for block in everywhere if "cachePoint" in block]
    words = "You invoked an unsupported model or your request did not allow prompt caching."
    check(not found or re.search(CACHED, model), words)
    words = f"A maximum of {MARKERS} cachePoint blocks may be provided. Found {len(found)}."
    check(len(found) <= MARKERS, words)
    if "amazon.nova" in model:
        in_tools = any("cachePoint" in tool for tool in tools)
        check(not in_tools, "Malformed input request: cachePoint is not permitted in tools")
        for part in parts:
            kinds = [next(iter(block), "") for block in part]
            after = ("toolResult", "cachePoint") in pairwise(kinds)
            check(not after, "Malformed input request: cachePoint can't follow a toolResult")


def _claude(model: str, body: Json, messages: list[Json]) -> None:
    config, extra = inner(body, "inferenceConfig"), inner(body, "additionalModelRequestFields")
    flags: list[str] = extra.get("anthropic_beta") or []
    betas.accept("converse", flags)
    choice = inner(body, "toolConfig", "toolChoice")
    asked = claude_models.Asked(
        model=model,
        max_tokens=config.get("maxTokens"),
        temperature=config.get("temperature"),
        top_p=config.get("topP"),
        top_k=extra.get("top_k"),
        thinking=inner(extra, "thinking"),
        forced="any" in choice or "tool" in choice,
        betas=tuple(flags),
    )
    claude_models.parameters(asked)
    _thoughts(messages, asked.thinking.get("type") == "enabled")
    prefilled = messages[-1].get("role") == "assistant"
    words = "This model does not support assistant message prefill."
    old = claude_models.generation(model) < (4, 6)
    check(old or not prefilled, f"{words} The conversation must end with a user message.")


def _thoughts(messages: list[Json], manual: bool) -> None:
    last = max((n for n, m in enumerate(messages) if m["role"] == "assistant"), default=-1)
    for number, message in enumerate(messages):
        parts = items(message, "content")
        for place, part in enumerate(parts):
            thought = inner(part, "reasoningContent", "reasoningText")
            at = f"messages.{number}.content.{place}"
            genuine = not thought or is_genuine(thought.get("text"), thought.get("signature"))
            check(genuine, f"{at}: Invalid `signature` in `thinking` block")
        if manual and number == last:
            _kept(number, parts)


def _kept(number: int, parts: list[Any]) -> None:
    used = any("toolUse" in part for part in parts)
    words = "Expected `thinking` or `redacted_thinking`, but found `tool_use`."
    kept = not used or "reasoningContent" in parts[0]
    check(kept, f"messages.{number}.content.0.type: {words}")


def _nova(model: str, config: Json) -> None:
    most = NOVA_2_LONGEST if "nova-2" in model else NOVA_LONGEST
    given = config.get("maxTokens") or 0
    words = f"The maximum tokens you requested exceeds the model limit of {most}."
    check(
        given <= most, f"{words} Try again with a maximum tokens value that is lower than {most}."
    )
    for name in ("temperature", "topP"):
        value = config.get(name)
        check(value is None or 0 <= value <= 1, f"inferenceConfig.{name} must be between 0 and 1")
