"""Clients that are known by the URL of their metadata document (draft-ietf-oauth-client-id-metadata-document-00).

The document is read anew at every authorization request, so that a notebook can change it and try again. Two liberties
are taken for local tests, because this server runs on loopback itself: a document may be served over plain http, and
from an address of this machine. Addresses of other networks that are not public are refused (CIMD-00 section 6.5).
"""

import asyncio
import ipaddress
import json
import socket
import urllib.request
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .answers import Answer, Asked
from .clients import LOOPBACK, Registered, unusable_redirect
from .oauth import AUTHORIZE, oauth_error
from .provider import GRANT_TYPES, SCOPE, Provider

OWN = "/client.json"
"""Where this server publishes a document of its own, to practise with."""
MOST_BYTES = 5 * 1024
TIMEOUT_S = 5.0
METHOD = "token_endpoint_auth_method"


class Unusable(Exception):
    """A document that cannot be taken; the text says why, and repeats nothing of it."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """The URL is the client id: what another URL says is another client's."""

    def redirect_request(self, *_: Any) -> None:
        raise Unusable("its URL redirects")


# No proxy: what is on this machine is not asked of another one.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect())


def document_routes(issuer: str) -> list[Route]:
    """The ready-made document; its redirect URIs are good for every port (RFC 8252 section 7.3)."""

    async def document(request: Request) -> Response:
        members = {
            "client_id": issuer + OWN,
            "client_name": "Demo client",
            "redirect_uris": list(LOOPBACK),
            "grant_types": list(GRANT_TYPES),
            "response_types": ["code"],
            METHOD: "none",
            "application_type": "native",
        }
        return JSONResponse(members, headers={"cache-control": "no-store"})

    return [Route(OWN, document, methods=["GET"])]


def is_document_url(client_id: str) -> bool:
    """Whether a client id is a URL, and so names a document."""
    return client_id.startswith(("https://", "http://"))


async def learned(asked: Asked, provider: Provider) -> Answer | None:
    """Read the document of the client that asks for authorization, and know it from then on; else say why not."""
    client_id = dict(asked.query).get("client_id", "")
    if (asked.method, asked.path) != ("GET", AUTHORIZE) or not is_document_url(client_id):
        return None
    try:
        body = await asyncio.to_thread(_fetched, client_id)
        provider.clients[client_id] = _client(_read(body), client_id)
    except Unusable as reason:
        return _refused(str(reason))
    except (OSError, HTTPException, ValueError):
        return _refused("it cannot be fetched")
    return None


def _refused(reason: str) -> Answer:
    """Nobody is redirected: without its document the client has no redirect URI (RFC 6749 section 4.1.2.1)."""
    return oauth_error(400, "invalid_client", f"The client ID metadata document cannot be used: {reason}")


def _fetched(url: str) -> bytes:
    """The document's bytes, from an address that may be asked."""
    _check_url(url)
    request = urllib.request.Request(url, headers={"Accept": "application/json"})  # noqa: S310 - is_document_url
    with _OPENER.open(request, timeout=TIMEOUT_S) as response:
        if response.status != 200:
            raise Unusable("its URL does not answer 200")
        body: bytes = response.read(MOST_BYTES + 1)
    if len(body) > MOST_BYTES:
        raise Unusable("it is longer than 5 kB")
    return body


def _check_url(url: str) -> None:
    """What CIMD-00 section 3 asks of the URL, and where it may lead."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise Unusable("its URL cannot be read") from None
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        raise Unusable("its URL cannot be read")
    if not host or parts.path in ("", "/") or {".", ".."} & set(parts.path.split("/")):
        raise Unusable("its URL has no host, no path, or dot segments")
    if "#" in url or "@" in parts.netloc:
        raise Unusable("its URL has a fragment or user information")
    found = {info[4][0] for info in socket.getaddrinfo(host, port or 443, type=socket.SOCK_STREAM)}
    addresses = [ipaddress.ip_address(str(one).partition("%")[0]) for one in found]
    if not all(one.is_global or one.is_loopback for one in addresses):
        raise Unusable("its URL leads into a network that is not public")
    if parts.scheme != "https" and not all(one.is_loopback for one in addresses):
        raise Unusable("plain http is taken on this machine only")


def _read(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise Unusable("it is no valid JSON") from None
    if not isinstance(document, dict):
        raise Unusable("it is no JSON object")
    return document


def _client(document: dict[str, Any], url: str) -> Registered:
    """The client as its document describes it."""
    if document.get("client_id") != url:
        raise Unusable("its client_id is not its URL")
    name, uris = document.get("client_name"), document.get("redirect_uris")
    if not isinstance(name, str) or not name.strip():
        raise Unusable("it has no client_name")
    if not isinstance(uris, list) or not uris or any(unusable_redirect(uri) for uri in uris):
        raise Unusable("its redirect_uris cannot be used")
    if {"client_secret", "client_secret_expires_at"} & document.keys():
        raise Unusable("it holds a client secret")
    if document.get(METHOD, "none") != "none":
        raise Unusable("this server takes public clients only: token_endpoint_auth_method must be none")
    data = {
        "client_id": url,
        "client_name": name,
        "redirect_uris": uris,
        METHOD: "none",
        "grant_types": list(GRANT_TYPES),
        "scope": SCOPE,
    }
    return Registered.record(data, written=tuple(uris), any_port=True)
