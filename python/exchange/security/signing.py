"""How a program signs a request to the gateway: the text that is signed, and the two ways to sign it.

Four headers carry it. What is signed is five lines, joined by a line feed and without one at the end:

    x-api-timestamp     milliseconds since 1970
    x-api-nonce         1 to 40 printable ASCII characters, never twice within 12 s
    METHOD              in capitals
    target              path with query, byte for byte as it is sent
    body                SHA-256 in hexadecimal; of nothing where there is no body

The signature is hexadecimal: HMAC-SHA256 with the secret's bytes, or Ed25519.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from typing import Final, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

KEY_HEADER: Final = "x-api-key"
TIMESTAMP_HEADER: Final = "x-api-timestamp"
NONCE_HEADER: Final = "x-api-nonce"
SIGNATURE_HEADER: Final = "x-api-signature"

HMAC_SHA256: Final = "hmac-sha256"
ED25519: Final = "ed25519"
ALGORITHMS: Final = (HMAC_SHA256, ED25519)
SECRET_BYTES: Final = 32

Check = Callable[[bytes, bytes], bool]
"""Whether the second is the signature of the first."""


class Signer(Protocol):
    """What signs for a key."""

    def __call__(self, text: bytes) -> str:
        """The signature of a text, in hexadecimal."""
        ...


def signed_text(timestamp: bytes, nonce: bytes, method: bytes, target: bytes, body: bytes) -> bytes:
    """What is signed."""
    return text_to_sign(timestamp, nonce, method, target, hashlib.sha256(body).digest())


def text_to_sign(timestamp: bytes, nonce: bytes, method: bytes, target: bytes, body_sha256: bytes) -> bytes:
    """The same, of a body that is not here."""
    return b"\n".join((timestamp, nonce, method, target, body_sha256.hex().encode("ascii")))


def hmac_signer(secret: str) -> Signer:
    """Signs with the secret of an HMAC key, as it was printed.

    Raises:
        ValueError: It is no hexadecimal.
    """
    key = bytes.fromhex(secret)
    return lambda text: hmac.new(key, text, hashlib.sha256).hexdigest()


def ed25519_signer(seed: str) -> Signer:
    """Signs with the private half of an Ed25519 key, its 32 bytes in hexadecimal.

    Raises:
        ValueError: It is none.
    """
    key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed))
    return lambda text: key.sign(text).hex()


def signature_check(algorithm: str, verifier: bytes) -> Check:
    """What checks signatures by a secret or a public half. It is kept, as to read a key is most of a check.

    Raises:
        ValueError: The public half is none.
    """
    if algorithm == HMAC_SHA256:
        keyed = hmac.new(verifier, digestmod=hashlib.sha256)

        def is_mac(text: bytes, signature: bytes) -> bool:
            mac = keyed.copy()
            mac.update(text)
            return hmac.compare_digest(mac.digest(), signature)

        return is_mac
    public = Ed25519PublicKey.from_public_bytes(verifier)

    def is_signature(text: bytes, signature: bytes) -> bool:
        try:
            public.verify(signature, text)
        except InvalidSignature:
            return False
        return True

    return is_signature


def new_ed25519() -> tuple[str, str]:
    """A new pair: the private half and the public one, each 32 bytes in hexadecimal."""
    key = Ed25519PrivateKey.generate()
    return key.private_bytes_raw().hex(), key.public_key().public_bytes_raw().hex()


def is_public_key(public: str) -> bool:
    """Whether a text is the public half of an Ed25519 key."""
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(public))
    except ValueError:
        return False
    return True
