"""How many tokens a text has at most, measured with the tokenizers that LiteLLM ships."""

import base64
import random

import pytest
from sekisho.gate.worst_case.weight import tokens_in

from .texts import TEXTS, claude, openai

_noise = base64.b64encode(random.Random(1).randbytes(12_000)).decode()


@pytest.mark.parametrize("name", TEXTS)
def test_no_tokenizer_makes_more_of_a_text(name: str) -> None:
    """Texts have at most the tokens that are foreseen, for Claude with 1.35 times as many as its
    first tokenizer made, though never more than bytes."""
    text = TEXTS[name]
    size = len(text.encode())
    bound = tokens_in(text.encode())
    assert bound >= max(count(text) for count in openai())
    assert bound >= min(1.35 * claude()(text), size)


@pytest.mark.parametrize("text", [_noise, "QXZKJ" * 500, "a b c " * 500])
def test_even_noise_has_at_most_twice_the_tokens(text: str) -> None:
    """Letters at random pass the bound by a factor of 2 at most: a token has at least a byte."""
    assert 2 * tokens_in(text.encode()) >= len(text.encode())
    assert 2 * tokens_in(text.encode()) >= max(count(text) for count in openai())


def test_a_token_of_code_is_not_counted_thrice() -> None:
    """A bound of ordinary code is at most three times what OpenAI's tokenizers make of it."""
    code = TEXTS["Python"]
    assert tokens_in(code.encode()) < 3 * min(count(code) for count in openai())
