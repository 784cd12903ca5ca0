"""A provider's own error bodies, as they come, and what the three dialects make of them."""

import json
from typing import Any

import pytest
from sekisho.callbacks.attempts import Attempts, Heard
from sekisho.gate import error_provider
from sekisho.gate.errors import Failure
from sekisho.gate.readers.base import Reading
from sekisho.gate.surface import Dialect

Json = dict[str, Any]


def heard(status: int, body: Json | list[Json] | str, retry_after: str | None = None) -> Attempts:
    """A request whose provider has answered so."""
    content = body if isinstance(body, str) else json.dumps(body)
    return Attempts(calls=[Heard(status, retry_after, content.encode())])


def told(attempts: Attempts, dialect: Dialect = "openai", status: int = 500) -> Failure:
    """What the caller gets; LiteLLM's own answer has this status, and no words."""
    return error_provider.of_answer(attempts, status, b'{"error": {"message": "x"}}', dialect)


CLAUDE_TOO_LONG = "prompt is too long: 210000 tokens > 200000 maximum"
CONVERSE_TOO_LONG = (
    "The model returned the following errors: prompt is too long: 210000 tokens > 200000 maximum"
)
BEDROCK_TOO_LONG = "Input is too long for requested model."
NOVA_TOO_LONG = "Input Tokens Exceeded: Number of input tokens exceeds maximum length."
GEMINI_TOO_LONG = (
    "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576)."
)
AZURE_TOO_LONG = (
    "This model's maximum context length is 128000 tokens. However, your messages resulted in "
    "130000 tokens. Please reduce the length of the messages."
)
RESPONSES_TOO_LONG = (
    "Your input exceeds the context window of this model. Please adjust your input and try again."
)


def _openai(message: str, code: str | None = None, **more: Any) -> Json:
    return {"error": {"message": message, "type": "invalid_request_error", "code": code, **more}}


OVERFLOWS: list[tuple[Json | list[Json], str]] = [
    ({"message": CONVERSE_TOO_LONG}, CONVERSE_TOO_LONG),
    ({"message": BEDROCK_TOO_LONG}, BEDROCK_TOO_LONG),
    ({"message": NOVA_TOO_LONG}, NOVA_TOO_LONG),
    (
        {
            "type": "error",
            "error": {"type": "invalid_request_error", "message": CLAUDE_TOO_LONG},
        },
        CLAUDE_TOO_LONG,
    ),
    (
        {"error": {"code": 400, "message": GEMINI_TOO_LONG, "status": "INVALID_ARGUMENT"}},
        GEMINI_TOO_LONG,
    ),
    (
        [{"error": {"code": 400, "message": GEMINI_TOO_LONG, "status": "INVALID_ARGUMENT"}}],
        GEMINI_TOO_LONG,
    ),
    (_openai(AZURE_TOO_LONG, "context_length_exceeded"), AZURE_TOO_LONG),
    (_openai(RESPONSES_TOO_LONG), RESPONSES_TOO_LONG),
]


@pytest.mark.parametrize(("body", "words"), OVERFLOWS)
def test_a_prompt_that_is_too_long(body: Json | list[Json], words: str) -> None:
    """Every provider's way to say it has OpenAI's code, its own words, and those clients look for.

    Claude Code and Cline look for "prompt is too long", LiteLLM's library (aider) for "this model's
    maximum context length is".
    """
    chat = told(heard(400, body))
    assert (chat.status, chat.code) == (400, "context_length_exceeded")
    assert words in chat.message
    assert "his model's maximum context length is" in chat.message
    messages = told(heard(400, body), "anthropic")
    assert (messages.status, words in messages.message) == (400, True)
    assert "prompt is too long" in messages.message
    google = told(heard(400, body), "google")
    assert (google.status, google.message) == (400, words)


@pytest.mark.parametrize(
    "words", ["max_tokens is too large: 99 > 8", "temperature: range: 0..1", "no prompt given"]
)
def test_other_refusals_are_no_overflow(words: str) -> None:
    """A refusal for another reason keeps its words and has no code."""
    failure = told(heard(400, {"message": words}))
    assert (failure.message, failure.code) == (words, None)


