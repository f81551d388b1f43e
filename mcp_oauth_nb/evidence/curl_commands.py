"""Reads a command line with curl, as it stands in a log behind a prompt: nothing of it is run.

It tells what ``curl -v`` leaves out, the body that was sent, and the exact URL.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from urllib.parse import quote_plus

PROMPT = re.compile(
    r"(?:\([\w.-]{1,40}\) ?)?(?:[\w.@~:/\\ \[\]-]{0,80}?[$%#❯›➜+] ?|\+{1,4} ?|PS [^>\n]{0,120}> ?)?"
    r"(?P<command>curl(?:\.exe)? .*)",
    re.DOTALL,
)
"""A line that begins with curl, or does behind a prompt."""
LONGEST = 65_536
"""Characters of a command over all of its lines."""
DATA = ("--data", "--data-raw", "--data-binary", "--data-ascii", "--data-urlencode", "--json")
LETTERS = {"X": "--request", "d": "--data", "H": "--header", "u": "--user", "F": "--form", "G": "--get", "I": "--head"}
WITH_VALUE = frozenset("AbcCDeEFHKmoPQrtTuUwxXyYzd")
"""Letters of options that take a value; that of others is none."""
WITHOUT_VALUE = frozenset(
    """--verbose --silent --show-error --location --insecure --include --get --head --fail --compressed --http1.1
    --http2
    --http1.0 --http3 --globoff --no-buffer --trace-time --trace-ids --next --fail-with-body --location-trusted --ipv4
    --ipv6 --no-progress-meter --progress-bar --remote-name --anyauth --basic --digest --negotiate --path-as-is --raw
    --no-keepalive --http2-prior-knowledge --tlsv1.2 --tlsv1.3 --styled-output --parallel --create-dirs""".split()
)


@dataclass(frozen=True)
class Command:
    """What a command asks for. `body` is None where it does not say it, such as of a file."""

    url: str
    method: str
    body: bytes | None


def read_command(text: str) -> Command | None:
    """The first request of a command line; None where it is none, or its quotes are not closed."""
    match = PROMPT.fullmatch(text)
    if not match or len(text) > LONGEST:
        return None
    try:
        words = shlex.split(match["command"].replace("\\\n", " "))[1:]
    except ValueError:
        return None
    return _read(words)


def is_open(text: str) -> bool:
    """Whether a command goes on in the next line."""
    if text.rstrip("\r").endswith("\\"):
        return True
    try:
        shlex.split(text)
    except ValueError:
        return True
    return False


def _read(words: list[str]) -> Command | None:
    urls: list[str] = []
    data: list[str | None] = []
    method, rest = "", iter(words)
    for word in rest:
        if word in ("|", ">", "2>", "2>&1", "&&", ";", ">>") or word.startswith(("2>", ">")):
            break
        name, value = _option(word, rest)
        if not name:
            urls.append(word)
        elif name == "--url":
            urls.append(value)
        elif name == "--request":
            method = value
        elif name in ("--head", "--get"):
            method = method or {"--head": "HEAD", "--get": "GET"}[name]
        elif name in DATA:
            data.append(_data(name, value))
        elif name in ("--form", "--form-string", "--upload-file"):
            data.append(None)
    if not urls:
        return None
    url = urls[0] if "://" in urls[0] else f"http://{urls[0]}"
    asks = bool(data) and method != "GET"
    glue = "" if any(word == "--json" for word in words) else "&"
    body = glue.join(one for one in data if one is not None).encode("utf-8", "surrogateescape")
    return Command(
        url, (method or ("POST" if data else "GET")).upper(), (None if None in data else body) if asks else b""
    )


def _option(word: str, rest: object) -> tuple[str, str]:
    """The long name of an option, and its value; empty for what is none."""
    if not word.startswith("-") or word == "-":
        return "", ""
    if word.startswith("--"):
        name, equals, value = word.partition("=")
        return name, value if equals else "" if name in WITHOUT_VALUE else next(rest, "")  # type: ignore[call-overload]
    for at, letter in enumerate(word[1:], 2):
        if letter in WITH_VALUE:
            return LETTERS.get(letter, f"-{letter}"), word[at:] or next(rest, "")  # type: ignore[call-overload]
        if letter in LETTERS:
            return LETTERS[letter], ""
    return f"-{word[-1]}", ""


def _data(name: str, value: str) -> str | None:
    """The data of an option; None where it stands in a file."""
    if name == "--data-urlencode":
        label, equals, content = value.partition("=")
        if "@" in label:
            return None
        return f"{label}={quote_plus(content)}" if equals and label else quote_plus(content if equals else value)
    return None if value.startswith("@") and name != "--data-raw" else value
