"""The authorization server in Node.js, together with the MCP server that checks its tokens; see `resource`."""

from __future__ import annotations

import json
import os
import queue
import secrets
import socket
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from joserfc import jwk

from mcp_oauth_nb import Client
from mcp_oauth_nb.protocol.flow import PRIVATE_KEY_JWT
from mcp_oauth_nb.protocol.grants import DEVICE_CODE
from tests.conformance.node import end_group, node, packages

HERE = Path(__file__).resolve().parent
SCOPE = "mcp:tools"
START_S = 30.0
STOP_S = 10.0
LIFETIME_S = 600
LOOPBACK = "http://127.0.0.1/callback"
"""Where native clients come back to, at any port (RFC 8252 7.3)."""

Format = Literal["jwt", "opaque"]


@dataclass(frozen=True)
class Oidc:
    """A running pair of servers.

    Attributes:
        url: the MCP endpoint, which is also the resource.
        issuer: the authorization server.
        public: a client registered by hand, without a secret.
        confidential: another one, which authenticates by client_secret_basic.
        service: a third one, for the grant client_credentials alone.
        posting: the same by client_secret_post.
        keyed: the same by private_key_jwt.
        device: a public one without a browser, for the device grant (RFC 8628).
        hasty: the same, whose device codes are good for a second.
    """

    url: str
    issuer: str
    public: Client
    confidential: Client
    service: Client
    posting: Client
    keyed: Client
    device: Client
    hasty: Client

    @property
    def api(self) -> str:
        """An API that takes opaque access tokens and ID tokens, and says who they speak for."""
        return f"{self.issuer}/api"

    @property
    def endpoints(self) -> dict[str, str]:
        """Every endpoint, as `OAuth2` takes them."""
        paths = {
            "authorization_url": "auth",
            "token_url": "token",
            "device_url": "device/auth",
            "revocation_url": "token/revocation",
            "introspection_url": "token/introspection",
            "userinfo_url": "me",
        }
        return {name: f"{self.issuer}/{path}" for name, path in paths.items()}


@contextmanager
def oidc_server(access_tokens: Format, *, slash: bool = False, proofs: Sequence[str] = ()) -> Iterator[Oidc]:
    """Start both servers.

    Args:
        access_tokens: those that the MCP server checks by itself ("jwt") or asks about ("opaque").
        slash: let the MCP server name the issuer with a slash at its end, as the URL type would have it.
        proofs: what DPoP proofs may be signed with; both servers then ask for a nonce in each. Empty without DPoP.
    """
    public = Client("public", auth_method="none")
    confidential = Client("confidential", secrets.token_urlsafe(24), "client_secret_basic")
    service = Client("service", secrets.token_urlsafe(24), "client_secret_basic")
    posting = Client("posting", secrets.token_urlsafe(24), "client_secret_post")
    key = jwk.ECKey.generate_key("P-256")
    keyed = Client("keyed", private_key=key.as_pem(private=True).decode(), algorithm="ES256")
    device, hasty = Client("device", auth_method="none"), Client("hasty", auth_method="none")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/mcp"
        settings = {
            "module": str(packages(HERE / "provider") / "oidc-provider" / "lib" / "index.js"),
            "resource": url,
            "scope": SCOPE,
            "format": access_tokens,
            "lifetime": LIFETIME_S,
            "proofs": list(proofs),
            "hasty": hasty.client_id,
            "clients": [
                *map(_with_browser, (public, confidential)),
                *map(_by_itself, (service, posting)),
                _by_itself(keyed, jwks={"keys": [key.as_dict(private=False)]}),
                *map(_elsewhere, (device, hasty)),
            ],
        }
        with _authorization_server(settings) as issuer:
            from tests.oidc.resource import mcp_server  # takes a second, so that only those wait who run these tests

            asks = service if access_tokens == "opaque" else None
            with mcp_server(listener, issuer, asks, SCOPE, slash=slash, bound=bool(proofs)):
                yield Oidc(url, issuer, public, confidential, service, posting, keyed, device, hasty)


def _registered(client: Client, **rest: Any) -> dict[str, Any]:
    secret = {"client_secret": client.secret} if client.secret else {}
    method = client.auth_method or PRIVATE_KEY_JWT
    return {"client_id": client.client_id, "token_endpoint_auth_method": method, **secret, **rest}


def _with_browser(client: Client) -> dict[str, Any]:
    return _registered(
        client,
        application_type="native",
        redirect_uris=[LOOPBACK],
        grant_types=["authorization_code", "refresh_token"],
        response_types=["code"],
    )


def _by_itself(client: Client, **rest: Any) -> dict[str, Any]:
    return _registered(client, redirect_uris=[], grant_types=["client_credentials"], response_types=[], **rest)


def _elsewhere(client: Client) -> dict[str, Any]:
    grants = [DEVICE_CODE, "refresh_token"]
    return _registered(client, application_type="native", redirect_uris=[], grant_types=grants, response_types=[])


@contextmanager
def _authorization_server(settings: dict[str, Any]) -> Iterator[str]:
    """Start it, hand over its issuer, and end it; it ends by itself as well when this process does."""
    process = subprocess.Popen(
        [node(), str(HERE / "server.mjs"), json.dumps(settings)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={name: value for name, value in os.environ.items() if name != "NODE_OPTIONS"},
        start_new_session=True,
        text=True,
        errors="replace",
    )
    lines: queue.Queue[str] = queue.Queue()
    reader = threading.Thread(target=_read, args=(process, lines), daemon=True)
    reader.start()
    try:
        yield _issuer(lines)
    finally:
        end_group(process)
        reader.join(STOP_S)
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


def _read(process: subprocess.Popen[str], lines: queue.Queue[str]) -> None:
    for line in process.stdout or ():
        lines.put(line)
    lines.put("")


def _issuer(lines: queue.Queue[str]) -> str:
    """What it says once it listens; warnings may come before."""
    said = []
    while line := lines.get(timeout=START_S):
        said.append(line)
        if line.startswith('{"issuer"'):
            return str(json.loads(line)["issuer"])
    raise AssertionError("the authorization server ended:\n" + "".join(said))
