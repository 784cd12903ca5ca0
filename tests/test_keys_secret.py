"""What a key looks like, and what of it may be stored."""

import re

import pytest
from sekisho.keys import secret

KEY = "sk-sekisho-AbCd1234-" + "x" * 43


def test_new_keys_have_the_promised_shape_and_differ() -> None:
    """A key is sk-sekisho-, 8 public characters, a dash and 43 secret ones, each time anew."""
    made = {secret.new_key() for _ in range(200)}
    assert len(made) == 200
    for key in made:
        assert re.fullmatch(r"sk-sekisho-[0-9A-Za-z]{8}-[0-9A-Za-z]{43}", key)
        assert secret.well_formed(key)


def test_secret_part_has_256_bits() -> None:
    """43 characters of a 62-letter alphabet hold at least 256 bits."""
    assert 62**43 > 2**256


def test_hash_is_plain_sha256_of_the_whole_key() -> None:
    """The stored hash is the one that sha256sum prints, so that operators can look for it."""
    assert (
        secret.hash_key(KEY) == "449520bea42a3d30424214cfd8c1abe94be5a2647fa0d4bee14f666f4c11ae7d"
    )


def test_public_part_leaves_the_secret_out() -> None:
    """Lists show sk-sekisho- and 8 characters, nothing more."""
    assert secret.public_part(KEY) == "sk-sekisho-AbCd1234"


@pytest.mark.parametrize(
    "presented",
    [
        "",
        "sk-",
        KEY[:-1],
        KEY + "x",
        KEY + "\n",
        " " + KEY,
        KEY.upper(),
        "Bearer " + KEY,
        KEY.replace("x", "\u00e9", 1),
        KEY.replace("x", "\u0661", 1),
        KEY.replace("x", "\ud800", 1),
        KEY.replace("x", "\0", 1),
        "sk-sekisho-AbCd1234-" + "' OR 1=1 --".ljust(43, "x"),
        "sk-master-" + "x" * 53,
        "x" * 1_000_000,
    ],
)
def test_rubbish_is_not_well_formed(presented: str) -> None:
    """Nothing but the exact shape passes, so that rubbish never reaches the store."""
    assert not secret.well_formed(presented)
