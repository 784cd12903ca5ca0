"""Addresses and networks, IPv4 and IPv6: reading them, and whether one is in the other."""

import ipaddress
from collections.abc import Iterable

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def parse(text: str | None) -> Address | None:
    """An address, or None when it is none. An IPv4 address inside IPv6 (`::ffff:…`) is IPv4."""
    try:
        address = ipaddress.ip_address(text or "")
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def contains(networks: Iterable[Network], address: str | None) -> bool:
    """Whether an address is in one of the networks; what isn't an address is in none."""
    found = parse(address)
    return found is not None and any(
        found.version == network.version and found in network for network in networks
    )
