"""OpenAI's Responses API on Azure."""

from typing import Any

from ..pretend import Json, signed
from ..shapes import inner, items
from . import openai_models
from .schemas import NAME, check, openai

CALL_ID = 64  # characters
LEAST = 16  # tokens
ENCRYPTED = "reasoning.encrypted_content"
CALLS = {"function_call": "fc", "custom_tool_call": "ctc"}
RESULTS = ("function_call_output", "custom_tool_call_output")
# An item's id says its kind.
PREFIXES = {"reasoning": "rs", "message": "msg", **CALLS}


def obey(model: str, body: Json) -> None:
    """Refuse what the API and the model refuse."""
    model = openai_models.plain(str(body.get("model") or model))
    openai_models.sampling(model, body)
    given = body.get("max_output_tokens")
    words = f"Invalid 'max_output_tokens': integer below minimum value. Expected >= {LEAST}"
    check(given is None or given >= LEAST, words)
    openai_models.length(model, "max_output_tokens", given)
    _reasoning(model, body)
    for number, tool in enumerate(items(body, "tools")):
        if tool.get("type") == "function":
            words = f"Invalid 'tools[{number}].name': string does not match pattern."
            check(NAME.fullmatch(tool["name"]), f"{words} Expected '^[a-zA-Z0-9_-]{{1,64}}$'.")
            openai(tool["name"], tool.get("parameters"))
    if isinstance(body.get("input"), list):
        _items(body["input"], body.get("store") is not False)


def _reasoning(model: str, body: Json) -> None:
    if openai_models.reasons(model) or model.startswith("gpt-oss"):
        return
    include: list[str] = body.get("include") or []
    check(ENCRYPTED not in include, "Encrypted content is not supported with this model.")
    words = "Unsupported parameter: 'reasoning.effort' is not supported with this model."
    check(not inner(body, "reasoning").get("effort"), words)
    words = "Unsupported parameter: 'reasoning.summary' is not supported with this model."
    check(not inner(body, "reasoning").get("summary"), words)


def _items(given: list[Json], stored: bool) -> None:
    open_calls: list[str] = []
    for number, item in enumerate(given):
        kind = str(item.get("type", "message"))
        _id(number, kind, item.get("id"))
        if kind == "reasoning":
            after = given[number + 1] if number + 1 < len(given) else {}
            _thought(item, after, stored)
        if kind in CALLS:
            words = f"Invalid 'input[{number}].call_id': string too long. Expected a string with"
            check(len(item["call_id"]) <= CALL_ID, f"{words} maximum length {CALL_ID}.")
            open_calls.append(item["call_id"])
        if kind in RESULTS:
            known = item["call_id"] in open_calls
            words = "No tool call found for function call output with call_id"
            check(known, f"{words} {item['call_id']}.")
            open_calls.remove(item["call_id"])
    words = "No tool output found for function call"
    check(not open_calls, f"{words} {', '.join(open_calls)}.")


def _id(number: int, kind: str, name: Any) -> None:
    prefix = PREFIXES.get(kind)
    fits = not name or not prefix or str(name).startswith(prefix)
    words = f"Invalid 'input[{number}].id': '{name}'. Expected an ID that begins with '{prefix}'."
    check(fits, words)


def _thought(item: Json, after: Json, stored: bool) -> None:
    words = f"Item '{item.get('id')}' of type 'reasoning' was provided without its required"
    followed = after.get("type", "message") != "message" or after.get("role") == "assistant"
    check(after and followed, f"{words} following item.")
    content = item.get("encrypted_content")
    words = f"Item with id '{item.get('id')}' not found. Items are not persisted when `store`"
    check(content or stored, f"{words} is set to false.")
    genuine = not content or signed("", str(content))
    check(genuine, f"The encrypted content {content} could not be verified.")
