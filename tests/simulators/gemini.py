"""Gemini's generateContent on Vertex AI: text, tools, thinking, images, speech, transcription.

Usage: `promptTokenCount` includes cached tokens; `thoughtsTokenCount` stands beside
`candidatesTokenCount`, not in it. In a stream only the last chunk carries the counts.
Media count 258 tokens per image in, 25 per second of audio in, 1290 per image out.
"""

import base64
import re
from collections.abc import Iterator
from typing import Any

from . import media
from .pretend import (
    Json,
    MalformedError,
    Prompt,
    Reply,
    Tool,
    Turn,
    count,
    sign,
)
from .shapes import content, inner, items, need, system
from .wire import Event, Refusal

STOPS = {"end": "STOP", "tools": "STOP", "length": "MAX_TOKENS", "filter": "SAFETY"}
OVERFLOW = "The input token count (1215001) exceeds the maximum number of tokens allowed (1048576)."
ERRORS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
TRAFFIC = {"priority": "ON_DEMAND_PRIORITY", "flex": "ON_DEMAND_FLEX"}
TOKENS_PER_IMAGE = 258
TOKENS_PER_IMAGE_OUT = 1290
TOKENS_PER_AUDIO_SECOND = 25
_OPAQUE = ("args", "response", "parameters", "parametersJsonSchema", "responseJsonSchema", "labels")


def camel(body: Json) -> Json:
    """Google's JSON takes snake_case keys too; free-form objects stay as they are."""
    renamed = {re.sub(r"_([a-z])", lambda m: m[1].upper(), key): body[key] for key in body}
    return {k: value if k in _OPAQUE else _camel(value) for k, value in renamed.items()}


def _camel(value: Json | list[Any] | str | float | None) -> Any:
    if isinstance(value, list):
        return [_camel(member) for member in value]
    return camel(value) if isinstance(value, dict) else value


def read(model: str, raw: Json) -> Prompt:
    """A prompt. What Gemini refuses beyond its form is in `rules.gemini`."""
    body = camel(raw)
    if isinstance(body.get("contents"), dict):
        body["contents"] = [body["contents"]]  # Google's JSON takes one element for a list of one
    need(body, "contents", list, "at least one contents field is required")
    config = inner(body, "generationConfig")
    calling = inner(body, "toolConfig", "functionCallingConfig")
    names: list[str] = calling.get("allowedFunctionNames") or ["*"]
    turns = system(content(items(inner(body, "systemInstruction"), "parts")))
    turns += _turns(body["contents"])
    return Prompt(
        model=model,
        body=body,
        turns=turns,
        tools=list(_tools(items(body, "tools"))),
        forced=names[0] if calling.get("mode") == "ANY" else None,
        schema=config.get("responseJsonSchema") or config.get("responseSchema"),
        thinking=bool(inner(config, "thinkingConfig").get("includeThoughts")),
        tier=body.get("serviceTier"),
        base_usage=_media_usage(body, turns),
    )


def _turns(contents: list[Json]) -> list[Turn]:
    turns: list[Turn] = []
    for item in contents:
        role = item.get("role", "user").lower()  # Google's own examples have "USER" too
        if role not in ("user", "model", "function", "tool"):
            raise MalformedError("Please use a valid role: user, model.")
        for part in need(item, "parts", list, "must include at least one parts field"):
            if "functionResponse" in part:
                turns.append(Turn("tool", str(part["functionResponse"].get("response", ""))))
            elif not part.get("thought"):
                text = part.get("text", "") + media.directives(_inline(part)[1])
                turns.append(Turn("assistant" if role == "model" else "user", text))
    return turns


def _tools(tools: list[Json]) -> Iterator[Tool]:
    for tool in tools:
        for function in items(tool, "functionDeclarations"):
            schema = inner(function, "parametersJsonSchema") or inner(function, "parameters")
            yield Tool(function["name"], schema)


def _inline(part: Json) -> tuple[str, bytes]:
    inline = inner(part, "inlineData")
    return inline.get("mimeType", ""), media.decoded(inline.get("data", ""))


