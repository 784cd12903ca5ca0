"""Azure: OpenAI's models by their deployment names, everybody else's on a Foundry endpoint.

A Foundry resource has one key and several addresses. OpenAI's models answer at each of them,
Claude, Mistral, Cohere … at ``https://NAME.services.ai.azure.com`` only.
"""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

FOUNDRY = "azure_ai/"
ZONES = ("us", "eu", "apac")


def foundry(params: Mapping[str, Any], environ: Mapping[str, str]) -> dict[str, Any] | None:
    """The parameters of a Foundry model with the address and key that are set; None without any.

    AZURE_AI_API_BASE and AZURE_AI_API_KEY come first. Without them AZURE_API_BASE and AZURE_API_KEY
    serve, unless that address is of the kind that has OpenAI's models only.
    """
    found = dict(params)
    if not environ.get("AZURE_AI_API_BASE"):
        host = urlsplit(environ.get("AZURE_API_BASE", "")).hostname or ""
        if not host or host.endswith(".openai.azure.com"):
            return None
        found["api_base"] = "os.environ/AZURE_API_BASE"
    if not environ.get("AZURE_AI_API_KEY"):
        found["api_key"] = "os.environ/AZURE_API_KEY"
    return found


NO_FOUNDRY = (
    "set AZURE_AI_API_BASE to the resource's https://NAME.services.ai.azure.com "
    "(and AZURE_AI_API_KEY if its key is another one)"
)


def price_id(base_model: str, environ: Mapping[str, str], priced: Callable[[str], bool]) -> str:
    """The price id: deployments in a data zone (SEKISHO_AZURE_ZONE) cost more than global ones."""
    zone = environ.get("SEKISHO_AZURE_ZONE", "")
    zoned = f"azure/{zone}/{base_model.removeprefix('azure/')}"
    return zoned if zone in ZONES and priced(zoned) else base_model
