"""One request as bash has to write it: a command with curl, or the URL to open in a browser."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator
from urllib.parse import parse_qsl, unquote_plus

from mcp_oauth_nb.evidence.curl_variables import Variables, is_at_idp, is_form, pairs
from mcp_oauth_nb.records import Exchange, Request

LEFT_OUT = frozenset("host content-length user-agent accept-encoding connection".split())
"""Headers that curl sends by itself."""

_ADD = """glue='?'
add() { AUTH_URL+="$glue$(jq -rn --arg n "$1" --arg v "$2" '"\\($n|@uri)=\\($v|@uri)"')"; glue='&'; }"""
_LINK = """echo 'Open this URL in a browser:'
printf '%s\\n' "$AUTH_URL" | LC_ALL=C tr -cd '[:print:]\\n'"""


def curl_command(exchange: Exchange, names: Variables) -> str:
    """One exchange as one curl command, a line per argument."""
    request = exchange.request
    command = "send" if names.whole else "curl -sS -i -g --proto =http,https"
    parts = [f"{command} -X {request.method} --url {names.word(request.url)}"]
    for name, value in request.headers:
        is_form_type = is_form(request) and name.lower() == "content-type"
        if name.lower() not in LEFT_OUT and not is_form_type:
            parts.append(_header(exchange, name, value, names))
    if is_form(request):
        parts += [f"--data-urlencode {_pair(exchange, name, value, names)}" for name, value in pairs(request)]
    elif request.body:
        parts.append(f"--data-raw {names.word(request.body.decode('utf-8', 'replace'))}")
    return " \\\n  ".join(parts)


def authorization_url(exchange: Exchange, names: Variables) -> Iterator[str]:
    """The URL of the authorization request, put together parameter by parameter, as something to open."""
    base, _, query = exchange.request.url.partition("#")[0].partition("?")
    yield f"AUTH_URL={names.word(base)}"
    yield _ADD
    for name, value in parse_qsl(query, keep_blank_values=True, errors="replace"):
        variable = names.of(name, value, edited=f"params.{name}" in exchange.edited)
        shown = f'"{names.expansion(variable)}"' if variable else names.literal(value)
        yield f"add {names.literal(name)} {shown}"
    yield _LINK


def signed(request: Request) -> Iterator[str]:
    """What bash cannot make again: it was signed with a private key for this one request."""
    if request.header("dpop"):
        yield "# DPoP was signed for this request alone, with a key that is not here: set a fresh proof (RFC 9449 4)"
    if "client_assertion" in dict(pairs(request)):
        yield "# client_assertion was signed for this request alone, with a key that is not here: set a fresh one"


def _header(exchange: Exchange, name: str, value: str, names: Variables) -> str:
    edited = f"headers.{name.lower()}" in {one.lower() for one in exchange.edited}
    scheme, space, credentials = value.partition(" ")
    if name.lower() == "authorization" and space and not edited:
        if scheme.lower() == "basic":
            secret = "IDP_CLIENT_SECRET" if is_at_idp(exchange) else "CLIENT_SECRET"
            return f"-u {_basic(credentials, names, secret)}"
        variable = names.of("access_token", credentials) or "ACCESS_TOKEN"
        return f"-H {names.pieces((f'{name}: {scheme} ', False), (names.expansion(variable), True))}"
    found = names.of(name, value, edited=edited)
    if found:
        return f"-H {names.pieces((f'{name}: ', False), (names.expansion(found), True))}"
    return f"-H {names.word(f'{name}: {value}' if value else f'{name};')}"  # curl's way to send an empty value


def _basic(credentials: str, names: Variables, secret_name: str) -> str:
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


def _pair(exchange: Exchange, name: str, value: str, names: Variables) -> str:
    variable = names.of(name, value, edited=f"form.{name}" in exchange.edited)
    return names.pieces((f"{name}=", False), (names.expansion(variable), True) if variable else (value, False))
