"""Agents as models: reads `agents.yaml`, and makes a deployment of each agent.

An agent is anything that speaks OpenAI's chat completions at an address. It is asked once for each
request, never again after an error: it may have done something already.
"""

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ..keys import limits as key_limits
from ..keys.limits import LIMIT_NAMES, NO_LIMITS, Limits
from ..pricing.agents import price_of_rule
from ..pricing.price import Price
from ..untyped import mapping, sequence
from ..web_address import is_http
from .deployment import ConfigError, Deployment, Loaded, Skipped

_BEGINS = re.compile(rb"^agents:", re.MULTILINE)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_SIZES = ("max_input_tokens", "max_output_tokens")
_MOST = 1_000_000_000  # seconds or tokens
_KEYS = ("name", "url", "key", "model", "description", "price", "limits", "timeout", *_SIZES)
_NEEDED = ("name", "url", "price")
_REFERENCE = "os.environ/"
# LiteLLM's provider for OpenAI's API at any address: like `openai`, but Messages and Responses go
# to the agent as chat completions, the only thing that it has to speak.
_PROVIDER = "custom_openai"
_NO_KEY = "none"  # the OpenAI SDK insists on a key


@dataclass(frozen=True, slots=True)
class Agent:
    """One entry of the file.

    `key` is the agent's key or a reference to a variable; `model` is what the agent itself is asked
    for; `timeout` is in seconds, None is the gateway's own; `sizes` are tokens by LiteLLM's names.
    """

    name: str
    url: str
    key: str | None
    model: str
    description: str | None
    price: Price
    limits: Limits
    timeout: float | None
    sizes: Mapping[str, int]


def holds_agents(path: Path) -> bool:
    """Whether a file that the configuration includes is one of agents, not one of models."""
    return _BEGINS.search(path.read_bytes()) is not None


def read(path: Path) -> list[Agent]:
    """The agents of a file. Raises ConfigError with one line: file, agent, what."""
    try:
        parsed = yaml.safe_load(path.read_bytes())
    except yaml.YAMLError as error:
        raise ConfigError(f"{path.name}: not YAML: {' '.join(str(error).split())}") from error
    top = mapping(parsed)
    if set(top) != {"agents"}:
        raise ConfigError(f"{path.name}: must hold agents: and nothing else")
    listed = [] if top["agents"] is None else top["agents"]
    if not isinstance(listed, list):
        raise ConfigError(f"{path.name}: agents must be a list")
    return [_agent(raw, f"{path.name}: entry {n}") for n, raw in enumerate(sequence(listed), 1)]


def place(agents: Sequence[Agent], models: Loaded, environ: Mapping[str, str]) -> Loaded:
    """Models and agents together; an agent whose variables are not set is left out.

    Raises ConfigError when an agent has the name of a model, or of another agent.
    """
    taken = {one.alias for one in models.deployments}
    placed: list[Deployment] = []
    skipped: list[Skipped] = []
    for agent in agents:
        if agent.name in taken:
            raise ConfigError(
                f"agents.yaml: {agent.name}: a model or another agent has that name; choose another"
            )
        taken.add(agent.name)
        missing = _unset((agent.url, agent.key), environ)
        if missing is None:
            placed.append(_deployment(agent))
        else:
            reason = f"{missing} is not set"
            skipped.append(Skipped(f"Agent {agent.name}", reason, (agent.name,)))
    return Loaded((*models.deployments, *placed), (*models.skipped, *skipped))


def _deployment(agent: Agent) -> Deployment:
    ident = f"{agent.name}@agent"
    params: dict[str, Any] = {
        "model": f"{_PROVIDER}/{agent.model}",
        "api_base": agent.url,
        "api_key": agent.key or _NO_KEY,
        "num_retries": 0,
        "use_chat_completions_api": True,
    }
    if agent.timeout is not None:
        params |= {"timeout": agent.timeout, "stream_timeout": agent.timeout}
    info: dict[str, Any] = {"id": ident, "mode": "chat", **agent.sizes}
    if agent.description is not None:
        info["description"] = agent.description
    return Deployment(
        ident, agent.name, "agent", "chat", params, info, ident, agent.price, agent.limits
    )


def _unset(values: Iterable[str | None], environ: Mapping[str, str]) -> str | None:
    """The first variable that is referred to and not set."""
    names = (v.removeprefix(_REFERENCE) for v in values if v is not None and _refers(v))
    return next((name for name in names if not environ.get(name)), None)


def _refers(value: str) -> bool:
    return value.startswith(_REFERENCE)


def _agent(raw: object, where: str) -> Agent:
    fields = mapping(raw)
    if not fields:
        raise ConfigError(f"{where}: must be a mapping with name, url and price")
    name = fields.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ConfigError(f"{where}: name must be 1 to 64 letters, digits and . _ -")
    where = f"{where.partition(':')[0]}: {name}"
    _refuse_unknown(fields, _KEYS, where)
    for needed in _NEEDED:
        if needed not in fields:
            raise ConfigError(f"{where}: has no {needed}")
    return Agent(
        name=name,
        url=_url(fields["url"], where),
        key=_text(fields, "key", where),
        model=_text(fields, "model", where) or name,
        description=_text(fields, "description", where),
        price=_price(fields["price"], name, where),
        limits=_limits(fields.get("limits"), where),
        timeout=_number(fields, "timeout", where),
        sizes={size: int(n) for size in _SIZES if (n := _number(fields, size, where)) is not None},
    )


def _refuse_unknown(found: Iterable[object], known: Sequence[str], where: str) -> None:
    for key in found:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known keys: {', '.join(known)}"
            raise ConfigError(f"{where}: unknown key {key}: {hint}")


def _url(value: object, where: str) -> str:
    text = value if isinstance(value, str) else ""
    if not _refers(text) and not is_http(text):
        raise ConfigError(f"{where}: url must be http:// or https://, as http://agent:8080/v1")
    return text.rstrip("/")


def _text(fields: Mapping[str, Any], name: str, where: str) -> str | None:
    value = fields.get(name)
    if value is not None and (not isinstance(value, str) or not value):
        raise ConfigError(f"{where}: {name} must be a text")
    return value


def _number(fields: Mapping[str, Any], name: str, where: str) -> float | None:
    value = fields.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < _MOST:
        raise ConfigError(f"{where}: {name} must be a number, more than 0 and below {_MOST:,}")
    if name in _SIZES and value != int(value):
        raise ConfigError(f"{where}: {name} must be a whole number")
    return value


def _price(rule: object, name: str, where: str) -> Price:
    try:
        return price_of_rule(rule, f"{name}@agent")
    except ValueError as error:
        raise ConfigError(f"{where}: {error}") from None


def _limits(found: object, where: str) -> Limits:
    if found is None:
        return NO_LIMITS
    if not isinstance(found, dict):
        raise ConfigError(f"{where}: limits must be a mapping, as {{rpm: 60}}")
    named = mapping(found)
    _refuse_unknown(named, LIMIT_NAMES, f"{where}: limits")
    try:
        return key_limits.read(named)
    except ValueError as error:
        raise ConfigError(f"{where}: limits: {error}") from None
