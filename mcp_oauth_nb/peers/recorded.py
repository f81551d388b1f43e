"""What a recording knows of a server: which URL answered what. Never more than was asked."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any
from urllib.parse import quote, urljoin

from mcp_oauth_nb.peers.rows import NOT_KNOWN
from mcp_oauth_nb.protocol.wellknown import same_origin, split
from mcp_oauth_nb.records import Exchange, Trace
from mcp_oauth_nb.rules.evidence import (
    authorization_request,
    challenges,
    form,
    query,
    redirect,
    text,
    without_token,
)
from mcp_oauth_nb.rules.rule import Case

MOST_REDIRECTS = 5
OURS = ("address",)
"""Failures that are our own caution and no answer of anybody: another client may well ask there."""
_DEFAULTS = {"http": ":80", "https": ":443"}

_SAFE = "/%:@!$&'()*+,;=~-._|[]"


class NotRecorded(Exception):
    """The recording does not show the answer to this request."""

    def __init__(self, request: str) -> None:
        super().__init__("not recorded")
        self.request = request


class Recording:
    """The answers of a trace, by what was asked.

    Requests that the user changed by hand and answers that were cut are left out: a client would have got another one.
    """

    def __init__(self, trace: Trace) -> None:
        self.case = Case(trace)
        self.url = self.case.url

    @cached_property
    def _answers(self) -> dict[tuple[str, str], Exchange]:
        return {
            (one.request.method, written(one.request.url)): one
            for one in self.case.trace.exchanges
            if one.direction == "out" and not one.edited and not (one.response and one.response.truncated)
            if one.response is not None or (one.failure is not None and one.failure.kind not in OURS)
            if one.request.header("authorization") is None
        }

    @property
    def challenge(self) -> Exchange | None:
        """The answer to a request without a token; None where there is none with status 401."""
        found = without_token(self.case)
        return found if found is not None and found.status == 401 else None

    def challenged(self, name: str) -> str | None:
        """A parameter of the challenge, read by the grammar; None where it is absent or empty."""
        bearer = challenges(self.challenge).bearer() if self.challenge else None
        return (bearer.get(name) or None) if bearer else None

    def get(self, url: str) -> Exchange:
        """The answer to a GET.

        Raises:
            NotRecorded: nobody asked.
        """
        found = self._answers.get(("GET", written(url)))
        if found is None:
            raise NotRecorded(f"GET {written(url)}")
        return found

    def posted(self, url: str) -> Exchange | None:
        """The answer to the registration there, of whatever run; None where nobody registered. Probes do not count."""
        found = [one for one in self.case.trace.exchanges if one.step == "register" and not one.edited]
        there = (one for one in reversed(found) if written(one.request.url) == written(url))
        return next((one for one in there if one.request.method == "POST"), None)

    @property
    def redirect(self) -> dict[str, str] | None:
        """The parameters that came back from the browser; None where none did."""
        found = redirect(self.case)
        return dict(query(found)) if found else None

    @property
    def resource(self) -> str | None:
        """The resource that was sent to the token endpoint, or in the authorization request."""
        sent = self.case.exchanges("token")
        asked = authorization_request(self.case)
        return form(sent[-1]).get("resource") if sent else query(asked).get("resource") if asked else None

    @property
    def registered(self) -> Mapping[str, Any] | None:
        """The answer to the registration; None where no client was registered dynamically."""
        found = [one for one in self.case.answered("register") if one.status in (200, 201) and one.document is not None]
        return found[-1].document if found else None

    @property
    def method(self) -> str:
        """How the recorded client authenticated at the token endpoint; empty where it never came there."""
        sent = self.case.answered("token")
        return method_of(sent[-1]) if sent else ""

    @property
    def token_type(self) -> str | None:
        """The type of the token that was issued; None where none was."""
        issued = [one.document for one in self.case.answered("token") if one.status == 200 and one.document]
        return text(issued[-1].get("token_type")) if issued else None

    @property
    def outcome(self) -> str:
        """How the recorded flow ended behind the authorization: ``works``, or what it ended with, or not known."""
        for step in ("token", "mcp"):
            run = self.case.runs.get(step)
            if run is None:
                return NOT_KNOWN
            if not run.achieved:
                last = next(iter(reversed(self.case.answered(step))), None)
                return f"{step} ended with {last.status}" if last else NOT_KNOWN
        return "works"


def written(url: str) -> str:
    """A URL as URL libraries write it: scheme and host in lower case, without the default port, with a path."""
    parts = split(url)
    if parts is None:
        return url
    scheme, _, host = parts.origin.partition("://")
    host = host.lower().removesuffix(_DEFAULTS[scheme.lower()])
    return f"{scheme.lower()}://{host}{quote(parts.path, safe=_SAFE) or '/'}{parts.query}"


def spelled(url: str) -> str:
    """The same with an empty path left empty."""
    parts = split(url)
    shown = written(url)
    return shown if parts is None or parts.path else shown[: len(shown) - len(parts.query)][:-1] + parts.query


def target(exchange: Exchange, how: str) -> str | None:
    """Where a client goes that follows redirects this way; None where it stays.

    Args:
        exchange: the answer.
        how: a value of the behaviour ``redirects``.
    """
    response = exchange.response
    location = response.header("location") if response and response.status in (301, 302, 303, 307, 308) else None
    if not location or how not in ("own origin", "any"):
        return None
    try:
        found = urljoin(exchange.request.url, location)
    except ValueError:
        return None
    return found if how == "any" or same_origin(exchange.request.url, found) else None


def method_of(exchange: Exchange) -> str:
    """How a client showed itself at the token endpoint, read from the request (RFC 6749 2.3)."""
    members = form(exchange)
    if (exchange.request.header("authorization") or "").lower().startswith("basic "):
        return "client_secret_basic"
    return "client_secret_post" if "client_secret" in members else "none"
