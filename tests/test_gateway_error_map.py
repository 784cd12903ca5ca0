"""What a caller gets when a provider fails: the same for every provider, in each API's own terms.

`FAULTS` says what the provider does and what the three dialects must make of it; every fault is
asked of every provider by every API, whole and streamed.
"""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import httpx
import pytest
from sekisho.lake.record import Record

from .gateway import Gateway, until

Json = dict[str, Any]

# How each is asked: the alias, and what its provider calls an overload.
PROVIDERS = {
    "bedrock claude": ("claude-sonnet-4-6-bedrock", 503),  # Messages: invoke, all else: converse
    "bedrock nova": ("nova-pro", 503),
    "vertex gemini": ("gemini-3.5-flash", 503),
    "vertex claude": ("claude-sonnet-4-6-vertex", 529),
    "azure chat": ("gpt-4.1", 503),
    "azure responses": ("gpt-5.3-codex", 503),
}
DIALECTS = {"chat": "openai", "responses": "openai", "messages": "anthropic", "generate": "google"}


@dataclass(frozen=True)
class Told:
    """An error as a caller reads it: the HTTP status, and each dialect's own name for it.

    `openai` is type and code, `google` the canonical status; status and words may differ.
    """

    http: int
    openai: tuple[str, str | None]
    anthropic: str
    google: str
    message: str
    anthropic_http: int | None = None
    retry_after: str | None = None
    openai_message: str | None = None

    def words(self, dialect: str) -> str:
        """The words in a dialect."""
        return (dialect == "openai" and self.openai_message) or self.message

    def status(self, dialect: str) -> int:
        """The HTTP status in a dialect."""
        return (dialect == "anthropic" and self.anthropic_http) or self.http


@dataclass(frozen=True)
class Fault:
    """What the provider does, and what the caller gets; `begun` if a stream has begun before."""

    directive: str
    told: Told
    begun: bool = False
    whole: bool = True


_LOST = "The provider's answer was cut off."
_BROKEN = Told(502, ("server_error", "cut_off"), "api_error", "UNAVAILABLE", _LOST)
FAULTS = {
    "bad request": Fault(
        '[[sim:status 400 message="no way"]]',
        Told(
            400,
            ("invalid_request_error", None),
            "invalid_request_error",
            "INVALID_ARGUMENT",
            "no way",
        ),
    ),
    "with 403 in its words": Fault(
        '[[sim:status 400 message="request 908403c0 has no 429"]]',
        Told(
            400,
            ("invalid_request_error", None),
            "invalid_request_error",
            "INVALID_ARGUMENT",
            "request 908403c0 has no 429",
        ),
    ),
    "prompt too long": Fault(
        '[[sim:status 400 message="prompt is too long: 9 tokens > 8 maximum"]]',
        Told(
            400,
            ("invalid_request_error", "context_length_exceeded"),
            "invalid_request_error",
            "INVALID_ARGUMENT",
            "prompt is too long: 9 tokens > 8 maximum",
            openai_message="prompt is too long: 9 tokens > 8 maximum "
            "(This model's maximum context length is exceeded.)",
        ),
    ),
    "unauthorized": Fault(
        '[[sim:status 401 message="who are you"]]',
        Told(
            401,
            ("authentication_error", None),
            "authentication_error",
            "UNAUTHENTICATED",
            "who are you",
        ),
    ),
    "forbidden": Fault(
        '[[sim:status 403 message="not you"]]',
        Told(403, ("permission_error", None), "permission_error", "PERMISSION_DENIED", "not you"),
    ),
    "not found": Fault(
        '[[sim:status 404 message="not here"]]',
        Told(404, ("not_found_error", None), "not_found_error", "NOT_FOUND", "not here"),
    ),
    "too many requests": Fault(
        '[[sim:status 429 retry_after=1 message="slow down"]]',
        Told(
            429,
            ("rate_limit_error", "rate_limit_exceeded"),
            "rate_limit_error",
            "RESOURCE_EXHAUSTED",
            "slow down",
            retry_after="1",
        ),
    ),
    "internal error": Fault(
        '[[sim:status 500 message="boom"]]',
        Told(500, ("server_error", None), "api_error", "INTERNAL", "boom"),
    ),
    "overload": Fault(
        '[[sim:status {overload} message="too busy"]]',
        Told(
            503,
            ("server_error", None),
            "overloaded_error",
            "UNAVAILABLE",
            "too busy",
            anthropic_http=529,
        ),
    ),
    "no answer": Fault("[[sim:cut 0]]", _BROKEN),
    "cut in the middle": Fault("[[sim:cut 1]] [[sim:chunks 9 delay=4]]", _BROKEN, begun=True),
    "error before the content": Fault(
        '[[sim:midstream 0 message="it broke"]] [[sim:chunks 9]]',
        Told(500, ("server_error", None), "api_error", "INTERNAL", "it broke"),
        whole=False,
    ),
    "error in the middle": Fault(
        '[[sim:midstream 3 message="it broke"]] [[sim:chunks 9]]',
        Told(500, ("server_error", None), "api_error", "INTERNAL", "it broke"),
        begun=True,
        whole=False,
    ),
}


