"""The list of wire repairs, its switches, and what holds for all of them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sekisho import settings
from sekisho.callbacks.repairs import registry
from sekisho.callbacks.repairs.call import Call

from .mending import AZURE, BEDROCK, GEMINI, NOVA, VERTEX, mended


def test_a_plain_request_is_left_alone() -> None:
    """No repair touches what needs none."""
    asked = {
        "messages": [{"role": "user", "content": "Good day"}],
        "temperature": 0.3,
        "max_tokens": 100,
    }
    for model in (BEDROCK, VERTEX, GEMINI, NOVA, AZURE):
        assert mended("chat", model, {"max_output_tokens": 10_000}, **asked) == asked


def test_each_repair_says_whom_it_is_for() -> None:
    """A name of its own, and a docstring for the table of docs/clients.md."""
    assert len(set(registry.NAMES)) == len(registry.REPAIRS) == 11
    for repair in registry.REPAIRS:
        assert "For " in str(repair.__doc__)
    assert registry.markdown_table().count("\n") == len(registry.REPAIRS) + 2


def test_repairs_are_switched_off_by_name() -> None:
    """One that is off isn't made; the others are."""
    kept = registry.without({"temperature_top_p"})
    call = Call.of("chat", {"model": BEDROCK, "temperature": 2.0, "top_p": 0.9})
    registry.mend(call, kept)
    assert call.kwargs == {"model": BEDROCK, "temperature": 1, "top_p": 0.9}


def test_the_switches_in_the_configuration() -> None:
    """`repairs: {name: false}` switches off; all are on else."""
    section = {"repairs": {"cache_markers": False, "vertex_labels": True}}
    assert settings.load(environ={}, section=section).repairs_off == {"cache_markers"}
    assert settings.load(environ={}).repairs_off == frozenset()


@pytest.mark.parametrize(
    ("repairs", "words"),
    [
        ({"cache_marker": False}, "repairs: unknown key cache_marker: did you mean cache_markers?"),
        ({"cache_markers": "no"}, "repairs: cache_markers: must be true or false"),
        (["cache_markers"], "repairs: must be a mapping of repairs to false, or to true"),
    ],
)
def test_switches_that_are_none(repairs: Any, words: str) -> None:
    """A misspelt repair names the nearest one."""
    with pytest.raises(settings.SettingsError, match=words):
        settings.load(environ={}, section={"repairs": repairs})


# Whatever comes


_WORDS = (
    "role content tools tool_calls function name id type system messages input parts contents "
    "thinking functionCall functionResponse tool_choice include labels cache_control text"
)
_KEYS = st.sampled_from(_WORDS.split())
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(_KEYS, JSON, max_size=6), st.sampled_from([BEDROCK, GEMINI, NOVA, AZURE]))
def test_nothing_that_comes_breaks_a_repair(fields: dict[str, Any], model: str) -> None:
    """Malformed requests pass; refusing them is the provider's business."""
    for api in ("chat", "messages", "responses", "generate"):
        mended(api, model, {"max_output_tokens": 10}, **fields)
