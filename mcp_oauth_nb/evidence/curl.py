"""A step, or the whole flow, as a bash script with curl.

The script repeats what this run sent, overrides included. Every secret in it is a shell variable: one that an earlier
command of the script fills from an answer, one that it generates (PKCE, state), one that it asks for (the code), or
one that must be in the environment (a client secret, an API key). What was public but is new on every run, such as the
client id of a registration, is a variable as well, so that the whole script can be run again from its top.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote_plus

from mcp_oauth_nb.errors import NotYet
from mcp_oauth_nb.records import Exchange, Request, Run, Trace
from mcp_oauth_nb.redact import is_secret_name

LEFT_OUT = frozenset("host content-length user-agent accept-encoding connection cookie".split())
"""Headers that curl sends by itself, or that belong to a browser."""

VARIABLES: Mapping[str, str] = {
    "code": "AUTH_CODE",
    "code_verifier": "CODE_VERIFIER",
    "code_challenge": "CODE_CHALLENGE",
    "state": "STATE",
    "client_id": "CLIENT_ID",
    "client_secret": "CLIENT_SECRET",
    "access_token": "ACCESS_TOKEN",
    "refresh_token": "REFRESH_TOKEN",
    "mcp-session-id": "SESSION_ID",
    "resource": "RESOURCE",
    "redirect_uri": "REDIRECT_URI",
}
"""Names whose value is a variable wherever it stands alone under that name."""

FILLED_BY: Mapping[str, tuple[str, ...]] = {
    "register": ('CLIENT_ID=$(jq -r .client_id <<<"$BODY")', 'CLIENT_SECRET=$(jq -r \'.client_secret // ""\' <<<"$BODY")'),
    "token": (
        'ACCESS_TOKEN=$(jq -r .access_token <<<"$BODY")',
        'REFRESH_TOKEN=$(jq -r \'.refresh_token // ""\' <<<"$BODY")',
    ),
    "refresh": (
        'OLD_REFRESH_TOKEN="$REFRESH_TOKEN"',
        'ACCESS_TOKEN=$(jq -r .access_token <<<"$BODY")',
        'REFRESH_TOKEN=$(jq -r --arg old "$REFRESH_TOKEN" \'.refresh_token // $old\' <<<"$BODY")',
    ),
}
"""What a script reads out of the answer of a step."""

_HEADER = """#!/usr/bin/env bash
# The OAuth authorization of one MCP server, step by step. Needs bash, curl, jq and openssl.
# Secrets are shell variables: none stands in this file.
set -euo pipefail

