"""A provider that is busy for a moment costs no client an answer, least of all Codex."""

import httpx
import openai
import pytest

from .gateway import Gateway
from .simulators import Simulator

HELLO = "[[sim:text Good day]]"

# One for each way on which LiteLLM asks: Responses as it is, and translated to each other API.
CODEX = (
    "gpt-5.3-codex",
    "gpt-4.1",
    "claude-haiku-4-5",
    "claude-sonnet-4-6-vertex",
    "claude-sonnet-4-6-azure",
    "nova-micro",
    "gemini-3.8-flash",
)


@pytest.mark.parametrize("alias", CODEX)
def test_codex_survives_a_429(gateway: Gateway, key: str, clouds: Simulator, alias: str) -> None:
    """Codex streams from the Responses API and gives up at the first 429: it sees none, as the
    gateway tries again."""
    clouds.clear()
    clouds.script({"status": 429, "retry_after": 0}, {"text": "Good day"})
    with openai.OpenAI(base_url=gateway.url + "/v1", api_key=key, max_retries=0) as client:
        answer = client.responses.with_raw_response.create(
            model=alias, input=HELLO, stream=True, include=["reasoning.encrypted_content"]
        )
        events = list(answer.parse())
    clouds.clear()
    assert events[-1].type == "response.completed"
    assert events[-1].response.output_text.strip() == "Good day"
    row = gateway.row_of(answer.headers["x-request-id"])
    assert row.attempts[0].http_response_status_code == 429
    assert (len(row.attempts), row.status, row.http_response_status_code) == (2, "success", 200)


@pytest.mark.parametrize("status", [401, 404])
def test_an_only_deployment_is_never_left_alone(
    client: httpx.Client, clouds: Simulator, status: int
) -> None:
    """After an error that LiteLLM would cool a deployment down for, the next request is sent to it
    all the same."""
    body = {"model": "claude-haiku-4-5", "messages": [{"role": "user", "content": "hello"}]}
    for _ in range(3):
        clouds.clear()
        clouds.script({"status": status})
        assert client.post("/v1/chat/completions", json=body).status_code >= 400
        assert client.post("/v1/chat/completions", json=body).status_code == 200
