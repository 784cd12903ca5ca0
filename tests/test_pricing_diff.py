"""`sekisho prices diff`: our figures against LiteLLM's own map."""

import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest
from sekisho.pricing import catalog, diff, importer
from sekisho.pricing.importer import convert

PLANTED = """
azure/gpt-4.1:
  input: "2"
  cache_read: "0.6"
  output: "8"
  priority: {input: "3.5", cache_read: "0.875", output: "14"}
  source: planted
  date: 2026-11-21
azure/gpt-of-tomorrow:
  input: "1"
  source: planted
  date: 2026-11-21
"""


def test_planted_differences_are_found(tmp_path: Path) -> None:
    """A changed figure and a model that LiteLLM lacks are found, with both figures."""
    (tmp_path / "x.yaml").write_text(PLANTED)
    assert [str(one) for one in diff.differences(catalog.load(tmp_path))] == [
        "azure/gpt-4.1: cache_read: ours 0.6, LiteLLM's 0.5",
        "azure/gpt-of-tomorrow: input: ours 1, LiteLLM's none",
    ]


def test_a_figure_that_litellm_has_and_we_lack_is_found(tmp_path: Path) -> None:
    """A unit, band or tier that only LiteLLM prices is a difference too."""
    text = "azure/gpt-5.5:\n  input: '5'\n  output: '30'\n  source: planted\n  date: 2026-11-21\n"
    (tmp_path / "x.yaml").write_text(text)
    found = {one.unit: one.theirs for one in diff.differences(catalog.load(tmp_path))}
    assert found["cache_read"] == Decimal("0.5")
    assert found["above_272000 input"] == Decimal(10)
    assert found["priority output"] == Decimal(75)
    assert "input" not in found


def test_our_known_differences() -> None:
    """We differ from LiteLLM 1.106.2 in these figures, each for a reason in its source."""
    ours = {str(one) for one in diff.differences() if one.theirs is not None}
    assert ours == {
        "azure_ai/claude-sonnet-5-5: cache_read: ours 0.1, LiteLLM's 0.2",
        "azure/gpt-4o-mini-tts: output: ours 12, LiteLLM's 10",
        "bedrock/amazon.nova-canvas-v1:0: image: ours 0.08, LiteLLM's 0.06",
    }


def test_differences_of_one_model() -> None:
    """Asked for one id, only that one is compared."""
    (found,) = diff.differences(ids=["azure_ai/claude-sonnet-5-5"])
    assert (found.unit, found.ours, found.theirs) == ("cache_read", Decimal("0.1"), Decimal("0.2"))


@pytest.mark.parametrize(
    ("info", "entry"),
    [
        (
            {"mode": "chat", "input_cost_per_token": 3.3e-06, "output_cost_per_token": 1.65e-05},
            {"input": "3.3", "output": "16.5"},
        ),
        (
            {"mode": "chat", "input_cost_per_token": 0.0, "output_cost_per_token": 0},
            {},
        ),
        (
            {
                "mode": "chat",
                "input_cost_per_token": 1e-06,
                "output_cost_per_token": 4e-06,
                "output_cost_per_reasoning_token": 4e-06,
                "cache_read_input_token_cost": 1e-07,
                "input_cost_per_token_above_200k_tokens": 2e-06,
                "output_cost_per_token_above_200k_tokens": 6e-06,
                "input_cost_per_token_flex": 5e-07,
            },
            {
                "input": "1",
                "cache_read": "0.1",
                "output": "4",
                # What the map forgets follows the ratio of input or output.
                "above_200000": {"input": "2", "cache_read": "0.2", "output": "6"},
                "flex": {
                    "input": "0.5",
                    "cache_read": "0.05",
                    "output": "2",
                    "above_200000": {"input": "1", "cache_read": "0.1", "output": "3"},
                },
            },
        ),
        ({"mode": "rerank", "input_cost_per_query": 0.002}, {"query": "0.002"}),
        ({"mode": "ocr", "ocr_cost_per_page": 0.003}, {"page": "0.003"}),
        ({"mode": "audio_speech", "input_cost_per_character": 1.5e-05}, {"character": "15"}),
        ({"mode": "audio_transcription", "input_cost_per_second": 7.5e-05}, {"second": "0.000075"}),
        ({"mode": "image_generation", "output_cost_per_image": 0.04}, {"image": "0.04"}),
        (
            {
                "mode": "chat",
                "input_cost_per_token": 1e-06,
                "max_input_tokens": 100_000,
                "input_cost_per_token_above_200k_tokens": 2e-06,
                "search_context_cost_per_query": {"search_context_size_medium": 0.01},
            },
            {"input": "1", "query": "0.01"},
        ),
    ],
)
def test_litellms_fields_become_our_units(info: dict[str, object], entry: object) -> None:
    """LiteLLM's cost fields, in floats for one unit, become exact figures of our units."""
    assert convert(info) == entry


def test_entry_says_where_it_was_read() -> None:
    """An imported entry names the vendor's page and LiteLLM's entry, or the entry alone."""
    for price_id, source in {
        "vertex_ai/claude-sonnet-4-6": "https://cloud.google.com/gemini-enterprise-agent-platform/"
        "generative-ai/pricing (as read in the litellm 1.106.2 model map, entry "
        "vertex_ai/claude-sonnet-4-6)",
        "azure/tts-1": "litellm 1.106.2 model map, entry azure/tts-1",
    }.items():
        entry = importer.entry(price_id)
        assert entry is not None
        assert entry["source"] == source


def test_no_entry_for_what_litellm_does_not_know_or_gives_away() -> None:
    """Ids that LiteLLM lacks, or lists without a price, have no entry."""
    assert importer.entry("azure/gpt-of-tomorrow") is None
    assert importer.entry("vertex_ai/meta/llama-3.1-8b-instruct-maas") is None


def test_the_map_is_read_without_importing_litellm() -> None:
    """LiteLLM's map is read as a file: importing LiteLLM takes seconds."""
    script = (
        "import sys, sekisho.pricing.diff as d, sekisho.providers.loader as l;"
        "d.differences(); l.load({}); print('litellm' in sys.modules)"
    )

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert done.stdout.strip() == b"False"
