"""Too fast, too much, too many at once: who is told so, in which words, and when it is over."""

import asyncio
import re
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

import anthropic
import httpx
import openai
import pytest
from sekisho.keys.limits import NO_LIMITS, Limits
from sekisho.keys.store import Store
from sekisho.lake.record import Record

from .gateway import Gateway, until

Json = dict[str, Any]

CHAT, MESSAGES = "/v1/chat/completions", "/v1/messages"


@dataclass(frozen=True)
class Place:
    """A gateway with those limits."""

    gateway: Gateway

    def issue(self, alias: str, limits: Limits = NO_LIMITS, **fields: Any) -> str:
        """A new key: a service's, unless the fields say otherwise."""
        made: Json = {"kind": "service", **fields}
        with Store(f"sqlite:///{self.gateway.home / 'keys.db'}") as store:
            now = datetime.now(UTC)
            return store.issue(alias=alias, limits=limits, by="test", now=now, **made).key

    def ask(self, key: str, words: str = "hi", path: str = CHAT, **more: Any) -> httpx.Response:
        """One request; the words may tell the simulated provider what to do."""
        headers = {"authorization": f"Bearer {key}"}
        body = _body(words, **more)
        return httpx.post(self.gateway.url + path, json=body, headers=headers, timeout=30)

    def uses(self, key: str, times: int, words: str = "hi") -> None:
        """So many requests, all answered."""
        assert [self.ask(key, words).status_code for _ in range(times)] == [200] * times

    @contextmanager
    def running(self, key: str, words: str = "[[sim:chunks 900 delay=0.05]]") -> Generator[None]:
        """A stream that has begun; at the end its client breaks off."""
        headers = {"authorization": f"Bearer {key}"}
        body = _body(words, stream=True)
        with (
            httpx.Client(base_url=self.gateway.url, headers=headers, timeout=30) as client,
            client.stream("POST", CHAT, json=body) as answer,
        ):
            assert answer.status_code == 200
            pieces = answer.iter_bytes()
            next(pieces)
            yield

    def rows(self, alias: str) -> list[Record]:
        """The rows of a key."""
        return [row for row in self.gateway.rows() if row.api_key_alias == alias]

    def statuses(self, alias: str) -> list[str]:
        """What became of a key's requests, in their order."""
        return [row.status for row in sorted(self.rows(alias), key=lambda row: row.start_time)]


def _body(words: str, **more: Any) -> Json:
    message = {"role": "user", "content": words}
    return {"model": "gpt-4.1", "max_tokens": 40, "messages": [message], **more}


@pytest.fixture(scope="module")
def place(limited: Gateway) -> Place:
    """One gateway whose configuration file limits everybody."""
    return Place(limited)


@dataclass(frozen=True)
class Case:
    """A limit, how it is used up, and the words of the refusal that follows."""

    what: Literal["requests", "tokens"]
    limit: str
    words: str
    uses: int = 1
    say: str = "hi"
    limits: Limits = NO_LIMITS
    fields: Json = field(default_factory=dict[str, Any])


_500 = "[[sim:usage input=100 output=400]]"
_3000 = "[[sim:usage input=100 output=2900]]"
_PROMPT = ", and this request's prompt has about 1; "

CASES = {
    "a key's requests": Case(
        "requests",
        "2",
        "This key may send 2 requests per minute; ",
        uses=2,
        limits=Limits(rpm=2),
    ),
    "a key's single request": Case(
        "requests", "1", "This key may send 1 request per minute; ", limits=Limits(rpm=1)
    ),
    "a user's requests": Case(
        "requests",
        "3",
        "This user may send 3 requests per minute; ",
        uses=3,
        fields={"kind": "person", "owner": "kenji@example.com"},
    ),
    "a team's requests": Case(
        "requests",
        "4",
        "The team sales may send 4 requests per minute; ",
        uses=4,
        fields={"team": "sales"},
    ),
    "each key's of a team": Case(
        "requests",
        "2",
        "This key may send 2 requests per minute; ",
        uses=2,
        fields={"team": "lab", "kind": "frontend"},
    ),
    "each key's of a kind": Case(
        "requests",
        "3",
        "This key may send 3 requests per minute; ",
        uses=3,
        fields={"kind": "frontend"},
    ),
    "a key's tokens": Case(
        "tokens",
        "500",
        f"This key may use 500 tokens per minute{_PROMPT}",
        say=_500,
        limits=Limits(tpm=500),
    ),
    "a team's tokens": Case(
        "tokens",
        "3000",
        f"The team readers may use 3000 tokens per minute{_PROMPT}",
        say=_3000,
        fields={"team": "readers"},
    ),
}
_AGAIN = re.compile(r"try again in (\d+) s \((\d\d:\d\d:\d\d) UTC\)\.")


