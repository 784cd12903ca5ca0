"""Prompts and answers on their way from the gate to a row of `llm_payload`."""

import base64
import json
import os
import random
import re
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Literal

import pytest
from sekisho.lake.bodies.body import Body, PayloadRow, Upload, encode, row
from sekisho.lake.columns import PAYLOAD_NAMES

Json = dict[str, Any]

START = datetime(2026, 11, 21, 10, 15, 30, 123456, UTC)
REDACT = (re.compile("sk-[a-z0-9]+"), re.compile(r"\b\d{4}-\d{4}\b"))
KEY = b"a key of the tests"
PICTURE = random.Random(7).randbytes(1_000_000)
PICTURE64 = base64.b64encode(PICTURE).decode()
# By `sha256sum`, of the bytes that Python's generator makes of the seed 7.
PICTURE_SHA256 = "74afb6ba19d23a9fdc5e5097eea4ba3266c7c2a893791cd3b099c9139f020011"


def body(asked: Any, answer: Any = None, operation: str = "chat", **more: Any) -> Body:
    """What the gate hands over."""
    return Body("req_1", START, operation, "/v1/chat/completions", asked, answer, **more)


def chat(*texts: Any, **more: Any) -> Json:
    """A chat with these contents."""
    return {"model": "m", "messages": [{"role": "user", "content": t} for t in texts], **more}


def answer(content: Any) -> Json:
    """A complete chat."""
    message = {"role": "assistant", "content": content}
    return {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}


def made(
    asked: Any,
    told: Any = None,
    *,
    keep: Literal["hash", "full"] = "hash",
    redact: tuple[re.Pattern[str], ...] = (),
    **more: Any,
) -> PayloadRow:
    """The row of a body."""
    line = encode(body(asked, told, **more), "full")
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    return row(line, keep, redact)


def inputs(found: PayloadRow) -> Any:
    """The messages that were asked."""
    return json.loads(found.gen_ai_input_messages or "null")


def content(found: PayloadRow) -> Any:
    """The content of the first part of the first message."""
    return inputs(found)[0]["parts"][0]["content"]


def test_a_row() -> None:
    """A request and its answer are one row, with the request's id and time."""
    found = made(chat("関所?", temperature=0.5), answer("A gate."))
    assert found == PayloadRow(
        request_id="req_1",
        start_time=START,
        gen_ai_input_messages='[{"role":"user","parts":[{"type":"text","content":"関所?"}]}]',
        gen_ai_output_messages='[{"role":"assistant","parts":[{"type":"text","content":"A gate."}]'
        ',"finish_reason":"stop"}]',
        request_parameters='{"model":"m","temperature":0.5}',
        truncated=False,
        batch_id=None,
        schema_version=2,
    )


def test_the_columns_of_a_row() -> None:
    """A row has the columns of `llm_payload`, in their order."""
    assert tuple(field.name for field in fields(PayloadRow)) == PAYLOAD_NAMES


def test_bytes_and_objects_are_the_same() -> None:
    """JSON that came is not parsed again, whatever its layout."""
    asked, told = chat("a\nb"), answer("c\r\nd")
    pretty = json.dumps(asked, indent=2).encode(), json.dumps(told, indent=2).encode()
    assert made(*pretty) == made(asked, told)
    assert content(made(*pretty)) == "a\nb"


def test_nothing_was_answered() -> None:
    """What is not known is NULL."""
    found = made(chat("hello"))
    assert found.gen_ai_output_messages is None
    found = made(None)
    assert (found.gen_ai_input_messages, found.request_parameters) == (None, None)


def test_what_was_cut_in_the_gate_is_marked() -> None:
    """A stream that was longer than what is kept of it makes a row that is truncated."""
    assert made(chat("hello"), cut=True).truncated


def test_uploads_are_hashed() -> None:
    """Of a form's file the log has field, name, type, size and hash."""
    upload = Upload("file", "talk.wav", "audio/wav", b"sound")
    found = made({"prompt": "a talk", "model": "m"}, operation="transcription", uploads=(upload,))
    assert inputs(found) == [
        {"role": "user", "parts": [{"type": "text", "content": "a talk"}]},
        {
            "role": "user",
            "parts": [
                {
                    "type": "blob",
                    "field": "file",
                    "name": "talk.wav",
                    "mime_type": "audio/wav",
                    "size": 5,
                    "sha256": "dd29442deca69f52c50006b831cb216edf78a7da33748f0a80ff19f2ebe57ecd",
                }
            ],
        },
    ]


