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

from collections.abc import Iterator, Mapping
from typing import Any

from mcp_oauth_nb.errors import NotYet
from mcp_oauth_nb.evidence.curl_requests import authorization_url, curl_command, signed
from mcp_oauth_nb.evidence.curl_variables import Variables, flow_secrets, given_values, is_at_idp, pairs
from mcp_oauth_nb.protocol.grants import DEVICE_CODE
from mcp_oauth_nb.records import Exchange, Run, Trace

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
_PKCE = """CODE_VERIFIER=$(openssl rand -base64 32 | tr '+/' '-_' | tr -d '=\\n')
CODE_CHALLENGE=$(printf %s "$CODE_VERIFIER" | openssl dgst -sha256 -binary | openssl base64 -A |
  tr '+/' '-_' | tr -d '=')
STATE=$(openssl rand -hex 16)"""
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
    names = Variables(flow_secrets(trace), trace.vault, whole=True, provided={"SESSION_ID"})
    given = list(names.give(given_values(trace)))
    sections = []
    for run in runs:
        body = "\n".join(_section(trace, run, names))
        sections.append(f"# -- {run.step} {'-' * (100 - len(run.step))}\n{body}")
    needed = [f': "${{{name}:?set {name} in the environment}}"' for name in names.needed]
    proven = any(exchange.request.header("dpop") for run in runs for exchange in trace.of(run))
    return "\n".join((_HEADER, *([_PROVEN] if proven else []), *given, *needed, "", "\n\n".join(sections), ""))


def _single(trace: Trace, run: Run) -> str:
    names = Variables(flow_secrets(trace), trace.vault, whole=False)
    if run.step == "authorize":
        names.provided |= {"CODE_CHALLENGE", "STATE"}
    lines = list(_section(trace, run, names))
    if run.step == "authorize":
        lines.insert(0, _PKCE)
    title = f"# {run.step}" + (f"; needs {' '.join(names.needed)}" if names.needed else "")
    return "\n".join((title, *lines))


_AGAIN = """# Here the client authorized once more, for what the last answer asked for. A script cannot log in by
# itself: run the steps from authorize on again, with that scope."""


def _section(trace: Trace, run: Run, names: Variables) -> Iterator[str]:
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
        yield from authorization_url(exchanges[-1], names)
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
            yield from signed(exchange.request)
            yield curl_command(exchange, names)
            if names.whole:
                yield "show"
            if names.whole and is_at_idp(exchange) and (exchange.document or {}).get("access_token"):
                names.provided.add("ID_JAG")
                yield 'ID_JAG="$(member access_token)"'
    if run.achieved and (exchanges or run.step in ("pkce", "callback")):
        yield from _filled(run.step, exchanges, names)


def _came_back(trace: Trace, run: Run, names: Variables) -> Iterator[str]:
    """What the person has to copy from the address that the browser ended on."""
    if not (names.whole and run.achieved):
        yield _NO_CODE
    elif trace.settings.get("grant") == "implicit":
        names.provided.add("ACCESS_TOKEN")
        yield _AT_ONCE
    else:
        yield _CODE


def _is_polled(exchanges: list[Exchange]) -> bool:
    return bool(exchanges) and all(dict(pairs(one.request)).get("grant_type") == DEVICE_CODE for one in exchanges)


def _filled(step: str, exchanges: list[Exchange], names: Variables) -> Iterator[str]:
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


def _managed(document: Mapping[str, Any], names: Variables) -> Iterator[str]:
    """Where the registration can be read and removed, and with what (RFC 7592 3)."""
    url, token = document.get("registration_client_uri"), document.get("registration_access_token")
    if isinstance(url, str) and isinstance(token, str) and url not in names.public and url not in names.known:
        names.public[url] = "REGISTRATION_CLIENT_URI"
        names.provided.add("REGISTRATION_ACCESS_TOKEN")
        yield 'REGISTRATION_CLIENT_URI="$(member registration_client_uri)"'
        yield 'REGISTRATION_ACCESS_TOKEN="$(member registration_access_token)"'
