"""LiteLLM's `custom_auth`: hands it the identity that the gate has proven.

On a stock LiteLLM, without a gate, it asks the key store itself.
"""

from contextvars import ContextVar
from datetime import UTC, datetime
from functools import cache

from fastapi import Request
from litellm.proxy._types import ProxyException, UserAPIKeyAuth

from .. import settings
from ..keys.check import Keyring, may_use
from ..keys.identity import Identity, Refusal
from ..keys.row import KeysUnavailable
from ..keys.store import Store
from ..untyped import mapping, text

proven: ContextVar[Identity | None] = ContextVar("sekisho_identity", default=None)


async def custom_auth(request: Request, api_key: str) -> UserAPIKeyAuth:
    """The caller as LiteLLM knows it. LiteLLM calls this by keyword: the names are its own.

    Raises ProxyException with the status and words of a refusal.
    """
    identity = proven.get()
    if identity is None:
        identity = await _ask_store(request, api_key)
    return as_litellm(identity)


def as_litellm(identity: Identity) -> UserAPIKeyAuth:
    """LiteLLM's form of an identity.

    It carries the key's id, not the key. `end_user_id` is set, because LiteLLM then takes no
    other claim of the request for it (tested fact sheet, section 5).
    """
    return UserAPIKeyAuth(
        api_key=identity.key_id,
        key_alias=identity.alias,
        user_id=identity.key_id,
        team_id=identity.team,
        end_user_id=identity.key_id,
    )


async def _ask_store(request: Request, api_key: str | None) -> Identity:
    try:
        decision = _keyring().check_now(api_key, datetime.now(UTC))
    except KeysUnavailable as error:
        raise ProxyException(str(error), "server_error", None, 503) from error
    if isinstance(decision, Identity):
        model = text(mapping(await request.json()).get("model")) if _has_body(request) else None
        refusal = may_use(decision, model) if model else None
        if refusal is None:
            return decision
        decision = refusal
    raise _exception(decision)


def _has_body(request: Request) -> bool:
    return "json" in request.headers.get("content-type", "")


def _exception(refusal: Refusal) -> ProxyException:
    return ProxyException(
        refusal.message, refusal.openai_type, None, refusal.status, openai_code=refusal.openai_code
    )


@cache
def _keyring() -> Keyring:
    return Keyring(Store(settings.load().database_url))
