"""OpenAI's embeddings, images and audio, as Azure OpenAI serves them.

GPT image models report tokens: by default 1056 out per image. Whisper and speech report none;
transcribe models report audio tokens, 10 per second of sound.
"""

from typing import Any

from . import media
from .pretend import Json, MalformedError, Prompt, Reply, Turn, count
from .shapes import need, user_turns
from .wire import Raw

TOKENS_PER_IMAGE = 1056
TOKENS_PER_SECOND = 10
DIMENSIONS = {"text-embedding-3-large": 3072}
SPEECH_TYPES = {"mp3": "audio/mpeg", "wav": "audio/wav", "opus": "audio/ogg", "pcm": "audio/pcm"}


def read_embeddings(model: str, body: Json) -> Prompt:
    if not body.get("input"):
        raise MalformedError("Missing required parameter: 'input'.")
    return Prompt(model or body.get("model", ""), body, user_turns(_inputs(body["input"])))


def _inputs(given: Any) -> list[str]:
    """Texts; a list of token ids stands for four characters each."""
    if isinstance(given, str):
        return [given]
    if given and isinstance(given[0], int):
        return ["tok " * len(given)]
    return [text for item in given for text in _inputs(item)]


def write_embeddings(prompt: Prompt, reply: Reply) -> Json:
    size = prompt.body.get("dimensions") or DIMENSIONS.get(prompt.model, 1536)
    packed = prompt.body.get("encoding_format") == "base64"
    vectors = [media.vector(turn.text, size) for turn in prompt.turns]
    return {
        "object": "list",
        "model": prompt.model,
        "data": [
            {"object": "embedding", "index": i, "embedding": media.packed(v) if packed else v}
            for i, v in enumerate(vectors)
        ],
        "usage": {"prompt_tokens": reply.usage.input, "total_tokens": reply.usage.input},
    }


def read_image(model: str, body: Json) -> Prompt:
    text = need(body, "prompt", str, "Missing required parameter: 'prompt'.")
    images = int(body.get("n") or 1)
    output = TOKENS_PER_IMAGE * images
    used = {"input": count(text), "output": output, "image_output": output}
    return Prompt(model or body.get("model", ""), body, [Turn("user", text)], base_usage=used)


def write_image(prompt: Prompt, reply: Reply) -> Json:
    number = int(prompt.body.get("n") or 1)
    answer: Json = {"created": reply.created}
    if not prompt.model.startswith(("gpt-image", "chatgpt-image")):
        data = {"b64_json": media.PNG_BASE64, "revised_prompt": prompt.text}
        return answer | {"data": [data] * number}
    tokens = reply.usage
    details = {
        "text_tokens": tokens.input - tokens.image_input,
        "image_tokens": tokens.image_input,
    }
    used = {
        "input_tokens": tokens.input,
        "input_tokens_details": details,
        "output_tokens": tokens.output,
        "output_tokens_details": {
            "image_tokens": tokens.image_output,
            "text_tokens": tokens.output - tokens.image_output,
        },
        "total_tokens": tokens.input + tokens.output,
    }
    shown = {key: prompt.body.get(key, value) for key, value in _IMAGE_DEFAULTS.items()}
    return answer | shown | {"data": [{"b64_json": media.PNG_BASE64}] * number, "usage": used}


_IMAGE_DEFAULTS = {
    "background": "opaque",
    "output_format": "png",
    "quality": "medium",
    "size": "1024x1024",
}


def read_transcription(model: str, body: Json) -> Prompt:
    """The upload arrives as bytes under `file`; a directive may hide in it or in `prompt`."""
    data = need(body, "file", bytes, "Missing required parameter: 'file'.")
    text = str(body.get("prompt") or "") + media.directives(data)
    audio = TOKENS_PER_SECOND * media.seconds(data)
    used = {"input": audio, "audio_input": audio}
    return Prompt(model or body.get("model", ""), body, [Turn("user", text)], base_usage=used)


def write_transcription(prompt: Prompt, reply: Reply) -> Json | Raw:
    seconds = media.seconds(prompt.body["file"])
    wanted = prompt.body.get("response_format", "json")
    if wanted in ("text", "srt", "vtt"):
        return Raw(f"{reply.text}\n".encode(), "text/plain")
    if wanted == "verbose_json":
        segment = {"id": 0, "start": 0.0, "end": float(seconds), "text": reply.text}
        extra = {"task": "transcribe", "language": "english", "segments": [segment]}
        return {"text": reply.text, "duration": float(seconds), **extra}
    return {"text": reply.text, "usage": _transcription_usage(prompt, reply, seconds)}


def _transcription_usage(prompt: Prompt, reply: Reply, seconds: int) -> Json:
    if "transcribe" not in prompt.model:
        return {"type": "duration", "seconds": seconds}
    tokens = reply.usage
    details = {
        "audio_tokens": tokens.audio_input,
        "text_tokens": tokens.input - tokens.audio_input,
    }
    counts = {"input_tokens": tokens.input, "output_tokens": tokens.output}
    total = tokens.input + tokens.output
    return {"type": "tokens", **counts, "input_token_details": details, "total_tokens": total}


def read_speech(model: str, body: Json) -> Prompt:
    text = need(body, "input", str, "Missing required parameter: 'input'.")
    return Prompt(model or body.get("model", ""), body, [Turn("user", text)])


def write_speech(prompt: Prompt, reply: Reply) -> Raw:
    return Raw(
        media.wav(), SPEECH_TYPES.get(prompt.body.get("response_format", "mp3"), "audio/aac")
    )
