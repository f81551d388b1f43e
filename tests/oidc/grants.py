"""Flows of plain OAuth 2.0 through oidc-provider, and a proxy in front of it in which a person types the code."""

from __future__ import annotations

from typing import Any

from amendments import Change, meant
from recorder import Asked, Recorder

from mcp_oauth_nb import OAuth2
from mcp_oauth_nb.demo.answers import Answer
from mcp_oauth_nb.protocol.device import PENDING
from tests.oidc.person import approves
from tests.oidc.server import SCOPE, Oidc


def plain(server: Oidc, client: str, **settings: Any) -> OAuth2:
    """An `OAuth2` as one of the server's clients; settings go before the usual ones."""
    given = {"scope": "openid"} if settings.get("grant") != "client_credentials" else {}
    given |= {"issuer": server.issuer, "client": getattr(server, client), "api_url": server.api, "step_timeout_s": 20}
    return OAuth2(**{**given, **settings})


class Front:
    """Stands before the authorization server; devices need not wait there, as it names an interval of 0 s.

    Args:
        server: the servers behind.
        place: whose answers are changed, as `meant` calls it; empty for none.
        change: how they are changed.
        late: let the person type the code once the device has asked in vain, and not before it asks.
    """

    def __init__(self, server: Oidc, place: str = "", change: Change | None = None, *, late: bool = False) -> None:
        self._place, self._change, self._late = place, change, late
        self._link = ""
        self._server = server
        self.recorder = Recorder(server.url, issuer=server.issuer, amend=self._amend)

    def __enter__(self) -> Front:
        self.recorder.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self.recorder.__exit__(*error)

    def plain(self, client: str, **settings: Any) -> OAuth2:
        """The same as the function, by way of the proxy; without an ID token, in which the true issuer would stand."""
        issuer = self.recorder.issuer
        usual = {"issuer": issuer, "api_url": f"{issuer}/api", "resource": self.recorder.url, "scope": SCOPE}
        return plain(self._server, client, **{**usual, **settings})

    def _amend(self, asked: Asked, answer: Answer) -> Answer:
        if meant(asked) == "device" and answer.status == 200:
            self._link = (answer.json or {}).get("verification_uri_complete", "")
            answer = answer.patched(interval=0)
        elif self._late and (answer.json or {}).get("error") == PENDING:
            approves(self._link)
            self._late = False
        return self._change(answer) if self._change and meant(asked) == self._place else answer
