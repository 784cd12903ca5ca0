"""Names and JSON schemas of tools."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from ..pretend import Json, MalformedError


def names(words: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(words.split())


NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
# Gemini's: "must start with a letter or an underscore", then dots and colons as well.
GEMINI_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,63}")
COMBINED = ("anyOf", "oneOf", "allOf")
GEMINI_TYPES = frozenset({"STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY", "OBJECT", "NULL"})
# The fields of `Schema` in google/cloud/aiplatform/v1/openapi.proto.
GEMINI_FIELDS = names(
    "type format title description nullable default items minItems maxItems enum properties"
    " propertyOrdering required minProperties maxProperties minimum maximum minLength maxLength"
    " pattern example anyOf additionalProperties ref defs"
)


def check(condition: object, message: str) -> None:
    """Raise `MalformedError` with `message` unless the condition holds."""
    if not condition:
        raise MalformedError(message)


def unique(given: Iterable[str], message: str) -> None:
    """Raise `MalformedError` with `message` when a name occurs twice."""
    listed = list(given)
    check(len(listed) == len(set(listed)), message)


def claude(schema: Any, at: str) -> None:
    """Claude's `input_schema`: an object, with no choice between several at the top."""
    check(isinstance(schema, dict), f"{at}: Field required")
    check("type" in schema, f"{at}.type: Field required")
    check(schema["type"] == "object", f"{at}.type: Input should be 'object'")
    combined = any(key in schema for key in COMBINED)
    words = "input_schema does not support oneOf, allOf, or anyOf at the top level"
    check(not combined, f"{at}: {words}")
    for name in schema.get("properties") or ():
        fits = re.fullmatch(r"[a-zA-Z0-9_.-]{1,64}", name)
        check(
            fits, f"{at}.properties: Property keys should match pattern '^[a-zA-Z0-9_.-]{{1,64}}$'"
        )


def openai(name: str, schema: Any) -> None:
    """A function's `parameters`: an object; every array says what it holds."""
    if schema in (None, {}):
        return
    start = f"Invalid schema for function '{name}': "
    kind = schema.get("type")
    words = f"schema must be a JSON Schema of 'type: \"object\"', got 'type: \"{kind}\"'."
    check(kind == "object", start + words)
    barred = any(key in schema for key in (*COMBINED, "enum", "not"))
    words = "schema must have type 'object' and not have 'oneOf'/'anyOf'/'allOf'/'enum'/'not'"
    check(not barred, f"{start}{words} at the top level.")
    for where, inside in _walk(schema, ()):
        bare = inside.get("type") == "array" and "items" not in inside
        check(not bare, f"{start}In context={where}, array schema missing items.")


def _walk(schema: Json, where: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Json]]:
    yield where, schema
    for name, inside in (schema.get("properties") or {}).items():
        if isinstance(inside, dict):
            yield from _walk(inside, (*where, "properties", name))
    if isinstance(schema.get("items"), dict):
        yield from _walk(schema["items"], (*where, "items"))
    for key in COMBINED:
        choices: list[Any] = schema.get(key) or []
        for number, inside in enumerate(choices):
            if isinstance(inside, dict):
                yield from _walk(inside, (*where, key, str(number)))


def gemini(schema: Any, at: str) -> None:
    """Google's subset of OpenAPI's schema: known fields and types, required ones defined."""
    check(isinstance(schema, dict), f"Invalid value at '{at}' (type.googleapis.com/Schema)")
    for key in schema:
        words = (
            f"Invalid JSON payload received. Unknown name \"{key}\" at '{at}': Cannot find field."
        )
        check(key in GEMINI_FIELDS, words)
    kind = schema.get("type", "TYPE_UNSPECIFIED")
    known = isinstance(kind, str) and kind.upper() in {*GEMINI_TYPES, "TYPE_UNSPECIFIED"}
    check(known, f"Invalid value at '{at}.type' (type.googleapis.com/Type), {kind!r}")
    _gemini_parts(schema, kind.upper(), at)


def _gemini_parts(schema: Json, kind: str, at: str) -> None:
    properties: dict[str, Any] = schema.get("properties") or {}
    for number, name in enumerate(schema.get("required") or ()):
        check(name in properties, f"{at}.required[{number}]: property is not defined")
    check(kind != "ARRAY" or "items" in schema, f"{at}.items: missing field.")
    strings = kind in ("STRING", "TYPE_UNSPECIFIED")
    check("enum" not in schema or strings, f"{at}.enum: only allowed for STRING type")
    for name, inside in properties.items():
        gemini(inside, f"{at}.properties[{name}]")
    if "items" in schema:
        gemini(schema["items"], f"{at}.items")
    for number, inside in enumerate(schema.get("anyOf") or ()):
        gemini(inside, f"{at}.any_of[{number}]")
