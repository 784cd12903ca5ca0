"""Errors on Google's API: its shape, its status and canonical code, what its clients look for."""

import json
from typing import Any

import httpx
import pytest
from sekisho.gate import clean

from .gateway import Gateway
from .installed import parameters
from .simulators import Simulator

Json = dict[str, Any]

GENERATE = "/v1beta/models/{}:generateContent"
STREAM = "/v1beta/models/{}:streamGenerateContent?alt=sse"
COUNT = "/v1beta/models/{}:countTokens"
PATHS = (GENERATE, STREAM, COUNT, "/v1/models/{}:generateContent")
RETRY_INFO = "type.googleapis.com/google.rpc.RetryInfo"
GEMINI, BEDROCK, AZURE = "gemini-3.5-flash", "claude-sonnet-4-6-bedrock", "gpt-4.1"


def body(text: str) -> Json:
    """A request that says something."""
    return {"contents": [{"role": "user", "parts": [{"text": text}]}]}


def told(answer: httpx.Response) -> tuple[int, str, str]:
    """Status, canonical code and our own reason of an error; all else of its shape is checked."""
    error = answer.json()["error"]
    assert set(answer.json()) == {"error"}
    assert set(error) <= {"code", "message", "status", "details"}
    assert error["code"] == answer.status_code
    assert answer.headers["content-type"] == "application/json"
    details = {d["@type"].rpartition(".")[2]: d for d in error.get("details", [])}
    return answer.status_code, error["status"], details.get("ErrorInfo", {}).get("reason", "")


@pytest.mark.parametrize("path", PATHS)
def test_keys(gateway: Gateway, path: str) -> None:
    """Without a key, or with a wrong one, it is 401 in Google's words; the row says the same."""
    url = gateway.url + path.format(GEMINI)
    missing = httpx.post(url, json=body("hi"))
    assert told(missing) == (401, "UNAUTHENTICATED", "INVALID_API_KEY")
    wrong = httpx.post(url, json=body("hi"), headers={"x-goog-api-key": "sk-wrong"})
    assert told(wrong) == (401, "UNAUTHENTICATED", "INVALID_API_KEY")
    row = gateway.row(wrong)
    assert (row.status, row.error_type, row.http_response_status_code) == (
        "refused",
        "invalid_api_key",
        401,
    )


def test_a_key_in_the_query(gateway: Gateway, key: str, clouds: Simulator) -> None:
    """`?key=` opens Google's routes and no other; neither it nor the query gets anywhere."""
    clouds.clear()
    url = gateway.url + GENERATE.format(GEMINI)
    asked: Json = {"params": {"key": key, "api_base": "http://127.0.0.1:9"}}
    answer = httpx.post(url, json=body("[[sim:text Yes]]"), **asked)
    assert answer.status_code == 200, answer.text
    row = gateway.row(answer)
    assert (row.end_user_email, row.route) == (
        "hanako@example.com",
        "/v1beta/models/{model}:generateContent",
    )
    assert key not in gateway.log()
    assert key not in str(clouds.journal())
    assert key not in str(row)
    chat = {"model": GEMINI, "messages": [{"role": "user", "content": "hi"}]}
    assert httpx.post(gateway.url + "/v1/chat/completions", json=chat, **asked).status_code == 401


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("name", ["gemini-3.5-flsh", "models/gemini-3.5-flsh", "a/b@c:0"])
def test_unknown_models(client: httpx.Client, path: str, name: str) -> None:
    """A model that isn't there is 404, whatever stands in its name, with the nearest aliases."""
    answer = client.post(path.format(name), json=body("hi"))
    assert told(answer) == (404, "NOT_FOUND", "MODEL_NOT_FOUND")
    message = answer.json()["error"]["message"]
    assert name in message
    assert ("gemini-3.5-flash" in message) == name.endswith("flsh")


@pytest.mark.parametrize("path", [GENERATE, STREAM])
@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (b"{", "INVALID_JSON"),
        (b"[]", "INVALID_JSON"),
        (b"{}", "INVALID_MESSAGES"),
        (b'{"contents": 1}', "INVALID_MESSAGES"),
        (b'{"contents": [1]}', "INVALID_MESSAGES"),
        (b'{"contents": [{"parts": 1}]}', "INVALID_MESSAGES"),
        (b'{"contents": [], "tools": [1]}', "INVALID_MESSAGES"),
        (b'{"contents": [], "generationConfig": 1}', "INVALID_REQUEST"),
    ],
)
def test_malformed_requests(client: httpx.Client, path: str, sent: bytes, reason: str) -> None:
    """What isn't a request is 400, and says what is wrong with it."""
    answer = client.post(path.format(GEMINI), content=sent)
    assert told(answer) == (400, "INVALID_ARGUMENT", reason)


def test_another_kind_of_model(client: httpx.Client) -> None:
    """A model that doesn't talk is refused, with the place where it is asked."""
    answer = client.post(GENERATE.format("text-embedding-3-large"), json=body("hi"))
    assert told(answer) == (400, "INVALID_ARGUMENT", "WRONG_KIND_OF_MODEL")
    assert "/v1/embeddings" in answer.json()["error"]["message"]