def test_a_content_filter() -> None:
    """What Azure's filter refuses has OpenAI's code `content_filter`, however it is spelt."""
    words = "The response was filtered due to the prompt triggering the content management policy."
    inner = {"code": "ResponsibleAIPolicyViolation", "content_filter_result": {}}
    for body in (
        _openai(words, "content_filter", innererror=inner),
        _openai(words, None, innererror=inner),
        _openai(words, "content_policy_violation"),
    ):
        failure = told(heard(400, body))
        assert (failure.status, failure.code, failure.message) == (400, "content_filter", words)


@pytest.mark.parametrize(
    ("attempts", "after"),
    [
        (heard(429, {"message": "slow"}, "7"), "7"),
        (heard(503, {"message": "slow"}, "7"), "7"),
        (heard(429, {"message": "slow"}), None),
        (
            heard(
                429,
                {"error": {"message": "slow", "details": [{"@type": "x", "retryDelay": "34.07s"}]}},
            ),
            "35",
        ),
        (
            heard(
                429,
                {"error": {"message": "slow", "details": [{"@type": "x", "retryDelay": "30s"}]}},
            ),
            "30",
        ),
    ],
)
def test_when_to_come_back(attempts: Attempts, after: str | None) -> None:
    """Retry-After is the provider's header, or what Google says in its error's details."""
    assert told(attempts).retry_after == after


@pytest.mark.parametrize(
    ("status", "openai", "anthropic", "google"),
    [
        (400, 400, 400, 400),
        (401, 401, 401, 401),
        (403, 403, 403, 403),
        (404, 404, 404, 404),
        (413, 413, 413, 413),
        (424, 500, 500, 500),  # Bedrock: the model has failed
        (429, 429, 429, 429),
        (500, 500, 500, 500),
        (503, 503, 529, 503),
        (529, 503, 529, 503),
    ],
)
def test_the_providers_status_counts(status: int, openai: int, anthropic: int, google: int) -> None:
    """Whatever LiteLLM makes of it; and each API has its own status for an overload."""
    attempts = heard(status, {"message": "403 429 500"})
    found = [told(attempts, dialect, 418).status for dialect in ("openai", "anthropic", "google")]
    assert found == [openai, anthropic, google]


def test_without_words_of_the_provider() -> None:
    """An error page that isn't JSON is told in LiteLLM's words, which have been cleaned."""
    answer = b'{"error": {"message": "litellm.InternalServerError: upstream sent a page"}}'
    failure = error_provider.of_answer(heard(502, "<html>"), 500, answer, "openai")
    assert (failure.status, failure.message) == (502, "upstream sent a page")


def test_answers_that_are_lost() -> None:
    """Silence is 504 and a broken connection 502, whatever LiteLLM calls them."""
    for lost, status, code in (("timeout", 504, "timeout"), ("connection", 502, "cut_off")):
        failure = told(Attempts(calls=[Heard(lost=lost)]), status=408)
        assert (failure.status, failure.code) == (status, code)


def test_one_of_several_calls() -> None:
    """When one of an attempt's calls is refused, its refusal counts, whichever call came last."""
    attempts = heard(400, {"message": "no way"})
    attempts.calls.append(Heard(200))
    failure = told(attempts)
    assert (failure.status, failure.message) == (400, "no way")


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("424", 500),
        ("401", 500),
        ("server_error", 500),
        ("overloaded_error", 529),
        ("rate_limit_error", 429),
        ("429", 429),
        ("invalid_request_error", 500),
        ("content_filter", 400),
    ],
)
def test_errors_in_a_stream(kind: str, status: int) -> None:
    """A failure in mid-stream is the provider's, unless it says that the request is at fault."""
    reading = Reading(error_type=kind, error_message="it broke")
    attempts = Attempts(calls=[Heard(200)])
    failure = error_provider.of_event(attempts, reading, "anthropic")
    assert (failure.status, failure.message) == (status, "it broke")
