"""A gateway from its start to its end: an edited configuration, no network, workers, SIGTERM."""

import concurrent.futures
import http.server
import json
import signal
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import httpx
import pytest
import yaml

from .gateway import Gateway, cloud_variables, sekisho, until
from .simulators import Simulator

CHAT = "/v1/chat/completions"

# Python calls this in every process of the gateway: it notes whoever is asked for over the network.
WATCH = """
import os, socket, sys

def note(event, arguments):
    if event == "socket.getaddrinfo":
        name = arguments[0]
    elif event == "socket.connect" and isinstance(arguments[1], tuple):
        name = arguments[1][0]
    else:
        return
    name = name.decode() if isinstance(name, bytes) else name
    if name not in (None, "", "127.0.0.1", "::1", "localhost", "0.0.0.0", socket.gethostname()):
        with open(os.environ["NOTED"], "a") as noted:
            noted.write(f"{os.getpid()} {event} {name}\\n")

sys.addaudithook(note)
"""


class Upstream(socketserver.ThreadingTCPServer):
    """An OpenAI-compatible provider that keeps the headers and bodies it was sent."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Asked)
        self.asked: list[tuple[str, dict[str, str], Any]] = []

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_address[1]}"


class Asked(http.server.BaseHTTPRequestHandler):
    """Answers one request."""

    def do_POST(self) -> None:
        """Note the request and say something."""
        assert isinstance(self.server, Upstream)
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.asked.append((self.path, headers, body))
        message = {"role": "assistant", "content": "Good day"}
        answer = {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1,
            "model": "mystery",
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
        }
        content = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_CONNECT = do_GET = do_POST  # noqa: N815 - the names are http.server's

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its own name
        """Say nothing on stderr."""


@contextmanager
def serving(server: Upstream) -> Generator[Upstream]:
    """Serve in a thread."""
    with server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    """A provider of our own."""
    with serving(Upstream()) as server:
        yield server


@pytest.fixture(scope="module")
def edited(
    clouds: Simulator, upstream: Upstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    """A gateway with an edited copy of the configuration, without the demo, and watched."""
    home = tmp_path_factory.mktemp("edited")
    assert sekisho(home, "init", "conf").code == 0
    file = home / "conf" / "litellm_config.yaml"
    config = yaml.safe_load(file.read_text())
    own = {"api_base": upstream.url, "api_key": "sk-our-own"}
    dead = {"api_base": "http://127.0.0.1:1", "api_key": "sk-our-own"}
    price = {"input_cost_per_token": 0.000001, "output_cost_per_token": 0.000002}
    config["model_list"] = [
        {"model_name": "mystery", "litellm_params": {"model": "openai/mystery", **own}},
        {
            "model_name": "dead",
            "litellm_params": {"model": "openai/dead", "num_retries": 0, **dead},
            "model_info": price,
        },
    ]
    config["sekisho"] = {"drain_seconds": 20}
    file.write_text(yaml.safe_dump(config))
    watch = tmp_path_factory.mktemp("watch")
    (watch / "sitecustomize.py").write_text(WATCH)
    variables = cloud_variables(clouds) | {
        "PYTHONPATH": str(watch),
        "NOTED": str(home / "noted"),
        # Whoever reaches out by HTTP would come by here.
        "HTTPS_PROXY": upstream.url,
        "HTTP_PROXY": upstream.url,
        "NO_PROXY": "127.0.0.1,localhost",
    }
    options = ("--config", str(file), "--allow-unpriced")
    with Gateway.start(home, *options, variables=variables) as running:
        yield running


@pytest.fixture(scope="module")
def edited_key(edited: Gateway) -> str:
    """A key of the edited gateway."""
    return edited.issue("ichiro", owner="ichiro@example.com")


def say(text: str, model: str = "gpt-4.1", **more: Any) -> dict[str, Any]:
    """A chat request."""
    return {"model": model, "messages": [{"role": "user", "content": text}], **more}


def test_no_network_at_start(edited: Gateway, upstream: Upstream) -> None:
    """No process of a starting gateway looks up a name or connects to anything but itself."""
    assert upstream.asked == []
    assert not (edited.home / "noted").exists(), (edited.home / "noted").read_text()


def test_the_watch_would_have_seen_it(edited: Gateway) -> None:
    """The audit hook of the test above notes a look-up: it is not blind."""
    variables = {**edited.variables, "NOTED": str(edited.home / "proof")}
    look_up = "import socket; socket.getaddrinfo('192.0.2.1', 80)"
    subprocess.run([sys.executable, "-c", look_up], env=variables, check=True)
    assert "192.0.2.1" in (edited.home / "proof").read_text()


def test_the_edited_configuration_is_served(edited: Gateway, edited_key: str) -> None:
    """The copy's own models are there beside the clouds'; the demo model is not."""
    with edited.client(edited_key) as client:
        names = {model["id"] for model in client.get("/v1/models").json()["data"]}
        assert {"mystery", "dead", "gpt-4.1", "claude-sonnet-4-6"} <= names
        assert "demo" not in names
        assert client.post(CHAT, json=say("hello", "demo")).status_code == 404


def test_an_unpriced_model_is_recorded_as_such(edited: Gateway, edited_key: str) -> None:
    """With --allow-unpriced it answers; its rows have tokens and no cost, never 0 USD."""
    assert "warning: mystery (mystery@custom): no price for openai/mystery" in edited.log()
    with edited.client(edited_key) as client:
        answer = client.post(CHAT, json=say("hello", "mystery"))
    assert answer.status_code == 200, answer.text
    row = edited.row(answer)
    assert (row.status, row.is_priced, row.billed_cost) == ("success", False, None)
    assert (row.gen_ai_usage_input_tokens, row.gen_ai_usage_output_tokens) == (10, 5)


def test_the_provider_gets_our_key_and_nothing_of_the_clients(
    edited: Gateway, edited_key: str, upstream: Upstream
) -> None:
    """Whatever a client sends, the provider sees the deployment's key and a clean request."""
    steering = {
        "api_key": "sk-poison",
        "api_base": "http://127.0.0.1:9",
        "organization": "poison",
        "extra_headers": {"authorization": "Bearer sk-poison", "x-poison": "1"},
        "headers": {"x-poison": "1"},
        "extra_body": {"poison": 1},
        "user": "taro@example.com",
    }
    sent = {
        "x-api-key": "sk-poison",
        "cookie": "poison=1",
        "x-poison": "1",
        "openai-organization": "poison",
        "x-forwarded-for": "203.0.113.9",
        "x-openwebui-user-email": "taro@example.com",
        "user-agent": "poison/1.0",
    }
    upstream.asked.clear()
    with edited.client(edited_key) as client:
        answer = client.post(CHAT, json=say("hello", "mystery", **steering), headers=sent)
    assert answer.status_code == 200, answer.text
    ((path, headers, body),) = upstream.asked
    assert path == "/chat/completions"
    assert headers["authorization"] == "Bearer sk-our-own"
    assert "poison" not in json.dumps([headers, body])
    assert "203.0.113.9" not in json.dumps(headers)
    assert "@" not in json.dumps([headers, body])
    assert edited_key not in json.dumps(headers)
    assert body.keys() <= {"model", "messages", "user"}


