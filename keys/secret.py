"""Make a key, know one when it is seen, and turn it into what the store may keep: a hash."""

import hashlib
import hmac
import re
import secrets
import string

_ALPHABET = string.digits + string.ascii_letters  # base62: survives shells, URLs, double clicks
_PUBLIC_LENGTH = 8
_SECRET_LENGTH = 43  # 62 ** 43 > 2 ** 256
# LiteLLM hashes only tokens that start with `sk-`; any other reaches its logs and caches in clear
# (litellm/proxy/_types.py, UserAPIKeyAuth._safe_hash_litellm_api_key, 1.106.2).
_HEAD = "sk-sekisho-"
KEY_LENGTH = len(_HEAD) + _PUBLIC_LENGTH + 1 + _SECRET_LENGTH
_SHAPE = re.compile(rf"{_HEAD}[0-9A-Za-z]{{{_PUBLIC_LENGTH}}}-[0-9A-Za-z]{{{_SECRET_LENGTH}}}")


def new_key() -> str:
    """A new key: `sk-sekisho-<8 public characters>-<43 secret ones>`, 256 bits of secret."""
    return f"{_HEAD}{_random(_PUBLIC_LENGTH)}-{_random(_SECRET_LENGTH)}"


def well_formed(presented: str) -> bool:
    """Whether a string can be a key at all. Costs the same for 1 MB of rubbish as for a key."""
    return len(presented) == KEY_LENGTH and _SHAPE.fullmatch(presented) is not None


def public_part(key: str) -> str:
    """The part of a key that lists may show: `sk-sekisho-<8 characters>`."""
    return key[: len(_HEAD) + _PUBLIC_LENGTH]


def hash_key(key: str) -> str:
    """SHA-256 of the whole key, as 64 hexadecimal digits.

    No salt and no slow function: those protect secrets that people choose. NIST SP 800-63B
    (5.1.2.2) asks for salt only below 112 bits of entropy; a key has 256, drawn by the machine.
    Without salt the hash is also the index, so a key is found by one look-up.
    """
    return hashlib.sha256(key.encode()).hexdigest()


def same_hash(one: str, other: str) -> bool:
    """Compare two hashes in a time that doesn't tell how much of them agrees."""
    return hmac.compare_digest(one, other)


def _random(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))
