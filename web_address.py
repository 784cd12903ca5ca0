"""What counts as an address of HTTP in a configuration."""

from urllib.parse import urlsplit


def is_http(url: str) -> bool:
    """Whether it has the scheme http or https, a host, and a port that can be one if any."""
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # half an IPv6 address, a port beyond 65,535
        return False
