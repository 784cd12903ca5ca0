"""Who asks, and from where: the second and third step of each request, before its body is read."""

from datetime import UTC, datetime

from ..keys.check import Keyring, from_network
from ..keys.identity import Identity, Refusal, refuse
from ..keys.row import KeysUnavailable
from ..settings import Settings
from . import claims, credentials, end_user, errors
from .address import may_enter
from .errors import Failure
from .exchange import Exchange


async def prove(exchange: Exchange, settings: Settings, keyring: Keyring) -> None:
    """Fill in the identity and the end user.

    Raises Failure; the row still says whose key was refused, and whom the request has named.
    """
    if not may_enter(exchange.client_address, settings.allow_ips):
        words = f"The address {exchange.client_address} may not use this gateway."
        raise errors.of_refusal(refuse("network_not_allowed", words))
    identity = await _holder(exchange, keyring)
    decision = end_user.decide(
        identity, exchange.raw_headers, settings.openwebui_jwt_secret, datetime.now(UTC)
    )
    if not isinstance(decision, Refusal):
        exchange.end_user = decision
    exchange.claimed_user = claims.in_headers(exchange.raw_headers, exchange.end_user)
    if isinstance(decision, Refusal):
        raise errors.of_refusal(decision)


async def _holder(exchange: Exchange, keyring: Keyring) -> Identity:
    """Whose key it is, if it may be used from there. Raises Failure."""
    presented = credentials.bearer(exchange.headers, exchange.query)
    try:
        decision = await keyring.check(presented, datetime.now(UTC))
    except KeysUnavailable:
        raise Failure(
            503, "Keys can't be checked at the moment. Try again soon.", "keys_unavailable"
        ) from None
    if isinstance(decision, Refusal):
        exchange.identity = decision.identity
        raise errors.of_refusal(decision)
    exchange.identity = decision
    refusal = from_network(decision, exchange.client_address)
    if refusal is not None:
        raise errors.of_refusal(refusal)
    return decision
