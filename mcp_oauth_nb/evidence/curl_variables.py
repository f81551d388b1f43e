"""Which shell variable stands for a value in a script with curl, and which ones the script has to be given."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from mcp_oauth_nb.evidence.bash import joined, quoted, variable_name
from mcp_oauth_nb.protocol.grants import TOKEN_EXCHANGE
from mcp_oauth_nb.records import Exchange, Request, Trace
from mcp_oauth_nb.redact import is_secret_name
from mcp_oauth_nb.vault import Vault

SECRETS: Mapping[str, str] = {
    "code": "AUTH_CODE",
    "code_verifier": "CODE_VERIFIER",
    "code_challenge": "CODE_CHALLENGE",
    "state": "STATE",
    "client_secret": "CLIENT_SECRET",
    "access_token": "ACCESS_TOKEN",
    "refresh_token": "REFRESH_TOKEN",
    "password": "PASSWORD",
    "device_code": "DEVICE_CODE",
    "mcp-session-id": "SESSION_ID",
    "registration_access_token": "REGISTRATION_ACCESS_TOKEN",
}
"""The variable for a value of the flow, by the name of its parameter, member or header field."""

PUBLIC: Mapping[str, str] = {"client_id": "CLIENT_ID", "redirect_uri": "REDIRECT_URI", "resource": "RESOURCE"}
"""The variable for a public value of the flow that stands in the whole script under this name."""


@dataclass
class Variables:
    """Finds the variable that stands for a value, and remembers which ones nothing in the script fills.

    Attributes:
        flow: variables of the flow's own secrets, by value. Tokens of different steps share one: scripts run in order.
        vault: every secret of the trace; one in a form that no variable stands for becomes its tag.
        whole: the script is that of the whole flow, in which public values may be variables, too.
        public: variables of such values, by value.
        provided: variables that the script has filled so far.
        needed: variables that must come from the environment, in order of use.
    """

    flow: Mapping[str, str]
    vault: Vault
    whole: bool
    public: dict[str, str] = field(default_factory=dict)
    provided: set[str] = field(default_factory=set)
    needed: list[str] = field(default_factory=list)
    own: dict[str, str] = field(default_factory=dict)
    replays: bool = False

    def __post_init__(self) -> None:
        self.known = frozenset(self.vault.values())

    def give(self, values: Iterator[tuple[str, str]]) -> Iterator[str]:
        """Public values that a script states at its top."""
        for variable, value in values:
            if value and value not in self.public:
                self.public[value] = variable
                yield f"{variable}={self.literal(value)}"

    def expansion(self, variable: str) -> str:
        """``${NAME}``, checked where the script may be pasted alone."""
        if self.replays and variable == "REFRESH_TOKEN":
            variable = "OLD_REFRESH_TOKEN"
        if variable not in self.provided and variable not in self.public.values() and variable not in self.needed:
            self.needed.append(variable)
        return f"${{{variable}:?}}" if variable in self.needed and not self.whole else f"${{{variable}}}"

    def of(self, name: str, value: str, *, edited: bool = False) -> str | None:
        """The variable of a whole value under a name; None where the value may be read by everybody."""
        if not edited and self.public.get(value) == PUBLIC.get(name, ""):
            return self.public[value]
        if not value or not (value in self.flow or value in self.known or is_secret_name(name)):
            return "CODE_CHALLENGE" if name == "code_challenge" and "CODE_CHALLENGE" in self.provided else None
        if edited:
            return self._own(value, f"edited_{name}")
        return self.flow.get(value) or self._own(value, name)

    def _own(self, value: str, name: str) -> str:
        """A variable for a secret of the user; two secrets under one name get two."""
        wanted = variable_name(name)
        taken = {variable for other, variable in self.own.items() if other != value} | set(SECRETS.values())
        variable = next(
            v for n in range(1, len(taken) + 2) if (v := wanted if n == 1 else f"{wanted}_{n}") not in taken
        )
        return self.own.setdefault(value, variable)

    def literal(self, text: str) -> str:
        """Text as a bash word that means it; what is secret in it becomes its tag."""
        return quoted(self.vault.mask(text))

    def pieces(self, *pieces: tuple[str, bool]) -> str:
        """Literals and expansions as one bash word."""
        return joined((text if expands else self.vault.mask(text), expands) for text, expands in pieces)

    def word(self, text: str) -> str:
        """Any text as a bash word, with every secret of the flow in it as its variable."""
        if self.public.get(text, "CLIENT_ID") != "CLIENT_ID":
            return joined([(self.expansion(self.public[text]), True)])
        found = [value for value in (*self.flow, *self.own) if len(value) >= 8 and value in text]
        pattern = "|".join(re.escape(value) for value in sorted(found, key=len, reverse=True))
        pieces = re.split(f"({pattern})", text) if found else [text]
        return self.pieces(*((self._piece(p), True) if n % 2 else (p, False) for n, p in enumerate(pieces)))

    def _piece(self, value: str) -> str:
        return self.expansion(self.flow.get(value) or self.own[value])


def given_values(trace: Trace) -> Iterator[tuple[str, str]]:
    """Values that no answer fills: redirect URI, a pre-registered client, the resource indicator."""
    yield "REDIRECT_URI", trace.settings.get("redirect_uri", "")
    yield "CLIENT_ID", trace.settings.get("client_id", "")
    asked = (pair for run in trace.runs for exchange in trace.of(run) for pair in pairs(exchange.request))
    yield "RESOURCE", next((value for name, value in asked if name == "resource"), "")


def flow_secrets(trace: Trace) -> dict[str, str]:
    """A variable for each secret of the flow, by value: what answers hold, and what requests sent under their names."""
    variables: dict[str, str] = {}
    for exchange in trace.exchanges:
        edited = {name.partition(".")[2].lower() for name in exchange.edited}
        for name, value in (*pairs(exchange.request), *exchange.request.headers):
            if name.lower() in SECRETS and name.lower() != "code_challenge" and value and name.lower() not in edited:
                variables.setdefault(value, SECRETS[name.lower()])
        scheme, _, credentials = (exchange.request.header("authorization") or "").partition(" ")
        if scheme.lower() in ("bearer", "dpop") and "authorization" not in edited:
            variables.setdefault(credentials, "ACCESS_TOKEN")
        for name in ("access_token", "refresh_token", "client_secret", "registration_access_token"):
            issued = (exchange.document or {}).get(name)
            if isinstance(issued, str) and issued:
                variables[issued] = "ID_JAG" if is_at_idp(exchange) else SECRETS[name]
    return variables


def is_at_idp(exchange: Exchange) -> bool:
    """Whether it asked the identity provider for a token to be exchanged (RFC 8693)."""
    return dict(pairs(exchange.request)).get("grant_type") == TOKEN_EXCHANGE


def is_form(request: Request) -> bool:
    """Whether the body is a form."""
    return "form-urlencoded" in (request.header("content-type") or "")


def pairs(request: Request) -> tuple[tuple[str, str], ...]:
    """The parameters of a request: of its form, or else of its query."""
    query = request.url.partition("#")[0].partition("?")[2]
    text = request.body.decode("utf-8", "replace") if is_form(request) else query
    return tuple(parse_qsl(text, keep_blank_values=True, errors="replace"))
