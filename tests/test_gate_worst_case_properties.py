"""What a request can cost at most, for any body at all: never an error, never less for more."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sekisho.gate.worst_case.cost import most, prompt_tokens
from sekisho.pricing import catalog
from sekisho.providers.deployment import Deployment, Mode

Json = dict[str, Any]

_PRICES = catalog.load()
_MODELS: tuple[tuple[str, Mode, Json], ...] = (
    ("azure_ai/claude-sonnet-4-6", "chat", {"max_input_tokens": 1_000_000}),
    ("azure/gpt-5.6-terra", "responses", {"max_output_tokens": 128_000}),
    ("vertex_ai/gemini-3.8-flash", "chat", {"max_input_tokens": "many", "max_output_tokens": -1}),
    ("vertex_ai/gemini-3-pro-image", "image", {}),
    ("azure/gpt-image-2", "image", {}),
    ("bedrock/stability.stable-image-ultra-v1:1", "image", {}),
    ("bedrock/amazon.nova-2-multimodal-embeddings-v1:0", "embedding", {"max_input_tokens": 8172}),
    ("azure_ai/cohere-rerank-v4.0-pro", "rerank", {}),
    ("azure/gpt-4o-mini-transcribe", "transcription", {}),
    ("azure/gpt-4o-mini-tts", "speech", {}),
    ("azure/tts-1", "speech", {}),
)
CHOICES = [
    (Deployment(name, name, "custom", mode, {"model": name}, info, name), _PRICES.price(name))
    for name, mode, info in _MODELS
]
_OPERATIONS = (
    *("chat", "messages", "responses", "embeddings", "rerank", "image_generation", "image_edit"),
    *("transcription", "speech", "count_tokens"),
)
_NAMES = (
    *("messages", "input", "prompt", "tools", "query", "documents", "max_tokens"),
    *("max_completion_tokens", "max_output_tokens", "n", "size", "quality", "speed"),
    *("service_tier", "serviceTier", "web_search_options", "max_tool_calls", "type", "text"),
    *("content", "role", "source", "image_url", "url", "data", "file", "file_data", "format"),
    *("media_type", "cache_control", "ttl", "partial_images", "conversation", "maxTokens"),
    *("max_uses", "cache_control_injection_points"),
)
_WORDS = "image document file image_url input_audio video_url web_search 1h auto 1024x1024 low"
_leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(_WORDS.split())
    | st.sampled_from(["data:video/mp4;base64,AAAA", "https://example.com/a.pdf", "\ud800"])
    | st.integers(min_value=10**299, max_value=10**300)
)
_values = st.recursive(
    _leaves,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(_NAMES) | st.text(max_size=4), inner, max_size=5)
    ),
    max_leaves=12,
)
bodies = st.dictionaries(st.sampled_from(_NAMES), _values, max_size=8)


@settings(deadline=None, max_examples=150)
@given(body=bodies, operation=st.sampled_from(_OPERATIONS), upload=st.binary(max_size=60))
def test_any_body_has_a_figure(body: Json, operation: str, upload: bytes) -> None:
    """Whatever JSON stands in whatever field, there is a figure of 0 USD or more, and no error."""
    for choice in CHOICES:
        bound = most(operation, body, upload, [choice])
        assert bound is not None
        assert bound.is_finite()
        assert bound >= 0
    assert prompt_tokens(body, upload) >= 0


@settings(deadline=None, max_examples=100)
@given(
    operation=st.sampled_from(["chat", "messages", "responses"]),
    before=st.text(max_size=50),
    more=st.text(max_size=50),
    first=st.integers(min_value=1, max_value=300_000),
    extra=st.integers(min_value=0, max_value=300_000),
)
def test_more_is_never_cheaper(
    operation: str, before: str, more: str, first: int, extra: int
) -> None:
    """A longer prompt or a longer answer never lowers the figure."""

    def bound(text: str, longest: int) -> Decimal:
        field = "max_output_tokens" if operation == "responses" else "max_tokens"
        body: Json = {"messages": [{"role": "user", "content": text * 200}], field: longest}
        found = most(operation, body, b"", CHOICES[:3])
        assert found is not None
        return found

    least = bound(before, first)
    assert least <= bound(before + more, first)
    assert least <= bound(before, first + extra)


@pytest.mark.parametrize("operation", _OPERATIONS)
def test_deep_bodies(operation: str) -> None:
    """A body nested a thousand times is no deep recursion."""
    value: Any = "x"
    for _ in range(1000):
        value = {"content": [value]}
    assert most(operation, {"messages": [value], "input": value}, b"", CHOICES) is not None
