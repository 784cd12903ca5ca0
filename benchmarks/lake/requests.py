"""Made-up requests of a company: 300 people, eight models, 20 KB of text in each.

Half of the text is one of 20 long system prompts, as programs send them again and again; the other
half is new words each time, so that it compresses about as text does.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import orjson

_SYLLABLES = tuple("karonimesupahaeyulogidowitabenors"[i : i + 2] for i in range(0, 32, 2))
_MODELS = (
    ("claude-sonnet-5-5", "aws.bedrock", "anthropic.claude-sonnet-5-5-v1:0"),
    ("claude-haiku-5-5", "aws.bedrock", "anthropic.claude-haiku-5-5-v1:0"),
    ("claude-opus-5-5", "gcp.vertex_ai", "claude-opus-5-5"),
    ("gemini-3-flash", "gcp.vertex_ai", "gemini-3-flash"),
    ("gpt-5.4", "azure.ai.openai", "gpt-5.4-2026-03-05"),
    ("gpt-5.4-mini", "azure.ai.openai", "gpt-5.4-mini-2026-03-17"),
    ("gpt-4.1", "azure.ai.openai", "gpt-4.1-2025-04-14"),
    ("gpt-4.1-mini", "azure.ai.openai", "gpt-4.1-mini-2025-04-14"),
)
BODY_BYTES = 20_000  # request and answer together, as JSON
_ANSWER_BYTES = 2_000


@dataclass(frozen=True, slots=True)
class Made:
    """One request: `asked` and `answered` are JSON texts, as they came over the wire."""

    number: int
    asked: bytes
    answered: bytes
    model: str
    provider: str
    response_model: str
    user: str
    team: str
    input_tokens: int
    output_tokens: int


def made(count: int, seed: int) -> Iterator[Made]:
    """So many different requests."""
    dice = random.Random(seed)
    for number in range(count):
        model, provider, response_model = dice.choice(_MODELS)
        person = int(dice.paretovariate(0.7)) % 300
        input_tokens, output_tokens = dice.randrange(3_000, 6_000), dice.randrange(300, 600)
        answered = _answer(dice, model, input_tokens, output_tokens)
        yield Made(
            number=number,
            asked=_asked(dice, model, BODY_BYTES - len(answered)),
            answered=answered,
            model=model,
            provider=provider,
            response_model=response_model,
            user=f"user-{person:03}@example.com",
            team=f"team-{person % 12}",
            input_tokens=input_tokens,
            output_tokens=output_tokens,
        )


def _asked(dice: random.Random, model: str, size: int) -> bytes:
    prompt = _prompts()[dice.randrange(20)]
    fresh = _text(dice, size - len(prompt) - 250)
    third = len(fresh) // 3
    turns = (
        ("system", prompt),
        ("user", fresh[:third]),
        ("assistant", fresh[third : 2 * third]),
        ("user", fresh[2 * third :]),
    )
    messages = [{"role": role, "content": text} for role, text in turns]
    return orjson.dumps({"model": model, "max_tokens": 1000, "messages": messages})


def _answer(dice: random.Random, model: str, into: int, out: int) -> bytes:
    message = {"role": "assistant", "content": _text(dice, _ANSWER_BYTES - 330)}
    usage = {"prompt_tokens": into, "completion_tokens": out, "total_tokens": into + out}
    return orjson.dumps(
        {
            "id": f"chatcmpl-{dice.getrandbits(96):024x}",
            "object": "chat.completion",
            "created": 1_795_000_000,
            "model": model,
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": usage,
        }
    )


@cache
def _prompts() -> tuple[str, ...]:
    dice = random.Random(20)
    return tuple(_text(dice, 9_000) for _ in range(20))


@cache
def _words() -> tuple[str, ...]:
    dice = random.Random(4)
    return tuple(
        "".join(dice.choices(_SYLLABLES, k=dice.choice((1, 2, 2, 3)))) for _ in range(4000)
    )


def _text(dice: random.Random, size: int) -> str:
    return " ".join(dice.choices(_words(), k=size // 4))[: max(size, 0)]
