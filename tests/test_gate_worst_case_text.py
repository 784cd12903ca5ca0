"""How many tokens a text has at most, measured with the tokenizers that LiteLLM ships."""

import base64
import json
import random
from collections.abc import Callable, Mapping
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import tiktoken
import tokenizers
from sekisho.gate.worst_case.weight import tokens_in

HERE = Path(__file__).parent
_random = random.Random(1)
_digits = [str(_random.randrange(10)) for _ in range(8_000)]
_words = [f"{_random.getrandbits(128):032x}" for _ in range(300)]
_noise = base64.b64encode(_random.randbytes(12_000)).decode()

TEXTS: Mapping[str, str] = {
    "Python": "".join(path.read_text() for path in sorted((HERE.parent / "gate").glob("*.py"))),
    "Markdown": (HERE.parent / "README.md").read_text(),
    "YAML": (HERE.parent / "pricing" / "prices" / "vertex.yaml").read_text(),
    "CSV": (HERE / "costs_by_hand.csv").read_text()[:50_000],
    "JSON": json.dumps([{"id": n, "name": word, "on": True} for n, word in enumerate(_words)]),
    "Japanese": (HERE.parent / "README.ja.md").read_text(),
    "Chinese": "人工智能是计算机科学的一个分支,它企图了解智能的实质。" * 50,
    "Thai": "ประเทศไทยเป็นรัฐชาติอันตั้งอยู่ในเอเชียตะวันออกเฉียงใต้" * 50,
    "emoji": "😀🎉🚀👩‍💻🇯🇵❤️🔥🧑🏽‍🚀🦀🐍✅⚠️" * 50,
    "hex": "".join(_words),
    "numbers": ",".join(f"{_random.random() * 100:.2f}" for _ in range(3_000)),
    "digits and blanks": " ".join(_digits),
}


Count = Callable[[str], int]


def _count(encoding: tiktoken.Encoding, text: str) -> int:
    return len(encoding.encode_ordinary(text))


@pytest.fixture(scope="module")
def openai() -> list[Count]:
    """How o200k_base and cl100k_base count."""
    folder = str(files("litellm.litellm_core_utils") / "tokenizers")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIKTOKEN_CACHE_DIR", folder)
        encodings = [tiktoken.get_encoding(name) for name in ("o200k_base", "cl100k_base")]
    return [partial(_count, encoding) for encoding in encodings]


@pytest.fixture(scope="module")
def claude() -> Count:
    """How Anthropic's first tokenizer counts."""
    path = files("litellm.litellm_core_utils") / "tokenizers" / "anthropic_tokenizer.json"
    tokenizer: Any = tokenizers.Tokenizer.from_file(str(path))
    return lambda text: len(tokenizer.encode(text).ids)


@pytest.mark.parametrize("name", TEXTS)
def test_no_tokenizer_makes_more_of_a_text(name: str, openai: list[Count], claude: Count) -> None:
    """Texts have at most the tokens that are foreseen, for Claude with 1.35 times as many as its
    first tokenizer made, though never more than bytes."""
    text = TEXTS[name]
    size = len(text.encode())
    bound = tokens_in(text.encode())
    assert bound >= max(count(text) for count in openai)
    assert bound >= min(1.35 * claude(text), size)


@pytest.mark.parametrize("text", [_noise, "QXZKJ" * 500, "a b c " * 500])
def test_even_noise_has_at_most_twice_the_tokens(text: str, openai: list[Count]) -> None:
    """Letters at random pass the bound by a factor of 2 at most: a token has at least a byte."""
    assert 2 * tokens_in(text.encode()) >= len(text.encode())
    assert 2 * tokens_in(text.encode()) >= max(count(text) for count in openai)


def test_a_token_of_code_is_not_counted_thrice(openai: list[Count]) -> None:
    """A bound of ordinary code is at most three times what OpenAI's tokenizers make of it."""
    code = TEXTS["Python"]
    assert tokens_in(code.encode()) < 3 * min(count(code) for count in openai)
