"""Budgets at a real gateway: what is held, what is refused in which words, what is counted.

All costs are gpt-4.1's: 2 USD for a million tokens in, 8 USD for a million out.
"""

import asyncio
import re
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from zoneinfo import ZoneInfo

import anthropic
import httpx
import openai
import orjson
import pytest
import yaml
from sekisho import config
from sekisho.keys.limits import NO_LIMITS, Limits
from sekisho.keys.store import Store
from sekisho.lake.record import Record
from sekisho.providers.deployment import Deployment
from sqlalchemy import text

from .gateway import Gateway, cloud_variables, until
from .simulators import Simulator

Json = dict[str, Any]

CHAT, MESSAGES, RESPONSES = "/v1/chat/completions", "/v1/messages", "/v1/responses"
TOKYO = ZoneInfo("Asia/Tokyo")

LIMITS: Json = {
    "gateway": {"budget_day": 20},
    "each_end_user": {"budget_day": 0.5},
    "teams": {"lab": {"budget_month": 0.1}, "wards": {"budget_total": 1}},
}
ENDLESS = "[[sim:chunks 900 delay=0.05]]"
DEAR = 10_000  # tokens that cost 0.08 USD; what the short prompts here cost is less than 0.001 USD


@dataclass(slots=True)
class Hook:
    """A webhook: what was posted to it, and what it answers."""

    url: str
    posted: list[tuple[str, Json]] = field(default_factory=list[tuple[str, Json]])
    status: int = 204

    def about(self, scope: str) -> list[Json]:
        """What was posted about budgets of a kind."""
        return [body for _, body in self.posted if body["scope"] == scope]

    @classmethod
    @contextmanager
    def start(cls) -> Generator["Hook"]:
        """Listen on loopback until the block ends."""
        hook = cls("")

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                """Keep the body."""
                content = self.rfile.read(int(self.headers["content-length"]))
                hook.posted.append((self.headers["content-type"], orjson.loads(content)))
                self.send_response(hook.status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                """Say nothing."""

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            hook.url = f"http://127.0.0.1:{server.server_port}/hooks/very-private"
            threading.Thread(target=server.serve_forever, daemon=True).start()
            yield hook
            server.shutdown()


@dataclass(frozen=True)
class Place:
    """A gateway with those budgets, whose days begin in Tokyo, and its webhook."""

    gateway: Gateway
    hook: Hook

    def issue(self, alias: str, limits: Limits = NO_LIMITS, **fields: Any) -> str:
        """A new key: a service's, unless the fields say otherwise."""
        made: Json = {"kind": "service", **fields}
        with self.store() as store:
            now = datetime.now(UTC)
            return store.issue(alias=alias, limits=limits, by="test", now=now, **made).key

    def store(self) -> Store:
        """The gateway's key store."""
        return Store(f"sqlite:///{self.gateway.home / 'keys.db'}")

    def client(self, key: str, timeout: float = 30) -> httpx.Client:
        """A client that sends this key."""
        headers = {"authorization": f"Bearer {key}"}
        return httpx.Client(base_url=self.gateway.url, headers=headers, timeout=timeout)

    def ask(self, key: str, words: str = "hi", path: str = CHAT, **more: Any) -> httpx.Response:
        """One request; the words may tell the simulated provider what to do."""
        with self.client(key) as client:
            return client.post(path, json=_body(words, **more))

    def costs(self, key: str, tokens: int) -> None:
        """One request whose answer has so many tokens, whatever was foreseen."""
        assert self.ask(key, f"[[sim:usage input=0 output={tokens}]]").status_code == 200

    @contextmanager
    def running(self, key: str, **more: Any) -> Generator[None]:
        """A stream that has begun; at the end its client breaks off."""
        body = _body(ENDLESS, stream=True, **more)
        with self.client(key) as client, client.stream("POST", CHAT, json=body) as answer:
            assert answer.status_code == 200
            pieces = answer.iter_bytes()
            next(pieces)
            yield

    def rows(self, alias: str) -> list[Record]:
        """The rows of a key."""
        return [row for row in self.gateway.rows() if row.api_key_alias == alias]

    def counters(self, alias: str) -> dict[str, tuple[Decimal, Decimal]]:
        """What the database says a key has spent, and what is held for it, by window; USD."""
        with self.store() as store:
            name = store.get(alias).identity.key_id
            with store.database.reading() as connection:
                found = connection.execute(
                    text(
                        'SELECT "window", spent, reserved FROM sekisho_spend'
                        " WHERE scope = 'key' AND name = :name"
                    ),
                    {"name": name},
                ).all()
        return {w: (Decimal(s).scaleb(-12), Decimal(r).scaleb(-12)) for w, s, r in found}

    def settled(self, alias: str, usd: Decimal) -> None:
        """Assert that all is counted soon, in all three windows, and nothing is held any more."""

        def probe() -> bool:
            return set(self.counters(alias).values()) == {(usd, Decimal(0))}

        until(f"{usd} USD of {alias}, now {self.counters(alias)}", probe, 10)
        assert len(self.counters(alias)) == 3


def _body(words: str, **more: Any) -> Json:
    message = {"role": "user", "content": words}
    return {"model": "gpt-4.1", "max_tokens": 40, "messages": [message], **more}


@pytest.fixture(scope="module")
def place(clouds: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """One gateway whose configuration file has budgets for everybody."""
    home = tmp_path_factory.mktemp("budgets")
    written = yaml.safe_load(config.PACKAGED.read_text())
    written["include"] = [str(config.PACKAGED.parent / "providers" / "azure.yaml")]
    written["sekisho"] = {"limits": LIMITS, "time_zone": "Asia/Tokyo"}
    written["router_settings"]["num_retries"] = 0
    written["router_settings"]["fallbacks"] = [{"gpt-4.1-nano": ["gpt-4.1"]}]
    (home / "gateway.yaml").write_text(yaml.safe_dump(written))
    with Hook.start() as hook:
        variables = {**cloud_variables(clouds), "SEKISHO_BUDGET_WEBHOOK": hook.url}
        words = ("--config", str(home / "gateway.yaml"))
        with Gateway.start(home, *words, variables=variables) as gateway:
            yield Place(gateway, hook)


def _tomorrow() -> str:
    return f"{datetime.now(TOKYO).date() + timedelta(days=1)} 00:00 Asia/Tokyo"


def _next_month() -> str:
    today = datetime.now(TOKYO).date()
    return f"{(today.replace(day=1) + timedelta(days=31)).replace(day=1)} 00:00 Asia/Tokyo"


_COULD = re.compile(r"this request could cost up to (\d+\.\d+) USD")


def _refusal(place: Place, key: str, **more: Any) -> tuple[str, Decimal]:
    """What both dialects say of a spent budget, its cost as `UP TO`; and that cost."""
    openai_says, anthropic_says = (place.ask(key, path=p, **more) for p in (CHAT, MESSAGES))
    error, told = openai_says.json()["error"], anthropic_says.json()["error"]
    assert (openai_says.status_code, anthropic_says.status_code) == (429, 429)
    assert (error["type"], error["code"]) == ("insufficient_quota", "insufficient_quota")
    assert told["type"] == "billing_error"
    for answer, message in ((openai_says, error["message"]), (anthropic_says, told["message"])):
        assert answer.headers["x-should-retry"] == "false"
        assert not {n for n in answer.headers if "ratelimit" in n or n == "retry-after"}
        row = place.gateway.row(answer)
        assert (row.status, row.error_type) == ("refused", "insufficient_quota")
        assert (row.error_message, row.billed_cost, row.attempts) == (message, Decimal(0), ())
    return _figures(error["message"])


def _figures(message: str) -> tuple[str, Decimal]:
    found = _COULD.search(message)
    assert found is not None, message
    return message.replace(found[0], "UP TO"), Decimal(found[1])


def _costs_10000_tokens(usd: Decimal) -> bool:
    return Decimal("0.08") < usd < Decimal("0.081")


def test_a_request_that_does_not_fit(place: Place) -> None:
    """The refusal names the budget, what is spent, what the request could cost, and when to come.

    A smaller request passes.
    """
    key = place.issue("small day", Limits(budget_day=Decimal("0.01")))
    message, could = _refusal(place, key, max_tokens=DEAR)
    assert message == (
        "This key has used 0.00 of its budget of 0.01 USD per day; UP TO. A smaller max_tokens "
        f"lowers that. There is a new budget on {_tomorrow()}."
    )
    assert _costs_10000_tokens(could)
    assert place.ask(key).status_code == 200


def test_a_budget_that_is_spent(place: Place) -> None:
    """When nothing is left no smaller request helps; only counting tokens is still free."""
    key = place.issue("spent", Limits(budget_total=Decimal("0.01")))
    place.costs(key, 1250)
    message, could = _refusal(place, key)
    assert message == (
        "This key has used 0.01 of its budget of 0.01 USD in all; UP TO. Ask the gateway's "
        "operator for more."
    )
    assert could < Decimal("0.001")
    assert place.ask(key, path=f"{MESSAGES}/count_tokens").status_code == 200
    place.settled("spent", Decimal("0.01"))


def test_the_sdks_do_not_try_again(place: Place) -> None:
    """A spent budget is each SDK's RateLimitError, after one try."""
    key = place.issue("sdks", Limits(budget_month=Decimal("0.01")))
    with (
        openai.OpenAI(base_url=place.gateway.url + "/v1", api_key=key, max_retries=2) as oai,
        pytest.raises(openai.RateLimitError, match="There is a new budget on") as openai_says,
    ):
        oai.chat.completions.create(
            model="gpt-4.1", messages=[{"role": "user", "content": "hi"}], max_tokens=DEAR
        )
    assert openai_says.value.code == "insufficient_quota"
    with (
        anthropic.Anthropic(base_url=place.gateway.url, api_key=key, max_retries=2) as claude,
        pytest.raises(anthropic.RateLimitError, match=_next_month()),
    ):
        claude.messages.create(
            model="gpt-4.1", messages=[{"role": "user", "content": "hi"}], max_tokens=DEAR
        )
    assert [row.status for row in place.rows("sdks")] == ["refused", "refused"]


def test_a_budget_that_is_held(place: Place) -> None:
    """What running requests hold is free again soon: the refusal says so, and it is."""
    key = place.issue("held", Limits(budget_total=Decimal("0.1")))
    with place.running(key, max_tokens=DEAR):
        refused = place.ask(key, max_tokens=DEAR)
        assert place.ask(key, "[[sim:usage input=0 output=1]]").status_code == 200
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "2")
    assert "x-should-retry" not in refused.headers
    error = refused.json()["error"]
    assert (error["type"], error["code"]) == ("requests", "budget_held")
    message, could = _figures(error["message"])
    assert re.fullmatch(
        r"This key has used 0\.08\d* of its budget of 0\.10 USD in all, of which 0\.08\d* USD are "
        r"held by requests that are running; UP TO\. Try again in a moment\.",
        message,
    )
    assert _costs_10000_tokens(could)
    until("the rest", lambda: place.ask(key, max_tokens=DEAR).status_code == 200, 5)


def test_what_is_held_is_in_the_database(place: Place) -> None:
    """A running request holds the most that it can cost, in each of its windows."""
    key = place.issue("holding", Limits(budget_day=Decimal(1), budget_total=Decimal(5)))
    with place.running(key, max_tokens=DEAR):
        now = place.counters("holding")
        held = {window: reserved for window, (_, reserved) in now.items() if reserved}
        today = datetime.now(TOKYO).date().isoformat()
        assert held.keys() == {today, "total"}
        assert all(_costs_10000_tokens(usd) for usd in held.values())
    row = until("its row", lambda: place.rows("holding"))[0]
    assert row.billed_cost is not None
    place.settled("holding", row.billed_cost)


@dataclass(frozen=True)
class Fate:
    """How a request ends: its row's status, and what it costs; None is an estimate above 0."""

    status: str
    usd: str | None
    words: str
    path: str = CHAT
    more: Json = field(default_factory=dict[str, Any])


_USED = "[[sim:usage input=20 output=40]]"
_STREAM = {"stream": True}
# 20 x 0.000002 + 40 x 0.000008 USD = 0.00036 USD
FATES = {
    "answered": Fate("success", "0.00036", _USED),
    "streamed": Fate("success", "0.00036", _USED, more=_STREAM),
    "message": Fate("success", "0.00036", _USED, MESSAGES),
    "message streamed": Fate("success", "0.00036", _USED, MESSAGES, _STREAM),
    "response": Fate("success", "0.00036", _USED, RESPONSES, {"input": _USED}),
    "dearer than foreseen": Fate("success", "0.8", "[[sim:usage input=0 output=100000]]"),
    "refused by the provider": Fate("failure", "0", "[[sim:status 400]]"),
    "failed at the provider": Fate("failure", "0", "[[sim:status 500]]"),
    "too fast for the provider": Fate("failure", "0", "[[sim:status 429]]", more=_STREAM),
    "refused by the gate": Fate("refused", "0", "hi", more={"max_tokens": 10**6, "n": 100}),
    "broken": Fate("truncated", None, "[[sim:cut 5]] [[sim:chunks 20 delay=0.05]]", more=_STREAM),
    "error in mid-stream": Fate(
        "truncated", None, "[[sim:midstream 5]] [[sim:chunks 20]]", more=_STREAM
    ),
}


@pytest.mark.parametrize("name", FATES)
def test_settled_whatever_becomes_of_it(place: Place, name: str) -> None:
    """The recorded cost is what the key has spent, by day, month and in all; nothing stays held."""
    fate = FATES[name]
    budgets = Limits(budget_day=Decimal(1), budget_month=Decimal(2), budget_total=Decimal(3))
    key = place.issue(name, budgets)
    answer = place.ask(key, fate.words, fate.path, **fate.more)
    row = place.gateway.row(answer)
    assert row.status == fate.status, row.error_message
    assert row.billed_cost is not None
    if fate.usd is None:
        assert row.billed_cost > 0
    else:
        assert row.billed_cost == Decimal(fate.usd)
    if fate.status == "refused":
        assert place.counters(name) == {}
    else:
        place.settled(name, row.billed_cost)


@pytest.mark.parametrize("when", ["before the answer", "in the stream"])
def test_settled_when_the_client_leaves(place: Place, when: str) -> None:
    """A client that breaks off pays for what was answered until then."""
    key = place.issue(when, Limits(budget_day=Decimal(1)))
    if when == "in the stream":
        with place.running(key):
            pass
    else:
        with place.client(key, timeout=0.5) as client, suppress(httpx.ReadTimeout):
            client.post(CHAT, json=_body("[[sim:slow 20]]"))
    row = until("its row", lambda: place.rows(when), 10)[0]
    assert row.status == "cancelled"
    assert row.billed_cost is not None
    place.settled(when, row.billed_cost)


def test_several_budgets_of_a_key(place: Place) -> None:
    """Of several that are too small the one that opens last is named; else the one that is."""
    cents: Json = {"budget_day": Decimal("0.01"), "budget_month": Decimal("0.02")}
    month = place.issue("day and month", Limits(**cents))
    message, _ = _refusal(place, month, max_tokens=DEAR)
    assert message == (
        "This key has used 0.00 of its budget of 0.02 USD per month; UP TO. A smaller max_tokens "
        f"lowers that. There is a new budget on {_next_month()}."
    )
    total = place.issue("all three", Limits(**cents, budget_total=Decimal("0.03")))
    assert "of 0.03 USD in all; " in _refusal(place, total, max_tokens=DEAR)[0]
    day = place.issue("day alone", Limits(budget_day=Decimal("0.01"), budget_month=Decimal(5)))
    assert "of 0.01 USD per day; " in _refusal(place, day, max_tokens=DEAR)[0]


def test_a_teams_budget(place: Place) -> None:
    """The keys of a team spend one budget; a key of another team, or of none, has no part in it."""
    one, two = (place.issue(name, team="lab") for name in ("lab one", "lab two"))
    place.costs(one, 7500)  # 0.06 USD
    message, could = _refusal(place, two, max_tokens=DEAR)
    assert message == (
        "The team lab has used 0.06 of its budget of 0.10 USD per month; UP TO. A smaller "
        f"max_tokens lowers that. There is a new budget on {_next_month()}."
    )
    assert _costs_10000_tokens(could)
    assert place.ask(two).status_code == 200
    assert place.ask(place.issue("elsewhere", team="hall"), max_tokens=DEAR).status_code == 200


def test_a_persons_budget(place: Place) -> None:
    """The keys of a person spend one budget, and nobody's address is in the refusal."""
    mei: Json = {"kind": "person", "owner": "mei@example.com"}
    one, two = (place.issue(name, **mei) for name in ("mei one", "mei two"))
    place.costs(one, 45_000)  # 0.36 USD
    message, _ = _refusal(place, two, max_tokens=30_000)
    assert message.startswith("This user has used 0.36 of its budget of 0.50 USD per day; UP TO. ")
    assert place.ask(two, max_tokens=DEAR).status_code == 200


def test_the_budget_of_a_chats_user(place: Place) -> None:
    """Each user of a frontend spends a budget of its own, and nobody's name is in the refusal."""
    with place.client(place.issue("open-webui", kind="frontend")) as chat:

        def ask(user: str, words: str = "hi", **more: Any) -> httpx.Response:
            headers = {"x-openwebui-user-id": user}
            return chat.post(CHAT, json=_body(words, **more), headers=headers)

        spent = ask("user-1", "[[sim:usage input=0 output=45000]]")  # 0.36 USD
        assert spent.status_code == 200
        refused = ask("user-1", max_tokens=30_000)
        assert (refused.status_code, refused.json()["error"]["code"]) == (429, "insufficient_quota")
        assert refused.json()["error"]["message"].startswith("This user has used 0.36 of its ")
        assert "user-1" not in refused.text
        assert place.gateway.row(refused).end_user_id == "user-1"
        assert ask("user-1", max_tokens=DEAR).status_code == 200
        assert ask("user-2", max_tokens=30_000).status_code == 200


def test_the_gateways_budget(place: Place) -> None:
    """All keys spend the gateway's budget, also one that has none of its own."""
    key = place.issue("no budget of its own")
    message, could = _refusal(place, key, max_tokens=32_768, n=100)  # 26.2144 USD
    assert re.fullmatch(
        r"This gateway has used \d+\.\d+ of its budget of 20\.00 USD per day; UP TO\. "
        rf"A smaller max_tokens lowers that\. There is a new budget on {_tomorrow()}\.",
        message,
    )
    assert Decimal("26.2144") < could < Decimal("26.22")


def test_fallbacks_are_foreseen(place: Place, clouds: Simulator) -> None:
    """A cheap model that may fall back to a dear one is held at the dear one's price, and billed
    for the one that has answered.
    """
    key = place.issue("falling", Limits(budget_total=Decimal("0.01")))
    nano = {"model": "gpt-4.1-nano"}
    message, could = _refusal(place, key, max_tokens=DEAR, **nano)
    assert message.startswith("This key has used 0.00 of its budget of 0.01 USD in all; UP TO. ")
    assert _costs_10000_tokens(could)  # nano's own would be 0.004 USD
    clouds.script({"status": 500}, {"usage": {"input": 20, "output": 40}})
    row = place.gateway.row(place.ask(key, **nano))
    assert [attempt.http_response_status_code for attempt in row.attempts] == [500, 200]
    assert (row.gen_ai_request_model, row.gen_ai_response_model) == (
        "gpt-4.1-nano",
        "azure/gpt-4.1",
    )
    assert row.billed_cost == Decimal("0.00036")
    place.settled("falling", Decimal("0.00036"))


def test_a_warning_at_80_percent(place: Place) -> None:
    """Each budget warns once: in the log without a name of a person, as a metric, at the webhook.

    The last test of this gateway but one.
    """
    resets = (
        datetime.now(TOKYO).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    ).astimezone(UTC)
    until_then = f"until {resets:%Y-%m-%d %H:%M} UTC"
    before = len(place.hook.about("key"))

    key = place.issue("careful", Limits(budget_day=Decimal(1)))
    place.costs(key, 90_000)
    assert len(place.hook.about("key")) == before
    place.costs(key, 15_000)  # 0.84 USD with this
    place.costs(key, 1000)
    aya: Json = {"kind": "person", "owner": "aya@example.com"}
    place.costs(place.issue("aya's", **aya), 52_000)  # 0.416 USD
    until("the last warning", lambda: place.hook.about("end_user"), 10)

    with place.store() as store:
        key_id = store.get("careful").identity.key_id
    found = [body for body in place.hook.about("key") if body["name"] == key_id]
    assert found == [
        {
            "text": "Sekisho: key careful has spent 0.84 USD, 80 % or more of 1.00 USD a day, "
            f"{until_then}",
            "scope": "key",
            "name": key_id,
            "period": "day",
            "spent_usd": found[0]["spent_usd"],
            "limit_usd": found[0]["limit_usd"],
            "resets_at": resets.isoformat(),
        }
    ]
    assert Decimal(found[0]["spent_usd"]) == Decimal("0.84")
    assert Decimal(found[0]["limit_usd"]) == 1
    assert {kind for kind, _ in place.hook.posted} == {"application/json"}

    (person,) = place.hook.about("end_user")
    assert (person["name"], person["period"]) == ("aya@example.com", "day")
    assert person["text"] == (
        "Sekisho: end user aya@example.com has spent 0.416 USD, 80 % or more of 0.50 USD a day, "
        f"{until_then}"
    )

    log = place.gateway.log()
    line = f"budget: key {key_id} has spent 0.84 USD, 80 % or more of 1.00 USD a day, "
    assert log.count(f"budget: key {key_id} ") == log.count(line + until_then) == 1
    assert log.count("budget: an end user has spent 0.416 USD, 80 % or more of 0.50 USD") == 1
    assert "@" not in log
    metrics = httpx.get(place.gateway.url + "/metrics").text
    assert 'sekisho_budget_warnings_total{period="day",scope="end_user"} 1.0' in metrics


def test_a_webhook_that_fails(place: Place) -> None:
    """A webhook that answers with an error is told in the log, without its address, and no more.

    The last test of this gateway.
    """
    key = place.issue("ward", team="wards")
    place.hook.status = 500
    place.costs(key, 110_000)
    until("a line", lambda: "the budget webhook answered 500" in place.gateway.log(), 10)
    (posted,) = place.hook.about("team")
    assert (posted["name"], posted["period"], posted["resets_at"]) == ("wards", "total", None)
    assert posted["text"] == (
        "Sekisho: team wards has spent 0.88 USD, 80 % or more of 1.00 USD in all"
    )
    assert "very-private" not in place.gateway.log()
    assert "Traceback" not in place.gateway.log()
    assert place.ask(key).status_code == 200


@pytest.fixture(scope="module")
def talkers(clouds: Simulator) -> dict[str, list[Deployment]]:
    """The deployments of every alias that converses, by alias."""
    found: dict[str, list[Deployment]] = {}
    for deployment in config.load(environ=cloud_variables(clouds)).deployments:
        if deployment.mode in ("chat", "responses"):
            found.setdefault(deployment.alias, []).append(deployment)
    return found


# Where each provider is told how long an answer may be.
_LIMITS = (
    *("max_tokens", "max_completion_tokens", "max_output_tokens", "maxTokens", "maxOutputTokens"),
    *("max_gen_len", "max_tokens_to_sample", "maxTokenCount"),
)


def _limits_in(value: Any) -> set[int]:
    """The limits that stand anywhere in a request to a provider."""
    if isinstance(value, list):
        return set[int]().union(*map(_limits_in, value))
    if not isinstance(value, dict):
        return set()
    here = {value[name] for name in _LIMITS if value.get(name) is not None}
    return here.union(*map(_limits_in, value.values()))


Where = tuple[str, str]  # an alias and a path


def _told(
    gateway: Gateway, clouds: Simulator, key: str, asked: dict[Where, Json]
) -> dict[Where, tuple[int, set[int]]]:
    """Ask each alias at its path: the status, and the limits that its provider was told."""
    clouds.clear()
    marks = {where: f"mark-{number}-" for number, where in enumerate(asked)}
    statuses: dict[Where, int] = {}
    waiting = iter(asked.items())

    async def work(client: httpx.AsyncClient) -> None:
        for (alias, path), more in waiting:
            words = f"{marks[alias, path]} hello"
            message = {"role": "user", "content": words}
            said: Json = {"input": words} if path == RESPONSES else {"messages": [message]}
            answer = await client.post(path, json={"model": alias, **said, **more})
            statuses[alias, path] = answer.status_code

    async def run() -> None:
        headers = {"authorization": f"Bearer {key}"}
        async with httpx.AsyncClient(base_url=gateway.url, headers=headers, timeout=60) as client:
            await asyncio.gather(*(work(client) for _ in range(12)))

    asyncio.run(run())
    seen = [(str(entry["body"]), _limits_in(entry["body"])) for entry in clouds.journal()]
    return {
        where: (status, set[int]().union(*(n for body, n in seen if marks[where] in body)))
        for where, status in statuses.items()
    }


def test_every_answer_on_a_budget_has_a_limit(
    gateway: Gateway, clouds: Simulator, talkers: dict[str, list[Deployment]]
) -> None:
    """Whatever the model and the API: without `max_tokens` an answer on a budget has at most
    32,000 tokens, or what its model can; the provider is told so, and answers.
    """
    key = gateway.issue("on a budget", kind="service", budget="1000000/total")
    assert len(talkers) > 80
    assert {d.cloud for found in talkers.values() for d in found} == {"bedrock", "vertex", "azure"}
    asked: dict[Where, Json] = {(a, path): {} for a in talkers for path in (CHAT, RESPONSES)}
    told = _told(gateway, clouds, key, asked)
    expected = {(a, path): (200, {_most(talkers[a])}) for a, path in asked}
    assert {where: told[where] for where in asked if told[where] != expected[where]} == {}
    by_hand = {"gpt-4.1": 32_000, "gpt-4o": 16_384, "claude-sonnet-4-6": 32_000}
    assert {alias: told[alias, CHAT] for alias in by_hand} == {
        alias: (200, {tokens}) for alias, tokens in by_hand.items()
    }


def _most(deployments: list[Deployment]) -> int:
    known = [d.model_info.get("max_output_tokens") for d in deployments]
    return min(32_000, *(int(tokens) for tokens in known if tokens))


ALONE = ("gpt-4.1", "claude-sonnet-4-6-bedrock", "gemini-3.5-flash", "nova-pro")


def test_a_limit_of_ones_own_is_left_alone(gateway: Gateway, clouds: Simulator) -> None:
    """A request that says how long its answer may be is sent as it is, larger or smaller."""
    key = gateway.issue("own words", kind="service", budget="1000000/total")
    asked: dict[Where, Json] = {(a, CHAT): {"max_tokens": 77} for a in ALONE}
    asked |= {(a, RESPONSES): {"max_output_tokens": 78} for a in ALONE}
    asked |= {("gpt-5.5", CHAT): {"max_completion_tokens": 64_001}}
    told = _told(gateway, clouds, key, asked)
    for alias in ALONE:
        assert (told[alias, CHAT], told[alias, RESPONSES]) == ((200, {77}), (200, {78})), alias
    assert told["gpt-5.5", CHAT] == (200, {64_001})


def test_without_a_budget_nothing_is_added(gateway: Gateway, clouds: Simulator) -> None:
    """A key without a budget is nobody's worry: its requests get no limit of ours."""
    key = gateway.issue("free", kind="service")
    asked: dict[Where, Json] = {(a, path): {} for a in ALONE for path in (CHAT, RESPONSES)}
    told = _told(gateway, clouds, key, asked)
    for alias in ("gpt-4.1", "gemini-3.5-flash", "nova-pro"):
        assert (told[alias, CHAT], told[alias, RESPONSES]) == ((200, set()), (200, set())), alias
    # Claude must be told a limit: LiteLLM's own, the most that the model can.
    assert 32_000 not in told["claude-sonnet-4-6-bedrock", CHAT][1]
