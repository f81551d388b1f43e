"""The one door out: `redact` turns an exchange into something that may be shown, saved or logged.

Three nets. By place: the value of a member, parameter or header field with a telling name is replaced where it stands,
however short it is. By value: such values are learned into the trace's vault the moment an exchange is recorded
(`learn`), and every text that leaves has every form of every learned secret replaced by its tag, wherever the server
echoed it. By shape: JWTs and bearer credentials are learned wherever they stand. Views and evidence accept `Shown`
only, which nothing but `redact` makes, so that mypy refuses an unmasked display.

Hiding too much makes a debugger useless, so plain words are told apart from secrets: ``"code": "not_found"`` stays,
and a secret that is a plain word is hidden in its own place without being hunted for in every other text.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, NewType
from urllib.parse import parse_qsl, unquote, unquote_plus

from mcp_oauth_nb.fragments import looks_random
from mcp_oauth_nb.records import Exchange, Failure, Headers, Request, Response, read_json
from mcp_oauth_nb.telltale import (
    COOKIE_NAMES,
    CREDENTIAL_NAMES,
    CREDENTIALS,
    DOTTED,
    FORM,
    MERE_WORDS,
    NUMBER,
    PARAMETER,
    PLACES,
    PLAIN_WORDS,
    PUBLIC_HEADERS,
    SHORT_CODES,
    SHORTEST_PLAIN,
    SHORTEST_TYPED,
    USERINFO,
    is_secret_member,
    is_secret_name,
    is_secret_number,
    jwts,
    kind_of,
    normal,
)
from mcp_oauth_nb.vault import SHORTEST_AS_WORD, TAG, Vault

__all__ = [
    "Shown",
    "is_secret_name",
    "learn",
    "learn_settings",
    "looks_random",
    "mask_json",
    "mask_text",
    "redact",
    "secret_values",
]

Shown = NewType("Shown", Exchange)
"""An exchange in which every secret is a tag. Made by `redact` alone."""

# --- learning --------------------------------------------------------------------------------------------------------


def learn(exchange: Exchange) -> None:
    """Teach the exchange's vault every secret that stands in it under a telling name, or looks like a token."""
    vault, request = exchange.vault, exchange.request
    _learn_url(vault, request.url)
    edited = {name.removeprefix("headers.").lower() for name in exchange.edited if name.startswith("headers.")}
    for name, value in request.headers:
        _learn_header(vault, name, value, custom=name.lower() in edited - PUBLIC_HEADERS)
    _learn_body(vault, request.body, request.header("content-type") or "")
    if exchange.response is not None:
        for name, value in exchange.response.headers:
            _learn_header(vault, name, value)
        _learn_body(vault, exchange.response.body, exchange.response.media_type)


def learn_settings(vault: Vault, headers: Mapping[str, Any], url: str) -> None:
    """Teach a vault what the user handed in: custom headers that are not plainly public, secrets in the URL.

    A long random-looking value in the typed URL's query counts as a secret under whatever name it stands. What is
    typed as a secret is searched for from `SHORTEST_TYPED` characters on, unless it is of mere words or numbers.
    """
    for name, value in headers.items():
        for one in value if isinstance(value, (list, tuple)) else [value]:
            if one is not None and name.lower() not in PUBLIC_HEADERS:
                _learn_header(vault, name, str(one), custom=True)
    _learn_url(vault, url, typed=True)
    for _, value in parse_qsl(url.partition("#")[0].partition("?")[2]):
        if len(value) >= 16 and "://" not in value and looks_random(value):
            vault.learn(value, "parameter")


def _learn_header(vault: Vault, name: str, value: str, *, custom: bool = False) -> None:
    if custom:
        vault.hide(name)
    if custom or is_secret_name(name):
        _learn_named(vault, name if is_secret_name(name) else "header", value, typed=custom)
    elif name.lower() in ("location", "content-location", "refresh"):
        _learn_url(vault, value)
    _learn_prose(vault, TAG.sub("", value))


def _learn_named(vault: Vault, name: str, value: str, *, typed: bool = False) -> None:
    """Learn a value that stands in the place of a secret; credentials and cookies are taken apart first."""
    plain = normal(name).replace("-", "_")
    if plain in CREDENTIAL_NAMES:
        _learn_credentials(vault, value, typed=typed)
    elif plain in COOKIE_NAMES:
        for pair in value.split(";")[: 1 if plain == "set_cookie" else None]:
            # A cookie that is taken back has a name and no value: the name is none of the secrets.
            name, named, content = pair.partition("=")
            _learn_value(vault, "cookie", content.strip() if named else name.strip(), typed=typed)
    else:
        _learn_value(vault, name, value, typed=typed)


