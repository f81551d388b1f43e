"""An exchange taken apart into named fields, so that two of them can be held side by side.

Only what `redact` has been over is taken apart, so every value here is masked. A tag may stand in a URL or in a form,
where its blanks and its ``#`` would be read as structure: it is put aside before the text is parsed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple
from urllib.parse import unquote_plus

from mcp_oauth_nb.protocol.jsonrpc import events
from mcp_oauth_nb.protocol.jwt import is_encrypted, numeric_date, read_jwt, repeats
from mcp_oauth_nb.records import Request, Response, read_json
from mcp_oauth_nb.redact import Shown, mask_json, mask_text
from mcp_oauth_nb.vault import TAG, Vault

Half = Literal["request", "answer"]
IN_URLS = ("location", "content-location")
TOKENS = ("token", "jwt", "assertion", "dpop", "statement")
"""Parts of the kinds of tags behind which a JWT may stand."""
TOLD = ("iss", "aud", "azp", "client_id", "scope", "scp")
"""Claims whose values are compared and shown; of all others only the names (RFC 7519 4, RFC 9068 2.2)."""
COVERED = "(not shown: it repeats a part of a token)"
FEW = 4
"""Members told of a body that is told as one."""
MOST = 2000
"""Fields of an exchange; what comes behind them is not compared, and a field says so."""
MARK = "\ufeff"
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(?:([^/?#@]*)@)?([^/?#]*)([^?#]*)(?:\?([^#]*))?(?:#(.*))?", re.DOTALL)
_OTHER_TYPE = re.compile(r"true|false|null|-?[0-9][0-9.eE+-]*|[\[{].*", re.DOTALL)
_ASIDE = re.compile("\ue000(\\d+)\ue001")


Fields = dict[tuple[Half, str], str]
"""The fields of an exchange by half and part."""


class Field(NamedTuple):
    """One value and where it stands.

    Attributes:
        half: ``request`` or ``answer``.
        part: ``method``, ``url path``, ``query NAME``, ``header NAME``, ``form NAME``, ``body /JSON/POINTER``,
            ``status``, ``failure`` and so on.
        value: masked text.
    """

    half: Half
    part: str
    value: str


def fields_of(shown: Shown) -> Fields:
    """Every field of an exchange by its half and part, in reading order."""
    found: Fields = {}
    for field in _fields(shown):
        if len(found) >= MOST:
            found[field.half, f"fields behind the first {MOST}"] = "(not compared)"
            break
        part, number = field.part, 1
        while (field.half, part) in found:
            number += 1
            part = f"{field.part} ({number})"
        found[field.half, part] = field.value
    return found


def folded(ours: Fields, theirs: Fields) -> tuple[Fields, Fields]:
    """The same fields, with bodies that have no member in common as one field: they are of another kind altogether."""
    halves: tuple[Half, Half] = ("request", "answer")
    for half in halves:
        bodies = [[key for key in fields if key[0] == half and key[1].startswith("body")] for fields in (ours, theirs)]
        if all(bodies) and not set(bodies[0]) & set(bodies[1]):
            ours, theirs = _as_one(ours, half, bodies[0]), _as_one(theirs, half, bodies[1])
    return ours, theirs


def _as_one(fields: Fields, half: Half, body: list[tuple[Half, str]]) -> Fields:
    told = [f"{part.removeprefix('body ')}: {fields[half, part]}" for _, part in body[:FEW]]
    rest = [f"and {len(body) - FEW} more"] if len(body) > FEW else []
    kept = {key: value for key, value in fields.items() if key not in body}
    return {**kept, (half, "body"): "; ".join([*told, *rest])}


def claims_of(tag: str, vault: Vault) -> dict[str, str]:
    """What can be told of the value behind a tag: whether it is a JWT, and of one the claims that tell for whom it is.

    Read and not verified; empty for a tag of a kind that no JWT stands behind.
    """
    kind = tag[1:].partition("#")[0]
    value = vault.behind(tag)
    if value is None or not any(part in kind for part in TOKENS):
        return {}
    jwt = read_jwt(value)
    if jwt is None:
        return {"form": "encrypted JWT" if is_encrypted(value) else "opaque"}
    told = {"form": "JWT"}
    told |= {name: mask_text(vault, _text(jwt.header[name])) for name in ("typ", "alg") if name in jwt.header}
    told |= {name: _text(mask_json(vault, jwt.claims[name])) for name in TOLD if name in jwt.claims}
    told["claims"] = mask_text(vault, " ".join(sorted(map(str, jwt.claims))))
    begun, ends = numeric_date(jwt.claims.get("iat")), numeric_date(jwt.claims.get("exp"))
    told = {name: COVERED if repeats(said, value) else said for name, said in told.items()}
    return {**told, "lifetime_s": f"{ends - begun:g}"} if begun is not None and ends is not None else told


def _fields(shown: Shown) -> Iterator[Field]:
    request = shown.request
    yield Field("request", "method", request.method)
    yield from (Field("request", part, value) for part, value in url_fields(request.url))
    yield from _headers("request", request)
    yield from _body("request", request, request.header("content-type") or "")
    if shown.edited:
        yield Field("request", "edited", ", ".join(shown.edited))
    if shown.failure is not None:
        yield Field("answer", "failure", f"{shown.failure.kind}: {shown.failure.message}")
    if shown.response is not None:
        yield Field("answer", "status", str(shown.response.status))
        yield from _headers("answer", shown.response)
        yield from _body("answer", shown.response, shown.response.media_type)


def url_fields(url: str) -> Iterator[tuple[str, str]]:
    """A URL by its components, its query by parameter; as one where it is no URL with an authority."""
    aside = _Aside(url)
    match = _URL.fullmatch(aside.text)
    if match is None:
        yield "url", url
        return
    names = ("scheme", "user", "host", "path", "query", "fragment")
    for name, value in zip(names, match.groups(), strict=True):
        if name in ("query", "fragment") and value and "=" in value:
            yield from ((f"{name} {aside.back(key)}", aside.back(one)) for key, one in _pairs(value))
        elif value is not None:
            yield f"url {name}", aside.back(value)


def _headers(half: Half, message: Request | Response) -> Iterator[Field]:
    for name, value in message.headers:
        if name.lower() in IN_URLS:
            yield from (Field(half, f"header {name.lower()} {part}", one) for part, one in url_fields(value))
        else:
            yield Field(half, f"header {name.lower()}", value)


def _body(half: Half, message: Request | Response, media_type: str) -> Iterator[Field]:
    text = message.body.decode("utf-8", "replace")
    if not text:
        return
    if "form-urlencoded" in media_type.lower():
        aside = _Aside(text)
        yield from (Field(half, f"form {aside.back(name)}", aside.back(value)) for name, value in _pairs(aside.text))
    elif "event-stream" in media_type:
        for number, event in enumerate(events(message.body), 1):
            yield from _json_or_text(half, event.data, "" if number == 1 else f" of event {number}")
    else:
        yield from _json_or_text(half, text, "")


def _json_or_text(half: Half, text: str, where: str) -> Iterator[Field]:
    read = read_json(text)
    if read.problem or not isinstance(read.value, (dict, list)):
        yield Field(half, f"body{where}", text)
        return
    if text.startswith(MARK):
        yield Field(half, f"beginning of the body{where}", "a byte order mark")
    yield from (Field(half, f"body{where} {path or '/'}", value) for path, value in _members(read.value, ""))


def _members(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """The leaves of a JSON value by their pointer; a list of plain values is one leaf."""
    if isinstance(value, dict) and value:
        for name, member in value.items():
            yield from _members(member, f"{path}/{name.replace('~', '~0').replace('/', '~1')}")
    elif isinstance(value, list) and any(isinstance(one, (dict, list)) for one in value):
        for number, member in enumerate(value):
            name = member.get("name") if isinstance(member, dict) else None
            yield from _members(member, f"{path}/{name if isinstance(name, str) else number}")
    else:
        yield path, _text(value)


def _text(value: Any) -> str:
    """A JSON value as text; quoted where a string reads like another type, so that ``"900"`` is not ``900``."""
    is_plain = isinstance(value, str) and not _OTHER_TYPE.fullmatch(value)
    return value if is_plain else json.dumps(value, ensure_ascii=False)


def _pairs(encoded: str) -> Iterator[tuple[str, str]]:
    for pair in filter(None, encoded.split("&")):
        name, _, value = pair.partition("=")
        yield unquote_plus(name), unquote_plus(value)


class _Aside:
    """A text whose tags stand aside, as characters that mean nothing to a parser."""

    def __init__(self, text: str) -> None:
        self._tags: list[str] = []
        self.text = TAG.sub(self._put, _ASIDE.sub("", text))

    def _put(self, match: re.Match[str]) -> str:
        self._tags.append(match[0])
        return f"\ue000{len(self._tags) - 1}\ue001"

    def back(self, text: str) -> str:
        return _ASIDE.sub(lambda match: self._tags[int(match[1])], text)