def test_a_provider_that_cannot_be_reached(edited: Gateway, edited_key: str) -> None:
    """The client learns that, and not where the provider should have been."""
    with edited.client(edited_key) as client:
        answer = client.post(CHAT, json=say("hello", "dead"))
    assert answer.status_code >= 500
    assert "127.0.0.1" not in answer.text
    assert "litellm" not in answer.text.lower()
    row = edited.row(answer)
    assert (row.status, row.billed_cost) == ("failure", Decimal(0))


def test_the_log_tells_no_secrets(edited: Gateway, edited_key: str) -> None:
    """After requests of every fate the gateway's output has no key, prompt or e-mail."""
    secrets = ["kagemusha", edited_key, "ichiro@example.com", "jiro@example.com", "sk-our-own"]
    plain = [
        "kagemusha",
        '[[sim:status 400 message="kagemusha is no good"]]',
        '[[sim:status 403 message="kagemusha jiro@example.com"]]',
    ]
    broken = [
        "[[sim:cut 2]] [[sim:chunks 5]] kagemusha",
        "[[sim:midstream 2]] [[sim:chunks 5]] kagemusha",
    ]
    with edited.client(edited_key) as client:
        for text, stream in [(t, False) for t in plain] + [(t, True) for t in plain + broken]:
            asked = say(text, "nova-lite", stream=stream, user="jiro@example.com")
            client.post(CHAT, json=asked)
            client.post("/v1/messages", json={**asked, "max_tokens": 9})
        client.post(CHAT, json=say("kagemusha", "kagemusha"))
        client.post(CHAT, content=b'{"kagemusha": ')
        client.post(CHAT, json={"model": "gpt-4.1", "messages": "kagemusha"})
        client.get("/kagemusha", params={"key": edited_key})
    httpx.post(edited.url + CHAT, headers={"authorization": f"Bearer {edited_key}x"})
    log = edited.log()
    assert {secret for secret in secrets if secret in log} == set()
    assert "Traceback" not in log


