"""PlainServer: an OAuth 2.0 API without MCP, with its own authorization server, on loopback, to practise on.

A browser is asked for consent; a client without one (its Accept header does not name text/html) is not, so that tests
and notebooks run through. Not for production: it forgets everything when it stops.
"""

import base64
import hmac
import secrets
from collections.abc import Mapping
from html import escape
from typing import Any
from urllib.parse import unquote_plus

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .answers import pairs
from .background import Served, listen, quietly
from .consent import form_target, page, redirect
from .issuing import DEVICE, Issuing
from .jwts import JWKS, key_routes

ENDPOINTS = {
    "authorization_url": "/authorize",
    "token_url": "/token",
    "device_url": "/device",
    "revocation_url": "/revoke",
    "introspection_url": "/introspect",
    "userinfo_url": "/userinfo",
}
MEMBERS = {
    "authorization_endpoint": "/authorize",
    "token_endpoint": "/token",
    "device_authorization_endpoint": "/device",
    "revocation_endpoint": "/revoke",
    "introspection_endpoint": "/introspect",
    "userinfo_endpoint": "/userinfo",
    "jwks_uri": JWKS,
}
METADATA = ("/.well-known/oauth-authorization-server", "/.well-known/openid-configuration")
PRIVATE = {"cache-control": "no-store"}
CHALLENGE = 'Bearer realm="api", error="invalid_token", error_description="unknown, expired or revoked"'
BUTTONS = (
    '<button name="decision" value="authorize">Authorize</button><button name="decision" value="deny">Deny</button>'
)


class PlainServer(Served):
    """An authorization server that knows every grant, and the API behind it; it serves as soon as it is made.

    Args:
        port: TCP port on 127.0.0.1; 0 takes a free one.
        access_token_lifetime_s: seconds an access token works.

    Attributes:
        issuer: whose metadata names the endpoints.
        api_url: what takes the tokens.
        client_id: of the one client. It may use its secret or do without, but not with client credentials.
        client_secret: of that client.
        username: of the one user.
        password: of that user.

    Raises:
        OSError: the port is taken.
    """

    def __init__(self, *, port: int = 0, access_token_lifetime_s: float = 900) -> None:
        listener = listen(port)
        self.issuer = f"http://127.0.0.1:{listener.getsockname()[1]}"
        self.api_url = self.issuer + "/api/me"
        self._issuing = Issuing(
            self.issuer,
            client_id="demo-client",
            client_secret=secrets.token_urlsafe(24),
            username="demo-user",
            password=secrets.token_urlsafe(18),
            lifetime_s=access_token_lifetime_s,
        )
        self.client_id, self.client_secret = self._issuing.client_id, self._issuing.client_secret
        self.username, self.password = self._issuing.username, self._issuing.password
        with quietly():
            self._serve(_application(self._issuing), listener)

    @property
    def endpoints(self) -> dict[str, str]:
        """The arguments of `OAuth2` that name endpoints; each grant needs some of them."""
        return {name: self.issuer + path for name, path in ENDPOINTS.items() if name != "device_url"}

    @property
    def device_url(self) -> str:
        """The device authorization endpoint (RFC 8628 3.1)."""
        return self.issuer + ENDPOINTS["device_url"]

    def secrets_issued(self) -> frozenset[str]:
        """Every code, token and password so far; to search files and outputs for leaks."""
        return frozenset({*self._issuing.secrets, self.client_secret, self.password})

    def __repr__(self) -> str:
        return f"<PlainServer {self.issuer} {'running' if self.is_running else 'stopped'}>"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """What a notebook shows."""
        state = "running" if self.is_running else "stopped"
        html = f"<p><b>PlainServer</b> <code>{escape(self.issuer)}</code> {state}</p>"
        return {"text/plain": repr(self), "text/html": html}


