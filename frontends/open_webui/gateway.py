"""What the gateway says to the key that Open WebUI has, or shall get."""

from collections.abc import Sequence

import httpx

from ...untyped import mapping, text
from . import offers
from .client import OpenWebUIError, is_local
from .offers import Offer

_PATIENCE = 10.0  # seconds


class KeyRefusedError(OpenWebUIError):
    """The gateway refuses the key; the message is its own reason."""


def models(urls: Sequence[str], key: str) -> list[Offer]:
    """The models that this key may use.

    `urls` are addresses of the one gateway, of which this machine may not reach each (a
    container's name, say): the first that answers counts. Raises KeyRefusedError, OpenWebUIError.
    """
    if not key.isascii():
        raise KeyRefusedError("a key has ASCII characters only.")
    trouble = ""
    for url in urls:
        try:
            answer = httpx.get(
                f"{url}/v1/model/info",
                headers={"authorization": f"Bearer {key}"},
                timeout=_PATIENCE,
                trust_env=not is_local(url),
            )
        except httpx.HTTPError as error:
            trouble = trouble or f"{url} doesn't answer ({type(error).__name__})"
            continue
        if answer.status_code in (401, 403):
            raise KeyRefusedError(_reason(answer))
        return _read(url, answer)
    raise OpenWebUIError(f"gateway: {trouble}: start it (sekisho up), or name it: --gateway-url")


def _reason(answer: httpx.Response) -> str:
    try:
        said = text(mapping(mapping(answer.json()).get("error")).get("message"))
    except ValueError:
        said = None
    return said or f"HTTP {answer.status_code}"


def _read(url: str, answer: httpx.Response) -> list[Offer]:
    try:
        found = offers.read(answer.json()) if answer.is_success else None
    except ValueError:
        found = None
    if found is None:
        raise OpenWebUIError(
            f"gateway: {url} is none of ours: /v1/model/info answered HTTP {answer.status_code}; "
            "check --gateway-url"
        )
    if not found:
        raise OpenWebUIError(
            f"gateway: {url} has no model for this key; 'sekisho models list' lists what there is"
        )
    return found