def test_doctor_with_an_edited_configuration(edited: Gateway) -> None:
    """The doctor reads the same file, finds the gateway, and calls the unpriced model a fault."""
    file = str(edited.home / "conf" / "litellm_config.yaml")
    found = sekisho(edited.home, "--config", file, "doctor", "--json", variables=edited.variables)
    checks = json.loads(found.out)["checks"]
    assert found.code == 1
    assert [c["name"] for c in checks if c["state"] == "fail"] == ["prices"]
    assert [c["state"] for c in checks if c["name"] == "gateway"] == ["ok"]


def rows_in_lake(gateway: Gateway) -> dict[str, str]:
    """Request ids and statuses of what has been shipped."""
    files = str(gateway.home / "lake" / "usage" / "**" / "*.parquet")
    with duckdb.connect() as database:
        rows = database.execute(
            "SELECT request_id, status FROM read_parquet(?, union_by_name=true)", [files]
        ).fetchall()
    return {str(row[0]): str(row[1]) for row in rows}


def ends_well(gateway: Gateway, key: str) -> None:
    """SIGTERM while a stream runs: it ends whole, its row is in the lake, the exit code is 0."""
    words = 40
    asked = say(f"[[sim:chunks {words} delay=0.05]]", stream=True)
    with gateway.client(key) as client, client.stream("POST", CHAT, json=asked) as answer:
        pieces = answer.iter_bytes()
        got = next(pieces)
        gateway.process.send_signal(signal.SIGTERM)
        sent = time.monotonic()
        until("new requests to be turned away", lambda: not _accepts(gateway), 10)
        got += b"".join(pieces)
        request_id = answer.headers["x-sekisho-request-id"]
    assert got.rstrip().endswith(b"data: [DONE]")
    assert got.count(b"word") == words
    assert gateway.process.wait(25) == 0, gateway.log()
    assert time.monotonic() - sent < 20
    assert rows_in_lake(gateway)[request_id] == "success"
    assert "Traceback" not in gateway.log()


def _accepts(gateway: Gateway) -> bool:
    try:
        httpx.get(gateway.url + "/health/liveliness", timeout=5)
    except httpx.TransportError:
        return False
    return True


def test_the_end_of_one_worker(edited: Gateway, edited_key: str) -> None:
    """SIGTERM lets a running stream end whole, ships every row, and exits 0 in the drain time.

    The last test of this gateway.
    """
    ends_well(edited, edited_key)


