"""A step, or the whole flow, as a bash script with curl.

The script repeats what this run sent, overrides included. Every secret in it is a shell variable: one that an earlier
command of the script fills from an answer, one that it generates (PKCE, state), one that it asks for (the code), or
one that must be in the environment (a client secret, an API key). In the whole script what is public but new on every
run is a variable as well (the client id of a registration, the endpoints of the metadata), so that it can be run again
from its top. A single step has everything public in it as it was, and names the secrets it needs.

What a server wrote is data for bash (`bash.quoted`) and for curl: URLs follow ``--url`` and are not globbed, only http
and https are spoken, and a body is sent raw, for curl reads a file where data begins with ``@``.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

from mcp_oauth_nb.errors import NotYet
from mcp_oauth_nb.evidence.bash import joined, quoted, variable_name
from mcp_oauth_nb.protocol.grants import DEVICE_CODE, TOKEN_EXCHANGE
from mcp_oauth_nb.records import Exchange, Request, Run, Trace
from mcp_oauth_nb.redact import is_secret_name
from mcp_oauth_nb.vault import Vault

LEFT_OUT = frozenset("host content-length user-agent accept-encoding connection".split())
"""Headers that curl sends by itself."""

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

ENDPOINTS: Mapping[str, str] = {
    "registration_endpoint": "REGISTRATION_ENDPOINT",
    "authorization_endpoint": "AUTH_ENDPOINT",
    "token_endpoint": "TOKEN_ENDPOINT",
    "revocation_endpoint": "REVOCATION_ENDPOINT",
    "introspection_endpoint": "INTROSPECTION_ENDPOINT",
    "userinfo_endpoint": "USERINFO_ENDPOINT",
    "device_authorization_endpoint": "DEVICE_ENDPOINT",
}
"""The variable for each endpoint of the authorization server metadata."""

PUBLIC: Mapping[str, str] = {"client_id": "CLIENT_ID", "redirect_uri": "REDIRECT_URI", "resource": "RESOURCE"}
"""The variable for a public value of the flow that stands in the whole script under this name."""

FILLS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "register": (("CLIENT_ID", "$(member client_id)"), ("CLIENT_SECRET", "$(member_or_nothing client_secret)")),
    "pkce": (("CODE_VERIFIER", ""), ("CODE_CHALLENGE", ""), ("STATE", "")),
    "callback": (("AUTH_CODE", ""),),
    "device": (("DEVICE_CODE", "$(member device_code)"),),
    "token": (("ACCESS_TOKEN", "$(member access_token)"), ("REFRESH_TOKEN", "$(member_or_nothing refresh_token)")),
    "mcp": (("SESSION_ID", ""),),
    "refresh": (
        ("OLD_REFRESH_TOKEN", "$REFRESH_TOKEN"),
        ("ACCESS_TOKEN", "$(member access_token)"),
        ("REFRESH_TOKEN", "$(member_or_nothing refresh_token)"),
        ("REFRESH_TOKEN", "${REFRESH_TOKEN:-$OLD_REFRESH_TOKEN}"),
    ),
}
"""The variables that a step fills, with what it reads them from where that is its answer."""

_HEADER = r"""#!/usr/bin/env bash
# One OAuth authorization, step by step. Needs bash, curl, jq and openssl.
# Secrets are shell variables: none stands in this file.
set -euo pipefail
SESSION_ID=""