@pytest.mark.parametrize("name", CASES)
def test_too_much_in_a_minute(place: Place, name: str) -> None:
    """The refusal names the limit and when it is worth another try, in words and in headers."""
    case = CASES[name]
    code = {"requests": "rate_limit_exceeded", "tokens": "token_rate_limit_exceeded"}[case.what]
    key = place.issue(name, case.limits, **case.fields)
    place.uses(key, case.uses, case.say)
    openai_says, anthropic_says = place.ask(key), place.ask(key, path=MESSAGES)
    assert (openai_says.status_code, anthropic_says.status_code) == (429, 429)

    error = openai_says.json()["error"]
    assert (error["type"], error["code"], error["param"]) == (case.what, code, None)
    seconds, clock = _told(error["message"], case.words)
    headers = openai_says.headers
    assert headers["retry-after"] == seconds
    assert headers[f"x-ratelimit-limit-{case.what}"] == case.limit
    assert headers[f"x-ratelimit-remaining-{case.what}"] == "0"
    reset = re.fullmatch(r"(\d+\.\d{3})s", headers[f"x-ratelimit-reset-{case.what}"])
    assert reset is not None
    assert abs(float(reset[1]) - int(seconds)) <= 2
    assert "x-should-retry" not in headers

    told = anthropic_says.json()
    assert told["error"]["type"] == "rate_limit_error"
    seconds, clock = _told(told["error"]["message"], case.words)
    headers = anthropic_says.headers
    assert headers["retry-after"] == seconds
    assert headers[f"anthropic-ratelimit-{case.what}-limit"] == case.limit
    assert headers[f"anthropic-ratelimit-{case.what}-remaining"] == "0"
    when = datetime.fromisoformat(headers[f"anthropic-ratelimit-{case.what}-reset"])
    assert when.strftime("%H:%M:%S") == clock
    assert timedelta(seconds=20) < when - datetime.now(UTC) <= timedelta(seconds=61)

    for answer in (openai_says, anthropic_says):
        row = place.gateway.row(answer)
        assert (row.status, row.error_type, row.billed_cost) == ("refused", code, Decimal(0))
        assert (row.error_message or "").startswith(case.words)
        assert row.attempts == ()


def _told(message: str, words: str) -> tuple[str, str]:
    """The seconds and the time of day in a message, after asserting the rest of it."""
    assert message.startswith(words)
    again = _AGAIN.fullmatch(message.removeprefix(words))
    assert again is not None, message
    assert 20 <= int(again[1]) <= 61
    return again[1], again[2]


