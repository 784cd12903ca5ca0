"""Schemas of tools: plain objects at the top, as every provider wants them."""

from typing import Any

import pytest
from sekisho.callbacks.repairs.tool_schemas import plain

from .mending import AZURE, BEDROCK, GEMINI, mended

TEXT = {"type": "string"}
BY_NAME = {"type": "object", "properties": {"name": TEXT, "all": TEXT}, "required": ["name", "all"]}
BY_ID = {"type": "object", "properties": {"id": TEXT, "all": TEXT}, "required": ["id", "all"]}
EMPTY: dict[str, Any] = {"type": "object", "properties": {}}


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({}, EMPTY),
        ({"properties": {"a": TEXT}}, {"type": "object", "properties": {"a": TEXT}}),
        ({"type": ["object", "null"]}, EMPTY),
        (
            {"anyOf": [BY_NAME, BY_ID]},
            {
                "type": "object",
                "properties": {"name": TEXT, "id": TEXT, "all": TEXT},
                "required": ["all"],
            },
        ),
        (
            {"allOf": [BY_NAME, BY_ID]},
            {
                "type": "object",
                "properties": {"name": TEXT, "id": TEXT, "all": TEXT},
                "required": ["name", "all", "id"],
            },
        ),
        (
            {**BY_NAME, "oneOf": [{"required": ["name"]}, {"required": ["all"]}], "not": {}},
            BY_NAME,
        ),
        (
            {"oneOf": [{"$ref": "#/$defs/one"}], "$defs": {"one": BY_ID}},
            {"$defs": {"one": BY_ID}, **BY_ID},
        ),
    ],
)
def test_a_plain_object(schema: dict[str, Any], expected: dict[str, Any]) -> None:
    """Forms become one object with the properties of all."""
    assert plain(schema) == expected


def test_plain_objects_stay() -> None:
    """Below the top anything goes, and what is fine is not even copied."""
    nested = {"type": "object", "properties": {"a": {"anyOf": [TEXT, {"type": "null"}]}}}
    assert plain(nested) is nested
    assert plain(None) is None


def test_schemas_of_each_api() -> None:
    """Where each API has them; Gemini's are left to LiteLLM."""
    odd, fine = {"type": ["object"]}, EMPTY
    chat = [{"type": "function", "function": {"name": "a", "parameters": odd}}]
    given = mended("chat", AZURE, tools=chat)
    assert given["tools"] == [{"type": "function", "function": {"name": "a", "parameters": fine}}]
    assert mended("chat", GEMINI, tools=chat)["tools"] == chat
    own: list[dict[str, Any]] = [{"name": "a"}, {"name": "b", "input_schema": odd}]
    given = mended("messages", BEDROCK, tools=[*own, {"type": "bash_20250124", "name": "bash"}])
    assert given["tools"] == [
        {"name": "a", "input_schema": fine},
        {"name": "b", "input_schema": fine},
        {"type": "bash_20250124", "name": "bash"},
    ]
    function = {"type": "function", "name": "a", "parameters": odd}
    space = {"type": "namespace", "name": "s", "tools": [function]}
    given = mended("responses", AZURE, tools=[function, space])
    mended_function = {**function, "parameters": fine}
    assert given["tools"] == [mended_function, {**space, "tools": [mended_function]}]
