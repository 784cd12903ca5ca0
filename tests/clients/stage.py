"""The gateway of the matrix: all clouds simulated, and one alias more."""

import re
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from ..gateway import Gateway, cloud_variables, sekisho
from ..simulators import Simulator
from .job import Stage

# LiteLLM sends `/v1/messages` for Claude to InvokeModel, anything else to Converse. This alias goes
# to Converse always, as an operator can have it.
CONVERSE = """
model_list:
  - model_name: claude-sonnet-4-6-converse
    litellm_params:
      model: bedrock/converse/global.anthropic.claude-sonnet-4-6
      aws_region_name: os.environ/AWS_REGION
      aws_bedrock_runtime_endpoint: os.environ/AWS_BEDROCK_RUNTIME_ENDPOINT
    model_info:
      mode: chat
      supports_vision: true
      supports_function_calling: true
      supports_reasoning: true
      supports_prompt_caching: true
      max_input_tokens: 1000000
      max_output_tokens: 64000
      input_cost_per_token: 0.000003
      output_cost_per_token: 0.000015
      cache_read_input_token_cost: 0.0000003
      cache_creation_input_token_cost: 0.00000375
      cache_creation_input_token_cost_above_1hr: 0.000006
"""


# An exception that nobody has taken care of: asyncio's and uvicorn's words for it, and the gate's
# own last resort, which answers 500.
_UNHANDLED = re.compile(
    r"Traceback|never retrieved|Exception in |Unhandled|request req_\w+: \w+ at \S+:\d+"
)


def unhandled(log: str) -> list[str]:
    """The lines of a gateway's log that tell of an exception which nobody has taken care of."""
    return [line for line in log.splitlines() if _UNHANDLED.search(line)]


@contextmanager
def start() -> Generator[Stage]:
    """Simulators, a gateway before them, and a key for every model.

    Fails at the end when a request has made the gateway raise what nobody took care of.
    """
    with tempfile.TemporaryDirectory() as folder, Simulator.start() as clouds:
        home = Path(folder)
        made = sekisho(home, "init", str(home / "config"))
        assert made.code == 0, made.err
        config = home / "config" / "litellm_config.yaml"
        config.write_text(config.read_text().replace("\nmodel_list: []\n", CONVERSE))
        variables = {**cloud_variables(clouds), "SEKISHO_CONFIG": str(config)}
        with Gateway.start(home, variables=variables) as gateway:
            yield Stage(clouds, gateway, gateway.issue("clients"))
        found = unhandled(gateway.log())
        assert not found, f"{len(found)} exceptions were not handled: {found[:3]}"
