"""Where a request comes from, and whether that is allowed: the whole decision stands here.

X-Forwarded-For is what anybody may write, so it is read from its end, and only as far as every hop
behind it is a proxy that the operator trusts (`SEKISHO_TRUSTED_PROXIES`).
"""

from collections.abc import Sequence

from ..keys.networks import Network, contains, parse


def client_address(
    peer: str | None, forwarded_for: str | None, trusted: Sequence[Network]
) -> str | None:
    """The nearest address that is not one of our own proxies; None when a proxy told none.

    `peer` is the TCP peer, `forwarded_for` the X-Forwarded-For header (nearest hop last). A hop
    that is no address is not known, and not its proxy's: it would inherit the proxy's rights.
    """
    known = parse(peer)
    nearest = peer if known is None else str(known)  # IPv4 as IPv4, however we listen
    if not forwarded_for or not contains(trusted, nearest):
        return nearest
    for hop in reversed(forwarded_for.split(",")):
        found = parse(_without_port(hop.strip()))
        if found is None:
            return None
        nearest = str(found)
        if not contains(trusted, nearest):
            return nearest
    return nearest


def _without_port(hop: str) -> str:
    """Some proxies write `203.0.113.7:4711` or `[2001:db8::1]:443`."""
    if hop.startswith("["):
        return hop[1:].partition("]")[0]
    address, _, port = hop.partition(":")
    return address if port.isdecimal() and "." in address else hop


def may_enter(address: str | None, allowed: Sequence[Network]) -> bool:
    """Whether `SEKISHO_ALLOW_IPS` lets an address in; an empty list lets every one in."""
    return not allowed or contains(allowed, address)


def may_read_metrics(
    peer: str | None,
    forwarded_for: str | None,
    trusted: Sequence[Network],
    allowed: Sequence[Network],
) -> bool:
    """Whether `SEKISHO_METRICS_IPS` shows the metrics to a caller.

    A caller behind a proxy that isn't trusted is not the proxy: on the proxy's own machine every
    stranger would look like 127.0.0.1.
    """
    if forwarded_for and not contains(trusted, peer):
        return False
    return contains(allowed, client_address(peer, forwarded_for, trusted))
