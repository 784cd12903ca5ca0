"""The beginning of a request: what is known of its row before a provider is asked."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from .. import codec
from ..columns import SCHEMA_VERSION
from ..record import Record

_OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_NAIVE_UTC | orjson.OPT_APPEND_NEWLINE


@dataclass(frozen=True, slots=True)
class Beginning:
    """A record with the status `interrupted` and no `end_time`, made and written in a third of the
    time. `known` has fields of `Record` by name.
    """

    request_id: str
    start_time: datetime
    known: Mapping[str, Any]


def encode(beginning: Beginning | Record) -> bytes:
    """One line of JSON, newline included, which `codec.decode` reads."""
    if isinstance(beginning, Record):
        return codec.encode(beginning)
    known: dict[str, Any] = {
        "request_id": beginning.request_id,
        "start_time": beginning.start_time,
        "end_time": None,
        "status": "interrupted",
        "is_priced": False,
        "billing_currency": "USD",
        "schema_version": SCHEMA_VERSION,
        **beginning.known,
    }
    try:
        return orjson.dumps(known, None, _OPTIONS)
    except orjson.JSONEncodeError:  # halves of characters: slow and rare
        return codec.encode(Record(**known))
