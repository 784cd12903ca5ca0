"""What OpenAI's models refuse, by name of the deployment, which is the model's here.

Bedrock's form of OpenAI's API has the same path; its ids end in the same names.

Source: Microsoft's "Azure OpenAI reasoning models", section "Not supported".
"""

import re

from ..pretend import Json
from .schemas import check

REASONING = re.compile(r"(gpt-[5-9]|o[1-9])")
UNSUPPORTED = ("presence_penalty", "frequency_penalty", "logprobs", "top_logprobs", "logit_bias")
# Tokens of the longest answer, from the models' cards.
LONGEST = ((r"gpt-4o", 16_384), (r"gpt-4\.1", 32_768), (r"gpt-[5-9]|o[1-9]", 128_000))


def plain(model: str) -> str:
    """The name without Bedrock's prefix, `global.openai.`."""
    return model.rsplit("openai.", 1)[-1]


def reasons(model: str) -> bool:
    """Whether it is a reasoning model."""
    return bool(REASONING.match(model)) and "-chat" not in model


def sampling(model: str, body: Json) -> None:
    """Reasoning models have no sampling parameters."""
    if not reasons(model):
        return
    for name in ("temperature", "top_p"):
        value = body.get(name)
        words = f"Unsupported value: '{name}' does not support {value} with this model."
        check(value in (None, 1), f"{words} Only the default (1) value is supported.")
    for name in UNSUPPORTED:
        words = f"Unsupported parameter: '{name}' is not supported with this model."
        check(body.get(name) in (None, 0, False), words)


def length(model: str, name: str, given: int | None) -> None:
    """No model takes a limit above its own."""
    for pattern, most in LONGEST:
        if re.match(pattern, model):
            words = f"{name} is too large: {given}. This model supports at most {most} completion"
            check((given or 0) <= most, f"{words} tokens, whereas you provided {given}.")
            return
