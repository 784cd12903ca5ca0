"""A person's way to Open WebUI's models, for `verify`.

By `openwebui-client`, which is OpenAI's client with Open WebUI's paths: its lists of models and its
chats work with 0.12.4. Not used of it: files (uploads end in an error), tools (each round is sent
twice), pictures, sound and responses (405), and single models (HTML). For admins it has nothing;
`client.py` is for those.
"""

from collections.abc import Sequence

import httpx
import openai
from openwebui_client import OpenWebUIClient

from .client import OpenWebUIError, is_local
from .verify import Answer

_PATIENCE = 120.0  # seconds


class Person:
    """Asks as the user whose token this is."""

    def __init__(self, url: str, token: str) -> None:
        """`url` is Open WebUI's, without a path."""
        self._url = url
        self._client = OpenWebUIClient(
            api_key=token,
            base_url=f"{url}/api",
            max_retries=0,  # a question is asked once: it costs money
            http_client=httpx.Client(trust_env=not is_local(url), timeout=_PATIENCE),
        )

    def models(self) -> Sequence[str]:
        """The models that the person sees."""
        try:
            return [model.id for model in self._client.models.list()]
        except openai.OpenAIError as error:
            raise self._trouble(error) from None

    def ask(self, model: str, question: str) -> Answer:
        """Ask, streamed: only then Open WebUI passes the gateway's headers on."""
        try:
            answer = self._client.chat.completions.with_raw_response.create(
                model=model,
                messages=[{"role": "user", "content": question}],
                stream=True,
            )
            text, cost = "", None
            for chunk in answer.parse():
                text += "".join(choice.delta.content or "" for choice in chunk.choices)
                cost = getattr(chunk.usage, "cost", cost)
        # The SDK lets a connection that breaks within a stream, and half an event, through.
        except (openai.OpenAIError, httpx.HTTPError, ValueError) as error:
            raise self._trouble(error) from None
        return Answer(text, answer.headers.get("x-sekisho-request-id"), cost)

    def _trouble(self, error: Exception) -> OpenWebUIError:
        words = " ".join(str(error).split())[:400]
        return OpenWebUIError(f"{self._url}: {type(error).__name__}: {words}")
