"""Sekisho's own settings: one table of variables, and who wins when several places set one.

Precedence: command line, then environment, then the `sekisho:` section of the configuration file,
then the default. Providers' variables (AWS_REGION, AZURE_API_BASE, ...) belong to `providers/`.
"""

import difflib
import ipaddress
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import platformdirs

from .callbacks.repairs import registry
from .keys import policy as policies
from .keys.networks import Network
from .keys.policy import Policy
from .untyped import mapping, sequence


class SettingsError(ValueError):
    """A setting that can't be used; the message is one line with the remedy."""


@dataclass(frozen=True, slots=True)
class Variable:
    """One setting: its environment name, its key in `sekisho:`, and how its text is read."""

    name: str
    parse: Callable[[str], Any]
    default: str
    doc: str
    secret: bool = False

    @property
    def key(self) -> str:
        """The same setting's key in the `sekisho:` section."""
        return self.name.removeprefix("SEKISHO_").lower()


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a setting's value came from: `command line`, `environment`, the file, or `default`."""

    variable: Variable
    shown: str
    source: str


def _networks(text: str) -> tuple[Network, ...]:
    parts = text.replace(",", " ").split()
    return tuple(ipaddress.ip_network(part, strict=False) for part in parts)


def _one_of(*choices: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in choices:
            raise ValueError(f"must be one of {', '.join(choices)}")
        return text

    return parse


def _seconds(text: str) -> float:
    value = float(text)
    if value <= 0:
        raise ValueError("must be more than 0 seconds")
    return value


def _bytes(text: str) -> int:
    value = int(text)
    if value <= 0:
        raise ValueError("must be a whole number of bytes, more than 0")
    return value


def _days(text: str) -> int:
    value = int(text)
    if value < 0:
        raise ValueError("must be a whole number of days, or 0")
    return value


def _tokens(text: str) -> int:
    value = int(text)
    if value < 0:
        raise ValueError("must be a whole number of tokens, or 0")
    return value


def _secrets(text: str) -> tuple[str, ...]:
    """Secrets for HS256, which takes as many bytes as its hash has, or more (RFC 7518, 3.2)."""
    found = _names(text)
    if any(len(secret.encode()) < 32 for secret in found):
        raise ValueError("each must have 32 bytes or more, as `openssl rand -hex 32` makes")
    return found


def _aws_name(text: str) -> str:
    """A name that is written into SQL and into IAM policies, where `*` would be every name."""
    if re.fullmatch("[A-Za-z0-9_.-]{1,128}", text) is None:
        raise ValueError("must be a name of letters, digits, underscores, dots and hyphens")
    return text


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.replace(",", " ").split())


