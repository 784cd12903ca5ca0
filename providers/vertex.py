"""Vertex AI: in which location a model is called.

Most models answer in VERTEXAI_LOCATION (``global`` costs least). Some partner models exist in few
regions only; their entries list those in ``model_info.locations``.
"""

from collections.abc import Callable, Mapping
from typing import Any

from ..pricing.catalog import REGIONAL
from .deployment import NotHereError


def place(params: Mapping[str, Any], locations: list[str], location: str) -> dict[str, Any]:
    """The parameters with the location to call, out of the ``locations`` that offer the model.

    ``location`` is VERTEXAI_LOCATION. With ``global`` any of them will do; otherwise the request
    stays in its geography. Raises NotHereError when none of them is there.
    """
    if not locations or location in locations:
        return dict(params)
    for candidate in locations:
        if location == "global" or _geography(candidate) == _geography(location):
            return {**params, "vertex_location": candidate}
    raise NotHereError(f"offered in {', '.join(locations)} only, VERTEXAI_LOCATION is {location}")


def with_count(params: Mapping[str, Any], location: str) -> dict[str, Any]:
    """The parameters of a Claude model with the region that counts its tokens.

    `global` and the continents don't count, us-east5, europe-west1 and asia-southeast1 do
    (docs.cloud.google.com, "Count tokens for Claude models", read 2026-11-21). Whoever has chosen
    another region gets an estimate: a request never leaves it.
    """
    place = _COUNTS.get(location)
    if place is None or "claude" not in str(params["model"]):
        return dict(params)
    return {"vertex_count_tokens_location": place, **params}


_COUNTS = {"global": "us-east5", "us": "us-east5", "eu": "europe-west1"}


def image_address(params: Mapping[str, Any], environ: Mapping[str, str]) -> dict[str, Any]:
    """The parameters of an image model behind VERTEX_API_BASE.

    For other models LiteLLM completes an ``api_base`` that is only a host; for images it calls
    just what is there.
    """
    base = environ.get("VERTEX_API_BASE", "").rstrip("/")
    if not base or params.get("api_base"):
        return dict(params)
    project, location = environ.get("VERTEXAI_PROJECT"), environ.get("VERTEXAI_LOCATION")
    model = str(params["model"]).removeprefix("vertex_ai/")
    path = f"v1/projects/{project}/locations/{location}/publishers/google/models/{model}"
    return {**params, "api_base": f"{base}/{path}:generateContent"}


def price_id(model: str, location: str, priced: Callable[[str], bool]) -> str:
    """The price id: endpoints other than the global one cost more for newer models."""
    if location != "global" and priced(model + REGIONAL):
        return model + REGIONAL
    return model


def _geography(location: str) -> str:
    head = location.partition("-")[0]
    return {"europe": "eu"}.get(head, head)
