"""Gemini on Vertex AI: thought signatures, pairs of calls and responses, tools, labels."""

import base64
import re
from typing import Any

from ..pretend import Json, signed
from ..shapes import inner, items
from .schemas import GEMINI_NAME, check, gemini

# Google's documents name these two for calls that no Gemini 3 has made.
_WORDS = ("skip_thought_signature_validator", "context_engineering_is_the_way_to_go")
# As they are, and as base64: the field holds bytes.
DUMMIES = frozenset({*_WORDS, *(base64.b64encode(word.encode()).decode() for word in _WORDS)})
LABEL_KEY = re.compile(r"[a-z][a-z0-9_-]{0,62}")
LABEL_VALUE = re.compile(r"[a-z0-9_-]{0,63}")
LABELS = 64


def obey(model: str, body: Json) -> None:
    """Refuse what Gemini refuses; `body` has Google's camel case."""
    contents: list[Json] = body["contents"]
    for number, item in enumerate(contents):
        _parts(number, items(item, "parts"))
    _pairs(contents)
    if re.match(r"gemini-[3-9]", model):
        _signatures(contents)
    for number, tool in enumerate(items(body, "tools")):
        _functions(number, items(tool, "functionDeclarations"))
    _labels(body.get("labels") or {})


def _parts(number: int, parts: list[Json]) -> None:
    words = "Unable to submit request because it must have a text parameter."
    empty = all(set(part) == {"text"} and not part["text"] for part in parts)
    check(not empty, f"contents[{number}]: {words} Add a text parameter and try again.")


def _kind(item: Json) -> str:
    parts = items(item, "parts")
    if any("functionCall" in part for part in parts):
        return "call"
    return "response" if any("functionResponse" in part for part in parts) else "text"


def _pairs(contents: list[Json]) -> None:
    """Each turn of calls is followed by one with as many responses, of the same names."""
    asked: list[str] = []
    for item in contents:
        parts = items(item, "parts")
        done = [
            str(part["functionResponse"]["name"]) for part in parts if "functionResponse" in part
        ]
        words = "Please ensure that the number of function response parts is equal to the number of"
        same = len(done) == len(asked)
        check(same, f"{words} function call parts of the function call turn.")
        check(sorted(done) == sorted(asked), "Please ensure that function responses have the names")
        asked = [str(part["functionCall"]["name"]) for part in parts if "functionCall" in part]
    words = "Please ensure that function call turn is followed by a function response turn."
    check(not asked, words)


def _signatures(contents: list[Json]) -> None:
    """In the current turn the first call of each step has its signature; others may have none."""
    texts = [n for n, item in enumerate(contents) if _kind(item) == "text" and _is_user(item)]
    for number in range(texts[-1] if texts else 0, len(contents)):
        calls = [part for part in items(contents[number], "parts") if "functionCall" in part]
        for place, part in enumerate(calls):
            name = part["functionCall"]["name"]
            signature = part.get("thoughtSignature") or ""
            words = f"Function call `{name}` in the {number}. content block is missing a"
            check(place or signature, f"{words} `thought_signature`.")
            genuine = not signature or signature in DUMMIES or signed(name, signature)
            check(genuine, "Corrupted thought signature.")


def _is_user(item: Json) -> bool:
    return str(item.get("role", "user")).lower() == "user"


def _functions(number: int, functions: list[Json]) -> None:
    for place, function in enumerate(functions):
        at = f"tools[{number}].function_declarations[{place}]"
        name = str(function.get("name"))
        words = f"Invalid function name: {name}. Must start with a letter or an underscore."
        check(GEMINI_NAME.fullmatch(name), f"{at}.name: {words} Maximum length 64.")
        if inner(function, "parameters"):
            gemini(function["parameters"], f"{at}.parameters")
    names = [str(function.get("name")) for function in functions]
    words = "Duplicate function declaration found:"
    check(len(names) == len(set(names)), f"{words} {', '.join(names)}")


def _labels(labels: dict[str, Any]) -> None:
    check(len(labels) <= LABELS, f"Invalid labels: more than {LABELS}")
    for key, value in labels.items():
        words = "must contain only lowercase letters, numeric characters, underscores and dashes"
        check(LABEL_KEY.fullmatch(key), f"Invalid label key '{key}': {words}")
        fits = isinstance(value, str) and LABEL_VALUE.fullmatch(value)
        check(fits, f"Invalid label value '{value}': {words}")
