"""Client ID metadata documents: what a client publishes at the URL that is its id, and what may be wrong with it.

The document is draft-ietf-oauth-client-id-metadata-document-00, which MCP 2025-11-25 takes up; its members are those of
RFC 7591 2. Building and judging are pure: whoever fetches a document hands in what was found.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from mcp_oauth_nb.errors import BadSetting
from mcp_oauth_nb.jose import PrivateKey
from mcp_oauth_nb.protocol.flow import PRIVATE_KEY_JWT, Settings
from mcp_oauth_nb.protocol.wellknown import is_loopback, split

Kind = Literal["url", "client_id", "members", "redirect_uri", "secret", "keys"]
MOST_BYTES = 5 * 1024
"""How long a document should be at most (CIMD-00 6.6)."""
LOCAL = "local"
"""Stands for the URL of a document that is served beside the redirect URI."""
LOCAL_PATH = "/client.json"
"""Where a document stands that is served on this machine."""
PUBLIC_METHODS = ("none", PRIVATE_KEY_JWT)
"""How a client may authenticate whose registration everybody can read (CIMD-00 4.1)."""
_PRIVATE_MEMBERS = frozenset(("d", "p", "q", "dp", "dq", "qi", "oth", "k"))
"""Members of a JWK that are secret (RFC 7518 6.2.2, 6.3.2, 6.4.1)."""
_DOT_SEGMENT = re.compile(r"(\.|%2e){1,2}", re.IGNORECASE)
_PORT = re.compile(r":[0-9]+\Z")


class Problem(NamedTuple):
    """One thing that an authorization server must or should object to. `observed` holds no secret.

    `part` is ``url`` or ``body:/JSON/POINTER``.
    """

    kind: Kind
    part: str
    expected: str
    observed: str
    level: Literal["MUST", "SHOULD"] = "MUST"


def client_document(
    url: str,
    redirect_uris: Sequence[str],
    client_name: str,
    *,
    auth_method: str = "none",
    jwks: Mapping[str, Any] | None = None,
    jwks_uri: str | None = None,
    scope: str | None = None,
) -> dict[str, Any]:
    """The document to publish at `url`, ready for JSON.

    Args:
        url: where it will stand; it is the client id, letter by letter.
        redirect_uris: where the browser may come back to; a loopback URI is good for every port (RFC 8252 7.3).
        client_name: what a person is asked to trust.
        auth_method: ``none``, or ``private_key_jwt`` with `jwks` or `jwks_uri`.
        jwks: the public keys as a JWK set (RFC 7517 5).
        jwks_uri: where the public keys are.
        scope: what the client may ask for; None leaves that to the authorization server.

    Raises:
        BadSetting: the method needs a secret that all would share, or the keys do not fit it or are private.
    """
    if auth_method not in PUBLIC_METHODS:
        raise BadSetting("auth_method", "another method", "one of " + ", ".join(PUBLIC_METHODS))
    if (auth_method == PRIVATE_KEY_JWT) != bool(jwks or jwks_uri) or (jwks and jwks_uri):
        expected = f"either jwks or jwks_uri with {PRIVATE_KEY_JWT}, and neither with none"
        raise BadSetting("client_document(jwks=, jwks_uri=)", f"other keys with {auth_method}", expected)
    document: dict[str, Any] = {
        "client_id": url,
        "client_name": client_name,
        "redirect_uris": list(redirect_uris),
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": auth_method,
        "application_type": application_type(redirect_uris),
    }
    given = {"jwks": dict(jwks) if jwks else None, "jwks_uri": jwks_uri, "scope": scope}
    document |= {name: value for name, value in given.items() if value}
    if any(_secrets(document)):
        raise BadSetting("client_document(jwks=)", "a private key", "public keys: everybody can read the document")
    return document


def document_for(settings: Settings, url: str) -> dict[str, Any]:
    """The document of the client that these settings describe, to be published at `url`.

    A client with a key whose id is this very URL authenticates with it; every other one is public.
    """
    keyed = settings.client is not None and settings.client.client_id == url and settings.client_key is not None
    return client_document(
        url,
        (settings.redirect_uri,),
        settings.client_name,
        auth_method=PRIVATE_KEY_JWT if keyed else "none",
        jwks={"keys": [_jwk(settings.client_key)]} if keyed and settings.client_key else None,
        scope=settings.scope,
    )


def _jwk(key: PrivateKey) -> dict[str, Any]:
    named = {"kid": key.kid} if key.kid else {}
    return {**key.public, **named, "use": "sig", "alg": key.algorithm}


def application_type(redirect_uris: Sequence[str]) -> Literal["native", "web"]:
    """``web`` for https elsewhere; ``native`` for loopback and private-use schemes (OpenID Connect Registration 2)."""
    is_web = any(uri.lower().startswith("https:") and not is_loopback(uri) for uri in redirect_uris)
    return "web" if is_web else "native"


def problems(document: Mapping[str, Any], url: str, redirect_uri: str | None = None) -> list[Problem]:
    """What is wrong with a document that was found at `url`; empty where an authorization server can take it.

    Args:
        document: the JSON object.
        url: where it was found.
        redirect_uri: the redirect URI that the client sends; None where that is not known.
    """
    return [
        *url_problems(url),
        *_identity(document, url),
        *_members(document),
        *_redirect(document, redirect_uri),
        *_secrets(document),
        *_keys(document),
    ]


def url_problems(url: str) -> Iterator[Problem]:
    """What keeps a URL from being a client id (CIMD-00 3). Plain http is let pass on this machine, for local tests."""
    expected = "an https URL with a path"
    parts = split(url.partition("#")[0])
    if parts is None:
        yield Problem("url", "url", expected, "no http(s) URL")
        return
    if not parts.origin.lower().startswith("https:") and not is_loopback(url):
        yield Problem("url", "url", expected, "plain http")
    if parts.path in ("", "/"):
        yield Problem("url", "url", expected, "no path")
    if any(_DOT_SEGMENT.fullmatch(segment) for segment in parts.path.split("/")):
        yield Problem("url", "url", "a path without . and .. segments", "a dot segment")
    if "#" in url:
        yield Problem("url", "url", "a URL without fragment", "a fragment")
    if "@" in parts.origin:
        yield Problem("url", "url", "a URL without user name and password", "user information")
    if parts.query:
        yield Problem("url", "url", "a URL without query", "a query", "SHOULD")


def _identity(document: Mapping[str, Any], url: str) -> Iterator[Problem]:
    """Simple string comparison (RFC 3986 6.2.1)."""
    client_id = document.get("client_id")
    if client_id != url:
        seen = _brief(client_id) if "client_id" in document else "no client_id"
        yield Problem("client_id", "body:/client_id", url, seen)


def _members(document: Mapping[str, Any]) -> Iterator[Problem]:
    name, uris = document.get("client_name"), document.get("redirect_uris")
    if not isinstance(name, str) or not name.strip():
        seen = _brief(name) if "client_name" in document else "no client_name"
        yield Problem("members", "body:/client_name", "client_name, a text for people", seen)
    if not isinstance(uris, list) or not uris or not all(isinstance(uri, str) for uri in uris):
        seen = _brief(uris) if "redirect_uris" in document else "no redirect_uris"
        yield Problem("members", "body:/redirect_uris", "redirect_uris, an array of URIs", seen)


def _redirect(document: Mapping[str, Any], redirect_uri: str | None) -> Iterator[Problem]:
    uris = document.get("redirect_uris")
    listed = [uri for uri in uris if isinstance(uri, str)] if isinstance(uris, list) else []
    if redirect_uri and listed and not any(is_same_redirect(uri, redirect_uri) for uri in listed):
        yield Problem("redirect_uri", "body:/redirect_uris", redirect_uri, ", ".join(listed))


def is_same_redirect(listed: str, sent: str) -> bool:
    """Whether a redirect URI is the listed one: letter by letter, but for the port on loopback (RFC 8252 7.3)."""
    if listed == sent:
        return True
    one, other = split(listed), split(sent)
    if one is None or other is None or not (is_loopback(listed) and is_loopback(sent)):
        return False
    if not listed.startswith("http:") or not sent.startswith("http:"):
        return False
    return (_PORT.sub("", one.origin), *one[1:]) == (_PORT.sub("", other.origin), *other[1:])


def _secrets(document: Mapping[str, Any]) -> Iterator[Problem]:
    """Everybody can read the document, so there is nothing secret in it (CIMD-00 4.1)."""
    for name in ("client_secret", "client_secret_expires_at"):
        if name in document:
            yield Problem("secret", f"body:/{name}", f"no {name}", f"a {name}")
    method = document.get("token_endpoint_auth_method")
    if isinstance(method, str) and method.startswith("client_secret"):
        yield Problem("secret", "body:/token_endpoint_auth_method", " or ".join(PUBLIC_METHODS), _brief(method))
    if any(_PRIVATE_MEMBERS & key.keys() for key in _jwks(document)):
        yield Problem("secret", "body:/jwks", "public keys", "a private key")


def _keys(document: Mapping[str, Any]) -> Iterator[Problem]:
    method = document.get("token_endpoint_auth_method")
    if method == PRIVATE_KEY_JWT and not _jwks(document) and not isinstance(document.get("jwks_uri"), str):
        yield Problem("keys", "body:/jwks", "jwks or jwks_uri with the public keys", "neither")


def _jwks(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    jwks = document.get("jwks")
    keys = jwks.get("keys") if isinstance(jwks, dict) else None
    return [key for key in keys if isinstance(key, dict)] if isinstance(keys, list) else []


def _brief(value: object) -> str:
    if isinstance(value, str):
        return f'"{value}"' if value else "an empty text"
    return "null" if value is None else f"a {type(value).__name__}"
