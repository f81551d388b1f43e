"""The one door out: `redact` turns an exchange into something that may be shown, saved or logged.

Two nets. By name: members, parameters and header fields that hold secrets are learned into the trace's vault the moment
an exchange is recorded (`learn`), whatever their value. By value: every text that leaves has every form of every
learned secret replaced by its tag, wherever the server echoed it. Views and evidence accept `Shown` only, which nothing
but `redact` makes, so that mypy refuses an unmasked display.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, NewType
from urllib.parse import parse_qsl, unquote_plus

from mcp_oauth_nb.records import Exchange, Failure, Headers, Request, Response, read_json
from mcp_oauth_nb.vault import SHORTEST_AS_WORD, Vault

Shown = NewType("Shown", Exchange)
"""An exchange in which every secret is a tag. Made by `redact` alone."""

SECRET_NAMES = frozenset(
    """access_token refresh_token id_token token code code_verifier client_secret client_assertion assertion state
    registration_access_token initial_access_token software_statement subject_token actor_token id_token_hint
    logout_token password device_code user_code nonce request auth_req_id ticket sid session session_id session_state
    api_key apikey api-key x-api-key key secret sig signature jwt dpop authorization proxy-authorization cookie
    set-cookie mcp-session-id x-amz-security-token""".split()
)
"""Names of parameters, JSON members and header fields whose value is a secret. One line here hides one more name."""

SECRET_PARTS = re.compile(r"(^|[-_])(tokens?|secret|passw(or)?d|apikey|session|cookie|credentials?|signature)($|[-_])")
PUBLIC_NAMES = re.compile(
    r"_(endpoint|supported|type|types|method|methods|uri|url|hint|expires_at|expires_in)$|_supported_|_alg_|^expires_"
)
"""Names that contain a secret's name and are none: ``token_endpoint``, ``token_type``, ``client_secret_expires_at``."""

PUBLIC_HEADERS = frozenset(
    """accept accept-encoding accept-language user-agent content-type content-length content-encoding host origin
    connection cache-control mcp-protocol-version mcp-method mcp-name last-event-id date server via vary""".split()
)
AMBIGUOUS_NAMES = frozenset(
    "code state key secret token request ticket session nonce signature sig sid jwt user_code".split()
)
"""Names that also carry plain words (``"code": "not_found"``): outside a URL or form only random-looking values count."""

