"""Where an unattended diagnosis goes, and as whom: secrets by the names of environment variables, never as values.

What was given in the place of a name is not repeated, since it may be the secret.
"""

from __future__ import annotations

import importlib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mcp_oauth_nb.arguments import brief, check_texts
from mcp_oauth_nb.errors import BadSetting
from mcp_oauth_nb.protocol.flow import Client
from mcp_oauth_nb.redact import learn_settings, mask_text
from mcp_oauth_nb.vault import Vault

HELD = "If it was the secret itself, this notebook holds it now: delete the file, and have the secret changed."
"""What is said to somebody who may have written a secret into a notebook."""
LARGEST_KEY = 65_536
"""Bytes that are read of a file with a private key."""
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def target_of(url: str, url_env: str | None, fault: str | None) -> Any:
    """The URL to ask; that of a demo server of our own where none is given."""
    check_texts(url=url, url_env=url_env, fault=fault)
    if url and url_env:
        raise BadSetting("url_env", "url as well", "one of the two")
    given = url or from_variable("url_env", url_env)
    if not given:
        try:
            return importlib.import_module("mcp_oauth_nb.demo").DemoServer(fault or None).url
        except ValueError:
            mend = "`mcp-oauth-nb demo --list` prints them all."
            raise BadSetting("fault", brief(fault), "the name of a fault of the demo", mend) from None
    vault = Vault()
    learn_settings(vault, {}, given)
    if url and mask_text(vault, url) != url:
        raise BadSetting("url", "a URL with a key in it", "one without", f"url_env='NAME' takes it. {HELD}")
    return given


def client_of(
    client_id: str | None, secret_env: str | None, key_file: str | None, algorithm: str, *, demo: Any = None
) -> Client | None:
    """The pre-registered client; that of a demo server where it alone could be meant; None where none is named."""
    if client_id is None and demo is not None:
        return Client(demo.confidential_client.client_id, secret=demo.confidential_client.client_secret)
    if client_id is None:
        if secret_env is not None or key_file is not None:
            raise BadSetting("client_id", "nothing", "the id that belongs to the secret or key")
        return None
    return Client(
        client_id,
        secret=from_variable("client_secret_env", secret_env),
        private_key=key_of(key_file),
        algorithm=algorithm,
    )


def key_of(name: str | None) -> str | None:
    """The text of a file with a key. Its name is not repeated: it may be the key."""
    check_texts(private_key_file=name)
    if name is None:
        return None
    try:
        with Path(name).open("rb") as stream:
            return stream.read(LARGEST_KEY).decode()
    except (OSError, ValueError):
        seen = "something that is no file of text which can be read"
        raise BadSetting("private_key_file", seen, "the name of a file with a private key", HELD) from None


def headers_of(named: Mapping[str, str] | None) -> dict[str, str]:
    """Extra headers by the names of the variables that hold their values."""
    if named is not None and not isinstance(named, Mapping):
        raise BadSetting("headers_env", f"a {type(named).__name__}", "a mapping, such as {'X-Api-Key': 'MCP_API_KEY'}")
    return {header: from_variable("headers_env", name) or "" for header, name in (named or {}).items()}


def from_variable(parameter: str, name: str | None) -> str | None:
    """The value of an environment variable; None where none is named. What was given is not repeated.

    Raises:
        BadSetting: that is no name, or there is no such variable.
    """
    check_texts(**{parameter: name})
    if name is None:
        return None
    if not _NAME.fullmatch(name):
        raise BadSetting(parameter, "something that is no variable's name", "the name of one", HELD)
    value = os.environ.get(name)
    if not value:
        raise BadSetting(parameter, "a variable that is not set", "the name of one that is", HELD)
    return value
