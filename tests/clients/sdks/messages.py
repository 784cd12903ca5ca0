"""anthropic-python."""

from typing import Any

import anthropic

from . import SCHEMA, asked, write_file


def main() -> None:
    """Ask until there are no tools to run."""
    want = asked()
    client: Any = anthropic.Anthropic(base_url=want.url, api_key=want.key)
    tool = {"name": "write_file", "input_schema": SCHEMA}
    said: list[Any] = [{"role": "user", "content": want.prompt}]
    while True:
        options: dict[str, Any] = {"model": want.model, "max_tokens": 4096, "messages": said}
        options["tools"] = [tool]
        if want.streams:
            with client.messages.stream(**options) as stream:
                for text in stream.text_stream:
                    print(text, end="", flush=True)
            return
        answer = client.messages.create(**options)
        calls = [block for block in answer.content if block.type == "tool_use"]
        if not calls:
            print("".join(block.text for block in answer.content if block.type == "text"))
            return
        said.append({"role": "assistant", "content": answer.content})
        results = [
            {"type": "tool_result", "tool_use_id": call.id, "content": write_file(**call.input)}
            for call in calls
        ]
        said.append({"role": "user", "content": results})


if __name__ == "__main__":
    main()