visible() {  # text as a terminal may show it
  LC_ALL=C tr -cd '[:print:]\n'
}
send() {  # runs curl; shows status and challenge, keeps the body in BODY and the session in SESSION_ID;
  # what came of an event stream that stays open (exit status 28) is good enough
  local head id; head=$(mktemp)
  BODY=$(curl -sS -g --proto =http,https --max-time 30 -D "$head" "$@") || [ $? -eq 28 ]
  sed -n '1p;/^[Ww][Ww][Ww]-[Aa]/p' "$head" | visible
  id=$(tr -d '\r' <"$head" | awk 'tolower($1) == "mcp-session-id:" {print $2}')
  [ -z "$id" ] || SESSION_ID=$id
  rm -f "$head"
}
show() {  # the body, its tokens hidden
  local json; json=$(sed -n 's/^data: *//p' <<<"$BODY" | grep . || printf '%s' "$BODY")
  jq 'def hidden: if (.key | test("(^|_)(token|secret)$|^device_code$")) and (.value | type == "string")
      then .value = "(kept in a variable)" else . end;
    walk(if type == "object" then with_entries(hidden) else . end)' <<<"$json" 2>/dev/null ||
    head -c 400 <<<"$BODY" | visible
}
member() {  # a text member of the body
  jq -er --arg name "$1" '.[$name] | strings' <<<"$BODY" || { echo "the answer holds no $1" >&2; return 1; }
}
member_or_nothing() {
  jq -r --arg name "$1" '.[$name] // ""' <<<"$BODY"
}
"""
_ADD = """glue='?'
add() { AUTH_URL+="$glue$(jq -rn --arg n "$1" --arg v "$2" '"\\($n|@uri)=\\($v|@uri)"')"; glue='&'; }"""
_PKCE = """CODE_VERIFIER=$(openssl rand -base64 32 | tr '+/' '-_' | tr -d '=\\n')
CODE_CHALLENGE=$(printf %s "$CODE_VERIFIER" | openssl dgst -sha256 -binary | openssl base64 -A |
  tr '+/' '-_' | tr -d '=')
STATE=$(openssl rand -hex 16)"""
_LINK = """echo 'Open this URL in a browser:'
printf '%s\\n' "$AUTH_URL" | LC_ALL=C tr -cd '[:print:]\\n'"""
_CODE = """echo 'Paste the code from the address that the browser ended on:'
read -r AUTH_CODE || [ -n "$AUTH_CODE" ] || { echo 'no code was pasted' >&2; exit 1; }"""
_PROVEN = """# This run signed DPoP proofs. A proof names its token and its nonce, so this script cannot run unattended:
# send its commands one by one, each with a proof of your own."""
_STATE = "STATE=$(openssl rand -hex 16)"
_AT_ONCE = """echo 'Paste the access_token from the address that the browser ended on:'
read -rs ACCESS_TOKEN || [ -n "$ACCESS_TOKEN" ] || { echo 'no token was pasted' >&2; exit 1; }"""
_AT_DEVICE = """echo 'Open the verification_uri above, type the user_code there, then press Enter:'
read -r _"""
_NO_CODE = "# the browser's part: it ends on the redirect URI with ?code=...&state=..."


def curl_script(trace: Trace, step: str | None = None) -> str:
    """The script of one step, or of all steps that ran.

    Raises:
        NotYet: the step, or any step at all, has not run.
    """
    runs = [run for run in trace.runs if step in (None, run.step)]
    if not runs:
        raise NotYet(f"run of {step}" if step else "run of any step", f"dbg.{step or 'run'}()")
    return _whole(trace, runs) if step is None else _single(trace, runs[0])


def _whole(trace: Trace, runs: list[Run]) -> str:
    names = _Names(_flow_secrets(trace), trace.vault, whole=True, provided={"SESSION_ID"})
    given = list(names.give(_given(trace)))
    sections = []
    for run in runs:
        body = "\n".join(_section(trace, run, names))
        sections.append(f"# -- {run.step} {'-' * (100 - len(run.step))}\n{body}")
    needed = [f': "${{{name}:?set {name} in the environment}}"' for name in names.needed]
    proven = any(exchange.request.header("dpop") for run in runs for exchange in trace.of(run))
    return "\n".join((_HEADER, *([_PROVEN] if proven else []), *given, *needed, "", "\n\n".join(sections), ""))


def _single(trace: Trace, run: Run) -> str:
    names = _Names(_flow_secrets(trace), trace.vault, whole=False)
    if run.step == "authorize":
        names.provided |= {"CODE_CHALLENGE", "STATE"}
    lines = list(_section(trace, run, names))
    if run.step == "authorize":
        lines.insert(0, _PKCE)
    title = f"# {run.step}" + (f"; needs {' '.join(names.needed)}" if names.needed else "")
    return "\n".join((title, *lines))


@dataclass
class _Names:
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


def _given(trace: Trace) -> Iterator[tuple[str, str]]:
    """Values that no answer fills: redirect URI, a pre-registered client, the resource indicator."""
    yield "REDIRECT_URI", trace.settings.get("redirect_uri", "")
    yield "CLIENT_ID", trace.settings.get("client_id", "")
    asked = (pair for run in trace.runs for exchange in trace.of(run) for pair in _pairs(exchange.request))
    yield "RESOURCE", next((value for name, value in asked if name == "resource"), "")


