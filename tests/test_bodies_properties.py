"""Whatever is asked and answered, in whatever dialect: no crash, and all of it is in the row."""

import json
import re
from datetime import UTC, datetime
from typing import Any, Literal

from hypothesis import example, given, settings
from hypothesis import strategies as st
from sekisho.gate import surface
from sekisho.lake.bodies import messages
from sekisho.lake.bodies.body import Body, encode, row

Json = dict[str, Any]

OPERATIONS = ["completions", "prophecy", *(route.operation for route in surface.INFERENCE)]

# Words that the APIs use as names and kinds: random ones would hardly ever hit them.
NAMES = [
    "role",
    "content",
    "parts",
    "type",
    "text",
    "name",
    "id",
    "messages",
    "system",
    "input",
    "instructions",
    "prompt",
    "tool_calls",
    "function",
    "arguments",
    "custom",
    "tool_call_id",
    "function_call",
    "refusal",
    "image_url",
    "url",
    "detail",
    "input_audio",
    "data",
    "format",
    "file",
    "file_data",
    "file_id",
    "source",
    "media_type",
    "mimeType",
    "inlineData",
    "tool_use_id",
    "thinking",
    "signature",
    "summary",
    "output",
    "call_id",
    "reasoning_content",
    "query",
    "documents",
    "suffix",
    "image",
    "mask",
    "tools",
    "model",
    "extra",
    "choices",
    "message",
    "delta",
    "finish_reason",
    "stop_reason",
    "status",
    "results",
    "b64_json",
    "images",
    "output_format",
    "sound",
    "embeddings",
]
KINDS = [
    "text",
    "input_text",
    "output_text",
    "image_url",
    "input_image",
    "input_audio",
    "file",
    "input_file",
    "image",
    "document",
    "tool_use",
    "tool_result",
    "thinking",
    "refusal",
    "message",
    "function_call",
    "function_call_output",
    "reasoning",
    "custom_tool_call",
    "base64",
    "url",
    "blob",
]
ROLES = ["system", "user", "assistant", "tool", "function", "developer"]


def _named(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Json]:
    return st.dictionaries(st.sampled_from(NAMES), inner, max_size=5)


TEXT = st.text(max_size=20) | st.text('\0\ud800\udc00関😀"\\\n{', max_size=6)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
SCALARS = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | FLOATS | TEXT
JSONS = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(NAMES) | TEXT, inner, max_size=5)
        | st.builds(lambda d, kind: {**d, "type": kind}, _named(inner), st.sampled_from(KINDS))
        | st.builds(lambda d, role: {**d, "role": role}, _named(inner), st.sampled_from(ROLES))
    ),
    max_leaves=25,
)


OBJECTS = st.dictionaries(st.sampled_from(NAMES) | TEXT, JSONS, max_size=6)


def mended(text: str) -> str:
    """Halves of characters joined, or U+FFFD, as the row has them."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def texts(value: Any, skip: frozenset[str] = frozenset()) -> list[str]:
    """All texts in a value, but not those of fields in `skip`."""
    if isinstance(value, str):
        return [mended(value)]
    if isinstance(value, dict):
        return [t for name, item in value.items() if name not in skip for t in texts(item, skip)]
    return [t for item in value for t in texts(item, skip)] if isinstance(value, list) else []


def body(operation: str, asked: Any, answer: Any) -> Body:
    """What the gate hands over."""
    return Body("req_1", datetime(2026, 11, 21, tzinfo=UTC), operation, "/v1", asked, answer)


def _found(text: str, told: list[str]) -> bool:
    """Whether a text is there: as itself, as the object that it is, or less a URL's beginning."""
    if not text or any(text in one for one in told):
        return True
    try:
        parsed = json.loads(text)
    except ValueError:
        return False
    return all(any(inner in one for one in told) for inner in texts(parsed))


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(OPERATIONS), OBJECTS, OBJECTS | st.none())
@example("completions", {"user": dict(zip("\udc00\ufffd", ("one", "another"), strict=True))}, None)
def test_all_texts_are_in_the_row(operation: str, asked: Json, answer: Json | None) -> None:
    """With media kept and nothing redacted, every text of the request is in its row."""
    found = row(encode(body(operation, asked, answer), "full"), "full", ())
    columns = (found.gen_ai_input_messages, found.request_parameters)
    told = [text for column in columns for text in texts(json.loads(column or "null"))]
    # What a part's kind was is told by the kind that it has become; formats are in media types.
    for text in texts(asked, frozenset({"type", "format"})):
        assert _found(text, told)


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(OPERATIONS), OBJECTS, OBJECTS | st.none(), st.sampled_from(["hash", "full"]))
def test_json_as_it_came(
    operation: str, asked: Json, answer: Json | None, keep: Literal["hash", "full"]
) -> None:
    """A body that came as bytes is told as the same body that was parsed is, and never raises."""
    redact = (re.compile("[a-f]+"),)
    raw = [
        None if value is None else json.dumps(value, indent=1).encode() for value in (asked, answer)
    ]
    came = row(encode(body(operation, *raw), "full"), keep, redact)
    assert came == row(encode(body(operation, asked, answer), "full"), keep, redact)
    for column in (came.gen_ai_input_messages, came.gen_ai_output_messages):
        for message in json.loads(column or "[]"):
            assert set(message) >= {"role", "parts"}


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(OPERATIONS), OBJECTS, OBJECTS | st.none())
def test_hashes_tell_no_text(operation: str, asked: Json, answer: Json | None) -> None:
    """In mode `hash` no text of what is said to the model, or by it, is in the line."""
    secret = "関所secret"
    said = {name: [{"role": "user", "content": secret}] for name in messages.said_in(operation)}
    for answered in (answer, {"choices": [{"message": {"content": secret}}], "output": secret}):
        line = encode(body(operation, {**asked, **said}, answered), "hash", b"key")
        assert b"secret" not in line
        assert "関所" not in line.decode()
        row(line, "hash", ())


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200) | st.builds(lambda v: json.dumps(v).encode(), JSONS))
def test_lines_of_any_kind(line: bytes) -> None:
    """Any line is a row or a ValueError."""
    try:
        row(line, "hash", ())
    except ValueError:
        return
