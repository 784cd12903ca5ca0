"""Amazon Bedrock's paths. LiteLLM sends rerank to the runtime endpoint when that is not AWS's."""

import base64
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from . import anthropic_messages as anthropic
from . import bedrock_converse as converse
from . import bedrock_models as models
from .pretend import Json, MalformedError, Prompt, Reply, count
from .routes import Route
from .rules import claude
from .rules import converse as converse_rules
from .shapes import need
from .wire import AWS, AWS_CHUNKS, Endpoint, Event


def _read_claude(model: str, body: Json) -> Prompt:
    need(body, "anthropic_version", str, "anthropic_version: Field required")
    return replace(anthropic.read(model, body), model=re.sub(r"^\w+\.anthropic\.", "", model))


def _stream_claude(prompt: Prompt, reply: Reply) -> Iterator[Event]:
    """Bedrock adds its own measure of the invocation to the last event."""
    tokens = reply.usage
    metrics = {
        "inputTokenCount": tokens.uncached_input,
        "outputTokenCount": tokens.output,
        "invocationLatency": 1,
        "firstByteLatency": 1,
        "cacheReadInputTokenCount": tokens.cache_read,
        "cacheWriteInputTokenCount": tokens.cache_write,
    }
    for event in anthropic.stream(prompt, reply):
        if event.name == "message_stop" and not isinstance(event.data, str):
            event = replace(event, data={**event.data, "amazon-bedrock-invocationMetrics": metrics})
        yield event


def _obey_claude(prompt: Prompt, headers: Mapping[str, str]) -> None:
    flags = tuple(prompt.body.get("anthropic_beta") or ())
    claude.obey("bedrock", prompt.model, prompt.body, flags)


def _obey_converse(prompt: Prompt, headers: Mapping[str, str]) -> None:
    converse_rules.obey(prompt.model, prompt.body)


def _read_count(model: str, body: Json) -> Prompt:
    """Counting takes the id of a foundation model of Anthropic's, not that of a profile."""
    if not model.startswith("anthropic."):
        raise MalformedError("The provided model doesn't support counting tokens.")
    given = need(body, "input", dict, "input: member must not be null")
    if "converse" in given:
        return converse.read(model, given["converse"])
    if "invokeModel" not in given:
        raise MalformedError("input: one of converse, invokeModel must be set")
    invoke = json.loads(base64.b64decode(given["invokeModel"]["body"]))
    return anthropic.read_for_counting(model, invoke)


def _write_count(prompt: Prompt, reply: Reply) -> Json:
    return {"inputTokens": count(prompt.text)}


CONVERSE = Endpoint(
    converse.read,
    converse.write,
    converse.refuse,
    stream=converse.stream,
    fault=converse.fault,
    transport=AWS,
    rules=_obey_converse,
    overflow=converse.OVERFLOW,
)
CLAUDE = Endpoint(
    _read_claude,
    anthropic.write,
    converse.refuse,
    stream=_stream_claude,
    fault=converse.fault,
    transport=AWS_CHUNKS,
    headers=models.counts,
    rules=_obey_claude,
    overflow=anthropic.OVERFLOW,
)
COUNT = Endpoint(_read_count, _write_count, converse.refuse)
RERANK = Endpoint(models.read_rerank, models.write_rerank, converse.refuse)
TITAN_EMBEDDING = Endpoint(
    models.read_titan_embedding,
    models.write_titan_embedding,
    converse.refuse,
    headers=models.counts,
)
COHERE_EMBEDDING = replace(
    TITAN_EMBEDDING, read=models.read_cohere_embedding, write=models.write_cohere_embedding
)
NOVA_EMBEDDING = replace(
    TITAN_EMBEDDING, read=models.read_nova_embedding, write=models.write_nova_embedding
)
AMAZON_IMAGE = Endpoint(models.read_amazon_image, models.write_amazon_image, converse.refuse)
STABILITY_IMAGE = Endpoint(
    models.read_stability_image, models.write_stability_image, converse.refuse
)
FAMILIES = {
    r"anthropic\.": CLAUDE,
    r"amazon\.titan-embed": TITAN_EMBEDDING,
    r"cohere\.embed": COHERE_EMBEDDING,
    r"amazon\.nova-\d-multimodal-embeddings": NOVA_EMBEDDING,
    r"amazon\.(nova-canvas|titan-image)": AMAZON_IMAGE,
    r"stability\.": STABILITY_IMAGE,
}


def _invoke(model: str) -> Endpoint | None:
    return next((e for family, e in FAMILIES.items() if re.search(family, model)), None)


ROUTES = (
    Route(r"/model/(?P<model>.+)/converse", CONVERSE),
    Route(r"/model/(?P<model>.+)/converse-stream", CONVERSE, stream=True),
    Route(r"/model/(?P<model>.+)/invoke", _invoke),
    Route(r"/model/(?P<model>.+)/invoke-with-response-stream", _invoke, stream=True),
    Route(r"/model/(?P<model>.+)/count-tokens", COUNT),
    Route(r"/rerank", RERANK),
)
