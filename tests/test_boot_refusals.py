"""What keeps a gateway from starting: one clear line that says what to do, and an exit code."""

import os
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sekisho import settings

from .gateway import Answer, sekisho

AWS = {"AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
AZURE = {"AZURE_API_BASE": "https://x.openai.azure.com", "AZURE_API_KEY": "k"}
MODEL = "model_list: [{model_name: mine, litellm_params: {model: openai/x, api_key: k%s}%s}]\n"


def refused(answer: Answer, code: int) -> str:
    """The one line of a refusal, after asserting that it is one."""
    assert answer.code == code, answer.err
    assert answer.out == ""
    lines = answer.err.splitlines()
    assert len(lines) == 1, answer.err
    assert lines[0].startswith("Error: ")
    assert "Traceback" not in answer.err
    return lines[0].removeprefix("Error: ")


@dataclass(frozen=True)
class Mistake:
    """A configuration file (or none), variables, words after `up`, and what is said about it."""

    says: str
    file: str | None = None
    variables: dict[str, str] = field(default_factory=dict[str, str])
    words: tuple[str, ...] = ()
    code: int = 2


MISTAKES = {
    "a typo in sekisho:": Mistake(
        "x.yaml: sekisho: unknown key drain_second: did you mean drain_seconds?",
        "sekisho: {drain_second: 5}\n",
    ),
    "a typo in litellm_settings:": Mistake(
        "x.yaml: litellm_settings: unknown key drop_parms: did you mean drop_params?",
        "litellm_settings: {drop_parms: true}\n",
    ),
    "a typo in router_settings:": Mistake(
        "x.yaml: router_settings: unknown key num_retry: did you mean num_retries?",
        "router_settings: {num_retry: 2}\n",
    ),
    "a typo in general_settings:": Mistake(
        "x.yaml: general_settings: unknown key custom_auht: did you mean custom_auth?",
        "general_settings: {custom_auht: a.b}\n",
    ),
    "a typo at the root": Mistake(
        "x.yaml: unknown key modellist: did you mean model_list?", "modellist: []\n"
    ),
    "a typo in a model's entry": Mistake(
        "litellm_parms", "model_list: [{model_name: a, litellm_parms: {model: openai/x}}]\n"
    ),
    "a typo in litellm_params:": Mistake("did you mean rpm", MODEL % (", rpmm: 3", "")),
    "a typo in model_info:": Mistake(
        "did you mean mode", MODEL % ("", ", model_info: {moed: chat}")
    ),
    "a section that is no mapping": Mistake(
        "x.yaml: router_settings: must be a mapping", "router_settings: 5\n"
    ),
    "broken YAML": Mistake("x.yaml: not YAML: ", "model_list: [\n"),
    "YAML that is a list": Mistake("x.yaml: must be a mapping of sections", "- a\n"),
    "an empty file": Mistake("x.yaml: must be a mapping of sections", ""),
    "an included file that isn't there": Mistake(
        "x.yaml: include: there is no file ", "include: [providers/nowhere.yaml]\n"
    ),
    "a model without a price": Mistake(
        "no price for openai/x; add the price", MODEL % ("", ""), code=1
    ),
    "a Bedrock model that nobody knows": Mistake(
        "no price for bedrock/anthropic.claude-99-v1:0",
        "model_list:\n"
        "- {model_name: a, litellm_params: {model: bedrock/anthropic.claude-99-v1:0}}\n",
        AWS,
        code=1,
    ),
    "a price that is no number": Mistake(
        "input_cost_per_token", MODEL % ("", ", model_info: {input_cost_per_token: cheap}")
    ),
    "bad trusted proxies": Mistake(
        "SEKISHO_TRUSTED_PROXIES=10.0.0/8 (environment): ",
        variables={"SEKISHO_TRUSTED_PROXIES": "10.0.0/8"},
    ),
    "a drain time that is no time": Mistake(
        "SEKISHO_DRAIN_SECONDS=0 (environment): must be more than 0 seconds",
        variables={"SEKISHO_DRAIN_SECONDS": "0"},
    ),
    "a lake that is no address": Mistake(
        "SEKISHO_LAKE=/data (environment): must be file:///folder or s3://bucket/prefix",
        variables={"SEKISHO_LAKE": "/data"},
    ),
    "a variable with a typo": Mistake(
        "environment: unknown variable SEKISHO_MAX_BODY_BYTE: did you mean SEKISHO_MAX_BODY_BYTES?",
        variables={"SEKISHO_MAX_BODY_BYTE": "5"},
    ),
    "a variable that nobody knows": Mistake(
        "environment: unknown variable SEKISHO_QQQQQQ: docs/variables.md lists all",
        variables={"SEKISHO_QQQQQQ": "5"},
    ),
    "a port as a variable": Mistake(
        "environment: unknown variable SEKISHO_PORT: ", variables={"SEKISHO_PORT": "4000"}
    ),
    "a workgroup that is a pattern": Mistake(
        "SEKISHO_ATHENA_WORKGROUP=* (environment): must be a name of letters, digits, underscores",
        variables={"SEKISHO_ATHENA_WORKGROUP": "*"},
    ),
    "a secret that is too short": Mistake(
        "SEKISHO_OPENWEBUI_JWT_SECRET=... (environment): each must have 32 bytes or more, "
        "as `openssl rand -hex 32` makes",
        variables={"SEKISHO_OPENWEBUI_JWT_SECRET": f"{'a' * 32}, {'b' * 31}"},
    ),
    "a database of another kind": Mistake(
        "only SQLite and PostgreSQL work",
        variables={"SEKISHO_DATABASE_URL": "mysql://u:secret@db/keys"},
        words=("--demo",),
        code=1,
    ),
    "a port that is none": Mistake("65535", words=("--port", "70000")),
    "no worker at all": Mistake("workers", words=("--workers", "0")),
    "an option that there isn't": Mistake("--demon", words=("--demon",)),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_one_line(home: Path, name: str) -> None:
    """The line names the place, the mistake and its remedy; nothing is left behind or started."""
    mistake = MISTAKES[name]
    words = ["up", "--port", "0", *mistake.words]
    if mistake.file is not None:
        (home / "x.yaml").write_text(mistake.file)
        words += ["--config", str(home / "x.yaml")]
    answer = sekisho(home, *words, variables=mistake.variables)
    if answer.err.startswith("Usage:"):  # click's own refusals show how to call it first
        assert (answer.code, answer.out) == (2, "")
        assert mistake.says in answer.err.splitlines()[-1]
    else:
        assert mistake.says in refused(answer, mistake.code)
    assert "secret" not in answer.err


def test_variables_that_are_not_settings() -> None:
    """A client's key, the workers' own, empty ones and those of Kubernetes are no typos."""
    settings.load(
        environ={
            "SEKISHO_KEY": "sk-a",
            "SEKISHO_RUN_DEMO": "1",
            "SEKISHO_REDIS_URL": "",
            "SEKISHO_SERVICE_HOST": "10.0.0.7",
            "SEKISHO_SERVICE_PORT": "4000",
            "SEKISHO_SERVICE_PORT_HTTP": "4000",
            "SEKISHO_PORT": "tcp://10.0.0.7:4000",
            "SEKISHO_PORT_4000_TCP": "tcp://10.0.0.7:4000",
            "SEKISHO_PORT_4000_TCP_PROTO": "tcp",
            "SEKISHO_PORT_4000_TCP_PORT": "4000",
            "SEKISHO_PORT_4000_TCP_ADDR": "10.0.0.7",
            "SEKISHO_METRICS_SERVICE_HOST": "10.0.0.8",
            "SEKISHO_METRICS_PORT": "tcp://10.0.0.8:4001",
        }
    )


def test_a_missing_file(home: Path) -> None:
    """A configuration that isn't there is named, with the command that makes one."""
    said = refused(sekisho(home, "up", "--config", str(home / "none.yaml")), 2)
    assert (
        said == f"{home / 'none.yaml'}: there is no such file; 'sekisho init DIR' makes one to edit"
    )


def test_a_port_in_use(home: Path) -> None:
    """A port that somebody listens on is named with what to do."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        answer = sekisho(home, "up", "--port", str(port), variables=AZURE)
    assert answer.code == 1
    assert "Traceback" not in answer.err
    assert answer.err.splitlines()[-1] == (
        f"Error: 127.0.0.1:{port} can't be used: Address already in use; "
        "stop what listens there or choose another --host or --port"
    )


def _corrupt_master_key(home: Path) -> None:
    path = home / "master.key"
    path.write_text("hello\n")
    path.chmod(0o600)


def _open_master_key(home: Path) -> None:
    path = home / "master.key"
    path.write_text("hello\n")
    path.chmod(0o644)


def _corrupt_key_store(home: Path) -> None:
    (home / "keys.db").write_bytes(b"this is no database" * 100)


def _spool_is_a_file(home: Path) -> None:
    (home / "spool").write_text("")


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (_corrupt_master_key, "master.key is corrupt; type: rm "),
        (_open_master_key, "type: chmod 600 "),
        (_corrupt_key_store, "keys.db: "),
        (_spool_is_a_file, "point it at a folder that this user may write"),
    ],
)
def test_a_spoilt_home(home: Path, spoil: Callable[[Path], None], says: str) -> None:
    """Whatever is wrong in the state folder is named with the remedy, and stays as it is."""
    spoil(home)
    before = {path.name: path.read_bytes() for path in home.iterdir() if path.is_file()}
    assert says in refused(sekisho(home, "up", "--port", "0", "--demo"), 1)
    for name, content in before.items():
        assert (home / name).read_bytes() == content


def test_a_home_that_cannot_be_written(home: Path) -> None:
    """A home that can't be made is named."""
    (home / "file").write_text("")
    inside = {"SEKISHO_HOME": str(home / "file" / "home")}
    assert "file/home" in refused(sekisho(home, "up", "--demo", variables=inside), 1)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_home_of_somebody_else(home: Path) -> None:
    """A folder without the right to write is named."""
    (home / "theirs").mkdir(mode=0o500)
    inside = {"SEKISHO_HOME": str(home / "theirs")}
    assert "theirs" in refused(sekisho(home, "up", "--demo", variables=inside), 1)


def test_no_cloud_and_no_demo(home: Path) -> None:
    """Without any cloud each one's needs are told, then what can be done."""
    answer = sekisho(home, "up", "--port", "0")
    assert answer.code == 1
    bedrock, vertex, azure, error = answer.err.splitlines()
    assert bedrock.startswith("sekisho: Bedrock left out: set AWS_REGION")
    assert vertex.startswith("sekisho: Vertex AI left out: set VERTEXAI_PROJECT")
    assert azure == "sekisho: Azure left out: set AZURE_API_BASE and AZURE_API_KEY"
    assert error == (
        "Error: no model can be served: set the variables of a cloud (docs/providers.md), "
        "or try 'sekisho up --demo'"
    )


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({"AWS_REGION": "us-east-1"}, "Bedrock left out: set AWS credentials"),
        ({"AZURE_API_KEY": "k"}, "Azure left out: set AZURE_API_BASE"),
        ({"VERTEXAI_PROJECT": "p"}, "Vertex AI left out: set VERTEXAI_LOCATION"),
    ],
)
def test_half_a_cloud(home: Path, given: dict[str, str], line: str) -> None:
    """A cloud that is half set up is left out with the one variable that is missing."""
    answer = sekisho(home, "up", "--port", "0", variables=given)
    assert answer.code == 1
    assert line in answer.err


def test_a_lake_that_cannot_be(home: Path) -> None:
    """A URL that is no lake is refused at the start, not when rows are shipped."""
    variables = {"SEKISHO_LAKE": "s3://bucket:80/prefix"}
    said = refused(sekisho(home, "up", "--port", "0", "--demo", variables=variables), 2)
    assert "SEKISHO_LAKE=s3://bucket:80/prefix: write s3://bucket/prefix" in said