def _learn_credentials(vault: Vault, value: str, *, typed: bool) -> None:
    if TAG.search(value):
        return
    scheme, space, credentials = value.strip().partition(" ")
    if not space:
        _learn_value(vault, "authorization", value, typed=typed)
        return
    if scheme.lower() == "basic":
        user, secret = _basic(credentials)
        for one in (secret or user, unquote_plus(secret or user)):
            _learn_value(vault, "client_secret", one, typed=typed)
    _learn_value(vault, "basic" if scheme.lower() == "basic" else "token", credentials.strip(), typed=typed)


def _basic(credentials: str) -> tuple[str, str]:
    try:
        raw = base64.b64decode(credentials + "==", validate=False)
    except (binascii.Error, ValueError):
        return "", ""
    try:
        decoded = raw.decode()
    except UnicodeDecodeError:  # RFC 7617 2.1 leaves the encoding open
        decoded = raw.decode("latin-1")
    user, _, secret = decoded.partition(":")
    return user, secret


def _learn_url(vault: Vault, url: str, *, typed: bool = False) -> None:
    url = TAG.sub("", url)
    for match in USERINFO.finditer(url):
        _learn_userinfo(vault, match["value"], typed=typed)
    for part in (url.partition("#")[0].partition("?")[2], url.partition("#")[2]):
        _learn_pairs(vault, part, typed=typed)


def _learn_userinfo(vault: Vault, userinfo: str, *, typed: bool = False) -> None:
    user, _, password = userinfo.partition(":")
    for one in (password, unquote(password)):
        _learn_value(vault, "password", one, typed=typed)
    if password or looks_random(user):
        _learn_value(vault, "userinfo", userinfo)


def _learn_pairs(vault: Vault, encoded: str, *, typed: bool = False) -> None:
    for name, value in parse_qsl(encoded, keep_blank_values=False, encoding="utf-8", errors="replace"):
        if is_secret_name(name):
            _learn_value(vault, name, value, typed=typed)
        elif "=" in value or "://" in value:
            _learn_url(vault, value)
            _learn_prose(vault, value)


def _learn_body(vault: Vault, body: bytes, media_type: str) -> None:
    if not body:
        return
    text = TAG.sub("", body.decode("utf-8", "replace"))
    if "form-urlencoded" in media_type.lower() or FORM.fullmatch(text):
        _learn_pairs(vault, text)
    elif text.lstrip("\ufeff \t\r\n")[:1] in ("{", "["):
        _learn_json(vault, read_json(text).value)
    _learn_prose(vault, text)


def _learn_json(vault: Vault, value: Any) -> None:
    """Learn from a JSON value, and from JSON that stands in its strings, in the order of the document."""
    todo: list[tuple[str, Any]] = [("", value)]
    while todo:
        name, value = todo.pop()
        if isinstance(value, dict):
            todo += [(str(key), member) for key, member in reversed(value.items())]
        elif isinstance(value, list):
            todo += [(name, member) for member in reversed(value)]
        elif isinstance(value, str) and is_secret_member(name, value):
            _learn_named(vault, name, value)
        elif isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
            todo.append(("", read_json(value).value))
        elif isinstance(value, str) and value:
            _learn_prose(vault, value)


def _learn_prose(vault: Vault, text: str) -> None:
    """Learn what stands in free text: by shape, and random-looking values behind a telling name."""
    if vault.has_met(text):
        return
    for jwt in jwts(text):
        vault.learn(jwt, "jwt")
    for match in CREDENTIALS.finditer(text):
        if looks_random(match[1]):
            vault.learn(match[1], "token")
    for match in USERINFO.finditer(text):
        if ":" in match["value"]:
            _learn_userinfo(vault, match["value"])
    for pattern, read in PLACES:
        for match in pattern.finditer(text):
            _learn_if_random(vault, read(match["name"]), read(match["value"]))
    vault.meet(text)  # not before, because what another thread shows meanwhile must be masked, too


