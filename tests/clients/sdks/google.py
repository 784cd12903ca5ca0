"""google-genai for Python."""

from typing import Any

from google import genai
from google.genai import types

from . import SCHEMA, asked, write_file


def main() -> None:
    """Ask until there are no tools to run."""
    want = asked()
    options = types.HttpOptions(base_url=want.url)
    client: Any = genai.Client(api_key=want.key, http_options=options, vertexai=False)
    function = types.FunctionDeclaration(name="write_file", parameters_json_schema=SCHEMA)
    config = types.GenerateContentConfig(
        tools=[types.Tool(function_declarations=[function])],
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
    )
    said: list[Any] = [types.UserContent(want.prompt)]
    while True:
        given = {"model": want.model, "contents": said, "config": config}
        if want.streams:
            for chunk in client.models.generate_content_stream(**given):
                print(chunk.text or "", end="", flush=True)
            return
        answer = client.models.generate_content(**given)
        if not answer.function_calls:
            print(answer.text)
            return
        said.append(answer.candidates[0].content)
        parts = [_result(call) for call in answer.function_calls]
        said.append(types.Content(role="user", parts=parts))


def _result(call: Any) -> types.Part:
    response = {"result": write_file(**call.args)}
    found = types.FunctionResponse(id=call.id, name=call.name, response=response)
    return types.Part(function_response=found)


if __name__ == "__main__":
    main()