@pytest.mark.parametrize(
    ("limits", "fields", "characters", "words"),
    [
        (
            Limits(tpm=50),
            {},
            400,
            "This key may use 50 tokens per minute, and this request's prompt alone has about 100; "
            "send a shorter one, or ask the gateway's operator for more.",
        ),
        (
            NO_LIMITS,
            {},
            400_400,
            "This key may use 100000 tokens per minute, and this request's prompt alone has about "
            "100100; send a shorter one, or ask the gateway's operator for more.",
        ),
        (
            NO_LIMITS,
            {"kind": "frontend"},
            900_000,
            "This gateway may use 200000 tokens per minute, and this request's prompt alone has "
            "about 225000; send a shorter one, or ask the gateway's operator for more.",
        ),
    ],
    ids=["key", "kind", "gateway"],
)
def test_a_prompt_that_never_fits(
    place: Place,
    request: pytest.FixtureRequest,
    limits: Limits,
    fields: Json,
    characters: int,
    words: str,
) -> None:
    """A prompt larger than a minute's tokens is refused for good: no SDK tries it again."""
    alias = request.node.name
    key = place.issue(alias, limits, **fields)
    answer = place.ask(key, "x" * characters)
    assert (answer.status_code, answer.json()["error"]["message"]) == (429, words)
    assert answer.headers["x-should-retry"] == "false"
    assert "retry-after" not in answer.headers
    _both_sdks_refuse(place, key, "x" * characters, max_retries=2)
    assert place.statuses(alias) == ["refused"] * 3


def _both_sdks_refuse(place: Place, key: str, words: str, max_retries: int) -> None:
    """Ask once with each vendor's SDK; it raises its RateLimitError."""
    url = place.gateway.url
    with (
        openai.OpenAI(base_url=url + "/v1", api_key=key, max_retries=max_retries) as oai,
        pytest.raises(openai.RateLimitError) as openai_says,
    ):
        oai.chat.completions.create(
            model="gpt-4.1", messages=[{"role": "user", "content": words}], max_tokens=40
        )
    with (
        anthropic.Anthropic(base_url=url, api_key=key, max_retries=max_retries) as claude,
        pytest.raises(anthropic.RateLimitError) as anthropic_says,
    ):
        claude.messages.create(
            model="gpt-4.1", messages=[{"role": "user", "content": words}], max_tokens=40
        )
    assert openai_says.value.code in ("rate_limit_exceeded", "token_rate_limit_exceeded")
    assert "per minute" in str(openai_says.value)
    assert "per minute" in str(anthropic_says.value)


def test_the_sdks_raise_their_own_errors(place: Place) -> None:
    """A limit of requests or tokens is each vendor's RateLimitError, with the limit in it."""
    for limits in (Limits(rpm=1), Limits(tpm=500)):
        key = place.issue(f"sdk {limits}", limits)
        place.uses(key, 1, _500)
        _both_sdks_refuse(place, key, "hi", max_retries=0)


@pytest.mark.parametrize("sdk", ["openai", "anthropic"])
def test_an_sdk_waits_for_its_place(place: Place, sdk: str) -> None:
    """A full house is tried again after Retry-After, by the SDK alone, until there is a place."""
    key = place.issue(f"waiting {sdk}", Limits(parallel=1))
    with place.running(key, "[[sim:chunks 16 delay=0.05]]"):
        if sdk == "openai":
            with openai.OpenAI(base_url=place.gateway.url + "/v1", api_key=key) as oai:
                oai.chat.completions.create(
                    model="gpt-4.1", messages=[{"role": "user", "content": "hi"}], max_tokens=40
                )
        else:
            with anthropic.Anthropic(base_url=place.gateway.url, api_key=key) as claude:
                claude.messages.create(
                    model="gpt-4.1", messages=[{"role": "user", "content": "hi"}], max_tokens=40
                )
    found = sorted(place.statuses(f"waiting {sdk}"))
    assert found in (["refused"] * tries + ["success"] * 2 for tries in (1, 2))


def test_too_many_at_once(place: Place) -> None:
    """With one stream running, a key for one at a time is told to wait; it counts no request."""
    key = place.issue("one at a time", Limits(parallel=1, rpm=2))
    with place.running(key):
        openai_says, anthropic_says = place.ask(key), place.ask(key, path=MESSAGES)
    error = openai_says.json()["error"]
    assert (openai_says.status_code, anthropic_says.status_code) == (429, 429)
    assert (error["type"], error["code"]) == ("requests", "parallel_limit_exceeded")
    words = "This key may have 1 request running at once; try again when one of them has ended."
    assert error["message"] == anthropic_says.json()["error"]["message"] == words
    assert anthropic_says.json()["error"]["type"] == "rate_limit_error"
    for answer in (openai_says, anthropic_says):
        assert answer.headers["retry-after"] == "1"
        assert "x-should-retry" not in answer.headers
        row = place.gateway.row(answer)
        assert (row.status, row.error_type) == ("refused", "parallel_limit_exceeded")
        assert row.error_message == words
    until("its place", lambda: place.ask(key).status_code == 200, 5)
    assert place.ask(key).json()["error"]["code"] == "rate_limit_exceeded"