def _learn_cut_jwt(vault: Vault, text: str) -> None:
    """Learn the beginning of a JWT at the end of a text that was cut."""
    run = text[len(text.rstrip(DOTTED)) :]
    start = run.find("eyJ")
    if start >= 0:
        vault.learn(run[start:], "jwt")


def _learn_if_random(vault: Vault, name: str, value: str) -> None:
    if is_secret_name(name) and looks_random(value):
        _learn_named(vault, name, value)


def _learn_value(vault: Vault, name: str, value: str, *, typed: bool = False) -> None:
    """Learn a value to be searched for everywhere, unless that would hide an ordinary word in every text.

    Args:
        vault: the secrets.
        name: what the value stands under.
        value: the value.
        typed: the user handed it in as a secret, so that one of his own making counts as well: ``hunter2!``.
    """
    if len(value) < SHORTEST_AS_WORD or value.lower() in PLAIN_WORDS or TAG.search(value):
        return
    is_long = len(value) >= SHORTEST_PLAIN and " " not in value
    is_own = typed and len(value) >= SHORTEST_TYPED and not MERE_WORDS.fullmatch(value)
    if looks_random(value) or is_long or is_own or normal(name) in SHORT_CODES:
        vault.learn(value, kind_of(name))


# --- masking ---------------------------------------------------------------------------------------------------------


def redact(exchange: Exchange, *, body_bytes: int | None = None) -> Shown:
    """The same exchange with every secret replaced by its tag, in every field.

    Args:
        exchange: what was recorded.
        body_bytes: keep at most so many bytes of each body (a body that is cut is marked truncated).
    """
    learn(exchange)
    vault, request = exchange.vault, exchange.request
    response, failure = exchange.response, exchange.failure
    return Shown(
        replace(
            exchange,
            request=Request(
                mask_text(vault, request.method),
                _mask_url(vault, request.url),
                _mask_headers(vault, request.headers),
                _mask_body(vault, request.body, request.header("content-type") or "", body_bytes),
            ),
            response=response and _mask_response(vault, response, body_bytes),
            failure=failure and Failure(failure.kind, mask_text(vault, failure.message)),
            edited=tuple(vault.mask(name) for name in exchange.edited),
            why=mask_text(vault, exchange.why),
        )
    )


def mask_text(vault: Vault, text: str, *, cut: bool = False) -> str:
    """Mask any other text: members, pairs and user information in their places, everything known by value.

    Args:
        vault: the secrets; those that the text itself gives away are learned.
        text: any text.
        cut: the text was cut at its end.
    """
    if not text:
        return text
    plain = TAG.sub("", text)
    _learn_prose(vault, plain)
    if cut:
        _learn_cut_jwt(vault, plain)
    return vault.mask(_mask_places(vault, text), cut=cut)


def mask_json(vault: Vault, value: Any, name: str = "") -> Any:
    """A JSON value with every secret in it masked, member names included."""
    if isinstance(value, dict):
        return {vault.mask(str(key)): mask_json(vault, member, str(key)) for key, member in value.items()}
    if isinstance(value, list):
        return [mask_json(vault, member, name) for member in value]
    if isinstance(value, str):
        return _mask_named(vault, name, value) if is_secret_member(name, value) else mask_text(vault, value)
    if isinstance(value, int) and not isinstance(value, bool) and is_secret_number(name):
        return vault.tag(str(value), kind_of(name))
    return value


def _mask_response(vault: Vault, response: Response, body_bytes: int | None) -> Response:
    cut = response.truncated or (body_bytes is not None and len(response.body) > body_bytes)
    return replace(
        response,
        reason=mask_text(vault, response.reason),
        headers=_mask_headers(vault, response.headers),
        body=_mask_body(vault, response.body, response.media_type, body_bytes, cut=cut),
        truncated=cut,
        http_version=vault.mask(response.http_version),
    )


def _mask_body(vault: Vault, body: bytes, media_type: str, body_bytes: int | None, *, cut: bool = False) -> bytes:
    cut = cut or (body_bytes is not None and len(body) > body_bytes)
    text = body[:body_bytes].decode("utf-8", "replace")
    if "form-urlencoded" in media_type.lower() or FORM.fullmatch(text):
        text = _mask_parameters(vault, text)
    return mask_text(vault, text, cut=cut).encode("utf-8", "replace")


