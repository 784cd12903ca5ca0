"""Real parts that tests share: one simulator of the clouds and one gateway for the session."""

import gc
import os
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from . import limited as limits
from .gateway import MASTER_KEY, OPENWEBUI_SECRETS, Gateway, cloud_variables
from .neighbours import Neighbours
from .s3_servers import Moto, S3Server, moto, rclone
from .servers import Postgres, Redis
from .simulators import Simulator

# Before any test imports LiteLLM, which would ask the network for its price map.
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
gc.disable()  # among the millions of objects that importing tests makes, it finds nothing


def pytest_collection_finish() -> None:
    """All tests are imported: collect garbage again, but not among what stays anyway."""
    gc.collect()
    gc.freeze()
    gc.enable()


def pytest_unconfigure() -> None:
    """At the end everything may go, or DuckDB complains of leaks."""
    gc.unfreeze()


@pytest.fixture(scope="session")
def clouds() -> Iterator[Simulator]:
    """Bedrock, Vertex AI and Azure, simulated in a process of their own."""
    with Simulator.start() as simulator:
        yield simulator


@pytest.fixture(scope="session")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """rclone's S3 server, which checks signatures and doesn't know `If-Match`."""
    with rclone(tmp_path_factory.mktemp("rclone")) as server:
        yield server


@pytest.fixture(scope="session")
def emulator() -> Iterator[Moto]:
    """moto's S3 server, which knows `If-Match` and enforces IAM policies."""
    with moto() as server:
        yield server


@pytest.fixture(scope="session")
def gateway(clouds: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway with all clouds and the demo model."""
    home = tmp_path_factory.mktemp("gateway")
    variables = {
        **cloud_variables(clouds),
        "SEKISHO_MASTER_KEY": MASTER_KEY,
        "SEKISHO_OPENWEBUI_JWT_SECRET": ", ".join(OPENWEBUI_SECRETS),
    }
    with Gateway.start(home, "--demo", variables=variables) as running:
        yield running


@pytest.fixture(scope="session")
def neighbours() -> Iterator[Neighbours]:
    """An agent and two MCP servers, in a process of their own."""
    with Neighbours.start() as running:
        yield running


@pytest.fixture(scope="session")
def with_neighbours(
    neighbours: Neighbours, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    """A gateway without clouds, that offers the neighbours' agent and MCP servers."""
    home = tmp_path_factory.mktemp("with-neighbours")
    config, variables = neighbours.configure(home)
    with Gateway.start(home, "--config", str(config), variables=variables) as running:
        yield running


@pytest.fixture(scope="session")
def limited(clouds: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway that limits everybody, and knows no secret of Open WebUI's."""
    with limits.start(tmp_path_factory.mktemp("limited"), clouds) as running:
        yield running


@pytest.fixture(scope="session")
def key(gateway: Gateway) -> str:
    """A person's key for every model."""
    return gateway.issue("hanako", owner="hanako@example.com", team="research")


@pytest.fixture
def client(gateway: Gateway, key: str) -> Iterator[httpx.Client]:
    """An HTTP client with Hanako's key."""
    with gateway.client(key) as ready:
        yield ready


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An empty state folder."""
    return tmp_path


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server."""
    with Postgres.start() as server:
        yield server


@pytest.fixture(scope="session")
def redis_server() -> Iterator[Redis]:
    """A Redis server."""
    with Redis.start() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a new key store: each test that asks for it runs with SQLite and PostgreSQL."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'keys.db'}"
    server: Postgres = request.getfixturevalue("postgres")
    return server.database()