@pytest.mark.parametrize(
    ("at_once", "fields", "limits", "words"),
    [
        (2, {"team": "lab"}, Limits(rpm=99), "The team lab may have 2 requests running at once; "),
        (3, {}, NO_LIMITS, "This key may have 3 requests running at once; "),
        (5, {}, Limits(parallel=99), "This gateway may have 5 requests running at once; "),
    ],
    ids=["team", "kind", "gateway"],
)
def test_whose_places_are_taken(
    place: Place,
    request: pytest.FixtureRequest,
    at_once: int,
    fields: Json,
    limits: Limits,
    words: str,
) -> None:
    """Of one request too many at once exactly one is refused, and is told whose limit it is."""
    key = place.issue(request.node.name, limits, **fields)

    async def all_at_once() -> list[httpx.Response]:
        headers = {"authorization": f"Bearer {key}"}
        async with httpx.AsyncClient(base_url=place.gateway.url, headers=headers) as client:
            sent = [client.post(CHAT, json=_body("[[sim:slow 1]]")) for _ in range(at_once + 1)]
            return await asyncio.gather(*sent)

    answers = asyncio.run(all_at_once())
    refused = [answer for answer in answers if answer.status_code == 429]
    assert [answer.status_code for answer in answers].count(200) == at_once
    assert [answer.json()["error"]["message"][: len(words)] for answer in refused] == [words]


def test_a_stream_that_is_broken_off_frees_its_place(place: Place) -> None:
    """A place is free as soon as the stream's client has gone, long before the stream ends."""
    key = place.issue("leaving", Limits(parallel=1))
    for _ in range(3):
        with place.running(key):
            assert place.ask(key).status_code == 429
        until("the place", lambda: place.ask(key).status_code == 200, 5)
    rows = place.rows("leaving")
    assert [row.status for row in rows].count("cancelled") == 3


def test_a_stream_counts_as_one_request(place: Place) -> None:
    """A stream is counted when it begins, and its tokens when it ends."""
    key = place.issue("streaming", Limits(rpm=1, tpm=500))
    with place.running(key, "hi"):
        assert place.ask(key).json()["error"]["code"] == "rate_limit_exceeded"
    other = place.issue("long stream", Limits(tpm=500))
    stream = place.ask(other, _500, stream=True)
    assert stream.text.rstrip().endswith("data: [DONE]")
    assert place.ask(other).json()["error"]["code"] == "token_rate_limit_exceeded"


def test_two_keys_of_one_person(place: Place) -> None:
    """They share the person's limit; a service's key with the same owner has no part in it."""
    ren: Json = {"owner": "ren@example.com"}
    laptop, phone = (place.issue(name, kind="person", **ren) for name in ("laptop", "phone"))
    place.uses(laptop, 2)
    place.uses(phone, 1)
    for key in (laptop, phone):
        message = place.ask(key).json()["error"]["message"]
        assert message.startswith("This user may send 3 requests per minute; ")
        assert "ren@" not in message
    place.uses(place.issue("ren's robot", **ren), 5)


def test_two_keys_of_one_team(place: Place) -> None:
    """They share the team's limit; another team has its own."""
    one, two = (place.issue(name, team="ops") for name in ("ops one", "ops two"))
    place.uses(one, 3)
    place.uses(two, 1)
    for key in (one, two):
        message = place.ask(key).json()["error"]["message"]
        assert message.startswith("The team ops may send 4 requests per minute; ")
    place.uses(place.issue("night", team="night"), 4)