send() {  # runs curl, shows the answer's head, keeps the body in BODY
  local head; head=$(mktemp)
  BODY=$(curl -sS --max-time 60 -D "$head" "$@"); sed 's/\\r$//' "$head" | sed -n '1p;/^[Ww][Ww][Ww]-[Aa]/p'
  SESSION_ID=${SESSION_ID:-$(sed 's/\\r$//' "$head" | awk 'tolower($1)=="mcp-session-id:"{print $2}')}
  rm -f "$head"
}
"""
_PKCE = """CODE_VERIFIER=$(openssl rand -base64 32 | tr '+/' '-_' | tr -d '=\\n')
CODE_CHALLENGE=$(printf %s "$CODE_VERIFIER" | openssl dgst -sha256 -binary | openssl base64 -A | tr '+/' '-_' | tr -d '=')
STATE=$(openssl rand -hex 16)"""
_CODE = """echo 'Open this URL in a browser, then paste the code of the address it ends on:'
echo "$AUTH_URL"
read -r -p 'code: ' AUTH_CODE"""


@dataclass
class _Names:
    """Finds the variable for a value: by its name where it has one, by the kind of secret it is everywhere else."""

    secrets: Mapping[str, str]
    outside: list[str] = field(default_factory=list)

    def named(self, name: str, value: str) -> str | None:
        if name.lower() in VARIABLES:
            return VARIABLES[name.lower()]
        return self.secret(value, name) if is_secret_name(name) or value in self.secrets else None

    def secret(self, value: str, name: str = "secret") -> str:
        variable = self.secrets.get(value) or VARIABLES.get(name.lower()) or re.sub(r"\W", "_", name).upper()
        if variable not in _PROVIDED and variable not in self.outside:
            self.outside.append(variable)
        return variable


_PROVIDED = frozenset(VARIABLES.values()) - {"CLIENT_SECRET"} | {"OLD_REFRESH_TOKEN"}


def curl_script(trace: Trace, step: str | None = None) -> str:
    """The script of one step, or of all steps that ran.

    Raises:
        NotYet: the step, or any step at all, has not run.
    """
    runs = [run for run in trace.runs if step in (None, run.step)]
    if not runs:
        raise NotYet(f"run of {step}" if step else "run of any step", f"dbg.{step or 'run'}()")
    names = _Names(_secret_variables(trace))
    sections = [_section(trace, run, names, whole=step is None) for run in runs]
    body = "\n\n".join(section for section in sections if section)
    if step is not None:
        return "\n".join((*_needed(names, runs), body))
    head = "\n".join((_HEADER, f"REDIRECT_URI={_quoted(trace.settings.get('redirect_uri', ''))}", *_given(trace, runs)))
    return "\n".join((head, *_needed(names, runs), "", body, ""))


def _needed(names: _Names, runs: Iterable[Run]) -> Iterator[str]:
    registers = any(run.step == "register" and run.exchanges for run in runs)
    for variable in names.outside:
        if not (variable == "CLIENT_SECRET" and registers):
            yield f': "${{{variable}:?set {variable} in the environment}}"'


def _given(trace: Trace, runs: Iterable[Run]) -> Iterator[str]:
    """Values that no answer fills: those of a pre-registered client and of the resource indicator."""
    if trace.settings.get("client_id"):
        yield f"CLIENT_ID={_quoted(trace.settings['client_id'])}"
    for run in runs:
        for exchange in trace.of(run):
            for name, value in _pairs(exchange.request):
                if name == "resource":
                    yield f"RESOURCE={_quoted(value)}"
                    return


def _secret_variables(trace: Trace) -> dict[str, str]:
    """A variable for each secret of the trace, by value. Tokens of different steps share one: scripts run in order."""
    variables: dict[str, str] = {}
    for exchange in trace.exchanges:
        for name, value in (*_pairs(exchange.request), *exchange.request.headers):
            if is_secret_name(name) and name.lower() != "authorization":
                variables.setdefault(value, VARIABLES.get(name.lower(), re.sub(r"\W", "_", name).upper()))
        document = exchange.document if exchange.response else None
        for name in ("access_token", "refresh_token", "client_secret"):
            if document and isinstance(document.get(name), str):
                variables[document[name]] = VARIABLES[name]
        if exchange.step == "replay":
            variables.update({value: "OLD_REFRESH_TOKEN" for name, value in _pairs(exchange.request) if name == "refresh_token"})
    return variables


def _section(trace: Trace, run: Run, names: _Names, *, whole: bool) -> str:
    title = f"# -- {run.step} " + "-" * max(3, 90 - len(run.step))
    if run.step == "pkce":
        return f"{title}\n{_PKCE}"
    exchanges = [exchange for exchange in trace.of(run) if exchange.direction == "out"]
    if run.step == "callback":
        return f"{title}\n{_CODE}" if whole else f"{title}\n# the browser's part: it ends on the redirect URI with ?code=...&state=..."
    if run.step == "authorize" and exchanges:
        return f"{title}\n{_authorization_url(exchanges[-1].request, names)}"
    lines = [title]
    if not exchanges:
        lines.append("# nothing was sent in this step")
    for exchange in exchanges:
        lines.append(curl_command(exchange, names, command="send" if whole else "curl -sS -i"))
        if whole:
            lines.append("jq . <<<\"$BODY\" 2>/dev/null | sed -E 's/(\"[a-z_]*(token|secret)\": *)\"[^\"]*\"/\\1\"(kept in a variable)\"/' || true")
    if whole and run.achieved and exchanges:
        lines += FILLED_BY.get(run.step, ())
        if run.step == "challenge":
            lines.append('SESSION_ID=""')
    return "\n".join(lines)


def curl_command(exchange: Exchange, names: _Names, *, command: str = "curl -sS -i") -> str:
    """One exchange as one curl command, a line per argument."""
    request = exchange.request
    parts = [f"{command} -X {request.method} {_text(request.url, names)}"]
    for name, value in request.headers:
        if name.lower() not in LEFT_OUT:
            parts.append(_header(name, value, names))
    if _is_form(request):
        parts += [f"--data-urlencode {_pair(name, value, names)}" for name, value in _pairs(request)]
        parts = [part for part in parts if "application/x-www-form-urlencoded" not in part]
    elif request.body:
        parts.append(f"--data {_text(request.body.decode('utf-8', 'replace'), names)}")
    return " \\\n  ".join(parts)


def _header(name: str, value: str, names: _Names) -> str:
    scheme, space, credentials = value.partition(" ")
    if name.lower() == "authorization" and space and scheme.lower() == "basic":
        return f'-u "${{CLIENT_ID}}:${{{names.secret("", "client_secret")}}}"'
    if name.lower() == "authorization" and space:
        return f'-H "Authorization: {scheme} ${{{names.secret(credentials, "access_token")}}}"'
    variable = names.named(name, value)
    return f'-H "{_escaped(name)}: ${{{variable}}}"' if variable else f"-H {_text(f'{name}: {value}', names)}"


def _authorization_url(request: Request, names: _Names) -> str:
    base, _, query = request.url.partition("?")
    lines = [f"AUTH_URL={_quoted(base)}", "glue='?'"]
    lines.append('add() { AUTH_URL+="${glue}$1=$(jq -rn --arg v "$2" \'$v|@uri\')"; glue=\'&\'; }')
    for name, value in parse_qsl(query, keep_blank_values=True):
        variable = names.named(name, value)
        lines.append(f'add {_quoted(name)} "${{{variable}}}"' if variable else f"add {_quoted(name)} {_quoted(value)}")
    return "\n".join(lines)


def _pair(name: str, value: str, names: _Names) -> str:
    variable = "CLIENT_ID" if name == "client_id" else names.secrets.get(value) or names.named(name, value)
    return f'"{_escaped(name)}=${{{variable}}}"' if variable else _quoted(f"{name}={value}")


def _text(text: str, names: _Names) -> str:
    """Quote text for bash, with every known secret in it as its variable."""
    found = [value for value in names.secrets if len(value) >= 4 and value in text]
    if not found:
        return _quoted(text)
    pattern = "|".join(re.escape(value) for value in sorted(found, key=len, reverse=True))
    return '"' + _joined(re.split(f"({pattern})", text), names.secret) + '"'


def _joined(pieces: Iterable[str], variable_of: Callable[[str], str]) -> str:
    return "".join(_escaped(piece) if n % 2 == 0 else f"${{{variable_of(piece)}}}" for n, piece in enumerate(pieces))


def _quoted(text: str) -> str:
    """A bash word that means exactly `text`, control characters included, so that pasting it does nothing else."""
    if any(ord(c) < 32 or ord(c) == 127 or 0x80 <= ord(c) < 0xA0 for c in text):
        return "$'" + "".join(_ansi(c) for c in text) + "'"
    return "'" + text.replace("'", "'\\''") + "'"


def _ansi(character: str) -> str:
    if character in "'\\":
        return "\\" + character
    return f"\\u{ord(character):04x}" if ord(character) < 32 or 0x7F <= ord(character) < 0xA0 else character


def _escaped(text: str) -> str:
    return re.sub(r'([\\"$`])', r"\\\1", text)


def _is_form(request: Request) -> bool:
    return "form-urlencoded" in (request.header("content-type") or "")


def _pairs(request: Request) -> tuple[tuple[str, str], ...]:
    """The parameters of a request: of its form, or else of its query."""
    text = request.body.decode("utf-8", "replace") if _is_form(request) else request.url.partition("?")[2]
    return tuple((unquote_plus(name), value) for name, value in parse_qsl(text, keep_blank_values=True))
