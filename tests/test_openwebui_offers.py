"""What Open WebUI's users read about a model, from the gateway's own list."""

from typing import Any

import pytest
from sekisho.frontends.open_webui import offers
from sekisho.frontends.open_webui.offers import Offer


def entry(alias: str, **info: Any) -> dict[str, Any]:
    """One model as the gateway lists it."""
    return {"model_name": alias, "litellm_params": {"model": alias}, "model_info": info}


def read(*entries: dict[str, Any]) -> list[Offer]:
    """The offers of these entries."""
    return offers.read({"data": list(entries)})


def test_a_model_for_conversations() -> None:
    """Its price is for a million tokens, its sizes are in tokens."""
    found = read(
        entry(
            "claude-sonnet-5-5",
            mode="chat",
            input_cost_per_token=3e-06,
            output_cost_per_token=1.5e-05,
            max_input_tokens=1000000,
            max_output_tokens=128000,
            supports_vision=True,
        )
    )
    line = "$3.00 in, $15.00 out per million tokens. Reads 1,000,000, writes 128,000 tokens."
    assert found == [Offer("claude-sonnet-5-5", line, True, False, 3e-06)]


@pytest.mark.parametrize(
    ("info", "line"),
    [
        ({}, ""),
        ({"input_cost_per_token": 2.5e-08}, "$0.025 in per million tokens."),
        ({"input_cost_per_token": 0}, "$0.00 in per million tokens."),
        ({"input_cost_per_token": True}, ""),
        ({"max_output_tokens": 4096}, "Writes 4,096 tokens."),
        ({"mode": "embedding", "max_input_tokens": 8192}, "Embeddings. Reads 8,192 tokens."),
        ({"mode": "audio_speech"}, "Text to speech."),
    ],
)
def test_what_is_not_known_is_not_said(info: dict[str, Any], line: str) -> None:
    """A line has only what the gateway tells."""
    assert read(entry("m", **info))[0].description == line


def test_what_people_do_not_choose_is_hidden() -> None:
    """Models that don't converse, and aliases that pin a cloud, are not in people's list."""
    found = read(
        entry("opus", mode="chat"),
        entry("opus-vertex", mode="chat"),
        entry("lonely-azure", mode="chat"),
        entry("research", mode="responses"),
        entry("embed", mode="embedding"),
        entry("draw", mode="image_generation"),
    )
    assert [one.alias for one in found if one.hidden] == ["opus-vertex", "embed", "draw"]


def test_the_cheapest_is_the_one_to_try() -> None:
    """Of the models for conversations it is the one that reads for least."""
    found = read(
        entry("dear", input_cost_per_token=1e-05),
        entry("cheap", input_cost_per_token=1e-07),
        entry("by-request", mode="chat"),
        entry("embed", mode="embedding", input_cost_per_token=1e-09),
    )
    cheapest = offers.cheapest(found)
    assert cheapest is not None
    assert cheapest.alias == "cheap"
    assert offers.cheapest(read(entry("embed", mode="embedding"))) is None


@pytest.mark.parametrize("answer", [None, [], {"data": None}, {"data": [{}, 1]}])
def test_an_answer_of_something_else_has_no_offers(answer: object) -> None:
    """What isn't a list of models is an empty one."""
    assert offers.read(answer) == []
