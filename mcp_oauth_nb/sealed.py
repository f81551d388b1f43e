"""Text that only a passphrase opens: an encrypted JWE (RFC 7516) whose key is made of the passphrase (RFC 7518 4.8).

The form is a standard one and joserfc does the work, so that a colleague can open such a text with any JOSE library.
No error quotes the text or the passphrase.
"""

from __future__ import annotations

import importlib
from typing import Any

from mcp_oauth_nb.errors import BadSetting

KEY, CONTENT = "PBES2-HS512+A256KW", "A256GCM"
ROUNDS = 250_000
"""Of PBKDF2 with SHA-512: so many times a guess costs more. joserfc refuses to read more than 300,000."""
SHORTEST_PASSPHRASE = 14
"""Characters. A shorter one is guessed by whoever has the file, at leisure."""
LARGEST = 48_000
"""Bytes. joserfc opens nothing that is much larger, and no token is."""
INSTALL = "pip install mcp-oauth-nb[jose]"
EXPECTED = f"at least {SHORTEST_PASSPHRASE} characters"


def check_passphrase(passphrase: object) -> str:
    """The passphrase, if it is worth the name.

    Raises:
        BadSetting: it is no text, or too short; no part of it is quoted.
    """
    if not isinstance(passphrase, str):
        raise BadSetting("passphrase", f"a {type(passphrase).__name__}", EXPECTED, "Use getpass().")
    if len(passphrase.strip()) < SHORTEST_PASSPHRASE:
        raise BadSetting("passphrase", f"{len(passphrase)} characters", EXPECTED, "Use getpass().")
    return passphrase


def seal(text: str, passphrase: str) -> str:
    """Encrypt a text; the result is one line of ASCII, and another one each time.

    Raises:
        BadSetting: the passphrase is too short, the text too long, or joserfc is not installed.
    """
    key, content = _key(check_passphrase(passphrase)), text.encode("utf-8", "surrogatepass")
    if len(content) > LARGEST:
        raise BadSetting("share", f"{len(content):,} bytes", f"at most {LARGEST:,}")
    header = {"alg": KEY, "enc": CONTENT, "p2c": ROUNDS}
    sealed = _joserfc("jwe").encrypt_compact(header, content, key, algorithms=[KEY, CONTENT])
    return str(sealed)


def unseal(sealed: str, passphrase: str) -> str:
    """The text behind what `seal` made.

    Raises:
        BadSetting: the passphrase is another one or the text was changed, which cannot be told apart; or joserfc is not
            installed.
    """
    jwe, key = _joserfc("jwe"), _key(check_passphrase(passphrase))
    try:
        opened = jwe.decrypt_compact(sealed, key, algorithms=[KEY, CONTENT])
        return bytes(opened.plaintext).decode("utf-8", "surrogatepass")
    except Exception:  # noqa: BLE001 - what is wrong is not told by the library either, and must not be quoted
        seen = "one that does not open the file, or a file that was changed"
        raise BadSetting("passphrase", seen, "the one it was shared with") from None


def _key(passphrase: str) -> Any:
    return _joserfc("jwk").OctKey.import_key(passphrase.encode("utf-8", "surrogatepass"))


def _joserfc(module: str) -> Any:
    try:
        return importlib.import_module(f"joserfc.{module}")
    except ImportError:
        raise BadSetting("share", "no library that encrypts", "joserfc", f"Run {INSTALL}.") from None
