"""`/metrics`: one page for all workers, for whoever may read it, that names no person."""

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from sekisho.gate import metrics

from .gateway import Gateway, cloud_variables, until
from .simulators import Simulator

PROXY = "127.0.0.2"
USER = "sora.of.the.tests@example.com"

# What one round asks, and what becomes of it: operation, status, why it is refused, path, words.
ROUND = (
    ("chat", "success", None, "/v1/chat/completions", "hi"),
    ("chat", "success", None, "/v1/chat/completions", "hi again"),
    ("messages", "success", None, "/v1/messages", "hi"),
    ("chat", "failure", None, "/v1/chat/completions", "[[sim:status 400]]"),
    ("chat", "refused", "invalid_api_key", "/v1/chat/completions", "hi"),
    ("count_tokens", "success", None, "/v1/messages/count_tokens", "hi"),
    ("count_tokens", "refused", "invalid_api_key", "/v1/messages/count_tokens", "hi"),
)


@dataclass(frozen=True)
class Place:
    """A gateway with two workers, the key of a person, and how many rounds were asked."""

    gateway: Gateway
    key: str
    rounds: int

    def samples(self) -> dict[str, dict[tuple[str, ...], float]]:
        """The numbers by name, and by the values of their labels in the order of their names."""
        found: dict[str, dict[tuple[str, ...], float]] = {}
        for family in text_string_to_metric_families(self.page().text):
            for sample in family.samples:
                labels = tuple(value for _, value in sorted(sample.labels.items()))
                found.setdefault(sample.name, {})[labels] = sample.value
        return found

    def page(self, peer: str = "127.0.0.1", **headers: str) -> httpx.Response:
        """What one of the workers shows to a caller."""
        transport = httpx.HTTPTransport(local_address=peer)
        with httpx.Client(transport=transport, timeout=30) as client:
            sent = {name.replace("_", "-"): value for name, value in headers.items()}
            return client.get(self.gateway.url + "/metrics", headers=sent)


def _ask(gateway: Gateway, key: str, path: str, words: str, **more: object) -> httpx.Response:
    """One request on a connection of its own, so that any worker may get it."""
    message = {"role": "user", "content": words}
    body = {"model": "gpt-4.1", "max_tokens": 40, "messages": [message], **more}
    headers = {"authorization": f"Bearer {key}"}
    return httpx.post(gateway.url + path, json=body, headers=headers, timeout=30)


