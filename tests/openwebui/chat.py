"""What Open WebUI's page asks its server, as one of its users."""

import json
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from ..gateway import until

Json = dict[str, Any]

BACKGROUND = ("title_generation", "tags_generation", "follow_up_generation")
"""The helper calls of a saved chat, by the names that the gateway's log has for them."""


@dataclass(frozen=True, slots=True)
class Person:
    """A user of Open WebUI who is signed in."""

    id: str
    name: str
    email: str
    password: str
    token: str
    http: httpx.Client

    @classmethod
    def sign_in(cls, url: str, email: str, password: str) -> "Person":
        """Sign in with a password, as the form of the page does."""
        http = httpx.Client(base_url=url, timeout=90)
        answer = http.post("/api/v1/auths/signin", json={"email": email, "password": password})
        told = _json(answer)
        http.headers["authorization"] = f"Bearer {told['token']}"
        return cls(told["id"], told["name"], told["email"], password, told["token"], http)

    def get(self, path: str) -> Any:
        """The JSON at a path."""
        return _json(self.http.get(path))

    def post(self, path: str, body: Any) -> Any:
        """What a path answers to a JSON body."""
        return _json(self.http.post(path, json=body))

    def models(self) -> list[str]:
        """The ids of the models that this user sees."""
        return [str(one["id"]) for one in self.get("/api/models?refresh=true")["data"]]

    def ask(self, model: str, text: str, **fields: Any) -> str:
        """A plain answer, to a question that belongs to no saved chat."""
        body = {"model": model, "messages": _user(text), "stream": False, **fields}
        told = self.post("/api/chat/completions", body)
        return str(told["choices"][0]["message"]["content"])

    def ask_streamed(self, model: str, text: str, **fields: Any) -> tuple[str, Json]:
        """A streamed answer, and the last usage in it."""
        body = {"model": model, "messages": _user(text), "stream": True, **fields}
        answer = self.http.post("/api/chat/completions", json=body)
        assert answer.status_code == 200, answer.text
        lines = [line[5:].strip() for line in answer.text.splitlines() if line.startswith("data:")]
        chunks: list[Json] = [json.loads(line) for line in lines if line not in ("", "[DONE]")]
        choices = [choice for chunk in chunks for choice in chunk.get("choices") or ()]
        said = "".join((choice.get("delta") or {}).get("content") or "" for choice in choices)
        used = [chunk["usage"] for chunk in chunks if chunk.get("usage")]
        return said, used[-1] if used else {}

    def start_chat(self, model: str, text: str, **fields: Any) -> "SavedChat":
        """A new chat in the list of chats, as the page starts one; the answer is being made."""
        question, answer = str(uuid.uuid4()), str(uuid.uuid4())
        message = {
            "id": question,
            "parentId": None,
            "childrenIds": [answer],
            "role": "user",
            "content": text,
            "timestamp": int(time.time()),
            "models": [model],
        }
        background = dict.fromkeys(BACKGROUND, True)
        body = {
            "stream": True,
            "model": model,
            "session_id": "tests",
            "id": answer,
            "message_ids": [{"model_id": model, "message_id": answer, "modelIdx": 0}],
            "parent_id": None,
            "user_message": message,
            "messages": _user(text),
            "filter_ids": [],
            "tool_ids": [],
            "files": [],
            "background_tasks": background,
            **fields,
        }
        told = self.post("/api/chat/completions", body)
        return SavedChat(self, told["chat_id"], answer)

    def upload(self, name: str, content: str) -> Json:
        """A file, read and embedded; as a chat names it."""
        sent = self.http.post("/api/v1/files/", files={"file": (name, content, "text/plain")})
        file = _json(sent)["id"]

        def done() -> bool:
            status = self.get(f"/api/v1/files/{file}/process/status")["status"]
            assert status != "failed", f"{name} could not be processed"
            return bool(status == "completed")

        until(f"{name} to be embedded", done, 60)
        return {"type": "file", "id": file, "name": name}


@dataclass(frozen=True, slots=True)
class SavedChat:
    """A chat in the list of chats; `answer_id` is the message that the model answers with."""

    person: Person
    id: str
    answer_id: str

    def answer(self) -> Json:
        """The answer when it is whole, with what belongs to it: content, usage, statusHistory."""

        def whole() -> Json | None:
            message = self._message()
            return message if message.get("done") else None

        return until(f"the answer in chat {self.id}", whole, 60) or {}

    def status_lines(self) -> list[str]:
        """The lines that Functions show at the answer; some come after it."""
        statuses = until(f"a line in {self.id}", lambda: self._message().get("statusHistory"), 60)
        return [str(status["description"]) for status in statuses or ()]

    def _message(self) -> Json:
        chat: Json = self.person.get(f"/api/v1/chats/{self.id}")["chat"]
        return chat["history"]["messages"].get(self.answer_id) or {}


def texts(messages: Sequence[Mapping[str, Any]]) -> str:
    """All that a provider was told, in one text."""
    return json.dumps(messages, ensure_ascii=False)


def _user(text: str) -> list[Json]:
    return [{"role": "user", "content": text}]


def _json(answer: httpx.Response) -> Any:
    assert answer.status_code == 200, f"{answer.request.url}: {answer.status_code} {answer.text}"
    return answer.json()