_JWT = re.compile(r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*")
_CREDENTIALS = re.compile(r"(?i)\b(bearer|dpop)\s+([A-Za-z0-9._~+/=-]{12,})")
_MEMBER = re.compile(r'"([^"\\]{1,60})"\s*:\s*"((?:[^"\\]|\\.)*)("?)')
_FORM = re.compile(r"[A-Za-z_\-.]{1,60}=[^&\s{}]*(&[A-Za-z_\-.]{1,60}=[^&\s{}]*)*")
_PAIR = re.compile(r"(?:^|[?&;\s\"'#])([A-Za-z_\-]{2,60})=([^&\s\"'<>#;]+)")


def is_secret_name(name: str) -> bool:
    """Whether the value of a parameter, JSON member or header field of this name is a secret."""
    lower = name.lower()
    if lower in SECRET_NAMES:
        return True
    return bool(SECRET_PARTS.search(lower)) and not PUBLIC_NAMES.search(lower)


def learn(exchange: Exchange) -> None:
    """Teach the exchange's vault every secret that stands in it under a telling name, or looks like a token."""
    vault, request = exchange.vault, exchange.request
    _learn_url(vault, request.url)
    _learn_headers(vault, request.headers)
    _learn_body(vault, request.body, request.header("content-type") or "")
    if exchange.response is not None:
        _learn_headers(vault, exchange.response.headers)
        _learn_body(vault, exchange.response.body, exchange.response.media_type)


def learn_settings(vault: Vault, headers: Mapping[str, str], url: str) -> None:
    """Teach a vault what the user handed in: custom headers that are not plainly public, secrets in the URL."""
    for name, value in headers.items():
        if name.lower() not in PUBLIC_HEADERS:
            _learn_header(vault, name, value, custom=True)
    _learn_url(vault, url)


def redact(exchange: Exchange, *, body_bytes: int | None = None) -> Shown:
    """The same exchange with every secret replaced by its tag, in every field.

    Args:
        exchange: what was recorded.
        body_bytes: keep at most so many bytes of each body (a body that is cut is marked truncated).
    """
    learn(exchange)
    vault = exchange.vault
    response, failure = exchange.response, exchange.failure
    return Shown(
        replace(
            exchange,
            request=Request(
                exchange.request.method,
                _mask_url(vault, exchange.request.url),
                _mask_headers(vault, exchange.request.headers),
                _mask_body(vault, exchange.request.body[:body_bytes], cut=_is_cut(exchange.request.body, body_bytes)),
            ),
            response=response and _mask_response(vault, response, body_bytes),
            failure=failure and Failure(failure.kind, mask_text(vault, failure.message)),
            why=mask_text(vault, exchange.why),
        )
    )


def mask_text(vault: Vault, text: str, *, cut: bool = False) -> str:
    """Mask any other text: known secrets by value, JWTs and bearer credentials by shape, pairs by name."""
    for match in _JWT.finditer(text):
        vault.learn(match.group(0), "jwt")
    for match in _CREDENTIALS.finditer(text):
        vault.learn(match.group(2), "token")
    for match in _PAIR.finditer(text):
        _learn_in_prose(vault, match.group(1), unquote_plus(match.group(2)))
    for match in _MEMBER.finditer(text):
        _learn_in_prose(vault, match.group(1), match.group(2))
    return vault.mask(text, cut=cut)


def mask_json(vault: Vault, value: Any, name: str = "") -> Any:
    """A JSON value with every secret in it masked, member names included."""
    if isinstance(value, dict):
        return {vault.mask(str(key)): mask_json(vault, member, str(key)) for key, member in value.items()}
    if isinstance(value, list):
        return [mask_json(vault, member, name) for member in value]
    if isinstance(value, str):
        if value and _is_secret_member(name, value):
            return vault.tag(value, _kind(name))
        return mask_text(vault, value)
    return value


def _mask_response(vault: Vault, response: Response, body_bytes: int | None) -> Response:
    cut = response.truncated or _is_cut(response.body, body_bytes)
    return replace(
        response,
        reason=mask_text(vault, response.reason),
        headers=_mask_headers(vault, response.headers),
        body=_mask_body(vault, response.body[:body_bytes], cut=cut),
        truncated=cut,
    )


def _is_cut(body: bytes, body_bytes: int | None) -> bool:
    return body_bytes is not None and len(body) > body_bytes


def _mask_body(vault: Vault, body: bytes, *, cut: bool) -> bytes:
    text = body.decode("utf-8", "replace")
    if _FORM.fullmatch(text):
        text = _mask_pairs(vault, text)
    return mask_text(vault, text, cut=cut).encode("utf-8", "replace")


def _mask_url(vault: Vault, url: str) -> str:
    """Mask a URL's user information and its secret parameters by position, then everything by value."""
    scheme, separator, rest = url.partition("://")
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    if separator and "@" in authority:
        user = authority.rpartition("@")[0]
        url = url.replace(user, vault.tag(user, "userinfo"), 1)

    return mask_text(vault, _mask_pairs(vault, url))


def _mask_pairs(vault: Vault, text: str) -> str:
    """Mask ``name=value`` by position in a URL or form, so that values too short to search for are hidden as well."""

    def one(match: re.Match[str]) -> str:
        name, value = match.group(2), match.group(3)
        if not is_secret_name(unquote_plus(name)) or not value:
            return match.group(0)
        return f"{match.group(1)}{name}={vault.tag(unquote_plus(value), _kind(name))}"

    return re.sub(r"(^|[?&#])([^=&#?/:]+)=([^&#]*)", one, text)


def _mask_headers(vault: Vault, headers: Headers) -> Headers:
    return tuple((mask_text(vault, name), _mask_header(vault, name, value)) for name, value in headers)


def _mask_header(vault: Vault, name: str, value: str) -> str:
    lower = name.lower()
    if lower in ("authorization", "proxy-authorization"):
        return _mask_credentials(vault, value)
    if lower == "set-cookie":
        first, semicolon, attributes = value.partition(";")
        cookie, _, content = first.partition("=")
        return f"{cookie}={vault.tag(content, 'cookie')}{semicolon}{mask_text(vault, attributes)}"
    if lower == "location":
        return _mask_url(vault, value)
    if is_secret_name(lower) and value:
        return vault.tag(value, _kind(lower))
    return mask_text(vault, value)


def _mask_credentials(vault: Vault, value: str) -> str:
    scheme, space, credentials = value.partition(" ")
    if not space:
        return vault.tag(value, "authorization") if value else value
    if scheme.lower() == "basic":
        user, secret = _basic(credentials)
        if secret:
            return f"{scheme} {vault.mask(user)}:{vault.tag(secret, 'client_secret')} (base64)"
    return f"{scheme} {vault.tag(credentials.strip(), 'token')}"


def _learn_headers(vault: Vault, headers: Headers) -> None:
    for name, value in headers:
        _learn_header(vault, name, value)


def _learn_header(vault: Vault, name: str, value: str, *, custom: bool = False) -> None:
    lower = name.lower()
    if lower in ("authorization", "proxy-authorization"):
        _learn_credentials(vault, value)
    elif lower in ("cookie", "set-cookie"):
        for pair in value.split(";")[: 1 if lower == "set-cookie" else None]:
            _learn_value(vault, "cookie", pair.partition("=")[2].strip())
    elif lower == "location":
        _learn_url(vault, value)
    elif custom or is_secret_name(lower):
        _learn_value(vault, lower, value)


def _learn_credentials(vault: Vault, value: str) -> None:
    scheme, space, credentials = value.partition(" ")
    if not space:
        _learn_value(vault, "authorization", value)
        return
    if scheme.lower() == "basic":
        secret = _basic(credentials)[1]
        _learn_value(vault, "client_secret", secret)
        _learn_value(vault, "client_secret", unquote_plus(secret))
    _learn_value(vault, "basic" if scheme.lower() == "basic" else "token", credentials.strip())


def _basic(credentials: str) -> tuple[str, str]:
    try:
        decoded = base64.b64decode(credentials + "==", validate=False).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return "", ""
    user, _, secret = decoded.partition(":")
    return user, secret


def _learn_url(vault: Vault, url: str) -> None:
    scheme, separator, rest = url.partition("://")
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    if separator and "@" in authority:
        user, _, password = authority.rpartition("@")[0].partition(":")
        _learn_value(vault, "password", unquote_plus(password))
        _learn_value(vault, "userinfo", f"{user}:{password}" if password else user)
    for part in (url.partition("#")[0].partition("?")[2], url.partition("#")[2]):
        _learn_pairs(vault, part)


def _learn_pairs(vault: Vault, encoded: str) -> None:
    for name, value in parse_qsl(encoded, keep_blank_values=False, encoding="utf-8", errors="replace"):
        if is_secret_name(name):
            _learn_value(vault, name, value)
        elif "://" in value:
            _learn_url(vault, value)


def _learn_body(vault: Vault, body: bytes, media_type: str) -> None:
    if not body:
        return
    if "form-urlencoded" in media_type.lower():
        _learn_pairs(vault, body.decode("utf-8", "replace"))
        return
    if body.lstrip()[:1] in (b"{", b"["):
        parsed = read_json(body)
        if not parsed.problem:
            _learn_json(vault, parsed.value)
            return
    mask_text(vault, body.decode("utf-8", "replace"))


def _learn_json(vault: Vault, value: Any, name: str = "") -> None:
    if isinstance(value, dict):
        for key, member in value.items():
            _learn_json(vault, member, str(key))
    elif isinstance(value, list):
        for member in value:
            _learn_json(vault, member, name)
    elif isinstance(value, str) and value and _is_secret_member(name, value):
        _learn_value(vault, name, value)


def _learn_in_prose(vault: Vault, name: str, value: str) -> None:
    if _is_secret_member(name, value):
        _learn_value(vault, name, value)


def _is_secret_member(name: str, value: str) -> bool:
    if not name or not is_secret_name(name):
        return bool(_JWT.fullmatch(value))
    return name.lower() not in AMBIGUOUS_NAMES or looks_random(value)


def looks_random(value: str) -> bool:
    """Whether a value is no plain word or phrase: no blanks, and digits or both cases in it."""
    if " " in value or len(value) < SHORTEST_AS_WORD:
        return False
    return any(c.isdigit() for c in value) or (value.lower() != value and value.upper() != value)


def _learn_value(vault: Vault, name: str, value: str) -> None:
    if len(value) >= SHORTEST_AS_WORD and value.lower() not in _NOT_SECRET:
        vault.learn(value, _kind(name))


_NOT_SECRET = frozenset(("bearer", "none", "null", "true", "false", "code", "token", "undefined", "string", "basic"))


def _kind(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")[:24] or "secret"


def secret_values(exchanges: Iterable[Exchange]) -> frozenset[str]:
    """Every secret the vaults of these exchanges have learned: what a leak check searches for."""
    return frozenset(value for exchange in exchanges for value in exchange.vault.values())
