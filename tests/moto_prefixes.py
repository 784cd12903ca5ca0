"""moto's server, and on top of it the one condition of our policies: `s3:prefix` with StringLike.

moto checks actions and resources of IAM policies; of conditions it knows StringEquals only, and
lets others pass. AWS allows a request by a statement if all its conditions hold, else ignores that
statement. The prefix of a list request without one is empty.
"""

import fnmatch
import threading
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from moto import server
from moto.iam import access_control

_request = threading.local()
_check = access_control.S3IAMRequest.check_action_permitted
_permitted = access_control.IAMPolicyStatement.is_action_permitted


def _check_with_prefix(self: Any, resource: str) -> None:
    asked = parse_qs(urlsplit(self._path).query)
    _request.prefix = asked.get("prefix", [""])[0]
    try:
        _check(self, resource)
    finally:
        _request.prefix = ""


def _permitted_with_prefix(self: Any, *arguments: Any, **named: Any) -> Any:
    condition: Mapping[str, Mapping[str, list[str]]] = self._statement.get("Condition", {})
    for operator, keys in condition.items():
        assert (operator, list(keys)) == ("StringLike", ["s3:prefix"]), condition
        prefix = getattr(_request, "prefix", "")
        if not any(fnmatch.fnmatchcase(prefix, pattern) for pattern in keys["s3:prefix"]):
            return access_control.PermissionResult.NEUTRAL
    return _permitted(self, *arguments, **named)


if __name__ == "__main__":
    access_control.S3IAMRequest.check_action_permitted = _check_with_prefix  # type: ignore[method-assign]
    access_control.IAMPolicyStatement.is_action_permitted = _permitted_with_prefix  # type: ignore[method-assign]
    server.main()