def _url(*schemes: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        parts = urlsplit(text)
        if text and (parts.scheme not in schemes or not parts.hostname or parts.port == 0):
            raise ValueError(f"must be a URL that begins with {' or '.join(schemes)}://")
        return text

    return parse


def _time_zone(text: str) -> ZoneInfo:
    try:
        return ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("must be a name of the IANA time zone database, as Asia/Tokyo") from None


def _lake(text: str) -> str:
    if text and urlsplit(text).scheme not in ("file", "s3"):
        raise ValueError("must be file:///folder or s3://bucket/prefix")
    return text


def _s3(text: str) -> str:
    if text and (urlsplit(text).scheme != "s3" or not urlsplit(text).netloc):
        raise ValueError("must be s3://bucket/prefix/")
    return text


VARIABLES = (
    Variable(
        "SEKISHO_HOME",
        lambda text: Path(text).expanduser().absolute(),
        platformdirs.user_data_dir("sekisho", appauthor=False),
        "Folder of the gateway's state: `keys.db`, `master.key`, `spool/`, `lake/`.",
    ),
    Variable(
        "SEKISHO_CONFIG",
        lambda text: Path(text).expanduser().absolute() if text else None,
        "",
        "Configuration file. Empty: the `litellm_config.yaml` that comes with Sekisho.",
    ),
    Variable(
        "SEKISHO_DATABASE_URL",
        str,
        "",
        "URL of the key store. `postgresql://user@host/name` when several machines share it. "
        "Empty: SQLite in `SEKISHO_HOME`.",
        secret=True,
    ),
    Variable(
        "SEKISHO_REDIS_URL",
        _url("redis", "rediss"),
        "",
        "Redis for rate limits that several machines share. Empty: each machine counts for itself, "
        "in a file that all its workers share.",
        secret=True,
    ),
    Variable(
        "SEKISHO_TIME_ZONE",
        _time_zone,
        "UTC",
        "Time zone in which the days and months of budgets begin (`Asia/Tokyo`). The log's days "
        "are always UTC.",
    ),
    Variable(
        "SEKISHO_BUDGET_WEBHOOK",
        _url("https", "http"),
        "",
        "Where to POST a line of JSON (`text`, as Slack takes it) when 80 % of a budget are spent.",
        secret=True,
    ),
    Variable(
        "SEKISHO_BUDGET_MAX_TOKENS",
        _tokens,
        "32000",
        "The longest answer, in tokens, of a request that counts against a budget and names no "
        "limit (`max_tokens`) itself; 0: as long as the model can. So much is held of the budget.",
    ),
    Variable(
        "SEKISHO_MASTER_KEY",
        str,
        "",
        "LiteLLM's master key. Empty: made at first start and kept in `SEKISHO_HOME/master.key`.",
        secret=True,
    ),
    Variable(
        "SEKISHO_LAKE",
        _lake,
        "",
        "Where finished records go: `file:///folder` or `s3://bucket/prefix` (credentials, region "
        "and `AWS_ENDPOINT_URL_S3` as the AWS tools have them). Empty: `SEKISHO_HOME/lake`.",
    ),
    Variable(
        "SEKISHO_LOG_BODIES",
        _one_of("full", "none", "hash"),
        "full",
        "What the log keeps of prompts and answers in `llm_payload`: all, nothing, or hashes that "
        "tell whether two are the same.",
    ),
    Variable(
        "SEKISHO_LOG_MEDIA",
        _one_of("hash", "full"),
        "hash",
        "Whether pictures, sound and files in prompts are logged as hash and size, or in full.",
    ),
    Variable(
        "SEKISHO_SPOOL_BYTES",
        _bytes,
        "2147483648",
        "Most bytes of disk for records that wait for the lake. Beyond 80 % of it, or when the "
        "disk is nearly full, prompts and answers are left out; rows of usage never are.",
    ),
    Variable(
        "SEKISHO_SHIP_SECONDS",
        _seconds,
        "300",
        "How long records wait for others, in seconds, before a batch goes to the lake. "
        "Shorter means more and smaller files.",
    ),
    Variable(
        "SEKISHO_USAGE_DAYS",
        _days,
        "0",
        "For how many days `sekisho logs compact` keeps rows of `llm_usage`; 0: for ever.",
    ),
    Variable(
        "SEKISHO_PAYLOAD_DAYS",
        _days,
        "90",
        "The same for prompts and answers in `llm_payload`; 0: for ever.",
    ),
    Variable(
        "SEKISHO_ATHENA_WORKGROUP",
        _aws_name,
        "primary",
        "Athena workgroup of `sekisho usage --engine athena`.",
    ),
    Variable(
        "SEKISHO_ATHENA_DATABASE",
        _aws_name,
        "sekisho",
        "Glue database of the lake's tables.",
    ),
    Variable(
        "SEKISHO_ATHENA_OUTPUT",
        _s3,
        "",
        "Where Athena writes results, `s3://bucket/prefix/`. Empty: as the workgroup says.",
    ),
    Variable(
        "SEKISHO_CLOUDS",
        _names,
        "",
        "Clouds to switch on without looking for their credentials (`bedrock vertex azure`), "
        "for machines with an instance role. Empty: each cloud whose variables are set.",
    ),
    Variable(
        "SEKISHO_BEDROCK_PROFILE",
        _one_of("global", "geo"),
        "global",
        "`global`: Bedrock's global inference profiles where there is one. `geo`: keep the "
        "request in the geography of `AWS_REGION` (Claude costs 10 % more there).",
    ),
    Variable(
        "SEKISHO_AZURE_ZONE",
        _one_of("", "us", "eu", "apac"),
        "",
        "Data zone of the Azure OpenAI deployments (`us`, `eu`, `apac`), which costs 10 to 20 % "
        "more. Empty: global standard deployments.",
    ),
    Variable(
        "SEKISHO_TRUSTED_PROXIES",
        _networks,
        "",
        "Networks (CIDR) of the proxies whose `X-Forwarded-For` is believed.",
    ),
    Variable(
        "SEKISHO_ALLOW_IPS",
        _networks,
        "",
        "Networks (CIDR, IPv4 and IPv6) that may use the gateway at all. Empty: every one. Health "
        "checks are answered from everywhere.",
    ),
    Variable(
        "SEKISHO_METRICS_IPS",
        _networks,
        "127.0.0.0/8 ::1/128",
        "Networks (CIDR) that may read `/metrics`; for others there is no such route.",
    ),
    Variable(
        "SEKISHO_OPENWEBUI_JWT_SECRET",
        _secrets,
        "",
        "Open WebUI's `FORWARD_USER_INFO_HEADER_JWT_SECRET`, by which it proves its users to "
        "`frontend` keys; several, with commas or spaces between, while it changes. Empty: its "
        "plain headers are believed.",
        secret=True,
    ),
    Variable(
        "SEKISHO_MAX_BODY_BYTES",
        _bytes,
        "104857600",
        "Largest request body in bytes; a larger one is answered 413.",
    ),
    Variable(
        "SEKISHO_DRAIN_SECONDS",
        _seconds,
        "30",
        "How long SIGTERM lets running requests end, in seconds.",
    ),
)


# Ours: a client's key, and what `sekisho up` tells its workers. Not ours: the variables that
# Kubernetes sets in every container for a service whose name begins with "sekisho".
_OTHERS = re.compile(
    r"SEKISHO_(KEY|RUN_\w+|(\w+_)?SERVICE_(HOST|PORT(_\w+)?)"
    r"|(\w+_)?PORT(=tcp:.*|_\d+_(TCP|UDP|SCTP)(_(PORT|PROTO|ADDR))?))",
)


@dataclass(frozen=True, slots=True)
class Settings:
    """What Sekisho runs with, read once at start-up."""

    home: Path
    config: Path | None
    database_url: str
    redis_url: str
    time_zone: ZoneInfo
    budget_webhook: str
    budget_max_tokens: int
    master_key: str
    lake: str
    log_bodies: Literal["full", "none", "hash"]
    log_media: Literal["hash", "full"]
    spool_bytes: int
    ship_seconds: float
    usage_days: int
    payload_days: int
    athena_workgroup: str
    athena_database: str
    athena_output: str
    clouds: tuple[str, ...]
    bedrock_profile: str
    azure_zone: str
    trusted_proxies: tuple[Network, ...]
    allow_ips: tuple[Network, ...]
    metrics_ips: tuple[Network, ...]
    openwebui_jwt_secret: tuple[str, ...]
    max_body_bytes: int
    drain_seconds: float
    policy: Policy
    redact: tuple[re.Pattern[str], ...] = ()
    repairs_off: frozenset[str] = frozenset()
    mcp_of_teams: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    origins: tuple[Origin, ...] = ()

    @property
    def spool(self) -> Path:
        """Folder of the records that are not in the lake yet."""
        return self.home / "spool"


def load(
    flags: Mapping[str, str | None] | None = None,
    environ: Mapping[str, str] = os.environ,
    section: Mapping[str, object] | None = None,
    section_name: str = "sekisho:",
) -> Settings:
    """Read every variable from flags, environment, file section and defaults, in this order.

    `flags` is keyed by the section's keys. Raises SettingsError for an unknown key or variable, or
    a bad value.
    """
    section = section or {}
    _refuse_unknown_variables(environ)
    keys = [v.key for v in VARIABLES if v.name != "SEKISHO_CONFIG"]
    refuse_unknown(section, [*keys, "limits", "mcp", "redact", "repairs"], section_name)
    values: dict[str, Any] = {}
    origins: list[Origin] = []
    for variable in VARIABLES:
        text, source = _choose(variable, flags or {}, environ, section, section_name)
        values[variable.key] = _parse(variable, text, source)
        shown = "(set)" if variable.secret and text else text
        origins.append(Origin(variable, shown, source))
    home: Path = values["home"]
    values["database_url"] = values["database_url"] or f"sqlite:///{home / 'keys.db'}"
    values["lake"] = values["lake"] or (home / "lake").as_uri()
    try:
        policy = policies.read(section.get("limits"), f"{section_name} limits:")
    except ValueError as error:
        raise SettingsError(str(error)) from None
    redact = _patterns(section.get("redact"), f"{section_name} redact:")
    off = _repairs_off(section.get("repairs"), f"{section_name} repairs:")
    teams = _mcp_of_teams(section.get("mcp"), f"{section_name} mcp:")
    rest: dict[str, Any] = {"policy": policy, "redact": redact, "repairs_off": off}
    rest["mcp_of_teams"] = teams
    return Settings(**values, **rest, origins=tuple(origins))


def _mcp_of_teams(found: object, where: str) -> dict[str, tuple[str, ...]]:
    """The MCP servers that all keys of a team may use, by team. Raises SettingsError."""
    if found is not None and not isinstance(found, dict):
        raise SettingsError(f"{where} must be a mapping, as {{teams: {{research: [wiki]}}}}")
    refuse_unknown(mapping(found), ("teams",), where)
    teams = mapping(found).get("teams")
    if teams is not None and not isinstance(teams, dict):
        raise SettingsError(f"{where} teams: must be a mapping of teams to lists of servers")
    for team, names in mapping(teams).items():
        if not isinstance(names, list) or not all(map(_is_text, sequence(names))):
            raise SettingsError(f"{where} teams: {team}: must be a list of names in mcp_servers:")
    return {str(team): tuple(sequence(names)) for team, names in mapping(teams).items()}


def _repairs_off(found: object, where: str) -> frozenset[str]:
    """The names of the wire repairs that are switched off. Raises SettingsError."""
    if found is not None and not isinstance(found, dict):
        raise SettingsError(f"{where} must be a mapping of repairs to false, or to true")
    switches = mapping(found)
    refuse_unknown(switches, registry.NAMES, where)
    for name, is_on in switches.items():
        if not isinstance(is_on, bool):
            raise SettingsError(f"{where} {name}: must be true or false")
    return frozenset(name for name, is_on in switches.items() if not is_on)


def _patterns(found: object, where: str) -> tuple[re.Pattern[str], ...]:
    """What is blotted out of logged prompts and answers. Raises SettingsError."""
    texts = sequence(found)
    if found is not None and (not isinstance(found, list) or not all(map(_is_text, texts))):
        raise SettingsError(f"{where} must be a list of regular expressions")
    compiled: list[re.Pattern[str]] = []
    for text in texts:
        try:
            pattern = re.compile(text)
        except re.error as error:
            raise SettingsError(f"{where} {text!r} is no regular expression: {error}") from None
        if pattern.match(""):
            raise SettingsError(f"{where} {text!r} matches nothing at all; make it match something")
        compiled.append(pattern)
    return tuple(compiled)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _choose(
    variable: Variable,
    flags: Mapping[str, str | None],
    environ: Mapping[str, str],
    section: Mapping[str, object],
    section_name: str,
) -> tuple[str, str]:
    flag = flags.get(variable.key)
    if flag is not None:
        return flag, "command line"
    if environ.get(variable.name):
        return environ[variable.name], "environment"
    if section.get(variable.key) is not None:
        value = section[variable.key]
        items = sequence(value) or [value]
        return " ".join(str(item) for item in items), section_name
    return variable.default, "default"


def _parse(variable: Variable, text: str, source: str) -> object:
    try:
        return variable.parse(text)
    except ValueError as error:
        shown = "..." if variable.secret else text
        raise SettingsError(f"{variable.name}={shown} ({source}): {error}") from None


def _refuse_unknown_variables(environ: Mapping[str, str]) -> None:
    """Raise SettingsError for a SEKISHO_ variable that nothing reads; an empty one is unset."""
    known = {variable.name for variable in VARIABLES}
    for name in sorted(set(environ) - known):
        value = environ[name]
        if not value or not name.startswith("SEKISHO_"):
            continue
        if not any(_OTHERS.fullmatch(text) for text in (name, f"{name}={value}")):
            raise SettingsError(f"environment: unknown variable {name}: {_nearest(name)}")


def _nearest(name: str) -> str:
    """The hint for a misspelt variable: by its key, as all names begin alike."""
    keys = [variable.key for variable in VARIABLES]
    near = difflib.get_close_matches(name.removeprefix("SEKISHO_").lower(), keys, n=1)
    return f"did you mean SEKISHO_{near[0].upper()}?" if near else "docs/variables.md lists all"


def refuse_unknown(found: Mapping[str, object], known: Sequence[str], where: str) -> None:
    """Raise SettingsError naming the nearest known key when `found` has one that isn't known."""
    for key in found:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known keys: {', '.join(known)}"
            raise SettingsError(f"{where} unknown key {key}: {hint}")


def markdown_table() -> str:
    """The variables as a Markdown table, for docs/variables.md."""
    rows = ["| Variable | Key in `sekisho:` | Default | Meaning |", "|---|---|---|---|"]
    for v in VARIABLES:
        default = "the platform's user data folder" if v.name == "SEKISHO_HOME" else v.default
        shown = f"`{default}`" if default and v.name != "SEKISHO_HOME" else default
        rows.append(f"| `{v.name}` | `{v.key}` | {shown} | {v.doc} |")
    return "\n".join(rows) + "\n"
