"""SDKs: variables that they read by themselves, and a first program."""

from collections.abc import Callable, Mapping
from textwrap import dedent

from ..plan import Plan
from ..target import Target

_NOT_CENTRAL = ("SDKs have no central form: set the variables where the program runs.",)


def _sdk(title: str, variables: Mapping[str, str], example: str) -> Callable[[Target], Plan]:
    """A plan whose texts are filled in: `{url}`, `{openai}`, `{key}`, `{model}`."""

    def plan(target: Target) -> Plan:
        words = {
            "{url}": target.url,
            "{openai}": target.openai,
            "{key}": target.key,
            "{model}": target.model.alias,
        }

        def filled(text: str) -> str:
            for name, value in words.items():
                text = text.replace(name, value)
            return text

        return Plan(
            title,
            variables={name: filled(value) for name, value in variables.items()},
            example=filled(dedent(example).strip()),
            managed_notes=_NOT_CENTRAL,
        )

    return plan


_OPENAI = {"OPENAI_BASE_URL": "{openai}", "OPENAI_API_KEY": "{key}"}
_ANTHROPIC = {"ANTHROPIC_BASE_URL": "{url}", "ANTHROPIC_AUTH_TOKEN": "{key}"}
_GOOGLE = {"GOOGLE_GEMINI_BASE_URL": "{url}", "GEMINI_API_KEY": "{key}"}
_LITELLM = {"LITELLM_PROXY_API_BASE": "{url}", "LITELLM_PROXY_API_KEY": "{key}"}

SDKS = {
    "openai-python": _sdk(
        "OpenAI SDK for Python",
        _OPENAI,
        """
        from openai import OpenAI

        client = OpenAI()
        answer = client.responses.create(model="{model}", input="Hello")
        print(answer.output_text)
        """,
    ),
    "openai-node": _sdk(
        "OpenAI SDK for Node.js",
        _OPENAI,
        """
        import OpenAI from "openai";

        const client = new OpenAI();
        const answer = await client.responses.create({ model: "{model}", input: "Hello" });
        console.log(answer.output_text);
        """,
    ),
    "anthropic-python": _sdk(
        "Anthropic SDK for Python",
        _ANTHROPIC,
        """
        from anthropic import Anthropic

        client = Anthropic()
        message = {"role": "user", "content": "Hello"}
        answer = client.messages.create(model="{model}", max_tokens=1024, messages=[message])
        print(answer.content[-1].text)
        """,
    ),
    "anthropic-node": _sdk(
        "Anthropic SDK for Node.js",
        _ANTHROPIC,
        """
        import Anthropic from "@anthropic-ai/sdk";

        const client = new Anthropic();
        const messages = [{ role: "user", content: "Hello" }];
        const asked = { model: "{model}", max_tokens: 1024, messages };
        const answer = await client.messages.create(asked);
        console.log(answer.content.at(-1).text);
        """,
    ),
    "google-genai": _sdk(
        "Google Gen AI SDK, Python and Node.js",
        _GOOGLE,
        """
        from google import genai

        client = genai.Client()
        answer = client.models.generate_content(model="{model}", contents="Hello")
        print(answer.text)
        """,
    ),
    "litellm": _sdk(
        "LiteLLM SDK",
        _LITELLM,
        """
        from litellm import completion

        message = {"role": "user", "content": "Hello"}
        answer = completion(model="litellm_proxy/{model}", messages=[message])
        print(answer.choices[0].message.content)
        """,
    ),
    "langchain": _sdk(
        "LangChain",
        {**_OPENAI, **_ANTHROPIC},
        """
        from langchain_openai import ChatOpenAI

        model = ChatOpenAI(model="{model}")
        print(model.invoke("Hello").text)
        """,
    ),
}


def every(target: Target) -> Plan:
    """The variables of all SDKs at once, for a shell or a container."""
    return Plan(
        "SDKs",
        variables={
            name: value for sdk in SDKS.values() for name, value in sdk(target).variables.items()
        },
        notes=(f"A program for one of them: sekisho connect {'|'.join(SDKS)}",),
        managed_notes=_NOT_CENTRAL,
    )