def _mask_headers(vault: Vault, headers: Headers) -> Headers:
    return tuple((mask_text(vault, name), _mask_header(vault, name, value)) for name, value in headers)


def _mask_header(vault: Vault, name: str, value: str) -> str:
    if value and (is_secret_name(name) or vault.hides(name)):
        return _mask_named(vault, name if is_secret_name(name) else "header", value)
    if name.lower() in ("location", "content-location", "refresh"):
        return _mask_url(vault, value)
    return mask_text(vault, value)


def _mask_named(vault: Vault, name: str, value: str) -> str:
    """Mask a value that stands in the place of a secret; of credentials and cookies all but the secret stays."""
    plain = normal(name).replace("-", "_")
    if plain in CREDENTIAL_NAMES:
        return _mask_credentials(vault, value)
    if plain == "cookie":
        return "; ".join(_mask_cookie(vault, pair.strip()) for pair in value.split(";"))
    if plain == "set_cookie":
        cookie, semicolon, attributes = value.partition(";")
        return f"{_mask_cookie(vault, cookie.strip())}{semicolon}{mask_text(vault, attributes)}"
    return _tagged(vault, value, kind_of(name))


def _mask_credentials(vault: Vault, value: str) -> str:
    if TAG.search(value):
        return mask_text(vault, value)
    scheme, space, credentials = value.strip().partition(" ")
    if not space:
        return vault.tag(value, "authorization")
    if scheme.lower() == "basic":
        user, secret = _basic(credentials)
        if secret:
            shown = f"{scheme} {user}:{vault.tag(unquote_plus(secret), 'client_secret')} (base64)"
            return mask_text(vault, shown)
    return mask_text(vault, f"{scheme} {vault.tag(credentials.strip(), 'token')}")


def _mask_cookie(vault: Vault, pair: str) -> str:
    name, equals, content = pair.partition("=")
    if not equals:
        return _tagged(vault, pair, "cookie") if pair else pair
    return f"{mask_text(vault, name)}={_tagged(vault, content, 'cookie') if content else ''}"


def _tagged(vault: Vault, value: str, kind: str) -> str:
    """The tag of a value; the value itself where it is a tag already."""
    return value if TAG.fullmatch(value) else vault.tag(value, kind)


def _mask_url(vault: Vault, url: str) -> str:
    """Mask a URL's secret parameters by position, then its user information, then everything by value."""
    return mask_text(vault, _mask_parameters(vault, url))


def _mask_parameters(vault: Vault, text: str) -> str:
    """Mask ``name=value`` by position in a URL or form, so that values too short to search for are hidden as well."""

    def masked(match: re.Match[str]) -> str:
        name = unquote_plus(match["name"])
        if not is_secret_name(name):
            return match[0]
        return _replaced(match, _tagged(vault, unquote_plus(match["value"]), kind_of(name)))

    return PARAMETER.sub(masked, text)


def _mask_places(vault: Vault, text: str) -> str:
    """Mask the values of telling members and pairs, and user information, where they stand in any text."""

    def number(match: re.Match[str]) -> str:
        name, value = match["name"], match["value"]
        return _replaced(match, f'"{vault.tag(value, kind_of(name))}"') if is_secret_number(name) else match[0]

    for pattern, read in PLACES:
        text = pattern.sub(partial(_masked_place, vault, read), text)
    text = USERINFO.sub(lambda match: vault.tag(match["value"], "userinfo"), text)
    return NUMBER.sub(number, text)


def _masked_place(vault: Vault, read: Callable[[str], str], match: re.Match[str]) -> str:
    name, value = read(match["name"]), read(match["value"])
    in_url = match.string[match.start() - 1 : match.start()] in ("?", "&") and is_secret_name(name)
    is_advice = not in_url and (not value.strip(".") or value in ("True", "False", "None"))  # Debugger(url, dpop=True)
    if not value or is_advice or not (in_url or is_secret_member(name, value)):
        return match[0]
    return _replaced(match, _mask_named(vault, name, value))


def _replaced(match: re.Match[str], tag: str) -> str:
    """The whole match with another value."""
    return match[0][: match.start("value") - match.start()] + tag


def secret_values(exchanges: Iterable[Exchange]) -> frozenset[str]:
    """Every secret the vaults of these exchanges have learned: what a leak check searches for."""
    return frozenset(value for exchange in exchanges for value in exchange.vault.values())