TEXTS = {
    "Japanese": "関所は山の中にある。" * 10_000,
    "emoji": "😀👩‍👩‍👧‍👦🏯" * 1000,
    "controls": "".join(map(chr, range(32))) + "\x7f\u2028\u2029\ufeff",
    "NUL": "before\0after",
    "200 KB": "The gate stands in the hills. " * 6700,
    "quotes": '"}],{"\\\\" \\u0041 ',
    "a drawn line": "-" * 5000,
    "a DNA sequence": "ACGT" * 2000,
    "hexadecimal": os.fsencode("0123456789abcdef" * 200).decode(),
    "a long word": "a" * 5000,
    "words without an end": "The Gate of the 9 Hills opens at 7 Every Day And Closes Late " * 100,
    "runs that are nearly long enough": f"{PICTURE64[:1000]}." * 1500,
    "runs, and lines that look like base64": f"{PICTURE64[:70]}\n" * 20_000 + ".",
    "data URLs that never begin": ";base64, " + "data:;a=" * 60_000,
    "a short data URL in words": "use data:image/png;base64, as a prefix",
    "base64 of a text": base64.b64encode(b"The gate stands").decode(),
}


@pytest.mark.parametrize("keep", ["hash", "full"])
@pytest.mark.parametrize("ascii_only", [True, False])
@pytest.mark.parametrize("name", TEXTS)
def test_texts_are_faithful(name: str, ascii_only: bool, keep: Literal["hash", "full"]) -> None:
    """Every text is in the row as it was, whether the client wrote it in ASCII or in UTF-8."""
    text = TEXTS[name]
    asked = json.dumps(chat(text), ensure_ascii=ascii_only).encode()
    told = json.dumps(answer(text), ensure_ascii=ascii_only).encode()
    found = made(asked, told, keep=keep)
    assert content(found) == text
    assert json.loads(found.gen_ai_output_messages or "")[0]["parts"][0]["content"] == text
    assert not found.truncated
    assert "\0" not in (found.gen_ai_input_messages or "")


@pytest.mark.parametrize(
    ("text", "told"),
    [("a\ud83db", "a\ufffdb"), ("\ud83d\ude00", "😀"), ("\ude00\ud83d", "\ufffd\ufffd")],
)
def test_halves_of_characters(text: str, told: str) -> None:
    """Halves of characters, which a form or a stream may hold, are joined or become U+FFFD."""
    found = made({**chat(text), text: text}, answer(text))
    assert content(found) == told
    assert json.loads(found.request_parameters or "")[told] == told
    assert told in (found.gen_ai_output_messages or "")


def test_what_json_cannot_carry() -> None:
    """Numbers beyond 64 bits, other objects and other keys cost neither the row nor its rest."""
    found = made({**chat("hello"), "seed": 10**30, "file": object(), 5: "five", "nan": 1e999})
    assert content(found) == "hello"
    assert json.loads(found.request_parameters or "") == {
        "model": "m",
        "seed": "1000000000000000000000000000000",
        "file": None,
        "5": "five",
        "nan": None,
    }


def deep(levels: int) -> Any:
    """Lists in lists."""
    value: Any = "deep"
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize("levels", [150, 500, 900])
@pytest.mark.parametrize("keep", ["hash", "full"])
@pytest.mark.parametrize("parsed", [True, False])
def test_what_is_nested_too_deep(levels: int, keep: Literal["hash", "full"], parsed: bool) -> None:
    """What is as deep as a parser lets through is cut and marked so; the rest is there."""
    asked = {**chat("hello"), "tools": deep(levels)}
    found = made(asked if parsed else json.dumps(asked).encode(), answer("hi"), keep=keep)
    assert content(found) == "hello"
    assert "hi" in (found.gen_ai_output_messages or "")
    assert found.truncated or "deep" in (found.request_parameters or "")
    asked = {"messages": [{"role": "user", "content": deep(levels)}], "model": "m"}
    found = made(asked if parsed else json.dumps(asked).encode(), keep=keep)
    assert found.request_parameters == '{"model":"m"}'
    assert found.truncated or "deep" in (found.gen_ai_input_messages or "")


