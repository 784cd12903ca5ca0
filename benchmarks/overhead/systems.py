"""The three systems under measurement, each started as an operator starts it."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from .processes import BenchmarkError, command_line, running, tree

ROOT = Path(__file__).parents[2]
SEKISHO, LITELLM, UPSTREAM = "sekisho", "litellm", "upstream"
MODEL = "bench"
_MASTER_KEY = "sk-bench"  # of the stock LiteLLM, which lives for minutes on the loopback
_SHIPPER = "sekisho.lake.shipping.ship"


@dataclass(frozen=True, slots=True)
class System:
    """A running system; `helpers` do their work beside the requests (Sekisho's lake shipper)."""

    name: str
    port: int
    key: str
    processes: tuple[int, ...]
    helpers: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Bench:
    """All systems, in the order of the report, and how many deployments both gateways list."""

    systems: tuple[System, ...]
    deployments: int


@contextmanager
def started(folder: Path, chunks: int, pace_ms: float) -> Generator[Bench, None, None]:
    """Start all systems with their state and logs in `folder`, and stop them at the end.

    Raises BenchmarkError when one of them doesn't become ready.
    """
    with ExitStack() as stack:
        upstream = stack.enter_context(_upstream(folder, chunks, pace_ms))
        environment = _environment(folder)
        sekisho = stack.enter_context(_sekisho(folder, environment, upstream.port))
        # What Sekisho hands to its own LiteLLM is what the stock one gets.
        models = yaml.safe_load((folder / "home/run/litellm.yaml").read_text())["model_list"]
        litellm = stack.enter_context(_litellm(folder, environment, models))
        yield Bench((sekisho, litellm, upstream), len(models))


@contextmanager
def _upstream(folder: Path, chunks: int, pace_ms: float) -> Generator[System, None, None]:
    port = _free_port()
    command = [sys.executable, "-m", f"{__package__}.upstream", str(port), str(chunks)]
    log = folder / "upstream.log"
    with running([*command, str(pace_ms)], os.environ, log, ROOT) as process:
        _await(process, log, lambda: _listens(port))
        yield System(UPSTREAM, port, "none", (process.pid,))


@contextmanager
def _sekisho(
    folder: Path, environment: Mapping[str, str], upstream_port: int
) -> Generator[System, None, None]:
    """Sekisho with its own configuration and one model more, the local one."""
    _command(environment, "init", str(folder / "config"))
    config = folder / "config/litellm_config.yaml"
    written = yaml.safe_load(config.read_text())
    written["model_list"] = [*(written.get("model_list") or ()), _local_model(upstream_port)]
    config.write_text(yaml.safe_dump(written))
    port, log = _free_port(), folder / "sekisho.log"
    command = [sys.executable, "-m", "sekisho", "up", "--config", str(config), "--port", str(port)]
    with running(command, environment, log, folder) as process:
        _await(process, log, lambda: _ready(port))
        found = tree(process.pid)
        helpers = tuple(p for p in found if _SHIPPER in command_line(p))
        gateway = tuple(p for p in found if p not in helpers)
        yield System(SEKISHO, port, _issue_key(environment), gateway, helpers)


@contextmanager
def _litellm(
    folder: Path, environment: Mapping[str, str], models: list[Any]
) -> Generator[System, None, None]:
    """A stock LiteLLM: these models, a master key, and nothing else."""
    config = folder / "litellm.yaml"
    settings = {"master_key": _MASTER_KEY}
    config.write_text(yaml.safe_dump({"model_list": models, "general_settings": settings}))
    port, log = _free_port(), folder / "litellm.log"
    command = [str(Path(sys.executable).with_name("litellm")), "--config", str(config)]
    command += ["--host", "127.0.0.1", "--port", str(port)]
    with running(command, environment, log, folder) as process:
        _await(process, log, lambda: _ready(port))
        yield System(LITELLM, port, _MASTER_KEY, tuple(tree(process.pid)))


def _local_model(port: int) -> dict[str, Any]:
    """The model behind which the local upstream stands, with a made-up price."""
    prices = {
        "input_cost_per_token": 2e-06,
        "output_cost_per_token": 8e-06,
        "cache_read_input_token_cost": 5e-07,
    }
    address = f"http://127.0.0.1:{port}/v1"
    params = {"model": "openai/gpt-4.1", "api_base": address, "api_key": "none"}
    return {
        "model_name": MODEL,
        "litellm_params": params,
        "model_info": {"mode": "chat", **prices},
    }


def _environment(folder: Path) -> dict[str, str]:
    """A newcomer's environment in which every cloud looks usable; nobody calls one."""
    account = folder / "account.json"
    account.write_text(json.dumps({"type": "service_account", "project_id": "bench"}))
    return {
        "PATH": os.pathsep.join((str(Path(sys.executable).parent), "/usr/bin", "/bin")),
        "HOME": str(folder),
        "SEKISHO_HOME": str(folder / "home"),
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "none",
        "AWS_SECRET_ACCESS_KEY": "none",
        "AZURE_API_BASE": "https://bench.invalid",
        "AZURE_API_KEY": "none",
        "VERTEXAI_PROJECT": "bench",
        "VERTEXAI_LOCATION": "global",
        "GOOGLE_APPLICATION_CREDENTIALS": str(account),
    }


def _issue_key(environment: Mapping[str, str]) -> str:
    owner = ("--owner", "bench@example.com")
    issued = _command(environment, "keys", "issue", "--alias", "bench", *owner, "--json")
    return str(json.loads(issued)["key"])


def _command(environment: Mapping[str, str], *words: str) -> str:
    """What a command of Sekisho prints. Raises BenchmarkError when it fails."""
    command = [sys.executable, "-m", "sekisho", *words]
    folder = environment["HOME"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=folder)
    if done.returncode:
        raise BenchmarkError(f"sekisho {words[0]}: {done.stderr.strip()}")
    return done.stdout


def _await(
    process: subprocess.Popen[bytes], log: Path, ready: Callable[[], bool], seconds: float = 120.0
) -> None:
    end = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > end or process.poll() is not None:
            raise BenchmarkError(f"{log.stem} did not start:\n{log.read_text()[-2000:]}")
        time.sleep(0.1)


def _ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/readiness", timeout=5) as got:
            return bool(got.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
