"""Secrets that have to be read again lie in stores sealed: AES-256-GCM with a key from the store of keys."""

from __future__ import annotations

import contextlib
import secrets
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from exchange.config.private import read_private_file, write_private_file
from exchange.errors import SecurityError, SecurityFault

_NAME: Final = "sealing.key"
_NONCE_BYTES: Final = 12


class Sealer:
    """Seals and opens by the key of one directory.

    Args:
        directory: Of the keys. The key is made where it is missing.

    Raises:
        SecurityError: The file is open to others, or no key.
    """

    def __init__(self, directory: Path) -> None:
        path = directory / _NAME
        if not path.exists():
            with contextlib.suppress(SecurityError):  # another process was quicker
                write_private_file(path, AESGCM.generate_key(256).hex().encode("ascii"))
        content = read_private_file(path, secret=True)
        try:
            self._cipher = AESGCM(bytes.fromhex(content.decode("ascii")))
        except ValueError:
            raise SecurityError(f"{path} is no key that seals", SecurityFault.BAD_KEY_STORE) from None

    def seal(self, content: bytes, owner: str) -> bytes:
        """Content that only this key opens, and only for the same owner."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, content, owner.encode())

    def open(self, sealed: bytes, owner: str) -> bytes:
        """What was sealed.

        Raises:
            SecurityError: It was sealed by another key or for another owner, or changed.
        """
        try:
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], owner.encode())
        except InvalidTag:
            raise SecurityError(
                f"the secret of {owner} was sealed by another key than this one, or changed",
                SecurityFault.BAD_KEY_STORE,
            ) from None