# Anthropic's own error event says what kind it is, and Messages passes it on.
_TOO_BUSY = Told(529, ("server_error", None), "overloaded_error", "UNAVAILABLE", "it broke")
BUT = {
    ("vertex claude", "messages", "error before the content"): _TOO_BUSY,
    ("vertex claude", "messages", "error in the middle"): _TOO_BUSY,
}


@dataclass(frozen=True)
class Case:
    """One request of the table."""

    provider: str
    api: str
    stream: bool
    fault: str

    def __str__(self) -> str:
        """The case in a failure message."""
        how = "stream" if self.stream else "whole"
        return f"{self.provider} | {self.api} | {how} | {self.fault}"

    @property
    def dialect(self) -> str:
        """What its client speaks."""
        return DIALECTS[self.api]

    def request(self) -> tuple[str, Json]:
        """Path and body."""
        alias, overload = PROVIDERS[self.provider]
        text = FAULTS[self.fault].directive.replace("{overload}", str(overload))
        return asked(self.api, alias, text, stream=self.stream)


def asked(api: str, alias: str, text: str, *, stream: bool) -> tuple[str, Json]:
    """Path and body of a request that says `text`."""
    if api == "generate":
        verb = "streamGenerateContent?alt=sse" if stream else "generateContent"
        contents = [{"role": "user", "parts": [{"text": text}]}]
        return f"/v1beta/models/{alias}:{verb}", {"contents": contents}
    more: Json = {"model": alias, "stream": stream}
    if api == "responses":
        return "/v1/responses", {**more, "input": text}
    messages = [{"role": "user", "content": text}]
    if api == "messages":
        return "/v1/messages", {**more, "max_tokens": 99, "messages": messages}
    return "/v1/chat/completions", {**more, "messages": messages}


CASES = [
    Case(provider, api, stream, name)
    for provider, api, stream, (name, fault) in product(
        PROVIDERS, DIALECTS, (False, True), FAULTS.items()
    )
    if stream or fault.whole
]


# Of every fault, API and way one or two providers; of every provider and fault two APIs.
SOME = [
    case
    for case in CASES
    if (
        [*PROVIDERS].index(case.provider)
        + [*DIALECTS].index(case.api)
        + 2 * case.stream
        + [*FAULTS].index(case.fault)
    )
    % 4
    == 0
]
BY_API = {api: [case for case in CASES if case.api == api] for api in DIALECTS}


def test_faults(gateway: Gateway, key: str) -> None:
    """A provider's fault reaches a client with the status, type and shape of its API.

    Nothing of it makes LiteLLM or the gateway print an exception.
    """
    _hold(gateway, key, SOME)


@pytest.mark.long
@pytest.mark.parametrize("api", DIALECTS)
def test_every_fault(gateway: Gateway, key: str, api: str) -> None:
    """The same of every provider by every API, whole and streamed."""
    _hold(gateway, key, BY_API[api])