def test_knocking_at_a_full_team(place: Place) -> None:
    """Requests that the team has no room for use up the key's own; those that the key has none
    for use up nothing of the team's.
    """
    one = place.issue("knocking", Limits(rpm=5), team="full")
    two = place.issue("patient", team="spare")
    place.uses(one, 4)
    refused = [place.ask(one).json()["error"]["message"] for _ in range(2)]
    assert refused[0].startswith("The team full may send 4 requests per minute; ")
    assert refused[1].startswith("This key may send 5 requests per minute; ")
    small = place.issue("small share", Limits(rpm=1), team="spare")
    place.uses(small, 1)
    assert [place.ask(small).status_code for _ in range(9)] == [429] * 9
    place.uses(two, 3)


def test_a_keys_own_limit_wins(place: Place) -> None:
    """A key's own limit holds in place of its team's and its kind's default, also when larger."""
    own = place.issue("own", Limits(rpm=4), team="lab", kind="frontend")
    place.uses(own, 4)
    assert place.ask(own).json()["error"]["message"].startswith("This key may send 4 requests")
    defaults = place.issue("defaults", team="lab", kind="frontend")
    place.uses(defaults, 2)
    assert place.ask(defaults).json()["error"]["message"].startswith("This key may send 2 requests")


def test_a_new_limit_holds_at_once(place: Place) -> None:
    """`keys update` changes a limit of a running gateway, and what was used before counts."""
    key = place.issue("changing")
    place.uses(key, 1)
    place.gateway.keys("update", "changing", "--parallel", "1")

    def is_refused() -> bool:
        with place.running(key):
            return place.ask(key).status_code == 429

    until("the limit", is_refused, 5)


def test_counting_tokens_is_a_request(place: Place) -> None:
    """count_tokens counts as a request, and uses none of the tokens that it counts."""
    key = place.issue("counter", Limits(rpm=2, tpm=100))
    for _ in range(2):
        counted = place.ask(key, "x" * 4000, path=f"{MESSAGES}/count_tokens")
        assert counted.status_code == 200
    refused = place.ask(key, path=f"{MESSAGES}/count_tokens")
    assert refused.status_code == 429
    assert refused.json()["error"]["message"].startswith("This key may send 2 requests per minute")
    assert place.gateway.row(refused).gen_ai_operation_name == "count_tokens"


def test_lists_of_models_are_no_requests(place: Place) -> None:
    """Only inference routes count."""
    key = place.issue("reader", Limits(rpm=1, parallel=1))
    headers = {"authorization": f"Bearer {key}"}
    for _ in range(3):
        assert httpx.get(place.gateway.url + "/v1/models", headers=headers).status_code == 200
    place.uses(key, 1)


def test_a_prompt_counts_before_its_answer(place: Place) -> None:
    """While a request runs its prompt counts already; when it ends, what it has really used."""
    key = place.issue("two prompts", Limits(tpm=1000))
    prompt = "x" * 2800
    with place.running(key, f"{prompt}[[sim:chunks 900 delay=0.05]]"):
        refused = place.ask(key, prompt)
        message = refused.json()["error"]["message"]
        assert message.startswith(
            "This key may use 1000 tokens per minute, and this request's prompt has about 700; "
        )
        assert place.ask(key, "x" * 400).status_code == 200
    other = place.issue("small answer", Limits(tpm=1000))
    place.uses(other, 3, "x" * 1000)  # 3 times 250 tokens and an answer of 5
    assert place.ask(other, "x" * 1000).status_code == 429


def test_a_failure_frees_its_place(place: Place) -> None:
    """A request that the provider refuses ends as any other does."""
    key = place.issue("unlucky", Limits(parallel=1))
    for _ in range(3):
        assert place.ask(key, "[[sim:status 400]]").status_code == 400
    place.uses(key, 1)


def test_no_mail_address_in_the_log(place: Place) -> None:
    """Refusing people's requests tells nobody's address to the log."""
    assert "@" not in place.gateway.log()
    assert "Traceback" not in place.gateway.log()
