"""Vertex AI's :predict and :embedContent, Cloud Text-to-Speech and Speech-to-Text.

Speech-to-Text bills whole seconds (`totalBilledDuration`); Text-to-Speech reports nothing.
"""

import base64

from . import media
from .pretend import Json, MalformedError, Prompt, Reply, Turn, count
from .shapes import content, inner, items, need, user_turns


def read_predict(model: str, body: Json) -> Prompt:
    instances = need(body, "instances", list, "The instances field is required.")
    texts = [str(item.get("content") or item.get("prompt") or "") for item in instances]
    return Prompt(model, body, user_turns(texts))


def write_predict(prompt: Prompt, reply: Reply) -> Json:
    parameters = inner(prompt.body, "parameters")
    if prompt.model.startswith("imagen"):
        image = {"bytesBase64Encoded": media.PNG_BASE64, "mimeType": "image/png"}
        return {"predictions": [image] * int(parameters.get("sampleCount") or 1)}
    usual = 3072 if prompt.model.startswith("gemini") else 768
    size = int(parameters.get("outputDimensionality") or usual)
    letters = sum(len("".join(turn.text.split())) for turn in prompt.turns)
    tokens = [count(turn.text) for turn in prompt.turns]
    tokens = tokens if len(tokens) > 1 else [reply.usage.input]
    predictions = [
        _prediction(turn.text, size, number)
        for turn, number in zip(prompt.turns, tokens, strict=True)
    ]
    return {"predictions": predictions, "metadata": {"billableCharacterCount": letters}}


def _prediction(text: str, size: int, tokens: int) -> Json:
    statistics = {"truncated": False, "token_count": tokens}
    return {"embeddings": {"values": media.vector(text, size), "statistics": statistics}}


def read_embed_content(model: str, body: Json) -> Prompt:
    need(body, "content", dict, "content is required")
    parts = items(inner(body, "content"), "parts")
    return Prompt(model, body, [Turn("user", content(parts))])


def write_embed_content(prompt: Prompt, reply: Reply) -> Json:
    config = prompt.body.get("embedContentConfig") or prompt.body
    size = config.get("outputDimensionality") or 3072
    tokens = reply.usage.input
    details = [{"modality": "TEXT", "tokenCount": tokens}]
    return {
        "embedding": {"values": media.vector(prompt.text, size)},
        "usageMetadata": {
            "promptTokenCount": tokens,
            "totalTokenCount": tokens,
            "promptTokensDetails": details,
        },
        "truncated": False,
    }


def read_synthesize(model: str, body: Json) -> Prompt:
    given = need(body, "input", dict, "Either `input.text` or `input.ssml` must be set.")
    need(body, "voice", dict, "Either `voice.language_code` or `voice.name` must be set.")
    return Prompt(model, body, [Turn("user", given.get("text") or given.get("ssml") or "")])


def write_synthesize(prompt: Prompt, reply: Reply) -> Json:
    return {"audioContent": base64.b64encode(media.wav()).decode()}


def read_recognize(model: str, body: Json) -> Prompt:
    audio = media.decoded(need(body, "content", str, "Request contains no audio content."))
    chosen = str(inner(body, "config").get("model") or "")
    if not chosen:
        raise MalformedError("config.model is required for the default recognizer.")
    return Prompt(chosen, body, [Turn("user", media.directives(audio))])


def write_recognize(prompt: Prompt, reply: Reply) -> Json:
    length = f"{media.seconds(media.decoded(prompt.body['content']))}s"
    alternative = {"transcript": reply.text, "confidence": 0.9}
    result = {"alternatives": [alternative], "languageCode": "en-us", "resultEndOffset": length}
    return {"results": [result], "metadata": {"totalBilledDuration": length}}


def token(model: str, body: Json) -> Prompt:
    """The OAuth endpoint: any signed assertion gets a token."""
    return Prompt(model, body, [])


def write_token(prompt: Prompt, reply: Reply) -> Json:
    return {"access_token": "ya29.simulated", "expires_in": 3599, "token_type": "Bearer"}
