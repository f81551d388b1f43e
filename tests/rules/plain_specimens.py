"""Breaking and clean traces for the rules about flows without MCP: implicit, password, device, and the API itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from factories import (
    ACCESS,
    ISSUER,
    JSON,
    NO_STORE,
    NOON,
    REDIRECT_URI,
    STATE,
    Body,
    Piece,
    failed,
    id_token,
    texchange,
    token_answer,
    ttrace,
)

from mcp_oauth_nb.protocol.device import RAN_OUT
from mcp_oauth_nb.protocol.grants import DEVICE_CODE
from mcp_oauth_nb.records import Exchange, Headers, Request, Trace

API_URL = "https://api.example.com/me"
DEVICE = {
    "device_code": "device-code-7Hq2kW91xZ",
    "user_code": "WDJB-MJHT",
    "verification_uri": f"{ISSUER}/activate",
    "expires_in": 600,
    "interval": 5,
}


def plain(*pieces: Piece, **settings: str) -> Trace:
    """The trace of a flow without MCP."""
    return ttrace(*pieces, **{"protocol": "oauth2", "url": API_URL, "api_url": API_URL, **settings})


def asked(response_type: str = "token", **changes: str) -> Piece:
    """An authorization request."""
    params = {
        "response_type": response_type,
        "client_id": "client-1",
        "redirect_uri": REDIRECT_URI,
        "state": STATE,
        **changes,
    }
    return Piece("authorize", (texchange("authorize", f"{ISSUER}/authorize?{urlencode(params)}", None),))


def came_at_once(mark: str = "#", **changes: str | None) -> Exchange:
    """The redirect of an implicit grant."""
    given = {"access_token": ACCESS, "token_type": "Bearer", "expires_in": "900", "state": STATE, **changes}
    told = urlencode({name: value for name, value in given.items() if value is not None})
    return texchange("callback", f"{REDIRECT_URI}{mark}{told}", None, direction="in")


def implicit(back: Exchange | None = None, **settings: str) -> Trace:
    """An implicit grant up to its redirect."""
    response_type = settings.get("response_type", "token")
    return plain(
        asked(response_type), Piece("callback", (back or came_at_once(),)), **{"grant": "implicit", **settings}
    )


def granted(
    grant_type: str, status: int = 200, body: Body | None = None, *, after_s: float = 0, **form: str
) -> Exchange:
    """A token request of a grant without a browser."""
    members = {"grant_type": grant_type, "client_id": "client-1", **form}
    answer = token_answer() if body is None else body
    started = NOON + timedelta(seconds=100 + after_s)
    return texchange(
        "token", f"{ISSUER}/token", status, answer, method="POST", form=members, headers=NO_STORE, started=started
    )


def device_answer(status: int = 200, body: Body | None = None, **changes: Any) -> Exchange:
    """A device authorization; a change to None removes the member."""
    answer = {name: value for name, value in {**DEVICE, **changes}.items() if value is not None}
    url, form = f"{ISSUER}/device", {"client_id": "client-1"}
    return texchange("device", url, status, answer if body is None else body, method="POST", form=form, headers=JSON)


def device(answer: Exchange | None = None, *questions: Exchange) -> Trace:
    """A device grant: the answer with the codes, and the questions behind it."""
    pieces = [Piece("device", (answer or device_answer(),))]
    pieces += [Piece("token", questions)] if questions else []
    return plain(*pieces, grant="device")


def question(status: int = 200, error: str = "", after_s: float = 0) -> Exchange:
    """A token request with the device code."""
    body = {"error": error} if error else None
    return granted(DEVICE_CODE, status, body, after_s=after_s, device_code=DEVICE["device_code"])


def api_request(
    status: int = 200,
    body: Body = b"{}",
    *,
    shown: str = f"Bearer {ACCESS}",
    challenge: str = 'Bearer error="invalid_token"',
    **rest: Any,
) -> Exchange:
    """A request to the API with a token."""
    headers: Headers = (*JSON, ("WWW-Authenticate", challenge)) if status == 401 and challenge else JSON
    return texchange("api", API_URL, status, body, sent_headers=(("Authorization", shown),), headers=headers, **rest)


def called(one: Exchange | None = None, *, answer: Body | None = None, **settings: str) -> Trace:
    """Client credentials and a request to the API with the token."""
    sent = one or api_request()
    token = Piece("token", (granted("client_credentials", body=answer),))
    served = (sent.status or 0) // 100 == 2
    api = Piece("api", (sent,)) if served else failed("api", sent)
    return plain(token, api, **{"grant": "client_credentials", **settings})


def id_token_shown(shown: str) -> Trace:
    """An API request where an ID token is at hand."""
    return called(api_request(shown=f"Bearer {shown}"), answer=token_answer(id_token=id_token()))


PLAIN_BREAKING = {
    "implicit-grant-used": implicit(),
    "implicit-answer-incomplete": implicit(came_at_once(token_type=None)),
    "implicit-answer-in-query": implicit(came_at_once("?")),
    "implicit-refresh-token": implicit(came_at_once(refresh_token="refresh-4Qm1")),
    "password-grant-used": plain(
        Piece("token", (granted("password", username="alice", password="pw"),)), grant="password"
    ),
    "device-refused": plain(failed("device", device_answer(400, {"error": "unauthorized_client"})), grant="device"),
    "device-answer-incomplete": plain(failed("device", device_answer(user_code=None)), grant="device"),
    "device-uri-unusable": device(device_answer(verification_uri="javascript:alert(1)")),
    "device-pending-status": device(None, question(200, "authorization_pending"), question(after_s=6)),
    "device-asked-too-often": device(None, question(400, "authorization_pending"), question(after_s=2)),
    "device-code-expired": plain(
        Piece("device", (device_answer(),)),
        failed("token", question(400, "authorization_pending"), stopped=RAN_OUT),
        grant="device",
    ),
    "request-not-https": called(replace(api_request(), request=Request("GET", "http://api.example.com/me"))),
    "auto-refresh-unavailable": called(auto_refresh="not available: a grant without a refresh token"),
    "api-refused": called(api_request(401)),
    "api-challenge-missing": called(api_request(401, challenge="")),
    "api-scheme-unusual": called(api_request(shown=f"Token {ACCESS}")),
    "id-token-shown-to-api": id_token_shown(id_token()),
}
PLAIN_CLEAN = {
    "implicit-grant-used": plain(asked("code", code_challenge="x" * 43, code_challenge_method="S256")),
    "implicit-answer-incomplete": implicit(),
    "implicit-answer-in-query": implicit(),
    "implicit-refresh-token": implicit(),
    "password-grant-used": called(),
    "device-refused": device(),
    "device-answer-incomplete": device(),
    "device-uri-unusable": device(),
    "device-pending-status": device(None, question(400, "authorization_pending"), question(after_s=6)),
    "device-asked-too-often": device(None, question(400, "slow_down"), question(after_s=11)),
    "device-code-expired": device(None, question(400, "authorization_pending"), question(after_s=6)),
    "request-not-https": called(),
    "auto-refresh-unavailable": called(auto_refresh="on"),
    "api-refused": called(),
    "api-challenge-missing": called(api_request(401)),
    "api-scheme-unusual": called(),
    "id-token-shown-to-api": id_token_shown(ACCESS),
}
