"""Values sealed under a key: the file under a passphrase, and what is too large for a keyring."""

from __future__ import annotations

import base64
import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from portal_desktop.credentials.secret import Secret
from portal_desktop.errors import SecretError


class PassphraseFile:
    """All keys in one file: Argon2id makes the key of a passphrase, ChaCha20-Poly1305 seals. Blocking; use a thread."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._key = b""
        self._salt = b""

    def exists(self) -> bool:
        """Tell whether there is a file to open."""
        return self.path.is_file()

    def open(self, passphrase: Secret) -> dict[str, str]:
        """Return the keys of the file; a missing one is made.

        Raises:
            SecretError: the passphrase does not fit, or the file is damaged.
        """
        for leftover in self.path.parent.glob(f"{self.path.name}.*.new"):
            leftover.unlink(missing_ok=True)
        header = self._read()
        salt = base64.b64decode(header["salt"]) if header else secrets.token_bytes(16)
        self._key, self._salt = _derive(passphrase, salt), salt
        if header is None:
            self._write({})
            return {}
        return self._unseal(header)

    def change(self, name: str, value: str | None) -> None:
        """Keep or forget one key; what another process wrote meanwhile stays.

        Raises:
            SecretError: the file was replaced by one with another passphrase, or cannot be written.
        """
        header = self._read()
        values = self._unseal(header) if header else {}
        if value is None:
            values.pop(name, None)
        else:
            values[name] = value
        self._write(values)

    def _unseal(self, header: Mapping[str, str]) -> dict[str, str]:
        if base64.b64decode(header["salt"]) != self._salt:
            raise SecretError("wrong_passphrase", technical="another file")
        try:
            content = decrypt(self._key, base64.b64decode(header["sealed"]), self._salt)
        except ValueError as error:
            raise SecretError("wrong_passphrase") from error
        return dict(json.loads(content))

    def _read(self) -> dict[str, str] | None:
        try:
            header = json.loads(self.path.read_bytes())
            fields = {name: str(header[name]) for name in ("salt", "sealed")}
            if header["version"] != 1 or len(base64.b64decode(fields["salt"], validate=True)) != 16:
                raise ValueError("unknown format")
            base64.b64decode(fields["sealed"], validate=True)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise SecretError("keyring_failed", technical=f"key file: {type(error).__name__}") from error
        return fields

    def _write(self, values: Mapping[str, str]) -> None:
        sealed = encrypt(self._key, json.dumps(dict(values)).encode(), self._salt)
        content = {
            "version": 1,
            "salt": base64.b64encode(self._salt).decode(),
            "sealed": base64.b64encode(sealed).decode(),
        }
        fresh = self.path.with_name(f"{self.path.name}.{secrets.token_hex(4)}.new")
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
                stream.write(json.dumps(content).encode())
                stream.flush()
                os.fsync(stream.fileno())
            fresh.replace(self.path)
        except OSError as error:
            fresh.unlink(missing_ok=True)
            raise SecretError("keyring_failed", technical=f"key file: {type(error).__name__}") from error


def _derive(passphrase: Secret, salt: bytes) -> bytes:
    from cryptography.hazmat.primitives.kdf.argon2 import Argon2id  # noqa: PLC0415 - needed only without a keyring

    kdf = Argon2id(salt=salt, length=32, iterations=3, lanes=4, memory_cost=64 * 1024)
    return kdf.derive(passphrase.reveal().encode())


def encrypt(key: bytes, value: bytes, purpose: bytes) -> bytes:
    """Seal a value; the same key and purpose open it."""
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305  # noqa: PLC0415 - rarely needed

    nonce = secrets.token_bytes(12)
    return nonce + ChaCha20Poly1305(key).encrypt(nonce, value, purpose)


def decrypt(key: bytes, sealed: bytes, purpose: bytes) -> bytes:
    """Open what `encrypt` sealed; a ValueError when the key does not fit or a byte was changed."""
    from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - rarely needed
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305  # noqa: PLC0415 - rarely needed

    try:
        return ChaCha20Poly1305(key).decrypt(sealed[:12], sealed[12:], purpose)
    except InvalidTag as error:
        raise ValueError("the seal is broken") from error
