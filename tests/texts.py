"""Texts of many kinds, and how the tokenizers that LiteLLM ships cut them."""

import json
import random
from collections.abc import Callable, Mapping
from functools import cache, partial
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import tiktoken
import tokenizers

HERE = Path(__file__).parent
_random = random.Random(1)
_digits = [str(_random.randrange(10)) for _ in range(8_000)]
_words = [f"{_random.getrandbits(128):032x}" for _ in range(300)]

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


@cache
def openai() -> list[Count]:
    """How o200k_base and cl100k_base count."""
    folder = str(files("litellm.litellm_core_utils") / "tokenizers")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIKTOKEN_CACHE_DIR", folder)
        encodings = [tiktoken.get_encoding(name) for name in ("o200k_base", "cl100k_base")]
    return [partial(_count, encoding) for encoding in encodings]


@cache
def claude() -> Count:
    """How Anthropic's first tokenizer counts."""
    path = files("litellm.litellm_core_utils") / "tokenizers" / "anthropic_tokenizer.json"
    tokenizer: Any = tokenizers.Tokenizer.from_file(str(path))
    return lambda text: len(tokenizer.encode(text).ids)


def _count(encoding: tiktoken.Encoding, text: str) -> int:
    return len(encoding.encode_ordinary(text))
