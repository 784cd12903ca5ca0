"""What pictures, sounds and films can cost: bounds from the vendors' documents.

Each line names where the figure comes from, to be looked up again when models change. Where a
vendor documents no bound the line says so, and what was taken instead.
"""

import re
from decimal import Decimal

from ...providers.deployment import Deployment

_PICTURES = (
    # platform.claude.com, "Vision": 28 pixels a patch, at most 4784 of them since Opus 4.7.
    ("claude", 4_784),
    # ai.google.dev, "Media resolution": ultra high; 1120 unless asked for.
    ("gemini", 2_240),
    # developers.openai.com, "Images and vision": 2833 and 5667 for each of at most 8 tiles.
    ("gpt-4o-mini", 48_169),
    # The same: 10,000 patches, times 1.2. For GPT-6 a picture of 12 megapixels was measured as
    # 14,364 (huggingface.co, datasets/JOHNISKING/image-token-cost); no bound is documented.
    ("gpt-6", 15_000),
    ("gpt-5", 12_000),
    # The same, input fidelity: 6240 for a portrait, and 85 and 170 for each of 8 tiles.
    ("gpt-image", 7_685),
)
_ANY_PICTURE = 16_384
"""Qwen3-VL's default `max_pixels`, the largest of the others (huggingface.co, Qwen3-VL)."""

TOKENS_OF_FILE_BYTE = 2
"""A PDF's page is its text (1500 to 3000 tokens) and a picture (platform.claude.com, "PDF
support"), and a page of text alone takes about 3 KB. Nobody documents a bound by size."""
BYTES_OF_SOUND_SECOND = 750
"""Opus at 6 kbit/s, the least that any usual format has (RFC 6716, section 2.1.1)."""
TOKENS_OF_SOUND_SECOND = 32
"""ai.google.dev, "Audio understanding". OpenAI's transcription models: 10."""
BYTES_OF_FILM_SECOND = 12_500
"""100 kbit/s; slide shows can have less. Nobody documents a bound by size."""
TOKENS_OF_FILM_SECOND = 300
"""ai.google.dev, "Video understanding": 258 for a picture each second, 32 for the sound."""
TOKENS_SAID_IN_SECOND = 15
"""Fast speech has 5 words or 10 Japanese morae a second; the rest is for names of speakers."""
TOKENS_SPOKEN_IN_SECOND = 25
"""ai.google.dev, "Text-to-speech"; gpt-4o-mini-tts: 20.8 (0.015 USD a minute at 12 USD/M)."""

_SIZE = re.compile(r"([1-9]\d{1,3})[xX*]([1-9]\d{1,3})")
_QUALITIES = {"low": (16, 3_855), "medium": (48, 993)}
_HIGH = (96, 252)
_GEMINI_DRAWS = 2_520
"""4K of Gemini 3.1 Flash Image; 3 Pro Image: 2000 (ai.google.dev, "Pricing")."""


def name(deployment: Deployment) -> str:
    """The model's name, also where a deployment on Azure has another one."""
    return f"{deployment.price_id} {deployment.model} {deployment.model_info.get('base_model')}"


def seen(model: str) -> int:
    """The most input tokens of one picture."""
    return next((tokens for name, tokens in _PICTURES if name in model), _ANY_PICTURE)


def drawn(model: str, size: object, quality: object) -> int:
    """The most output tokens of one picture that a model draws.

    GPT Image 1: 272, 1056 or 4160 tokens for 1024x1024, in proportion to the pixels
    (developers.openai.com, "Image generation"). GPT Image 2: the rule that its price calculator
    there follows (community.openai.com, 1382699). Whichever is more: later models have neither.
    """
    if "gpt-image" not in model:
        return _GEMINI_DRAWS
    found = _SIZE.fullmatch(size) if isinstance(size, str) else None
    width, height = (int(found[1]), int(found[2])) if found else (1024, 1024)
    side, area = _QUALITIES.get(quality, _HIGH) if isinstance(quality, str) else _HIGH
    other = round(side * min(width, height) / max(width, height)) + 1
    newer = side * other * (2_000_000 + width * height) // 4_000_000 + 1
    return max(newer, width * height // area + 1)


def spoken(text: str, speed: object) -> Decimal:
    """The most seconds that reading a text aloud takes: no vendor documents one.

    A tenth of a second for each ASCII character but digits (120 words a minute), half a second for
    each other (a digit, a kanji), five for silence, and slower by `speed` (0.25 to 1).
    """
    slow = sum(not char.isascii() or char.isdecimal() for char in text)
    seconds = 5 + Decimal(slow) / 2 + Decimal(len(text) - slow) / 10
    if isinstance(speed, int | float) and speed < 1:
        return seconds / Decimal(str(max(speed, 0.25)))
    return seconds