def _hold(gateway: Gateway, key: str, cases: list[Case]) -> None:
    answers = asyncio.run(_ask_all(gateway, key, cases))
    ids = {answer.headers["x-sekisho-request-id"] for answer in answers.values()}
    rows = until("a row for each answer", lambda: _rows(gateway, ids))
    wrong = [
        f"{case}: {problem}"
        for case, answer in answers.items()
        for problem in _problems(case, answer, rows[answer.headers["x-sekisho-request-id"]])
    ]
    assert not wrong, f"{len(wrong)} of {len(cases)} are wrong:\n" + "\n".join(wrong)
    printed = gateway.log()
    for words in ("Traceback", "never retrieved", "Unclosed", "was destroyed"):
        assert words not in printed


async def _ask_all(gateway: Gateway, key: str, cases: list[Case]) -> dict[Case, httpx.Response]:
    waiting = iter(cases)
    answers: dict[Case, httpx.Response] = {}

    async def work(client: httpx.AsyncClient) -> None:
        for case in waiting:
            path, body = case.request()
            answers[case] = await client.post(path, json=body)

    headers = {"authorization": f"Bearer {key}"}
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(
        base_url=gateway.url, headers=headers, timeout=120, limits=limits
    ) as client:
        await asyncio.gather(*(work(client) for _ in range(80)))
    return answers


def _rows(gateway: Gateway, ids: set[str]) -> dict[str, Record]:
    rows = {row.request_id: row for row in gateway.rows() if row.request_id in ids}
    return rows if len(rows) == len(ids) else {}


def _problems(case: Case, answer: httpx.Response, row: Record) -> Iterator[str]:
    """What is wrong with an answer, in a few words each."""
    fault = FAULTS[case.fault]
    told = BUT.get((case.provider, case.api, case.fault), fault.told)
    begun = fault.begun and case.stream
    http = 200 if begun else told.status(case.dialect)
    if answer.status_code != http:
        yield f"HTTP {answer.status_code}, not {http}: {answer.text[:200]}"
        return
    if told.retry_after != answer.headers.get("retry-after"):
        yield f"Retry-After is {answer.headers.get('retry-after')}"
    error = _last_event(case, answer) if begun else answer.json()
    expected = _shape(case, told, answer.headers["x-sekisho-request-id"], event=begun)
    if error != expected:
        yield f"{error} is not {expected}"
    status = "truncated" if begun else "failure"
    if (row.status, row.http_response_status_code) != (status, http):
        yield f"its row says {row.status}, {row.http_response_status_code}"
    if row.error_message != told.words(case.dialect):
        yield f"its row says {row.error_message}"


def _shape(case: Case, told: Told, request_id: str, *, event: bool) -> Json:
    """The error in the dialect's own shape."""
    status, words = told.status(case.dialect), told.words(case.dialect)
    if case.dialect == "google":
        found: Json = {"code": status, "message": words, "status": told.google}
        return {"error": {**found, **_details(told)}}
    if case.dialect == "anthropic":
        error: Json = {"type": told.anthropic, "message": words}
        return {"type": "error", "error": error, "request_id": request_id}
    kind, code = told.openai
    error = {"message": words, "type": kind, "param": None, "code": code}
    if event and case.api == "responses":
        outer = {"code": code or "server_error", "message": words, "param": None}
        return {"type": "error", "sequence_number": 0, **outer, "error": error}
    return {"error": error}


def _details(told: Told) -> Json:
    """What Google's errors have beside the words."""
    details: list[Json] = []
    if told.openai[1]:
        reason = {"reason": told.openai[1].upper(), "domain": "sekisho"}
        details.append({"@type": "type.googleapis.com/google.rpc.ErrorInfo", **reason})
    if told.retry_after:
        delay = {"retryDelay": f"{told.retry_after}s"}
        details.append({"@type": "type.googleapis.com/google.rpc.RetryInfo", **delay})
    return {"details": details} if details else {}


def _last_event(case: Case, answer: httpx.Response) -> Json:
    """The event that tells the error; in the two APIs that name events its name is `error`."""
    events = answer.text.rstrip("\n").split("\n\n")
    if case.api == "responses":
        name, _, last = events.pop().rpartition("data: ")
        assert name == "event: response.failed\n", str(case)
        assert json.loads(last)["response"]["status"] == "failed", str(case)
    name, _, data = events[-1].rpartition("data: ")
    assert name == ("event: error\n" if case.api in ("messages", "responses") else ""), str(case)
    found: Json = json.loads(data)
    return found
