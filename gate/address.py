"""Whose address a request comes from: only this file decides when X-Forwarded-For is believed."""

import ipaddress
from collections.abc import Sequence

from ..settings import Network

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def client_address(
    peer: str | None, forwarded_for: str | None, trusted: Sequence[Network]
) -> str | None:
    """The nearest address that is not one of our own proxies.

    `peer` is the TCP peer, `forwarded_for` the X-Forwarded-For header (nearest hop last). The
    header is read from its end, and only as far as every hop behind it is a trusted proxy.
    """
    if peer is None or not forwarded_for or not _is_trusted(peer, trusted):
        return peer
    nearest = peer
    for hop in reversed([part.strip() for part in forwarded_for.split(",")]):
        if _parse(hop) is None:
            return nearest
        nearest = hop
        if not _is_trusted(hop, trusted):
            return nearest
    return nearest


def _is_trusted(text: str, trusted: Sequence[Network]) -> bool:
    address = _parse(text)
    return address is not None and any(
        address in net for net in trusted if net.version == address.version
    )


def _parse(text: str) -> Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