@pytest.fixture(scope="module")
def pair(clouds: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway with two workers."""
    home = tmp_path_factory.mktemp("pair")
    options = ("--demo", "--workers", "2")
    with Gateway.start(home, *options, variables=cloud_variables(clouds)) as running:
        yield running


@pytest.fixture(scope="module")
def pair_key(pair: Gateway) -> str:
    """A key of that gateway."""
    return pair.issue("niko", owner="niko@example.com")


def test_two_workers_serve(pair: Gateway, pair_key: str) -> None:
    """Requests go to both, and each has its one row, with the worker that served it."""
    ids: list[str] = []

    def ask(_: int) -> str:
        with pair.client(pair_key) as client:
            answer = client.post(CHAT, json=say("hello", "demo"))
            assert answer.status_code == 200
            return str(answer.headers["x-sekisho-request-id"])

    def instances() -> set[str | None]:
        with concurrent.futures.ThreadPoolExecutor(8) as threads:
            ids.extend(threads.map(ask, range(16)))
        return {row.gateway_instance for row in pair.rows() if row.request_id in ids}

    until("both workers to serve", lambda: len(instances()) == 2)
    rows = [row.request_id for row in pair.rows() if row.request_id in ids]
    assert sorted(rows) == sorted(ids)


def test_blocking_reaches_both_workers(pair: Gateway) -> None:
    """A key that both workers know is refused by both within 1 s of its blocking."""
    key = pair.issue("saburo", kind="service")

    def statuses() -> set[int]:
        answers = set()
        for _ in range(12):  # each on a connection of its own, so that both workers are asked
            with pair.client(key) as client:
                answers.add(client.get("/v1/models").status_code)
        return answers

    assert statuses() == {200}
    assert sekisho(pair.home, "keys", "block", "saburo").code == 0
    until("403 from both", lambda: statuses() == {403}, 1.0)


def test_the_end_of_two_workers(pair: Gateway, pair_key: str) -> None:
    """With several workers SIGTERM is as orderly as with one. The last test of this gateway."""
    ends_well(pair, pair_key)


CLOUDS = {
    "Bedrock": "AWS_REGION",
    "Vertex AI": "VERTEXAI_PROJECT",
    "Azure": "AZURE_API_BASE",
}


def test_doctor_in_demo_mode(home: Path) -> None:
    """On a fresh machine the demo is all right, and each cloud's needs are told."""
    found = sekisho(home, "doctor", "--demo", "--json")
    assert found.code == 0, found.out
    checks = {check["name"]: check for check in json.loads(found.out)["checks"]}
    assert {check["state"] for check in checks.values()} <= {"ok", "note"}
    for cloud, variable in CLOUDS.items():
        assert variable in checks[cloud]["remedy"]
    assert checks["gateway"]["state"] == "note"
    assert list(home.iterdir()) == []


def test_doctor_without_any_model(home: Path) -> None:
    """Without a cloud and without the demo there is nothing to serve: exit code 1."""
    found = sekisho(home, "doctor")
    assert found.code == 1
    assert "fail  models: none can be served" in found.out
    for variable in CLOUDS.values():
        assert variable in found.out


def test_doctor_beside_a_running_demo(gateway: Gateway) -> None:
    """Beside a running gateway all is well, through whatever proxy the machine has."""
    variables = {**gateway.variables, "HTTP_PROXY": "http://127.0.0.1:9"}
    found = sekisho(gateway.home, "doctor", "--json", variables=variables)
    assert found.code == 0, found.out
    checks = {check["name"]: check for check in json.loads(found.out)["checks"]}
    assert checks["gateway"]["state"] == "ok"
    assert gateway.url in checks["gateway"]["detail"]
    assert not set(CLOUDS) & set(checks)


def test_doctor_tells_no_secret(home: Path) -> None:
    """It shows that a secret is set, and not the secret."""
    variables = {"SEKISHO_MASTER_KEY": "sk-very-secret", "AZURE_API_KEY": "sk-very-secret"}
    for words in ((), ("--json",)):
        found = sekisho(home, "doctor", "--demo", *words, variables=variables)
        assert "very-secret" not in found.out + found.err