@pytest.mark.parametrize("path", ["/v1beta/nothing", "/v1beta/models/x:embedContent"])
def test_no_such_route(client: httpx.Client, path: str) -> None:
    """What of Google's API isn't served is 404 in Google's words; another method is 405."""
    assert told(client.post(path, json={})) in [
        (404, "NOT_FOUND", "NO_SUCH_ROUTE"),
        (405, "UNIMPLEMENTED", "BAD_METHOD"),
    ]
    answer = client.get(GENERATE.format(GEMINI))
    assert told(answer) == (405, "UNIMPLEMENTED", "BAD_METHOD")
    assert answer.headers["allow"] == "POST"


def test_limits_and_budgets(gateway: Gateway, clouds: Simulator) -> None:
    """A limit says when to come back, in the header and where Google's clients look; what an
    answer may cost is bounded before it is asked for."""
    slow = gateway.issue("kenji", owner="kenji@example.com", rpm="1")
    poor = gateway.issue("midori", owner="midori@example.com", budget="0.001/total")
    asked = body("[[sim:text Yes]] [[sim:usage input=100 output=10]]")
    with gateway.client(slow) as client:
        assert client.post(GENERATE.format(GEMINI), json=asked).status_code == 200
        answer = client.post(GENERATE.format(GEMINI), json=asked)
    assert told(answer) == (429, "RESOURCE_EXHAUSTED", "RATE_LIMIT_EXCEEDED")
    wait = answer.headers["retry-after"]
    details = answer.json()["error"]["details"]
    assert {
        "@type": RETRY_INFO,
        "retryDelay": f"{wait}s",
    } in details
    with gateway.client(poor) as client:
        answer = client.post(GENERATE.format(GEMINI), json=asked)
        assert told(answer) == (429, "RESOURCE_EXHAUSTED", "INSUFFICIENT_QUOTA")
        # This budget is for good: without a time to wait Gemini CLI would try ten times more.
        details = answer.json()["error"]["details"]
        assert {"@type": RETRY_INFO, "retryDelay": "31536000s"} in details
        assert "retry-after" not in answer.headers
        # 60 x 9 USD/M and the prompt, whose every byte may be a token, are below 0.001 USD.
        short = {**asked, "generationConfig": {"maxOutputTokens": 60}}
        answer = client.post(GENERATE.format(GEMINI), json=short)
        assert answer.status_code == 200, answer.text
    assert clouds.journal()[-1]["body"]["generationConfig"] == {"max_output_tokens": 60}


def test_the_limit_of_an_answer(gateway: Gateway, clouds: Simulator) -> None:
    """Who has a budget and sets no limit gets the gateway's (32000 tokens), on every cloud."""
    rich = gateway.issue("nao", owner="nao@example.com", budget="50")
    with gateway.client(rich) as client:
        for model in (GEMINI, AZURE):
            sent = {**body("hi"), "generationConfig": {"temperature": 0.5}}
            assert client.post(GENERATE.format(model), json=sent).status_code == 200
            assert "32000" in str(clouds.journal()[-1]["body"])


@pytest.mark.parametrize("path", [GENERATE, STREAM])
@pytest.mark.parametrize("model", [GEMINI, BEDROCK, AZURE])
def test_a_providers_error(client: httpx.Client, path: str, model: str) -> None:
    """A provider's error keeps its status and its own words, whichever cloud it comes from."""
    answer = client.post(path.format(model), json=body('[[sim:status 400 message="no way"]]'))
    assert told(answer)[:2] == (400, "INVALID_ARGUMENT")
    assert answer.json()["error"]["message"] == "no way"


@pytest.mark.parametrize("model", [GEMINI, BEDROCK])
def test_a_stream_that_fails(gateway: Gateway, client: httpx.Client, model: str) -> None:
    """A stream that fails after its first words ends with an error in Google's shape; what was
    said until then is paid."""
    text = "[[sim:text one two three four five]] [[sim:midstream 3]]"
    answer = client.post(STREAM.format(model), json=body(text))
    assert answer.status_code == 200
    events = [json.loads(e.removeprefix("data: ")) for e in answer.text.split("\n\n") if e]
    assert "one" in str(events[0]["candidates"])
    error = events[-1]["error"]
    assert (error["code"], error["status"]) == (500, "INTERNAL")
    assert "litellm" not in answer.text.lower()
    row = gateway.row(answer)
    assert (row.status, row.usage_is_estimated) == ("truncated", True)
    assert row.billed_cost is not None
    assert row.billed_cost > 0


def test_what_would_steer_litellm(client: httpx.Client, clouds: Simulator) -> None:
    """Of a request only Google's own fields pass, and none of them is one of LiteLLM's own."""
    cleaner = clean.Cleaner(parameters())
    steering: Json = dict.fromkeys(sorted(cleaner.denied), "poison")
    steering |= {"model": "gpt-4.1", "stream": True, "config": {"maxOutputTokens": 3}}
    steering |= {"metadata": {"tags": ["poison"]}, "no-log": True, "mock_response": "poison"}
    steering |= {"generationConfig": {"maxOutputTokens": 44}, "user": "poison@example.com"}
    clouds.clear()
    answer = client.post(GENERATE.format(GEMINI), json={**steering, **body("[[sim:text Yes]]")})
    assert answer.json()["candidates"][0]["content"]["parts"] == [{"text": "Yes"}], answer.text
    (sent,) = [entry for entry in clouds.journal() if entry["path"] != "/token"]
    assert "gemini-3.5-flash:generateContent" in sent["path"]
    assert sent["body"]["generationConfig"] == {"max_output_tokens": 44}
    assert "poison" not in str(sent["body"]) + str(sent["headers"])
