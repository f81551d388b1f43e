"""Options that several commands share, and where secrets come from: the environment and files, never an argument."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from mcp_oauth_nb.errors import BadSetting

SECRET_HEADERS = ("authorization", "proxy-authorization", "cookie")
LARGEST_KEY = 65_536
"""Bytes that a file with a private key may have."""


def add_shared(command: argparse.ArgumentParser) -> None:
    """Options of every command that sends requests."""
    add = command.add_argument
    add("--header", action="append", default=[], metavar="'K: V'", help="an extra header that is no secret")
    add("--header-env", action="append", default=[], metavar="'K: NAME'", help="one whose value is in a variable")
    add("--ca", metavar="FILE", help="a CA bundle in PEM")
    add("--format", choices=("text", "json"), default="text")


def milliseconds(text: str) -> float:
    """A duration above 0 of at most a day, in milliseconds."""
    value = float(text)
    if not 0 < value <= 86_400_000:
        raise argparse.ArgumentTypeError("a number of milliseconds above 0, at most a day")
    return value


def headers(options: argparse.Namespace) -> dict[str, Any]:
    """The extra headers; a repeated name has several values.

    Raises:
        BadSetting: a header cannot be read, or is a secret that stands in the arguments.
    """
    found: dict[str, Any] = {}
    for option, given in (("--header", options.header), ("--header-env", options.header_env)):
        for line in given:
            name, colon, value = (part.strip() for part in line.partition(":"))
            if not colon or not name:
                raise BadSetting(option, "a text without a name and a colon", "such as 'X-Tenant: blue'")
            if option == "--header" and name.lower() in SECRET_HEADERS:
                mend = f"--header-env '{name}: VARIABLE' takes one."
                raise BadSetting(option, name, "no secret as an argument", mend)
            found.setdefault(name, []).append(value if option == "--header" else from_environment(option, value) or "")
    return found


def from_environment(option: str, name: str | None) -> str | None:
    """The value of a variable; None where the option was not given. What was given is not repeated: it may be a secret.

    Raises:
        BadSetting: there is no such variable, or it is empty.
    """
    if name is None:
        return None
    value = os.environ.get(name)
    if not value:
        raise BadSetting(option, "a variable that is not set", "the name of one that holds the secret")
    return value


def from_file(option: str, name: str | None) -> str | None:
    """The text of a file with a key; None where the option was not given. Its name is not repeated: it may be the key.

    Raises:
        BadSetting: it cannot be read, or holds no text.
    """
    if name is None:
        return None
    try:
        with Path(name).open("rb") as stream:
            return stream.read(LARGEST_KEY).decode()
    except (OSError, ValueError):
        seen = "something that is no file of text which can be read"
        raise BadSetting(option, seen, "the name of a file with a private key, as PEM or JWK") from None
