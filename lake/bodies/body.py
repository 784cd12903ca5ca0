"""Prompts and answers: a line of the spool in the gate, a row of `llm_payload` in the shipper.

The gate writes what it has, as it is: that takes microseconds. Whatever is thorough (the messages
in OpenTelemetry's schema, media, patterns) is the shipper's work, in a process of its own.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal

import orjson

from ...untyped import mapping, sequence
from ..columns import SCHEMA_VERSION
from . import hashes, messages, scrub
from .gentle import Gentle, mended
from .media import Json
from .redaction import Patterns

_OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_NAIVE_UTC | orjson.OPT_APPEND_NEWLINE
# Bytes of a line, and objects and lists in a long one, which are many times larger in memory than
# in JSON: beyond, the request is left out for the shipper's sake, or the answer, or both.
MOST_LINE = 32 * 1024 * 1024
_LONG_LINE, _MOST_OBJECTS = 2 * 1024 * 1024, 500_000
# Bytes of one column. Its texts are bounded before, in characters of up to 3 bytes (see `scrub`);
# this bounds the rest.
_MOST_COLUMN = 4 * scrub.MOST
_CUT = '[{"role":"system","parts":[{"type":"cut"}]}]'


@dataclass(frozen=True, slots=True)
class Upload:
    """A file of a form: the log has its hash and its size, never its content."""

    field: str
    name: str
    mime_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Body:
    """What was asked and answered.

    `asked` and `answer` are JSON objects, parsed or as the bytes that came; None when there is
    none. `cut` tells that the answer was longer than what is kept of a stream.
    """

    request_id: str
    start_time: datetime
    operation: str
    route: str
    asked: Mapping[str, Any] | bytes | None
    answer: Mapping[str, Any] | bytes | None
    uploads: tuple[Upload, ...] = ()
    cut: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PayloadRow:
    """A row of `llm_payload`; `columns.PAYLOAD_COLUMNS` says what each field means."""

    request_id: str
    start_time: datetime
    gen_ai_input_messages: str | None
    gen_ai_output_messages: str | None
    request_parameters: str | None
    truncated: bool
    batch_id: str | None = None
    schema_version: int = SCHEMA_VERSION


def encode(body: Body, mode: Literal["full", "hash"], key: bytes = b"") -> bytes:
    """One line of JSON, newline included; in mode `hash` without a word of prompt and answer.

    `key` makes the hashes keyed ones (HMAC), so that nobody can guess short prompts by them.
    Never raises: what JSON can't carry, or what is too much, is replaced, or left out and marked.
    """
    head: Json = {
        "request_id": body.request_id,
        "start_time": body.start_time,
        "operation": body.operation,
        "route": body.route,
        "mode": mode,
    }
    if body.cut:
        head["cut"] = True
    if body.uploads:
        head["uploads"] = [_described(upload) for upload in body.uploads]
    line = _encoded(body, head, mode, key)
    return line if len(line) <= _LONG_LINE else _lighter(line, body, head, mode, key)


def _lighter(line: bytes, body: Body, head: Json, mode: str, key: bytes) -> bytes:
    """The line, or one without the request, the answer or both."""
    for asked, answer in ((None, body.answer), (body.asked, None), (None, None)):
        if not _is_heavy(line):
            break
        less = replace(body, asked=asked, answer=answer)
        line = _encoded(less, {**head, "cut": True}, mode, key)
    return line


def _is_heavy(line: bytes) -> bool:
    if len(line) <= _LONG_LINE:
        return False
    return len(line) > MOST_LINE or line.count(b"{") + line.count(b"[") > _MOST_OBJECTS


def _described(upload: Upload) -> Json:
    return {
        "field": upload.field,
        "name": mended(upload.name),
        "mime_type": upload.mime_type,
        "size": len(upload.content),
        "sha256": hashlib.sha256(upload.content).hexdigest(),
    }


def _encoded(body: Body, head: Json, mode: str, key: bytes) -> bytes:
    try:
        return _full(body, head) if mode == "full" else _hashed(body, head, key)
    except Exception:  # noqa: BLE001 - halves of characters, depth, a body of another shape
        return _carefully(body, head, mode, key)


def _full(body: Body, head: Json) -> bytes:
    """What was said, as it is. JSON that is there already is not parsed again."""
    asked, answer = body.asked, body.answer
    if not isinstance(asked, bytes):
        asked = orjson.dumps(asked)
    if not isinstance(answer, bytes):
        answer = orjson.dumps(answer)
    known = orjson.dumps(head, None, _OPTIONS)[:-2]
    line = b"".join((known, b',"asked":', asked, b',"answer":', answer, b"}\n"))
    if line.find(b"\n") < len(line) - 1:  # in JSON it can be layout only
        line = line[:-1].replace(b"\n", b" ") + b"\n"
    return line


def _hashed(body: Body, head: Json, key: bytes) -> bytes:
    uploads = head.get("uploads")
    told = hashes.told(body.operation, _parsed(body.asked), _parsed(body.answer), uploads, key)
    kept = {name: value for name, value in head.items() if name != "uploads"}
    return orjson.dumps({**kept, **told}, option=_OPTIONS)


def _parsed(said: Mapping[str, Any] | bytes | None) -> Json | None:
    if said is None:
        return None
    return mapping(orjson.loads(said)) if isinstance(said, bytes) else dict(said)


def _carefully(body: Body, head: Json, mode: str, key: bytes) -> bytes:
    """The line of a body that orjson refuses; in the worst case one that says only that."""
    try:
        gentle = Gentle()
        asked, answer = gentle.value(_parsed(body.asked)), gentle.value(_parsed(body.answer))
        marked = {**head, "cut": True} if gentle.cut else head
        gently = replace(body, asked=asked, answer=answer)
        return _full(gently, marked) if mode == "full" else _hashed(gently, marked, key)
    except Exception:  # noqa: BLE001 - see above
        kept = {name: head[name] for name in ("request_id", "start_time", "operation", "mode")}
        return orjson.dumps({**kept, "cut": True}, option=_OPTIONS)


def row(line: bytes, keep: Literal["hash", "full"], redact: Patterns) -> PayloadRow:
    """The row of a line. `keep` is what stays of media, `redact` is blotted out of texts.

    Raises ValueError for a line that is none; whatever was said in it never does.
    """
    found = mapping(_loads(line))
    request_id, start = found.get("request_id"), found.get("start_time")
    if not isinstance(request_id, str) or not isinstance(start, str):
        raise ValueError("no request_id or no start_time")
    thorough = keep == "hash" or bool(redact) or len(line) > scrub.MOST_TEXT
    columns = _Columns(keep, redact, thorough, found.get("cut") is True)
    asked, answered, parameters = _said(found)
    return PayloadRow(
        request_id=request_id,
        start_time=_time(start),
        gen_ai_input_messages=columns.text(asked),
        gen_ai_output_messages=columns.text(answered),
        request_parameters=columns.text(parameters),
        truncated=columns.cut,
    )


def _loads(line: bytes) -> Any:
    """The JSON of a line, with U+FFFD for halves of characters, which orjson refuses."""
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        if b"\\u" not in line:
            raise
    try:
        return Gentle().value(json.loads(line))
    except RecursionError:
        raise ValueError("nested too deep") from None


def _time(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    try:
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except OverflowError:
        raise ValueError(f"{found} is no time in UTC") from None


_Told = Callable[[], Any]


def _said(found: Json) -> tuple[_Told, _Told, _Told]:
    """What makes the three columns."""
    if found.get("mode") == "hash":
        return (
            lambda: hashes.as_messages(found, "input", "user"),
            lambda: hashes.as_messages(found, "output", "assistant"),
            lambda: found.get("parameters"),
        )
    operation = str(found.get("operation"))
    asked, answer = mapping(found.get("asked")), mapping(found.get("answer"))
    uploads = [{"type": "blob", **mapping(upload)} for upload in sequence(found.get("uploads"))]
    files = [{"role": "user", "parts": uploads}] if uploads else []
    return (
        lambda: [*messages.asked(operation, asked), *files] if asked or files else None,
        lambda: messages.answered(operation, answer) if answer else None,
        lambda: messages.parameters(operation, asked) if asked else None,
    )


class _Columns:
    """Makes the texts of one row."""

    def __init__(
        self, keep: Literal["hash", "full"], redact: Patterns, thorough: bool, cut: bool
    ) -> None:
        self.cut = cut
        self._thorough = thorough
        self._keep: Literal["hash", "full"] = keep
        self._redact = redact

    def text(self, told: _Told) -> str | None:
        """A column: JSON, or None when there is nothing to tell."""
        try:
            value = told()
            if value is None:
                return None
            return self._within(orjson.dumps(self._scrubbed(value) if self._thorough else value))
        except Exception:  # noqa: BLE001 - whatever it is, the rest of the batch must go on
            return self._gently(told)

    def _scrubbed(self, value: Any) -> Any:
        scrubber = scrub.Scrubber(self._keep, self._redact)
        found = scrubber.value(value)
        self.cut = self.cut or scrubber.cut
        return found

    def _gently(self, told: _Told) -> str:
        """A column that is nested too deep for JSON's writer; of one that is worse only a mark."""
        self.cut = True
        try:
            return self._within(orjson.dumps(self._scrubbed(Gentle().value(told()))))
        except Exception:  # noqa: BLE001 - see above
            return _CUT

    def _within(self, text: bytes) -> str:
        if len(text) > _MOST_COLUMN:
            self.cut = True
            return _CUT
        return text.decode()
