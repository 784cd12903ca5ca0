"""Schemas of tools are plain objects at their top, as every provider wants them.

For MCP servers in any client: their schemas may have no `type`, several types, or a choice of forms
(`anyOf`, `oneOf`, `allOf`) at the top. Claude and Azure answer 400, and on several types LiteLLM
itself fails. The forms become one object that has the properties of all, and requires what all of
them require; below the top nothing is changed. Gemini's schemas are LiteLLM's business.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from ...untyped import mapping, sequence
from .call import Call, Json

NAME: str = "tool_schemas"

_FORMS = ("anyOf", "oneOf", "allOf")
_REFUSED = frozenset({*_FORMS, "enum", "not"})


def apply(call: Call) -> None:
    """Chat, Messages and Responses; Google's API comes by as Chat."""
    tools = call.list("tools")
    if not tools or call.api == "generate" or "gemini" in call.model:
        return
    mend = {"chat": _chat, "messages": _messages, "responses": _responses}[call.api]
    mended = [mend(tool) for tool in tools]
    if any(new is not old for new, old in zip(mended, tools, strict=True)):
        call.kwargs["tools"] = mended


def plain(schema: Any) -> Any:
    """A schema that is an object at its top; itself when it is one."""
    if not isinstance(schema, dict):
        return schema
    given = mapping(schema)
    if given.get("type") == "object" and not _REFUSED & given.keys():
        return given
    forms = [_found(form, given) for name in _FORMS for form in sequence(given.get(name))]
    properties = {name: one for form in forms for name, one in _properties(form).items()}
    kept = {name: value for name, value in given.items() if name not in _REFUSED}
    kept |= {"type": "object", "properties": {**properties, **_properties(given)}}
    required = [*sequence(given.get("required")), *_required(given)]
    if required:
        kept["required"] = list(dict.fromkeys(required))
    return kept


def _properties(schema: Json) -> Json:
    return mapping(schema.get("properties"))


def _required(given: Json) -> Iterable[Any]:
    """What each of the forms that are to be chosen from requires, and all that `allOf` does."""
    for name in _FORMS:
        forms = [_found(form, given) for form in sequence(given.get(name))]
        needs = [sequence(form.get("required")) for form in forms]
        for one in (one for need in needs for one in need):
            if name == "allOf" or all(one in need for need in needs):
                yield one


def _found(form: Any, given: Json) -> Json:
    """A form, or the definition that it refers to."""
    reference = mapping(form).get("$ref")
    if not isinstance(reference, str) or not reference.startswith("#/"):
        return mapping(form)
    place: Mapping[str, Any] = given
    for step in reference[2:].split("/"):
        place = mapping(place.get(step))
    return dict(place)


def _under(tool: Any, key: str) -> Any:
    """A tool with the schema under `key` mended; itself when it is fine."""
    holder = mapping(tool)
    schema = holder.get(key)
    mended = plain(schema)
    return tool if mended is schema else {**holder, key: mended}


def _chat(tool: Any) -> Any:
    function = mapping(tool).get("function")
    mended = _under(function, "parameters")
    return tool if mended is function else {**tool, "function": mended}


def _messages(tool: Any) -> Any:
    """A client's own tool, which has to have a schema; the provider's have types and none."""
    own = mapping(tool)
    if own and own.get("type") in (None, "custom") and not own.get("input_schema"):
        return {**own, "input_schema": {"type": "object", "properties": {}}}
    return _under(tool, "input_schema")


def _responses(tool: Any) -> Any:
    inside = mapping(tool).get("tools")
    if mapping(tool).get("type") != "namespace" or not isinstance(inside, list):
        return _under(tool, "parameters")
    return {
        **tool,
        "tools": [_under(one, "parameters") for one in sequence(mapping(tool)["tools"])],
    }