@pytest.fixture(scope="module")
def place(clouds: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Rounds of requests, until both workers have had some of each status."""
    home = tmp_path_factory.mktemp("metrics")
    variables = {**cloud_variables(clouds), "SEKISHO_TRUSTED_PROXIES": PROXY}
    with Gateway.start(home, "--workers", "2", variables=variables) as gateway:
        key = gateway.issue("tablet-of-sora", owner=USER, team="secret-team")
        rounds = 0
        while len(served := {(r.gateway_instance, r.status) for r in gateway.rows()}) < 6:
            assert rounds < 60, f"only {served}"
            for _, _, why, path, words in ROUND:
                _ask(gateway, key[:-1] if why else key, path, words)
            rounds += 1
        yield Place(gateway, key, rounds)


def test_counts_add_up_over_the_workers(place: Place) -> None:
    """Whichever worker is asked: every request of every worker is in the numbers, once."""
    per_round = Counter((operation, status) for operation, status, *_ in ROUND)
    expected = {labels: count * place.rounds for labels, count in per_round.items()}
    for _ in range(8):
        found = place.samples()
        assert found["sekisho_requests_total"] == expected
        assert found["sekisho_refusals_total"] == {("invalid_api_key",): 2 * place.rounds}


def test_the_numbers_are_those_of_the_rows(place: Place) -> None:
    """Metrics and log tell the same."""
    rows = Counter((r.gen_ai_operation_name, r.status) for r in place.gateway.rows())
    assert place.samples()["sekisho_requests_total"] == rows


def test_the_page_is_prometheus_own(place: Place) -> None:
    """The page has Prometheus' text format, and each number says what it counts."""
    page = place.page()
    assert (page.status_code, page.headers["content-type"]) == (200, "text/plain; version=0.0.4")
    families = {f.name: f for f in text_string_to_metric_families(page.text)}
    families.pop("sekisho_ship_seen_seconds", None)  # there as soon as the shipper was
    assert {name: family.type for name, family in families.items()} == {
        "sekisho_requests": "counter",
        "sekisho_refusals": "counter",
        "sekisho_key_store_up": "gauge",
        "sekisho_shared_limits_up": "gauge",
        "sekisho_spend_waiting": "gauge",
        "sekisho_rows_in_memory": "gauge",
        "sekisho_rows_lost": "counter",
        "sekisho_bodies_shed": "counter",
        "sekisho_spool_bytes": "gauge",
        "sekisho_oldest_unshipped_seconds": "gauge",
        "sekisho_ship_batches": "counter",
        "sekisho_ship_records": "counter",
        "sekisho_ship_bytes": "counter",
        "sekisho_ship_failures": "counter",
        "sekisho_ship_quarantined": "counter",
        "sekisho_ship_failures_in_a_row": "gauge",
    }
    assert all(family.documentation.endswith(".") for family in families.values())


def test_what_is_well(place: Place) -> None:
    """Soon after its start the gateway says that it reaches what it needs."""

    def well() -> bool:
        found = place.samples()
        names = ("sekisho_key_store_up", "sekisho_shared_limits_up", "sekisho_spend_waiting")
        return [found[name] for name in names] == [{(): 1.0}, {(): 1.0}, {(): 0.0}]

    until("all to be well", well, 10)


def test_the_log_is_on_the_page(place: Place) -> None:
    """How the log does is told: what waits for the lake, and that nothing was left out or lost."""
    until("the first look at the log", lambda: "sekisho_rows_in_memory" in place.samples(), 10)
    found = place.samples()
    nothing = ("sekisho_rows_in_memory", "sekisho_rows_lost_total", "sekisho_bodies_shed_total")
    assert [found[name] for name in nothing] == [{(): 0.0}, {(): 0.0}, {(): 0.0}]
    assert {"sekisho_spool_bytes", "sekisho_oldest_unshipped_seconds"} <= found.keys()


def test_a_budget_warns_once(place: Place) -> None:
    """80 % of a budget are told once, whichever worker sees it, and however often."""
    key = place.gateway.issue("wary", kind="service", budget="1/day")
    words = "[[sim:usage input=0 output=20500]]"  # 0.164 USD: the fifth passes 80 %
    path = "/v1/chat/completions"
    statuses = [_ask(place.gateway, key, path, words).status_code for _ in range(12)]
    assert statuses == [200] * 7 + [429] * 5
    found = place.samples()
    assert found["sekisho_budget_warnings_total"] == {("day", "key"): 1}
    assert found["sekisho_refusals_total"]["insufficient_quota",] == 5
    assert place.gateway.log().count("80 % or more of 1.00 USD a day") == 1


def test_no_person_is_in_it(place: Place) -> None:
    """Neither a mail address nor the name of a key, a person or a team is on the page."""
    text = place.page().text
    for name in ("@", "sora", "tablet", "secret-team", "wary", "sk-sekisho"):
        assert name not in text


def test_who_may_not_read_it(place: Place) -> None:
    """For callers through a proxy that isn't trusted, or from outside, there is no such route."""
    strangers = (
        place.page(x_forwarded_for="127.0.0.1"),
        place.page(x_forwarded_for="203.0.113.7"),
        place.page(x_forwarded_for="127.0.0.1", authorization=f"Bearer {place.key}"),
        place.page(PROXY, x_forwarded_for="203.0.113.7"),
        place.page(PROXY, x_forwarded_for="127.0.0.1, 203.0.113.7"),
    )
    for answer in strangers:
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "no_such_route")
        assert "sekisho_" not in answer.text


def test_who_may_read_it(place: Place) -> None:
    """Every address of the machine itself may, directly or by way of a trusted proxy."""
    own = (place.page(), place.page("127.0.0.9"), place.page(PROXY, x_forwarded_for="127.0.0.1"))
    assert [answer.status_code for answer in own] == [200, 200, 200]


_COUNT = """
from sekisho.gate.metrics import Metrics
numbers = Metrics()
numbers.ended("chat", "refused", "key_expired")
numbers.now(sekisho_key_store_up=%s)
print(os.getpid() if %s else numbers.text().decode())
"""
_FORGET = "from sekisho.gate.metrics import forget; forget(%s)"


def _python(home: Path, words: str) -> str:
    variables = {"PATH": os.environ["PATH"], metrics.FOLDER_VARIABLE: str(metrics.folder(home))}
    command = [sys.executable, "-c", f"import os\n{words}"]
    return subprocess.run(command, env=variables, capture_output=True, text=True, check=True).stdout


def test_a_dead_worker_takes_no_count_with_it(home: Path) -> None:
    """What a worker has counted stays when it has died; what it thought of its state doesn't."""
    metrics.make_folder(home)
    pid = _python(home, _COUNT % (0, True))
    both = _python(home, _COUNT % (1, False))
    assert 'sekisho_requests_total{operation="chat",status="refused"} 2.0' in both
    assert "sekisho_key_store_up 0.0" in both
    _python(home, _FORGET % pid)
    after = _python(home, _COUNT % (1, False))
    assert 'sekisho_refusals_total{reason="key_expired"} 3.0' in after
    assert "sekisho_key_store_up 1.0" in after


def test_numbers_begin_anew(home: Path) -> None:
    """A new start forgets what the last one counted."""
    metrics.make_folder(home)
    (metrics.folder(home) / "counter_1.db").touch()
    metrics.make_folder(home)
    assert list(metrics.folder(home).iterdir()) == []
