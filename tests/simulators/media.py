"""The smallest true picture and sound, and vectors that depend on their text alone."""

import base64
import io
import struct
import wave
import zlib

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
PNG_BASE64 = base64.b64encode(PNG).decode()
PCM = b"\x00\x00" * 2_400  # a tenth of a second of silence at 24 kHz


def wav(seconds: float = 0.1, rate: int = 8_000) -> bytes:
    """Silence as a WAV file (16 bit, mono)."""
    target = io.BytesIO()
    with wave.open(target, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(rate)
        sound.writeframes(b"\x00\x00" * round(seconds * rate))
    return target.getvalue()


def seconds(data: bytes) -> int:
    """Length of a WAV file in seconds, rounded up; 1 for any other audio."""
    try:
        with wave.open(io.BytesIO(data)) as sound:
            return int(-(-sound.getnframes() // sound.getframerate()))
    except (wave.Error, EOFError):
        return 1


def decoded(text: str) -> bytes:
    """Base64 in either alphabet, as Google's JSON takes it."""
    return base64.b64decode(text.replace("-", "+").replace("_", "/"))


def directives(data: bytes) -> str:
    """Directives hidden in a file's bytes: audio requests have no text that could carry them."""
    start = data.find(b"[[sim:")
    return data[start:].decode("latin-1") if start >= 0 else ""


def vector(text: str, size: int) -> list[float]:
    """`size` numbers between -1 and 1, the same for the same text."""
    seed = zlib.crc32(text.encode())
    return [((seed + index * 7919) % 2001 - 1000) / 1000 for index in range(size)]


def packed(values: list[float]) -> str:
    """A vector as OpenAI's base64 encoding: little-endian float32."""
    return base64.b64encode(struct.pack(f"<{len(values)}f", *values)).decode()
