"""Google's answers, whole and streamed, read without a gateway: what they say and count."""

import itertools
import json
from typing import Any

import pytest
from sekisho.gate.readers.generate import Generate, usage_of
from sekisho.pricing.usage import Usage

Json = dict[str, Any]


def _details(**tokens: int) -> list[Json]:
    return [{"modality": kind, "tokenCount": count} for kind, count in tokens.items()]


@pytest.mark.parametrize(
    ("told", "grounding", "expected"),
    [
        (
            {"promptTokenCount": 100, "candidatesTokenCount": 10, "totalTokenCount": 110},
            [],
            Usage(input_tokens=100, output_tokens=10),
        ),
        (
            {
                "promptTokenCount": 100,
                "candidatesTokenCount": 10,
                "thoughtsTokenCount": 5,
                "cachedContentTokenCount": 60,
                "totalTokenCount": 115,
                "trafficType": "ON_DEMAND_PRIORITY",
            },
            [],
            Usage(
                input_tokens=100,
                output_tokens=15,
                cache_read_input_tokens=60,
                reasoning_output_tokens=5,
                service_tier="priority",
            ),
        ),
        (  # early answers of Gemini 2.5 have thoughts among the candidates
            {
                "promptTokenCount": 100,
                "candidatesTokenCount": 15,
                "thoughtsTokenCount": 5,
                "totalTokenCount": 115,
            },
            [],
            Usage(input_tokens=100, output_tokens=15, reasoning_output_tokens=5),
        ),
        (  # what a tool has found is input beside the prompt
            {
                "promptTokenCount": 100,
                "toolUsePromptTokenCount": 40,
                "candidatesTokenCount": 10,
                "totalTokenCount": 150,
            },
            [],
            Usage(input_tokens=140, output_tokens=10),
        ),
        (  # but for a search, whose queries are paid, each once
            {
                "promptTokenCount": 100,
                "toolUsePromptTokenCount": 40,
                "candidatesTokenCount": 10,
                "totalTokenCount": 150,
            },
            [{"webSearchQueries": ["a", "b", "a", ""]}, {"webSearchQueries": ["b"]}],
            Usage(input_tokens=100, output_tokens=10, queries=2),
        ),
        (
            {"promptTokenCount": 100, "candidatesTokenCount": 10, "totalTokenCount": 110},
            [{"groundingChunks": [{"maps": {}}]}],
            Usage(input_tokens=100, output_tokens=10, queries=1),
        ),
        (  # sound and pictures; those in a cache are cache reads
            {
                "promptTokenCount": 1000,
                "promptTokensDetails": _details(TEXT=500, AUDIO=300, IMAGE=200),
                "cachedContentTokenCount": 250,
                "cacheTokensDetails": _details(TEXT=100, AUDIO=100, IMAGE=50),
                "candidatesTokenCount": 1300,
                "candidatesTokensDetails": _details(TEXT=10, IMAGE=1290),
                "totalTokenCount": 2300,
            },
            [],
            Usage(
                input_tokens=1000,
                output_tokens=1300,
                cache_read_input_tokens=250,
                audio_input_tokens=200,
                image_input_tokens=150,
                image_output_tokens=1290,
            ),
        ),
        ({"trafficType": "ON_DEMAND"}, [], None),
    ],
)
def test_usage(told: Json, grounding: list[Json], expected: Usage | None) -> None:
    """Google's counts as ours: all of the input, all of the output, and their parts."""
    assert usage_of({"usageMetadata": told}, grounding) == expected


STREAM: list[Json] = [
    {"candidates": [{"content": {"role": "model", "parts": [{"text": "Hm", "thought": True}]}}]},
    {"candidates": [{"content": {"role": "model", "parts": [{"text": "関"}]}}]},
    {
        "candidates": [
            {
                "content": {
                    "role": "model",
                    "parts": [
                        {"text": "所"},
                        {"functionCall": {"name": "f", "args": {}}, "thoughtSignature": "x"},
                        {"text": "", "thoughtSignature": "y"},
                    ],
                },
                "finishReason": "STOP",
            }
        ],
        "usageMetadata": {
            "promptTokenCount": 9,
            "candidatesTokenCount": 3,
            "totalTokenCount": 12,
        },
        "modelVersion": "the-clouds-own-name",
    },
]


def test_a_stream_however_it_is_cut() -> None:
    """The same is read, gathered and passed on wherever the network has cut the bytes."""
    whole = b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in STREAM)
    for size in (1, 7, 100, len(whole)):
        reader = Generate("alias")
        pieces = [whole[at : at + size] for at in range(0, len(whole), size)]
        shown = b"".join(map(reader.feed, pieces))
        events = [json.loads(line[6:]) for line in shown.split(b"\n\n") if line]
        assert events == [{**event, "modelVersion": "alias"} for event in STREAM]
        reading = reader.reading
        assert (reading.usage, reading.finish_reasons) == (
            Usage(input_tokens=9, output_tokens=3),
            ("STOP",),
        )
        assert (reading.ended, reading.begun, reading.failed) == (True, True, False)
        assert reader.transcript.answer() == {
            "candidates": [
                {
                    "index": 0,
                    "content": {
                        "role": "model",
                        "parts": [
                            {"text": "Hm", "thought": True},
                            {"text": "関所"},
                            {"functionCall": {"name": "f", "args": {}}},
                        ],
                    },
                    "finishReason": "STOP",
                }
            ]
        }
        assert list(reader.transcript.texts()) == ["Hm", "関所", "f", ""]


def test_several_candidates() -> None:
    """A stream has ended when each of its candidates has."""
    reader = Generate("alias")
    ended = []
    for index, reason in itertools.product((0, 1), (None, "STOP")):
        candidate: Json = {"index": index, "content": {"parts": [{"text": "a"}]}}
        first: Json = {"index": 1, "content": {"parts": [{"text": "b"}]}}
        candidate |= {"finishReason": reason} if reason else {}
        event = {"candidates": [candidate, *([first] if index == 0 else [])]}
        reader.feed(b"data: " + json.dumps(event).encode() + b"\n\n")
        ended.append(reader.reading.ended)
    assert ended == [False, False, False, True]


def test_an_error_in_a_stream() -> None:
    """An error event is noted and held back, what came before it passes."""
    reader = Generate("alias")
    error = b'data: {"error": {"code": "500", "message": "litellm.APIError: APIError: no"}}\n\n'
    shown = reader.feed(
        b'data: {"candidates": [{"content": {"parts": [{"text": "a"}]}}]}\n\n' + error
    )
    assert json.loads(shown[6:])["candidates"][0]["content"] == {"parts": [{"text": "a"}]}
    assert (reader.reading.error_type, reader.reading.error_message) == ("500", "no")
    assert not reader.reading.ended


def test_a_blocked_prompt() -> None:
    """A prompt that was blocked is a complete answer with its reason and without candidates."""
    told = {"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 9}}
    reader = Generate("alias")
    reader.whole(told)
    assert (reader.reading.ended, reader.reading.finish_reasons) == (True, ("SAFETY",))
    reader = Generate("alias")
    reader.whole({"unknown": 1})
    assert not reader.reading.ended
