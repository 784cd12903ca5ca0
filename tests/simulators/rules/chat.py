"""OpenAI's chat completions on Azure."""

from ..pretend import Json
from ..shapes import inner, items
from . import openai_models
from .schemas import NAME, check, openai, unique

CALL_ID = 40  # characters


def obey(model: str, body: Json) -> None:
    """Refuse what the API and the model refuse."""
    model = openai_models.plain(model)
    _limits(model, body)
    openai_models.sampling(model, body)
    if not openai_models.reasons(model) and not model.startswith("gpt-oss"):
        words = "Unsupported parameter: 'reasoning_effort' is not supported with this model."
        check(body.get("reasoning_effort") is None, words)
    check(body.get("tools") != [], "Invalid 'tools': empty array. Expected an array with minimum")
    functions = [inner(tool, "function") for tool in items(body, "tools") if "function" in tool]
    for number, function in enumerate(functions):
        words = f"Invalid 'tools[{number}].function.name': string does not match pattern."
        check(NAME.fullmatch(function["name"]), f"{words} Expected '^[a-zA-Z0-9_-]{{1,64}}$'.")
        openai(function["name"], function.get("parameters"))
    for name in ("tool_choice", "parallel_tool_calls"):
        alone = body.get(name) not in (None, "none") and not functions and not body.get("tools")
        check(not alone, f"'{name}' is only allowed when 'tools' are specified.")
    _pairs(items(body, "messages"))


def _limits(model: str, body: Json) -> None:
    given = body.get("max_tokens")
    words = "Unsupported parameter: 'max_tokens' is not supported with this model."
    old = given is None or not openai_models.reasons(model)
    check(old, f"{words} Use 'max_completion_tokens' instead.")
    openai_models.length(model, "max_tokens", given or body.get("max_completion_tokens"))


def _pairs(messages: list[Json]) -> None:
    asked: list[str] = []
    for number, message in enumerate(messages):
        if message.get("role") == "tool":
            words = "Invalid parameter: messages with role 'tool' must be a response to a preceding"
            known = message.get("tool_call_id") in asked
            check(known, f"{words} message with 'tool_calls'. Param 'messages.[{number}].role'.")
            asked.remove(message["tool_call_id"])
            continue
        _unanswered(asked)
        asked = [str(call["id"]) for call in items(message, "tool_calls")]
        unique(asked, f"Duplicate value for 'tool_call_id' in messages[{number}]")
        for name in asked:
            words = f"Invalid 'messages[{number}].tool_calls[0].id': string too long. Expected a"
            check(len(name) <= CALL_ID, f"{words} string with maximum length {CALL_ID}.")
    _unanswered(asked)


def _unanswered(asked: list[str]) -> None:
    words = "An assistant message with 'tool_calls' must be followed by tool messages responding to"
    words += " each 'tool_call_id'. The following tool_call_ids did not have response messages:"
    check(not asked, f"{words} {', '.join(asked)}")
