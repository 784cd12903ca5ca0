"""Open WebUI's admin API, as far as it is needed; `openwebui-client` has none of these calls."""

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlsplit

import httpx

from ...untyped import mapping, sequence, text

NEEDED = "0.12"  # what this room was written for and is tested with
_PATIENCE = 30.0  # seconds
_WHERE_TOKENS_ARE = "Open WebUI > Settings > Account > API Key"


class OpenWebUIError(Exception):
    """Open WebUI can't be used; the message is one line: what happened, where, what to do."""


def is_local(url: str) -> bool:
    """Whether a URL is this machine's own: no proxy leads there."""
    return urlsplit(url).hostname in ("127.0.0.1", "::1", "localhost")


def is_right(version: str) -> bool:
    """Whether this room knows that version of Open WebUI."""
    return re.match(rf"{re.escape(NEEDED)}(\.|$)", version) is not None


class Client:
    """One Open WebUI, asked by an admin. Every method may raise OpenWebUIError."""

    def __init__(self, url: str, token: str) -> None:
        """`url` is what people type into their browser; `token` a JWT or an API key of an admin."""
        self.url = url
        self._http = httpx.Client(
            base_url=url,
            headers={"authorization": f"Bearer {token}"},
            timeout=_PATIENCE,
            trust_env=not is_local(url),
            follow_redirects=False,
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def check(self) -> str:
        """The version, when it is the right one and the token an admin's."""
        version = text(mapping(self._ask("GET", "/api/version")).get("version"))
        if version is None:
            raise OpenWebUIError(f"{self.url} is no Open WebUI: /api/version names no version")
        if not is_right(version):
            raise OpenWebUIError(
                f"{self.url} is Open WebUI {version}, and this needs {NEEDED}.x: install that, "
                "or set it up by hand with 'sekisho openwebui install --print-env'"
            )
        role = mapping(self._ask("GET", "/api/v1/auths/")).get("role")
        if role != "admin":
            raise OpenWebUIError(
                f"{self.url}: the token's user has the role {role}, and an admin's is needed: "
                f"sign in as one, and take it from {_WHERE_TOKENS_ARE}"
            )
        return version

    def connections(self) -> dict[str, Any]:
        """Open WebUI's connections to OpenAI-compatible servers."""
        return mapping(self._ask("GET", "/openai/config"))

    def save_connections(self, connections: Mapping[str, Any]) -> None:
        """Replace them all."""
        self._ask("POST", "/openai/config/update", connections)

    def models(self) -> dict[str, dict[str, Any]]:
        """What Open WebUI has written down of the models behind its connections, by id."""
        rows = map(mapping, sequence(self._ask("GET", "/api/v1/models/base")))
        return {str(row["id"]): row for row in rows if text(row.get("id"))}

    def import_models(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Add or change these; others stay, and so does the access to those that are there."""
        self._ask("POST", "/api/v1/models/import", {"models": rows})

    def grant_model(self, row: Mapping[str, Any]) -> None:
        """Give a model the access of this row, and no other."""
        form = {name: row[name] for name in ("id", "name", "access_grants")}
        self._ask("POST", "/api/v1/models/model/access/update", form)

    def functions(self) -> dict[str, dict[str, Any]]:
        """The Functions with their code, by id."""
        rows = map(mapping, sequence(self._ask("GET", "/api/v1/functions/export")))
        return {str(row["id"]): row for row in rows if text(row.get("id"))}

    def create_function(self, function: Mapping[str, Any]) -> None:
        """Add a Function; it is off."""
        self._ask("POST", "/api/v1/functions/create", function)

    def update_function(self, function: Mapping[str, Any]) -> None:
        """Replace name, description and code of a Function."""
        self._ask("POST", f"/api/v1/functions/id/{_word(function['id'])}/update", function)

    def toggle_function(self, name: str) -> None:
        """Turn a Function on or off, whichever it isn't."""
        self._ask("POST", f"/api/v1/functions/id/{_word(name)}/toggle")

    def toggle_function_everywhere(self, name: str) -> None:
        """Let a Function work on every model or only on chosen ones, whichever it doesn't."""
        self._ask("POST", f"/api/v1/functions/id/{_word(name)}/toggle/global")

    def group(self, name: str) -> str:
        """The id of the group of that name."""
        rows = [mapping(row) for row in sequence(self._ask("GET", "/api/v1/groups/"))]
        for row in rows:
            if row.get("name") == name:
                return str(row["id"])
        known = ", ".join(sorted(str(row.get("name")) for row in rows)) or "none"
        raise OpenWebUIError(
            f"{self.url} has no group {name} (there is: {known}); make it under Admin Panel > "
            "Users > Groups"
        )

    def join_group(self, group: str, user: str) -> None:
        """Put a user into a group; both are ids."""
        self._ask("POST", f"/api/v1/groups/id/{_word(group)}/users/add", {"user_ids": [user]})

    def add_user(self, name: str, email: str, password: str) -> tuple[str, str]:
        """A new user's id and token."""
        given = {"name": name, "email": email, "password": password, "role": "user"}
        user = mapping(self._ask("POST", "/api/v1/auths/add", given))
        return str(user.get("id")), str(user.get("token"))

    def delete_user(self, user: str) -> None:
        """Delete a user and all that is theirs."""
        self._ask("DELETE", f"/api/v1/users/{_word(user)}")

    def _ask(self, method: str, path: str, body: object = None) -> object:
        try:
            answer = self._http.request(method, path, json=body)
        except httpx.HTTPError as error:
            raise OpenWebUIError(
                f"{self.url} doesn't answer ({type(error).__name__}): check --url, and that Open "
                "WebUI runs there"
            ) from None
        if answer.status_code in (401, 403):
            raise OpenWebUIError(
                f"{self.url} refuses the token (HTTP {answer.status_code}): take an admin's from "
                f"{_WHERE_TOKENS_ARE}, and give it as --admin-token or OPENWEBUI_ADMIN_TOKEN"
            )
        found = _json(answer)
        if not answer.is_success or found is _NOTHING:
            raise OpenWebUIError(self._trouble(method, path, answer, found))
        return found

    def _trouble(self, method: str, path: str, answer: httpx.Response, found: object) -> str:
        if found is _NOTHING or answer.status_code == 404:
            return (
                f"{self.url} is no Open WebUI {NEEDED}.x: {method} {path} answered HTTP "
                f"{answer.status_code}; check --url"
            )
        detail = " ".join(str(mapping(found).get("detail") or "").split())[:200]
        return f"{self.url}: {method} {path} answered HTTP {answer.status_code}: {detail}"


_NOTHING = object()


def _json(answer: httpx.Response) -> object:
    try:
        found: object = answer.json()
    except ValueError:
        return _NOTHING
    return found


def _word(value: object) -> str:
    return quote(str(value), safe="")
