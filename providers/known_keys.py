"""The keys LiteLLM knows in a model entry.

LiteLLM sends an unknown key of ``litellm_params`` to the provider as a field of the request, and
ignores unknown keys of ``model_info``: both make typos silent. ``litellm_keys.py`` is the list,
read from LiteLLM's own types without importing it (that takes five seconds); ``python -m
sekisho.providers.known_keys`` prints it anew, and a test compares it with the installed LiteLLM.
"""

import ast
import sys
import textwrap
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from . import litellm_keys

_PARAMS = {
    "types/router.py": (
        "CredentialLiteLLMParams",
        "GenericLiteLLMParams",
        "LiteLLM_Params",
        "LiteLLMParamsTypedDict",
    ),
    "types/utils.py": ("CustomPricingLiteLLMParams", "MirroredPricingParams"),
    "types/completion.py": ("CompletionRequest",),
}
_INFO = {
    "types/router.py": ("ModelInfo", "SPECIAL_MODEL_INFO_PARAMS"),
    "types/utils.py": ("ModelInfoBase", "ProviderSpecificModelInfo", "ModelInfo"),
}
_ALSO_PARAMS = (
    # Read from kwargs by LiteLLM, so in none of its types.
    "additional_drop_params",
    "allowed_openai_params",
    "aws_bedrock_runtime_endpoint",
    "cache_control_injection_points",
    "default_headers",
    "dimensions",
    "encoding_format",
    "extra_body",
    "extra_headers",
    "guardrailConfig",
    "initial_prompt_value",
    "input_type",
    "order",
    "performanceConfig",
    "prompt_id",
    "prompt_variables",
    "provider",
    "reasoning_effort",
    "safety_settings",
    "service_tier",
    "ssl_verify",
    "thinking",
    "truncate",
    "vertex_ai_credentials",
    "vertex_ai_location",
    "vertex_ai_project",
    "voice",
    "weight",
)
_ALSO_INFO = ("access_groups", "description", "locations", "output_vector_size")


@cache
def known() -> Mapping[str, frozenset[str]]:
    """The known keys of ``litellm_params`` and ``model_info``."""
    return {
        "litellm_params": frozenset(litellm_keys.LITELLM_PARAMS.split()),
        "model_info": frozenset(litellm_keys.MODEL_INFO.split()),
    }


def from_litellm() -> dict[str, list[str]]:
    """The same lists, read from the source of the installed LiteLLM."""
    spec = find_spec("litellm")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("litellm is not installed")
    root = Path(spec.origin).parent
    return {
        "litellm_params": sorted({*_ALSO_PARAMS, *_fields(root, _PARAMS)}),
        "model_info": sorted({*_ALSO_INFO, *_fields(root, _INFO), *_fields(root, _PRICES)}),
    }


_PRICES = {"types/utils.py": ("CustomPricingLiteLLMParams", "MirroredPricingParams")}
_NOT_SETTINGS = {"model_config", "messages", "model_list", "mock_response", "model_info"}
"""Fields of those types that belong to one request, or to pydantic, not to a deployment."""


def _fields(root: Path, files: Mapping[str, Iterable[str]]) -> set[str]:
    found: set[str] = set()
    for file, classes in files.items():
        tree = ast.parse((root / file).read_text(encoding="utf-8"))
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and node.name in classes:
                found |= {
                    item.target.id
                    for item in node.body
                    if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name)
                }
    return found - _NOT_SETTINGS


def _module() -> str:
    """The source of ``litellm_keys.py``."""
    parts = [f'"""Keys that litellm {version("litellm")} knows; made by `{_COMMAND}`."""\n']
    for part, keys in from_litellm().items():
        words = textwrap.fill(" ".join(keys), 98, break_on_hyphens=False)
        parts.append(f'{part.upper()} = """\n{words}\n"""\n')
    return "\n".join(parts)


_COMMAND = "python -m sekisho.providers.known_keys"

if __name__ == "__main__":
    sys.stdout.write(_module())
