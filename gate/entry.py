"""Where uvicorn begins a worker: the environment first, then LiteLLM, then everything else."""

import gc
import os
from pathlib import Path

from starlette.types import ASGIApp

from .. import config, log_lines
from ..keys.master import ensure_master_key

# `sekisho up` hands this to its workers, which read everything else from the same places.
DEMO = "SEKISHO_RUN_DEMO"

# LiteLLM reads these when it is imported: no network at start, no .env file, its own price map.
_ENVIRONMENT = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS": "True",
    "LITELLM_MODE": "PRODUCTION",
    "LITELLM_TELEMETRY": "False",
    # It would fetch a tokenizer for some open models, in the middle of a request.
    "HF_HUB_OFFLINE": "1",
    "DISABLE_ADMIN_UI": "True",
    "NO_DOCS": "True",
    "NO_REDOC": "True",
}

# A DATABASE_URL that is meant for another program would make LiteLLM look for Prisma.
_UNSET = ("DATABASE_URL", "DIRECT_URL", "STORE_MODEL_IN_DB", "LITELLM_LICENSE", "WORKER_CONFIG")


def create() -> ASGIApp:
    """The application of one worker. Imports LiteLLM, which takes some seconds."""
    log_lines.set_up()
    # LiteLLM makes a million objects that stay: collecting among them meanwhile finds nothing, and
    # takes a third of the time until the gateway is ready. The worker collects when it is.
    gc.disable()
    configuration = config.load(demo=os.environ.get(DEMO) == "1")
    settings = configuration.settings
    # Its own file: a worker that starts later may find that the operator has edited the source.
    written = config.write_for_litellm(configuration, name=f"litellm-{os.getpid()}.yaml")
    _prepare_environment(written, settings.master_key or ensure_master_key(settings.home))
    from .worker import Worker

    return Worker(configuration, written)


def _prepare_environment(config_file: Path, master_key: str) -> None:
    for name in _UNSET:
        os.environ.pop(name, None)
    os.environ.update(_ENVIRONMENT)
    os.environ.setdefault("LITELLM_LOG", "CRITICAL")
    if os.environ.get("VERTEX_API_BASE"):
        # For Gemini's speech LiteLLM forgets the deployment's parameters and reads this.
        os.environ["VERTEXAI_API_BASE"] = os.environ["VERTEX_API_BASE"]
    os.environ["CONFIG_FILE_PATH"] = str(config_file)
    os.environ["LITELLM_MASTER_KEY"] = master_key