@pytest.mark.parametrize("levels", [150, 900])
def test_nested_tool_results(levels: int) -> None:
    """Results of tools within results of tools are followed no deeper than is safe."""
    part: Any = {"type": "text", "text": "deep"}
    for _ in range(levels // 2):
        part = {"type": "tool_result", "tool_use_id": "t", "content": [part]}
    found = made(chat([part], temperature=1), operation="messages")
    assert found.truncated
    assert found.request_parameters == '{"model":"m","temperature":1}'


def test_the_long_is_cut() -> None:
    """A text of more than 2 Mi characters is cut, with how much is missing, and marked so."""
    found = made(chat("x" * 3_000_000, "short"))
    assert found.truncated
    told = content(found)
    assert told[:2_097_152] == "x" * 2_097_152
    assert told[2_097_152:] == "[cut: 902848 characters more]"
    assert inputs(found)[1]["parts"][0]["content"] == "short"


def test_all_of_a_column_is_bounded() -> None:
    """Many long texts, or numbers, are cut where a column would be longer than engines read."""
    found = made(chat(*["x" * 2_000_000] * 6))
    assert found.truncated
    assert len(found.gen_ai_input_messages or "") < 6_300_000
    assert inputs(found)[3]["parts"][0]["content"].endswith(" characters more]")
    assert inputs(found)[4] == {"role": "user", "parts": []}
    found = made({"input": [10**9] * 2_000_000, "model": "m"}, operation="embeddings")
    assert found.truncated
    assert len(inputs(found)[0]["parts"][0]["content"]) < 786_432
    found = made({**chat("a"), "tools": {"x" * 26_000_000: 1}})
    assert found.truncated
    assert found.request_parameters == '[{"role":"system","parts":[{"type":"cut"}]}]'
    assert content(found) == "a"


@pytest.mark.parametrize("said", [b'"%s"' % (b"x" * 33_600_000), b"[%s1]" % (b"[1]," * 600_000)])
def test_a_request_that_is_too_much_for_a_line(said: bytes) -> None:
    """Beyond 32 MiB, or half a million objects, only the answer is kept: memory has a bound."""
    line = encode(body(b'{"messages":[{"role":"user","content":%s}]}' % said, answer("hi")), "full")
    assert len(line) < 1000
    found = row(line, "hash", ())
    assert found.truncated
    assert found.gen_ai_input_messages is None
    assert "hi" in (found.gen_ai_output_messages or "")


@pytest.mark.parametrize("said", [b"hi", b"x" * 33_600_000])
def test_an_answer_that_is_too_much_for_a_line(said: bytes) -> None:
    """Of an answer with many large pictures the prompt is kept, if that is not too much as well."""
    pictures = b'{"data":[{"b64_json":"%s"}]}' % (b"A" * 33_600_000)
    line = encode(body(b'{"prompt":"%s"}' % said, pictures, "image_generation"), "full")
    assert len(line) < 1000
    found = row(line, "hash", ())
    assert found.truncated
    assert found.gen_ai_output_messages is None
    assert (found.gen_ai_input_messages is None) == (len(said) > 2)


# Where a picture may be in a request, and the path to what becomes of it.
URL = "data:image/png;base64,"
PLACES: dict[str, tuple[str, Any, Any]] = {
    "chat": ("chat", {"type": "image_url", "image_url": {"url": URL + "%s"}}, "image/png"),
    "messages": (
        "messages",
        {
            "type": "image",
            "source": {"type": "base64", "media_type": "image/webp", "data": "%s"},
        },
        "image/webp",
    ),
    "responses": ("responses", {"type": "input_image", "image_url": URL + "%s"}, "image/png"),
    "sound": (
        "chat",
        {"type": "input_audio", "input_audio": {"data": "%s", "format": "mp3"}},
        "audio/mp3",
    ),
    "file": ("chat", {"type": "file", "file": {"file_data": "%s"}}, None),
    "Gemini": (
        "chat",
        {"type": "x", "inlineData": {"mimeType": "video/mp4", "data": "%s"}},
        "video/mp4",
    ),
    "an unknown place": ("chat", {"type": "x", "hologram": ["%s"]}, None),
    "an unknown URL": ("chat", {"type": "x", "hologram": {"a": URL + "%s"}}, "image/png"),
}


def _placed(part: Any, picture: str) -> Any:
    return json.loads(json.dumps(part).replace("%s", picture))


def _blobs(value: Any) -> list[Json]:
    if isinstance(value, dict):
        found = [value] if value.get("type") == "blob" else []
        return found + [blob for item in value.values() for blob in _blobs(item)]
    return [blob for item in value for blob in _blobs(item)] if isinstance(value, list) else []


@pytest.mark.parametrize("name", PLACES)
def test_pictures_become_hash_and_size(name: str) -> None:
    """Wherever a picture of 1 MB is, the row has the hash of its bytes and their number."""
    operation, part, mime_type = PLACES[name]
    asked = chat([{"type": "text", "text": "What is it?"}, _placed(part, PICTURE64)])
    if operation == "responses":
        asked["input"] = asked.pop("messages")
    found = made(asked, operation=operation)
    (blob,) = _blobs(inputs(found))
    assert blob["sha256"] == PICTURE_SHA256
    assert blob["size"] == 1_000_000
    assert blob.get("mime_type") == mime_type
    assert "content" not in blob
    assert PICTURE64[:64] not in (found.gen_ai_input_messages or "")
    assert len(found.gen_ai_input_messages or "") < 500
    assert content(found) == "What is it?"
    assert not found.truncated


@pytest.mark.parametrize("name", PLACES)
def test_pictures_in_full(name: str) -> None:
    """When media are kept, every byte of them is there."""
    operation, part, _ = PLACES[name]
    asked = chat([_placed(part, PICTURE64)])
    if operation == "responses":
        asked["input"] = asked.pop("messages")
    found = made(asked, operation=operation, keep="full")
    assert PICTURE64 in (found.gen_ai_input_messages or "")
    assert not found.truncated


def test_a_picture_that_is_too_long() -> None:
    """A medium that is too long for a row, and to be kept, is hashed and marked as cut."""
    long = base64.b64encode(PICTURE * 3).decode()
    part = {"type": "image_url", "image_url": {"url": URL + long}}
    found = made(chat([part]), keep="full")
    (blob,) = _blobs(inputs(found))
    assert blob["size"] == 3_000_000
    assert found.truncated


def test_small_pictures_in_known_places() -> None:
    """Where it is known to be a picture, its size does not matter."""
    part = {"type": "image_url", "image_url": {"url": URL + "aGk=", "detail": "low"}}
    assert inputs(made(chat([part])))[0]["parts"] == [
        {
            "type": "blob",
            "modality": "image",
            "mime_type": "image/png",
            "detail": "low",
            "sha256": "8f434346648f6b96df89dda901c5176b10a6d83961dd3c1ac88b59b2dc327aa4",
            "size": 2,
        }
    ]


@pytest.mark.parametrize("spelling", ["plain", "in lines", "for URLs", "without padding", "PHP"])
def test_spellings_of_base64(spelling: str) -> None:
    """However base64 is written, the hash is that of the bytes."""
    written = {
        "plain": PICTURE64,
        "in lines": base64.encodebytes(PICTURE).decode(),
        "for URLs": base64.urlsafe_b64encode(PICTURE).decode(),
        "without padding": PICTURE64.rstrip("="),
        "PHP": PICTURE64,
    }[spelling]
    asked = json.dumps(chat([{"type": "x", "y": written}]))
    asked = asked.replace("/", "\\/") if spelling == "PHP" else asked
    (blob,) = _blobs(inputs(made(asked.encode())))
    assert (blob["sha256"], blob["size"]) == (PICTURE_SHA256, 1_000_000)


def test_pictures_inside_texts() -> None:
    """A picture within Markdown or JSON in a text is replaced by words; the text around stays."""
    told = f"[blob image/png, 1000000 bytes, {PICTURE_SHA256}]"
    assert content(made(chat(f"See ![it]({URL}{PICTURE64}) here."))) == f"See ![it]({told}) here."
    told = told.replace("image/png", "of unknown type")
    text = '{"screenshot": "%s", "ok": true}'
    assert content(made(chat(text % PICTURE64))) == text % told


def test_a_picture_that_is_no_base64() -> None:
    """What claims to be a picture and is none is hashed as it is."""
    part = {"type": "image_url", "image_url": {"url": URL + "not base64 at all: あ"}}
    (blob,) = _blobs(inputs(made(chat([part]))))
    assert blob["size"] == 22


def test_answers_have_pictures() -> None:
    """Pictures that a model made are hashed, too."""
    found = made({"prompt": "a gate"}, {"data": [{"b64_json": PICTURE64}]}, operation="image_edit")
    (blob,) = _blobs(json.loads(found.gen_ai_output_messages or ""))
    assert (blob["sha256"], blob["mime_type"]) == (PICTURE_SHA256, "image/*")
    output = [{"type": "image_generation_call", "result": PICTURE64}]
    found = made({"input": "a"}, {"output": output}, operation="responses")
    assert PICTURE_SHA256 in (found.gen_ai_output_messages or "")
    assert len(found.gen_ai_output_messages or "") < 500


def test_redaction() -> None:
    """Patterns are blotted out of every text of prompt, answer and parameters; keys stay."""
    asked = {
        "model": "m",
        "messages": [
            {"role": "system", "content": "The password is sk-abc123."},
            {
                "role": "assistant",
                "tool_calls": [
                    {"id": "1", "function": {"name": "pay", "arguments": '{"card": "1234-5678"}'}},
                    {"id": "2", "function": {"name": "pay", "arguments": '{"card": "1234-56'}},
                ],
            },
        ],
        "metadata": {"sk-key": "sk-value", "n": 12345678},
    }
    found = made(asked, answer("Use sk-xyz and 1111-2222."), redact=REDACT)
    assert [message["parts"] for message in inputs(found)] == [
        [{"type": "text", "content": "The password is [redacted]."}],
        [
            {"type": "tool_call", "id": "1", "name": "pay", "arguments": {"card": "[redacted]"}},
            {"type": "tool_call", "id": "2", "name": "pay", "arguments": '{"card": "1234-56'},
        ],
    ]
    assert "Use [redacted] and [redacted]." in (found.gen_ai_output_messages or "")
    assert json.loads(found.request_parameters or "")["metadata"] == {
        "sk-key": "[redacted]",
        "n": 12345678,
    }


def test_redaction_comes_before_a_cut() -> None:
    """A secret at the place of a cut leaves no beginning of it."""
    found = made(chat("x" * (2_097_152 - 6) + "sk-abc123" + "y" * 1000), redact=REDACT)
    assert "sk-" not in content(found)


def hashed(asked: Any, told: Any = None, key: bytes = KEY, **more: Any) -> tuple[bytes, PayloadRow]:
    """The line in mode `hash`, and its row."""
    line = encode(body(asked, told, **more), "hash", key)
    assert line.count(b"\n") == 1
    return line, row(line, "hash", ())


def test_hashes_have_no_word() -> None:
    """In mode `hash` neither the line nor the row has a word of prompt, answer or description."""
    asked = {
        **chat("secret-prompt"),
        "system": "secret-system",
        "tools": [{"function": {"name": "secret-name", "description": "secret-description"}}],
        "stop": ["secret-stop"],
        "user": "secret-user",
        "metadata": {"secret-key": "secret-value"},
        "response_format": {"type": "json_schema", "json_schema": {"name": "secret-schema"}},
        "prediction": {"type": "content", "content": "secret-prediction"},
        "secret-parameter": 1,
        "temperature": 0.5,
        "stream": True,
        "reasoning_effort": "high",
        "tool_choice": {"type": "function", "function": {"name": "secret-name"}},
        "thinking": {"type": "enabled", "budget_tokens": 1024},
    }
    uploads = (Upload("file", "secret.wav", "audio/wav", b"secret"),)
    line, found = hashed(asked, answer("secret-answer"), uploads=uploads)
    assert b"secret" not in line
    assert "secret" not in repr(found)
    told = json.loads(found.request_parameters or "")
    assert {name: told[name] for name in told if not isinstance(told[name], dict)} == {
        "model": "m",
        "temperature": 0.5,
        "stream": True,
        "reasoning_effort": "high",
        "hash:f6644f4a98f4cfec": 1,
    }
    assert told["thinking"] == {"type": "enabled", "budget_tokens": 1024}
    assert told["response_format"]["type"] == "json_schema"
    assert set(told["tools"]) == {"hash", "size"}


def test_hashes_are_messages() -> None:
    """In mode `hash` each column of messages has one part, with algorithm, hash and size."""
    _, found = hashed({"prompt": "gate"}, {"choices": [{"text": "hi"}]}, operation="completions")
    ((message,), (told,)) = inputs(found), json.loads(found.gen_ai_output_messages or "")
    # echo -n '[{"parts":[{"content":"gate","type":"text"}],"role":"user"}]' |
    #     openssl dgst -sha256 -hmac 'a key of the tests'
    assert message == {
        "role": "user",
        "parts": [
            {
                "type": "hash",
                "algorithm": "hmac-sha256",
                "hash": "25d43c039a5026333c9057a7d69c314716f43339adb6399f7feb975c80c9b565",
                "size": 60,
            }
        ],
    }
    assert told["role"] == "assistant"
    assert told["parts"][0]["size"] == 63


def test_the_same_have_the_same_hash() -> None:
    """Ids, the order of fields and the layout make no difference; a word, or the key, does."""
    told = {**answer("hi"), "id": "chatcmpl-1", "created": 1}
    asked = chat("hello")
    _, first = hashed(asked, told)
    turned = dict(reversed(json.loads(json.dumps(asked)).items()))
    _, second = hashed(json.dumps(turned, indent=1).encode(), {**told, "id": "chatcmpl-2"})
    assert first.gen_ai_input_messages == second.gen_ai_input_messages
    assert first.gen_ai_output_messages == second.gen_ai_output_messages
    others = [hashed(chat("hello!"), told), hashed(asked, told, b"other"), hashed(asked, told, b"")]
    call = {"id": "call_1", "function": {"name": "f", "arguments": '{"id": 1}'}}
    (one, same, other) = (
        hashed(asked, {"choices": [{"message": {"tool_calls": [{**call, **more}]}}]})[1]
        for more in ({}, {"id": "call_2"}, {"function": {"name": "f", "arguments": '{"id": 2}'}})
    )
    assert one.gen_ai_output_messages == same.gen_ai_output_messages
    assert one.gen_ai_output_messages != other.gen_ai_output_messages
    hashes = {found.gen_ai_input_messages for _, found in others}
    assert len(hashes | {first.gen_ai_input_messages}) == 4


def test_hashes_of_what_json_cannot_carry() -> None:
    """Halves of characters and depth cost no line in mode `hash` either."""
    _, found = hashed(chat("a\ud83d", tools=deep(500)), answer(deep(900)))
    assert found.gen_ai_input_messages is not None
    line, found = hashed(b"{broken")
    assert found.truncated
    assert found.gen_ai_input_messages is None
    assert b"broken" not in line


def test_a_time_of_another_zone() -> None:
    """Times are UTC, whatever the line says."""
    line = encode(
        replace(body(None), start_time=START.astimezone(timezone(timedelta(hours=9)))), "full"
    )
    assert row(line, "hash", ()).start_time == START
    assert row(line, "hash", ()).start_time.tzinfo is UTC


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\0\0\0",
        b"[]",
        b'"x"',
        b"{}",
        b'{"request_id": "r"}',
        b'{"request_id": "r", "start_time": "yesterday"}',
        b'{"request_id": 5, "start_time": "2026-11-21T10:15:30Z"}',
        b'{"request_id": "r", "start_time": "0001-01-01T00:00:00+23:59"}',
        b'{"request_id": "r", "start_time": "2026-11-21T10:15:30Z", "asked": {"mess',
        b'{"request_id": "\xff", "start_time": "2026-11-21T10:15:30Z"}',
    ],
)
def test_a_line_that_is_no_body(line: bytes) -> None:
    """Anything else is a ValueError, which the shipper puts aside."""
    with pytest.raises(ValueError, match=r"\w"):
        row(line, "hash", ())


@pytest.mark.parametrize("said", [5, "x", [], [1], {}, None, True])
def test_a_line_of_another_version(said: Any) -> None:
    """A line with less or other things than expected in it is a row with what there is."""
    line = {"request_id": "r", "start_time": "2026-11-21T10:15:30Z", "operation": said}
    for more in ({"asked": said, "answer": said}, {"mode": "hash", "input": said, "output": said}):
        found = row(json.dumps({**line, **more, "uploads": said, "new": said}).encode(), "hash", ())
        assert found.request_id == "r"