def _media_usage(body: Json, turns: list[Turn]) -> dict[str, int]:
    inline = [_inline(part) for item in body["contents"] for part in items(item, "parts")]
    images = sum(TOKENS_PER_IMAGE for kind, _ in inline if kind.startswith("image/"))
    audio = sum(
        TOKENS_PER_AUDIO_SECOND * media.seconds(data)
        for kind, data in inline
        if kind.startswith("audio/")
    )
    text = count("".join(turn.text for turn in turns))
    used = {"input": text + images + audio, "image_input": images, "audio_input": audio}
    if "IMAGE" in _modalities(body):
        used |= {"output": TOKENS_PER_IMAGE_OUT, "image_output": TOKENS_PER_IMAGE_OUT}
    return used if any((images, audio, "IMAGE" in _modalities(body))) else {}


def _modalities(body: Json) -> list[str]:
    modalities: list[str] = inner(body, "generationConfig").get("responseModalities") or []
    return modalities


def usage(prompt: Prompt, reply: Reply) -> Json:
    tokens = reply.usage
    shown = tokens.output - tokens.reasoning
    audio_out = shown if "AUDIO" in _modalities(prompt.body) else tokens.audio_output
    report: Json = {
        "promptTokenCount": tokens.input,
        "candidatesTokenCount": shown,
        "totalTokenCount": tokens.input + tokens.output,
        "promptTokensDetails": _details(tokens.input, tokens.audio_input, tokens.image_input),
        "candidatesTokensDetails": _details(shown, audio_out, tokens.image_output),
        "trafficType": _traffic(reply),
    }
    if tokens.reasoning:
        report["thoughtsTokenCount"] = tokens.reasoning
    if tokens.cache_read:
        report["cachedContentTokenCount"] = tokens.cache_read
        report["cacheTokensDetails"] = _details(tokens.cache_read, 0, 0)
    return report


def _traffic(reply: Reply) -> str:
    return TRAFFIC.get(reply.tier or "", "ON_DEMAND")


def _details(total: int, audio: int, image: int) -> list[Json]:
    split = {"TEXT": total - audio - image, "AUDIO": audio, "IMAGE": image}
    return [{"modality": name, "tokenCount": n} for name, n in split.items() if n]


def write(prompt: Prompt, reply: Reply) -> Json:
    return _response(prompt, reply, _parts(prompt, reply), last=True)


def _parts(prompt: Prompt, reply: Reply) -> list[Json]:
    parts: list[Json] = []
    if reply.thinking:
        parts.append({"text": reply.thinking, "thought": True})
    if "AUDIO" in _modalities(prompt.body):
        return [_inline_part("audio/L16;codec=pcm;rate=24000", media.PCM)]
    texts = reply.pieces if prompt.stream else [reply.text]
    parts += [{"text": text} for text in texts if text]
    if "IMAGE" in _modalities(prompt.body):
        parts.append(_inline_part("image/png", media.PNG))
    for index, call in enumerate(reply.calls):
        part: Json = {"functionCall": {"name": call.name, "args": call.arguments}}
        parts.append(part | ({"thoughtSignature": sign(call.name)} if index == 0 else {}))
    return parts


def _inline_part(kind: str, data: bytes) -> Json:
    return {"inlineData": {"mimeType": kind, "data": base64.b64encode(data).decode()}}


def _response(prompt: Prompt, reply: Reply, parts: list[Json], last: bool) -> Json:
    candidate: Json = {"index": 0, "content": {"role": "model", "parts": parts}}
    if last:
        candidate["finishReason"] = STOPS[reply.stop]
    return {
        "candidates": [candidate],
        "usageMetadata": usage(prompt, reply) if last else {"trafficType": _traffic(reply)},
        "modelVersion": prompt.model,
        "createTime": "2026-01-01T00:00:00.000000Z",
        "responseId": reply.id,
    }


def stream(prompt: Prompt, reply: Reply) -> Iterator[Event]:
    parts = _parts(prompt, reply)
    for part in parts[:-1]:
        yield Event("", _response(prompt, reply, [part], last=False), content=True)
    yield Event("", _response(prompt, reply, parts[-1:], last=True), content=True)


def write_count(prompt: Prompt, reply: Reply) -> Json:
    total = prompt.base_usage.get("input", count(prompt.text))
    return {"totalTokens": total, "promptTokensDetails": _details(total, 0, 0)}


def _error(status: int, message: str) -> Json:
    return {"error": {"code": status, "message": message, "status": ERRORS.get(status, "INTERNAL")}}


def refuse(status: int, message: str) -> Refusal:
    return Refusal(status, _error(status, message))


def fault(message: str) -> Event:
    return Event("", _error(500, message))
