"""The stage, once for each way in which Open WebUI names its users."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from . import installation, stage
from .installation import Missing
from .stage import Stage


@pytest.fixture(scope="session")
def programs() -> Path:
    """The virtual environment with Open WebUI and Playwright."""
    try:
        installation.system()
        return installation.environment()
    except Missing as missing:
        if os.environ.get("CI"):
            pytest.fail(str(missing))
        pytest.skip(str(missing))


@pytest.fixture(scope="session", params=["header", "jwt"])
def world(
    request: pytest.FixtureRequest, programs: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stage]:
    """Gateway and Open WebUI, with users by plain headers, then with users by signed tokens."""
    mode: stage.Mode = request.param
    with stage.start(mode, programs, tmp_path_factory.mktemp(mode)) as running:
        yield running
