"""openai-python, chat completions."""

import json
from typing import Any

import openai

from . import SCHEMA, asked, write_file


def main() -> None:
    """Ask until there are no tools to run."""
    want = asked()
    client: Any = openai.OpenAI(base_url=f"{want.url}/v1", api_key=want.key)
    function = {"name": "write_file", "parameters": SCHEMA}
    said: list[Any] = [{"role": "user", "content": want.prompt}]
    while True:
        options: dict[str, Any] = {"model": want.model, "messages": said}
        options["tools"] = [{"type": "function", "function": function}]
        if want.streams:
            for chunk in client.chat.completions.create(**options, stream=True):
                for choice in chunk.choices:
                    print(choice.delta.content or "", end="", flush=True)
            return
        message = client.chat.completions.create(**options).choices[0].message
        if not message.tool_calls:
            print(message.content)
            return
        said.append(message.model_dump(exclude_none=True))
        for call in message.tool_calls:
            done = write_file(**json.loads(call.function.arguments))
            said.append({"role": "tool", "tool_call_id": call.id, "content": done})


if __name__ == "__main__":
    main()
