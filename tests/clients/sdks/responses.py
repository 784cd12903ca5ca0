"""openai-python, Responses."""

import json
from typing import Any

import openai

from . import SCHEMA, asked, write_file


def main() -> None:
    """Ask until there are no tools to run."""
    want = asked()
    client: Any = openai.OpenAI(base_url=f"{want.url}/v1", api_key=want.key)
    tool = {"type": "function", "name": "write_file", "parameters": SCHEMA, "strict": False}
    said: list[Any] = [{"role": "user", "content": want.prompt}]
    while True:
        options: dict[str, Any] = {"model": want.model, "input": said, "tools": [tool]}
        if want.streams:
            for event in client.responses.create(**options, stream=True):
                if event.type == "response.output_text.delta":
                    print(event.delta, end="", flush=True)
            return
        answer = client.responses.create(**options)
        calls = [item for item in answer.output if item.type == "function_call"]
        if not calls:
            print(answer.output_text)
            return
        said += [item.model_dump(exclude_none=True) for item in answer.output]
        for call in calls:
            done = write_file(**json.loads(call.arguments))
            said.append({"type": "function_call_output", "call_id": call.call_id, "output": done})


if __name__ == "__main__":
    main()
