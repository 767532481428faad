"""Keys: in the keyring of the system, else in a file under a passphrase, else for this run only. Never in plain text.

The only package that knows `keyring`.
"""

from __future__ import annotations

from portal_desktop.credentials.ladder import Credentials, KeyringState, LargeValues, Step
from portal_desktop.credentials.ring import KeyringBackend, system_backend
from portal_desktop.credentials.sealed import PassphraseFile
from portal_desktop.credentials.secret import Secret, check_key

__all__ = [
    "Credentials",
    "KeyringBackend",
    "KeyringState",
    "LargeValues",
    "PassphraseFile",
    "Secret",
    "Step",
    "check_key",
    "system_backend",
]
