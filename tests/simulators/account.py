"""A throw-away Google service account whose logins go to the simulator."""

import json
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

PROJECT = "simulated-project"


def write(path: Path, url: str) -> Path:
    """Write a service-account file with a fresh RSA key and `token_uri` at `url`."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    account = {
        "type": "service_account",
        "project_id": PROJECT,
        "private_key_id": "simulated",
        "private_key": pem,
        "client_email": f"simulator@{PROJECT}.iam.gserviceaccount.com",
        "client_id": "1",
        "token_uri": f"{url}/token",
    }
    path.write_text(json.dumps(account), encoding="utf-8")
    path.chmod(0o600)
    return path
