"""What is a secret by its shape or by the name it stands under, where nothing is known of the session it came from.

A file that was written by people holds examples, code and placeholders, so a value counts only where it looks like
something that a machine drew: one run of the characters that tokens are made of, with digits among them or with small
and capital letters in no order.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from urllib.parse import unquote_plus

from mcp_oauth_nb.evidence.known import Hit
from mcp_oauth_nb.fragments import looks_random
from mcp_oauth_nb.telltale import (
    AMBIGUOUS_NAMES,
    CREDENTIALS,
    PLAIN_WORDS,
    USERINFO,
    is_secret_name,
    kind_of,
    normal,
)

LONGEST_LOOK = 512
"""Characters of a value that decide whether it looks drawn."""
_DRAWN = re.compile(r"[A-Za-z0-9._~+/=:$!*@^|-]{8,65536}")
_DIGIT = re.compile(r"[0-9]")
SHORTEST_OF_LETTERS, FEWEST_OF_A_CASE = 16, 0.28
"""A value of letters alone is drawn where it is as long and so large a part of it is small, and capital, letters. Words
that are joined have a capital letter every five letters or so."""
_LETTER = re.compile(r"[A-Za-z]")
_EXAMPLE = re.compile(
    r"(?i)example|placeholder|your[-_]|changeme|redacted|masked|dummy|x{5,}|\*{3,}|\.{3}|^sha(?:1|256|384|512)[:-]|^https?:"
)
_JWT = re.compile(r"eyJ[A-Za-z0-9_-]{8,}+\.[A-Za-z0-9_-]{4,}+\.[A-Za-z0-9_-]*+")
_WORD = re.compile(r"[A-Za-z0-9_-]*+")
_BASIC = re.compile(r"(?i)\bbasic\s+(?P<value>[A-Za-z0-9+/_-]{8,4096}+={0,2})")
_BEARER = re.compile(CREDENTIALS.pattern)
_PEM = re.compile(
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----(?P<value>(?:[A-Za-z0-9+/=\s:,\\\"']|-(?!----)){40,65536}+)"
)
_KEY_TEXT = re.compile(r"[A-Za-z0-9+/=]{40}")
_ISSUED = re.compile(
    r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}+|github_pat_\w{22,}+|glpat-[\w-]{20,}+|xox[abeprs]-[\w-]{10,}+"
    r"|AKIA[0-9A-Z]{16}\b|AIza[\w-]{35}|sk-[A-Za-z0-9_-]{20,}+|sk_live_\w{16,}+)"
)
_BEGINNINGS = ("gh", "glpat-", "xox", "AKIA", "AIza", "sk-", "sk_live_")
_NAME = re.compile(
    r"(?<![A-Za-z0-9_.%-])(?P<name>[A-Za-z][A-Za-z0-9_.-]{1,60}+)[\"'\]]{0,3}+[ \t]{0,8}+(?:=>|[:=])[ \t]{0,8}+[\"']?+"
)
_VALUE = re.compile(r"[^\s\"'<>&;,)\\\x00{}]{8,512}+")
_REST = re.compile(r"[^\s\"'<>&;,)\\\x00{}]*+")
_IN_URL = re.compile(r"[?&#](?P<name>[A-Za-z][A-Za-z0-9_.-]{1,60}+)=(?P<value>[^\s\"'<>&#;,)\\\x00]{6,65536}+)")
_COOKIE_LINE = re.compile(
    r"(?im)(?<![\w-])(?P<set>set-)?cookie[\"']?\s{0,4}:\s{0,4}[\"']?(?P<value>[^\r\n\"'<>\x00]{4,8192}+)"
)
_COOKIE = re.compile(r"(?:^|;\s*+)(?P<name>[^=;\s]{1,128}+)=(?P<value>[^;\s]++)")
_CREDENTIAL_LINE = re.compile(
    r"(?im)(?<![\w-])(?:proxy-)?authorization[\"']?\s{0,4}[:=]\s{0,4}[\"']?"
    r"(?P<value>[A-Za-z]{3,20}+ [A-Za-z0-9._~+/=-]{8,65536}+)"
)
_PRIVATE_MEMBER = re.compile(
    r"(?P<quote>[\"'])d(?P=quote)\s*+:\s*+(?P=quote)(?P<value>[A-Za-z0-9_-]{40,4096}+)(?P=quote)"
)
_SYMMETRIC_KEY = re.compile(r"[\"']kty[\"']\s*+:\s*+[\"']oct[\"']")
_KEY_MEMBER = re.compile(r"(?P<quote>[\"'])k(?P=quote)\s*+:\s*+(?P=quote)(?P<value>[A-Za-z0-9_-]{16,4096}+)(?P=quote)")


def find_shapes(text: str) -> Iterator[Hit]:
    """Every stretch of a text that is a secret by its look; hits may overlap."""
    if "eyJ" in text:
        yield from _jwts(text)
    if "PRIVATE KEY" in text:
        yield from (_hit(match, "private_key") for match in _PEM.finditer(text) if _KEY_TEXT.search(match["value"]))
    if '"d"' in text or "'d'" in text:
        yield from (_hit(match, "private_key") for match in _PRIVATE_MEMBER.finditer(text))
    if "oct" in text and _SYMMETRIC_KEY.search(text):
        yield from (_hit(match, "private_key") for match in _KEY_MEMBER.finditer(text))
    if any(beginning in text for beginning in _BEGINNINGS):
        yield from (Hit(*match.span(), match[0], "token", None) for match in _ISSUED.finditer(text))
    lower = text.lower()
    yield from _credentials(text, lower)
    if ":" in text or "=" in text:
        yield from _named(text)
    if "cookie" in lower:
        yield from _cookies(text)
    if "@" in text:
        for match in USERINFO.finditer(text):
            if ":" in match["value"] and is_drawn(match["value"].partition(":")[2], 6):
                yield _hit(match, "userinfo")


def is_drawn(value: str, least: int = 8) -> bool:
    """Whether a value looks drawn at random by a machine, or chosen by somebody to be a secret; no example."""
    value = value[:LONGEST_LOOK]
    value = unquote_plus(value) if "%" in value else value
    if len(value) < least or value.lower() in PLAIN_WORDS or _EXAMPLE.search(value):
        return False
    if not _DIGIT.search(value) and not _is_of_mixed_letters(value):
        return False
    return bool(_DRAWN.fullmatch(value.ljust(8, "0")) and looks_random(value))


def _is_of_mixed_letters(value: str) -> bool:
    letters = [letter for letter in value if letter.isascii() and letter.isalpha()]
    capitals = sum(map(str.isupper, letters))
    fewest = max(1, FEWEST_OF_A_CASE * len(letters))
    return len(letters) >= SHORTEST_OF_LETTERS and fewest <= capitals <= len(letters) - fewest


def is_secret_under(name: str, value: str, *, in_url: bool = False) -> bool:
    """Whether a value under this name is a secret. Names that carry plain words, too, want one that is long."""
    if not is_secret_name(name):
        return False
    if in_url or normal(name).replace("-", "_") not in AMBIGUOUS_NAMES:
        return is_drawn(value, 6 if in_url else 8)
    return is_drawn(value, 16) and bool(_LETTER.search(value))


def secret_in_header(name: str, value: str) -> Iterator[Hit]:
    """The secrets in a header field, a parameter or a member whose name and value are known apart."""
    plain = normal(name).replace("-", "_")
    if plain in ("cookie", "set_cookie"):
        yield from _cookie_pairs(value, 0, only_first=plain == "set_cookie")
    elif plain in ("authorization", "proxy_authorization"):
        scheme, space, credentials = value.partition(" ")
        if (space and is_drawn(credentials)) or _is_basic(scheme, credentials):
            yield Hit(len(scheme) + 1, len(value), credentials, "token", None)
    elif is_secret_under(name, value):
        yield Hit(0, len(value), value, kind_of(name), None)


def _hit(match: re.Match[str], kind: str) -> Hit:
    return Hit(*match.span("value"), match["value"], kind, None)


def _jwts(text: str) -> Iterator[Hit]:
    """JWTs, also behind other characters of words; where a run of these holds none, it is passed in one go."""
    at = text.find("eyJ")
    while at >= 0:
        match = _JWT.match(text, at)
        if match:
            yield Hit(*match.span(), match[0], "jwt", None)
        run = _WORD.match(text, at)
        at = text.find("eyJ", match.end() if match else run.end() if run else at + 3)


def _credentials(text: str, lower: str) -> Iterator[Hit]:
    if "bearer" in lower or "dpop" in lower:
        for match in _BEARER.finditer(text):
            if is_drawn(match[1], 12):
                yield Hit(*match.span(1), match[1], "token", None)
    if "basic" in lower:
        for match in _BASIC.finditer(text):
            if _is_basic("basic", match["value"]):
                yield _hit(match, "basic")
    if "authorization" in lower:
        for match in _CREDENTIAL_LINE.finditer(text):
            scheme, _, value = match["value"].partition(" ")
            if is_drawn(value, 12):
                yield Hit(match.start("value") + len(scheme) + 1, match.end("value"), value, "token", None)


def _is_basic(scheme: str, credentials: str) -> bool:
    """Whether it decodes to a user and a password, and so is no word that happens to follow "basic"."""
    if scheme.lower() != "basic":
        return False
    try:
        decoded = base64.b64decode(credentials.rstrip("=") + "==", altchars=b"-_" if "_" in credentials else None)
    except (binascii.Error, ValueError):
        return False
    try:
        text = decoded.decode()
    except UnicodeDecodeError:  # RFC 7617 2.1 leaves the encoding open
        text = decoded.decode("latin-1")
        if not text.partition(":")[0].isascii():
            return False
    return ":" in text and text.isprintable() and not _EXAMPLE.search(text)


def _named(text: str) -> Iterator[Hit]:
    known: dict[str, bool] = {}

    def telling(name: str) -> bool:
        if name not in known:
            known[name] = is_secret_name(name)
        return known[name]

    for match in _IN_URL.finditer(text):
        if telling(match["name"]) and is_secret_under(match["name"], match["value"], in_url=True):
            yield _hit(match, kind_of(match["name"]))
    done = 0
    for match in _NAME.finditer(text):
        if match.start() < done or not telling(match["name"]):
            continue
        value = _VALUE.match(text, match.end())
        if value and is_secret_under(match["name"], value[0]):
            rest = _REST.match(text, value.end())
            done = rest.end() if rest else value.end()
            yield Hit(value.start(), done, text[value.start() : done], kind_of(match["name"]), None)


def _cookies(text: str) -> Iterator[Hit]:
    for match in _COOKIE_LINE.finditer(text):
        yield from _cookie_pairs(match["value"], match.start("value"), only_first=bool(match["set"]))


def _cookie_pairs(value: str, at: int, *, only_first: bool) -> Iterator[Hit]:
    for number, pair in enumerate(_COOKIE.finditer(value)):
        if (not number or not only_first) and is_drawn(pair["value"], 6):
            yield Hit(at + pair.start("value"), at + pair.end("value"), pair["value"], "cookie", None)
