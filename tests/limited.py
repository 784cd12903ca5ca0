"""A gateway whose configuration file limits everybody."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from sekisho import config

from .gateway import Gateway, cloud_variables
from .simulators import Simulator

LIMITS: dict[str, Any] = {
    "gateway": {"parallel": 5, "tpm": 200_000},
    "each_end_user": {"rpm": 3},
    "each_team": {"rpm": 4},
    "teams": {
        "lab": {"rpm": 99, "parallel": 2, "each_key": {"rpm": 2}},
        "readers": {"tpm": 3000},
    },
    "keys": {
        "service": {"parallel": 3, "tpm": 100_000},
        "frontend": {"rpm": 3},
    },
}


@contextmanager
def start(home: Path, clouds: Simulator) -> Generator[Gateway]:
    """Run it until the block ends; it has Azure alone."""
    written = yaml.safe_load(config.PACKAGED.read_text())
    written["include"] = [str(config.PACKAGED.parent / "providers" / "azure.yaml")]
    written["sekisho"] = {"limits": LIMITS}
    file = home / "gateway.yaml"
    file.write_text(yaml.safe_dump(written))
    with Gateway.start(home, "--config", str(file), variables=cloud_variables(clouds)) as gateway:
        yield gateway