def _application(issuing: Issuing) -> Starlette:
    """The endpoints. What is decided stands in `issuing`; here it is read from requests and written as answers."""

    async def authorize(request: Request) -> Response:
        asked = dict(request.query_params)
        if why := issuing.refuses(asked):
            return page("Cannot continue", f"<h1>Cannot continue</h1><p>{escape(why)}</p>", 400, "'none'")
        if "text/html" not in request.headers.get("accept", "").lower():
            return redirect(issuing.redirect(asked, granted=True), 302)
        return _question(asked)

    async def consent(request: Request) -> Response:
        form = await _form(request)
        decision = form.pop("decision", "")
        if issuing.refuses(form):
            return page("Cannot continue", "<h1>Cannot continue</h1>", 400, "'none'")
        return redirect(issuing.redirect(form, granted=decision == "authorize"), 303)

    async def token(request: Request) -> Response:
        form = await _form(request)
        known, confidential = _client(issuing, form, request.headers)
        status, answer = issuing.token(form, client=known, confidential=confidential)
        headers = PRIVATE | ({"www-authenticate": 'Basic realm="demo"'} if status == 401 else {})
        return JSONResponse(answer, status, headers)

    async def device(request: Request) -> Response:
        form = await _form(request)
        if not _client(issuing, form, request.headers)[0]:
            return JSONResponse({"error": "invalid_client"}, 401, PRIVATE)
        status, answer = issuing.device(form, issuing.issuer + "/activate")
        return JSONResponse(answer, status, PRIVATE)

    async def activate(request: Request) -> Response:
        code = request.query_params.get("user_code", "")
        if "text/html" not in request.headers.get("accept", "").lower():
            issuing.decide(code, granted=True)
            return Response(status_code=204)
        field = f'<label for="code">Code</label><input id="code" name="user_code" value="{escape(code)}">'
        form = f'<form method="post" action="/activate">{field}{BUTTONS}</form>'
        return page("Connect a device", f"<h1>Connect a device</h1>{form}", 200, "'self'")

    async def activated(request: Request) -> Response:
        form = await _form(request)
        done = issuing.decide(form.get("user_code", ""), granted=form.get("decision") == "authorize")
        said = "Done. You can go back to the device." if done else "There is no such code."
        return page("Connect a device", f"<h1>{said}</h1>", 200 if done else 400, "'none'")

    async def revoke(request: Request) -> Response:
        form = await _form(request)
        if not _client(issuing, form, request.headers)[0]:
            return JSONResponse({"error": "invalid_client"}, 401, PRIVATE)
        issuing.revoke(form.get("token", ""))
        return Response(status_code=200, headers=PRIVATE)

    async def introspect(request: Request) -> Response:
        form = await _form(request)
        if not _client(issuing, form, request.headers)[1]:
            return JSONResponse({"error": "invalid_client"}, 401, PRIVATE)
        return JSONResponse(issuing.introspect(form.get("token", "")), headers=PRIVATE)

    async def api(request: Request) -> Response:
        shown = request.headers.get("authorization", "").rpartition(" ")[2] or request.query_params.get(
            "access_token", ""
        )
        held = issuing.alive(shown)
        if held is None:
            headers = PRIVATE | {"www-authenticate": CHALLENGE if shown else 'Bearer realm="api"'}
            return JSONResponse({"error": "invalid_token"}, 401, headers)
        return JSONResponse({"sub": held.subject, "scope": held.scope, "method": request.method}, headers=PRIVATE)

    async def metadata(request: Request) -> Response:
        return JSONResponse(_metadata(issuing.issuer))

    return Starlette(
        routes=[
            *(Route(path, metadata, methods=["GET"]) for path in METADATA),
            Route("/authorize", authorize, methods=["GET"]),
            Route("/consent", consent, methods=["POST"]),
            Route("/token", token, methods=["POST"]),
            Route("/device", device, methods=["POST"]),
            Route("/activate", activate, methods=["GET"]),
            Route("/activate", activated, methods=["POST"]),
            Route("/revoke", revoke, methods=["POST"]),
            Route("/introspect", introspect, methods=["POST"]),
            Route("/userinfo", api, methods=["GET", "POST"]),
            Route("/api/{rest:path}", api, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]),
            *key_routes(issuing.signer),
        ]
    )


def _question(asked: Mapping[str, str]) -> Response:
    """The consent page; what was asked goes along in the form."""
    hidden = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">' for name, value in asked.items()
    )
    told = f"<dl><dt>Scope</dt><dd>{escape(asked.get('scope', 'read'))}</dd></dl>"
    client = escape(asked.get("client_id", ""))
    content = f'<h1>{client} asks for access</h1>{told}<form method="post" action="/consent">{hidden}{BUTTONS}</form>'
    return page("Authorize", content, 200, form_target(asked["redirect_uri"]))


async def _form(request: Request) -> dict[str, str]:
    return dict(pairs(await request.body()))


def _client(issuing: Issuing, form: Mapping[str, str], headers: Mapping[str, str]) -> tuple[bool, bool]:
    """Whether the client is ours, and whether it has shown its secret: by Basic or in the form (RFC 6749 2.3.1)."""
    scheme, _, credentials = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            name, _, secret = base64.b64decode(credentials).decode().partition(":")
        except ValueError:
            return False, False
        shown = unquote_plus(name), unquote_plus(secret)
    elif "client_secret" in form:
        shown = form.get("client_id", ""), form["client_secret"]
    else:
        return form.get("client_id") == issuing.client_id, False
    fits = shown[0] == issuing.client_id and hmac.compare_digest(shown[1].encode(), issuing.client_secret.encode())
    return fits, fits


def _metadata(issuer: str) -> dict[str, Any]:
    return {
        "issuer": issuer,
        **{member: issuer + path for member, path in MEMBERS.items()},
        "response_types_supported": ["code", "token", "id_token token"],
        "response_modes_supported": ["query", "fragment"],
        "grant_types_supported": [
            "authorization_code",
            "implicit",
            "password",
            "client_credentials",
            "refresh_token",
            DEVICE,
        ],
        "code_challenge_methods_supported": ["S256", "plain"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
        "scopes_supported": ["read", "write", "openid"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
        "authorization_response_iss_parameter_supported": True,
    }