def _flow_secrets(trace: Trace) -> dict[str, str]:
    """A variable for each secret of the flow, by value: what answers hold, and what requests sent under their names."""
    variables: dict[str, str] = {}
    for exchange in trace.exchanges:
        edited = {name.partition(".")[2].lower() for name in exchange.edited}
        for name, value in (*_pairs(exchange.request), *exchange.request.headers):
            if name.lower() in SECRETS and name.lower() != "code_challenge" and value and name.lower() not in edited:
                variables.setdefault(value, SECRETS[name.lower()])
        scheme, _, credentials = (exchange.request.header("authorization") or "").partition(" ")
        if scheme.lower() in ("bearer", "dpop") and "authorization" not in edited:
            variables.setdefault(credentials, "ACCESS_TOKEN")
        for name in ("access_token", "refresh_token", "client_secret", "registration_access_token"):
            issued = (exchange.document or {}).get(name)
            if isinstance(issued, str) and issued:
                variables[issued] = "ID_JAG" if _is_at_idp(exchange) else SECRETS[name]
    return variables


_AGAIN = """# Here the client authorized once more, for what the last answer asked for. A script cannot log in by
# itself: run the steps from authorize on again, with that scope."""


def _section(trace: Trace, run: Run, names: _Names) -> Iterator[str]:
    exchanges = [exchange for exchange in trace.of(run) if exchange.direction == "out"]
    names.replays = run.step == "replay"
    if run.step == "pkce":
        yield _PKCE
    elif run.step == "callback":
        yield from _came_back(trace, run, names)
    elif run.step == "authorize" and exchanges:
        if names.whole and "STATE" not in names.provided:  # without PKCE
            names.provided.add("STATE")
            yield _STATE
        yield from _authorization_url(exchanges[-1], names)
    elif not exchanges:
        yield "# nothing was sent in this step"
    else:
        if _is_polled(exchanges):  # asked until the person was done: the script asks the person
            exchanges = exchanges[-1:]
            yield _AT_DEVICE
        for exchange in exchanges:
            if run.step == "mcp" and exchange.request.method == "GET":
                yield _AGAIN
                break
            yield from _signed(exchange.request)
            yield curl_command(exchange, names)
            if names.whole:
                yield "show"
            if names.whole and _is_at_idp(exchange) and (exchange.document or {}).get("access_token"):
                names.provided.add("ID_JAG")
                yield 'ID_JAG="$(member access_token)"'
    if run.achieved and (exchanges or run.step in ("pkce", "callback")):
        yield from _filled(run.step, exchanges, names)


def _came_back(trace: Trace, run: Run, names: _Names) -> Iterator[str]:
    """What the person has to copy from the address that the browser ended on."""
    if not (names.whole and run.achieved):
        yield _NO_CODE
    elif trace.settings.get("grant") == "implicit":
        names.provided.add("ACCESS_TOKEN")
        yield _AT_ONCE
    else:
        yield _CODE


def _is_polled(exchanges: list[Exchange]) -> bool:
    return bool(exchanges) and all(dict(_pairs(one.request)).get("grant_type") == DEVICE_CODE for one in exchanges)


def _filled(step: str, exchanges: list[Exchange], names: _Names) -> Iterator[str]:
    """What a whole script keeps of a step."""
    if not names.whole:
        return
    for variable, source in FILLS.get(step, ()):
        names.provided.add(variable)
        if source:
            yield f"{variable}={source}"
    document = exchanges[-1].document if exchanges else None
    if step == "register" and document and isinstance(document.get("client_id"), str):
        names.public[document["client_id"]] = "CLIENT_ID"
        yield from _managed(document, names)
    if step == "server_metadata" and document:
        for name, variable in ENDPOINTS.items():
            url = document.get(name)
            if isinstance(url, str) and url not in names.public and url not in names.known:
                names.public[url] = variable
                yield f'{variable}="$(member {name})"'


def _managed(document: Mapping[str, Any], names: _Names) -> Iterator[str]:
    """Where the registration can be read and removed, and with what (RFC 7592 3)."""
    url, token = document.get("registration_client_uri"), document.get("registration_access_token")
    if isinstance(url, str) and isinstance(token, str) and url not in names.public and url not in names.known:
        names.public[url] = "REGISTRATION_CLIENT_URI"
        names.provided.add("REGISTRATION_ACCESS_TOKEN")
        yield 'REGISTRATION_CLIENT_URI="$(member registration_client_uri)"'
        yield 'REGISTRATION_ACCESS_TOKEN="$(member registration_access_token)"'


