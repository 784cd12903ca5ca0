"""The most that one deployment can be made to use by a request, as a Usage."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from ...pricing.price import Price
from ...pricing.usage import Usage
from ...providers.deployment import Deployment
from ...untyped import sequence, text
from ..readers.media import seconds_of
from . import media
from .talk import OUTPUT_OF_DRAWING, SYSTEM, choices, talk, whole
from .weight import Weight, weigh


def at_most(
    operation: str,
    asked: Mapping[str, Any],
    weight: Weight,
    upload: bytes,
    deployment: Deployment,
    price: Price,
    pictures: int,
) -> Usage:
    """The most that `deployment` can use; `pictures` are a form's files (see `cost.most`)."""
    model = media.name(deployment)
    match operation:
        case "embeddings":
            return _embeddings(asked, model)
        case "rerank":
            return _rerank(asked)
        case "image_generation" | "image_edit":
            return _drawing(asked, weight, model, pictures if operation == "image_edit" else 0)
        case "transcription":
            return _transcription(weight, upload)
        case "speech":
            return _speech(asked, weight)
        case _:
            return talk(operation, asked, weight, deployment, price)


def _embeddings(asked: Mapping[str, Any], model: str) -> Usage:
    """Each byte a token, and some for each text: a bound for every tokenizer, and cheap here."""
    given = asked.get("input")
    listed = isinstance(given, list) and not isinstance(next(iter(given), None), int)
    shown = tokens = 0
    size = 0
    for item in sequence(given) if listed else [given]:
        if isinstance(item, str) and item.startswith("data:"):
            shown, size = shown + 1, size + len(item) * 3 // 4
        elif isinstance(item, str):
            tokens += len(item.encode("utf-8", "surrogatepass")) + 8
        else:
            tokens += len(item) if isinstance(item, list) else weigh({"input": item}).text
    seconds = Decimal(size // media.BYTES_OF_SOUND_SECOND)
    heard = int(seconds) * media.TOKENS_OF_SOUND_SECOND
    seen = shown * media.seen(model)
    return Usage(
        input_tokens=tokens + heard + seen,
        audio_input_tokens=heard,
        image_input_tokens=seen,
        images=shown,
        seconds=seconds,
    )


def _rerank(asked: Mapping[str, Any]) -> Usage:
    """A query has up to 100 documents; one of more than 500 tokens, with the query, counts as
    several (cohere.com/pricing)."""
    rest = max(500 - weigh({"query": asked.get("query")}).text, 250)
    documents = sequence(asked.get("documents"))
    chunks = sum(max(1, -(-weigh({"text": one}).text // rest)) for one in documents)
    return Usage(queries=max(1, -(-chunks // 100)))


def _drawing(asked: Mapping[str, Any], weight: Weight, model: str, pictures: int) -> Usage:
    number = choices(asked)
    drawn = number * media.drawn(model, asked.get("size"), asked.get("quality"))
    drawn += 100 * number * (whole(asked.get("partial_images")) or 0)
    output = drawn if "gpt-image" in model else max(drawn, OUTPUT_OF_DRAWING * number)
    shown = (pictures + weight.pictures) * media.seen(model)
    return Usage(
        input_tokens=weight.text + SYSTEM + shown,
        image_input_tokens=shown,
        output_tokens=output,
        image_output_tokens=drawn,
        images=number,
    )


def _transcription(weight: Weight, upload: bytes) -> Usage:
    """The length that the file's header says, or the longest that so many bytes can be."""
    seconds = seconds_of(upload) or len(upload) / media.BYTES_OF_SOUND_SECOND
    whole_seconds = int(seconds) + 1
    heard = whole_seconds * media.TOKENS_OF_SOUND_SECOND
    return Usage(
        input_tokens=weight.text + SYSTEM + heard,
        audio_input_tokens=heard,
        output_tokens=whole_seconds * media.TOKENS_SAID_IN_SECOND + SYSTEM,
        seconds=Decimal(whole_seconds),
    )


def _speech(asked: Mapping[str, Any], weight: Weight) -> Usage:
    said = text(asked.get("input")) or ""
    seconds = media.spoken(said, asked.get("speed"))
    tokens = int(seconds * media.TOKENS_SPOKEN_IN_SECOND) + 1
    return Usage(
        input_tokens=weight.text + SYSTEM,
        output_tokens=tokens,
        audio_output_tokens=tokens,
        characters=len(said),
        seconds=seconds,
    )