def curl_command(exchange: Exchange, names: _Names) -> str:
    """One exchange as one curl command, a line per argument."""
    request = exchange.request
    command = "send" if names.whole else "curl -sS -i -g --proto =http,https"
    parts = [f"{command} -X {request.method} --url {names.word(request.url)}"]
    for name, value in request.headers:
        is_form_type = _is_form(request) and name.lower() == "content-type"
        if name.lower() not in LEFT_OUT and not is_form_type:
            parts.append(_header(exchange, name, value, names))
    if _is_form(request):
        parts += [f"--data-urlencode {_pair(exchange, name, value, names)}" for name, value in _pairs(request)]
    elif request.body:
        parts.append(f"--data-raw {names.word(request.body.decode('utf-8', 'replace'))}")
    return " \\\n  ".join(parts)


def _signed(request: Request) -> Iterator[str]:
    """What bash cannot make again: it was signed with a private key for this one request."""
    if request.header("dpop"):
        yield "# DPoP was signed for this request alone, with a key that is not here: set a fresh proof (RFC 9449 4)"
    if "client_assertion" in dict(_pairs(request)):
        yield "# client_assertion was signed for this request alone, with a key that is not here: set a fresh one"


def _is_at_idp(exchange: Exchange) -> bool:
    return dict(_pairs(exchange.request)).get("grant_type") == TOKEN_EXCHANGE


def _header(exchange: Exchange, name: str, value: str, names: _Names) -> str:
    edited = f"headers.{name.lower()}" in {one.lower() for one in exchange.edited}
    scheme, space, credentials = value.partition(" ")
    if name.lower() == "authorization" and space and not edited:
        if scheme.lower() == "basic":
            secret = "IDP_CLIENT_SECRET" if _is_at_idp(exchange) else "CLIENT_SECRET"
            return f"-u {_basic(credentials, names, secret)}"
        variable = names.of("access_token", credentials) or "ACCESS_TOKEN"
        return f"-H {names.pieces((f'{name}: {scheme} ', False), (names.expansion(variable), True))}"
    found = names.of(name, value, edited=edited)
    if found:
        return f"-H {names.pieces((f'{name}: ', False), (names.expansion(found), True))}"
    return f"-H {names.word(f'{name}: {value}' if value else f'{name};')}"  # curl's way to send an empty value


def _basic(credentials: str, names: _Names, secret_name: str) -> str:
    """Id and secret for curl; both are form-encoded in there, which is seen where it changes them (RFC 6749 2.3.1)."""
    client_id, _, secret = b64decode(credentials + "==").decode("utf-8", "replace").partition(":")
    known = names.public.get(unquote_plus(client_id)) == "CLIENT_ID"
    variable = names.expansion(secret_name)
    if unquote_plus(secret) != secret:
        variable = f"$(jq -rn --arg v \"{variable}\" '$v|@uri')"
    name = (
        (names.expansion("CLIENT_ID"), True) if known and unquote_plus(client_id) == client_id else (client_id, False)
    )
    return names.pieces(name, (":", False), (variable, True))


def _authorization_url(exchange: Exchange, names: _Names) -> Iterator[str]:
    base, _, query = exchange.request.url.partition("#")[0].partition("?")
    yield f"AUTH_URL={names.word(base)}"
    yield _ADD
    for name, value in parse_qsl(query, keep_blank_values=True, errors="replace"):
        variable = names.of(name, value, edited=f"params.{name}" in exchange.edited)
        shown = f'"{names.expansion(variable)}"' if variable else names.literal(value)
        yield f"add {names.literal(name)} {shown}"
    yield _LINK


def _pair(exchange: Exchange, name: str, value: str, names: _Names) -> str:
    variable = names.of(name, value, edited=f"form.{name}" in exchange.edited)
    return names.pieces((f"{name}=", False), (names.expansion(variable), True) if variable else (value, False))


def _is_form(request: Request) -> bool:
    return "form-urlencoded" in (request.header("content-type") or "")


def _pairs(request: Request) -> tuple[tuple[str, str], ...]:
    """The parameters of a request: of its form, or else of its query."""
    query = request.url.partition("#")[0].partition("?")[2]
    text = request.body.decode("utf-8", "replace") if _is_form(request) else query
    return tuple(parse_qsl(text, keep_blank_values=True, errors="replace"))
