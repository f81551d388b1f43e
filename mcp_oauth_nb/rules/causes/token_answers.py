"""What may stand behind an answer of the token endpoint that is not in the form of OAuth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.rules.cause import Fit, line, suspect
from mcp_oauth_nb.rules.causes.answers import shown_in
from mcp_oauth_nb.rules.edges import edge_lines
from mcp_oauth_nb.rules.evidence import is_at_idp, oauth_error, text
from mcp_oauth_nb.rules.rule import Case, Finding
from mcp_oauth_nb.rules.words import AUTHORIZATION_SERVER, answer, capped, is_page, kind_of, shown

REFUSED, INVALID, EXPIRY = "token-refused", "token-answer-invalid", "token-expiry-missing"
ANSWER, ERRORS = Spec("RFC 6749", "5.1"), Spec("RFC 6749", "5.2")
DEEPEST = 4


def _without_error(case: Case, finding: Finding) -> Exchange | None:
    """The refusal that is no OAuth error."""
    exchange = shown_in(case, finding)
    silent = exchange is None or exchange.response is None or oauth_error(exchange) or is_at_idp(exchange)
    return None if silent else exchange


# --- refused, but not by OAuth ----------------------------------------------------------------------------------------


@suspect(
    "edge-blocks",
    of=REFUSED,
    step="token",
    who="gateway",
    summary="Something in front of the token endpoint blocks the request: a firewall, a bot check or a rate limit.",
    fix="Exempt the token endpoint from bot and firewall rules, and let requests of programs pass.",
    spec=ERRORS,
    apart="The same request from another network, or with another User-Agent.",
    call="dbg.token(headers={'User-Agent': 'Mozilla/5.0'})",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    exchange = _without_error(case, finding)
    if exchange is None or exchange.response is None or exchange.status not in (403, 405, 406, 429, 503):
        return
    page, lines = is_page(exchange.response), edge_lines(exchange)
    if exchange.status in (405, 503) and not lines:
        return
    if page or lines:  # marks alone stand in what a gateway merely passes on, too
        agent = exchange.request.header("user-agent")
        sent = line(exchange, "header:User-Agent", agent or "no User-Agent was sent")
        yield Fit("likely" if page else "possible", (line(exchange, "status", answer(exchange)), *lines, sent))


@suspect(
    "token-requests-limited",
    of=REFUSED,
    step="token",
    who=AUTHORIZATION_SERVER,
    summary="The token endpoint takes no more requests for now.",
    fix="Wait as Retry-After says, then run authorize, callback and token again; the limit is set at the server.",
    spec=Spec("RFC 6585", "4"),
    apart="The same request goes through after the pause.",
    call="dbg.authorize()",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    exchange = shown_in(case, finding)
    if exchange is not None and exchange.status == 429 and not is_at_idp(exchange):
        after = exchange.response.header("retry-after") if exchange.response else None
        pause = (line(exchange, "header:Retry-After", capped(after, 60)),) if after else ()
        yield Fit("likely", (line(exchange, "status", answer(exchange)), *pause))


@suspect(
    "gateway-without-server",
    of=REFUSED,
    step="token",
    who="gateway",
    summary="A gateway answers for the token endpoint, because it cannot reach the authorization server behind it.",
    fix="Bring up the authorization server behind the gateway, or correct the gateway's route to the token endpoint.",
    spec=Spec("RFC 9110", "15.6.3"),
    apart="The log of the gateway names the server that it could not reach.",
    call="dbg.authorize()",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    exchange = _without_error(case, finding)
    if exchange is not None and kind_of(exchange) == "gateway error":
        yield Fit("likely", (line(exchange, "status", answer(exchange)), *edge_lines(exchange)))


@suspect(
    "token-endpoint-elsewhere",
    of=REFUSED,
    step="server_metadata",
    who=AUTHORIZATION_SERVER,
    summary="There is no token endpoint at the URL that the metadata names.",
    fix="Publish the URL at which the token endpoint is served, as clients reach it from outside.",
    spec=Spec("RFC 8414", "2"),
    apart="Whether any POST to this URL gets an answer with an OAuth error.",
    call="dbg.config",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    exchange = _without_error(case, finding)
    if (
        exchange is not None
        and exchange.status in (301, 302, 303, 307, 308, 404, 405, 410, 501)
        and not edge_lines(exchange)
    ):
        yield Fit("likely", (line(exchange, "status", answer(exchange)),))


@suspect(
    "server-crashes",
    of=REFUSED,
    step="token",
    who=AUTHORIZATION_SERVER,
    summary="The token endpoint failed while it handled the request.",
    fix="Read the authorization server's log; whatever is wrong with a request is told with 400 and an OAuth error.",
    spec=ERRORS,
    apart="The log of the authorization server has an error of the same second.",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    exchange = _without_error(case, finding)
    if exchange is not None and kind_of(exchange) == "server error" and exchange.status != 501:
        yield Fit("likely", (line(exchange, "status", answer(exchange)),))


@suspect(
    "error-of-another-form",
    of=REFUSED,
    step="token",
    who=AUTHORIZATION_SERVER,
    summary="The token endpoint refuses in a form of its own, so that clients cannot read why.",
    fix="Refuse with a JSON object that has error and error_description; the body of this answer says what was meant.",
    spec=ERRORS,
    apart="The body of the answer, beside the log of the authorization server.",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    exchange = _without_error(case, finding)
    if exchange is None or exchange.response is None or exchange.status not in (400, 401, 403, 422):
        return
    body = exchange.response.body.decode("utf-8", "replace").strip()
    if body and not is_page(exchange.response):
        yield Fit("likely", (line(exchange, "body:", capped(body)),))


# --- a token in another form ------------------------------------------------------------------------------------------


def _inside(value: Any, path: str = "", depth: int = 0) -> str:
    """The JSON pointer of an access_token that is not at the top; empty where there is none."""
    if depth > DEEPEST or not isinstance(value, Mapping):
        return ""
    for name, member in value.items():
        if name == "access_token" and depth and text(member):
            return f"{path}/access_token"
        if found := _inside(member, f"{path}/{name}", depth + 1):
            return found
    return ""


@suspect(
    "token-nested",
    of=INVALID,
    step="token",
    who=AUTHORIZATION_SERVER,
    summary="The token is there, but inside another object than the one at the top, where clients look for it.",
    fix="Put access_token and token_type at the top of the JSON object, or use the provider's standard OAuth endpoint.",
    spec=ANSWER,
    apart="An access_token stands deeper in the answer.",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    exchange = shown_in(case, finding)
    if exchange is None or text((exchange.document or {}).get("access_token")):
        return
    if path := _inside(exchange.document):
        yield Fit("certain", (line(exchange, f"body:{path}", "an access_token"),))


@suspect(
    "token-type-own",
    of=INVALID,
    step="token",
    who=AUTHORIZATION_SERVER,
    summary="The answer calls the token by a type of the provider's own, and clients know none but Bearer.",
    fix="Answer with token_type Bearer.",
    spec=Spec("RFC 6749", "7.1"),
    apart="Whether the token works in an Authorization: Bearer header.",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    exchange = shown_in(case, finding)
    document = (exchange.document if exchange else None) or {}
    kind = text(document.get("token_type"))
    if exchange is not None and text(document.get("access_token")) and kind and kind.lower() not in ("bearer", "dpop"):
        yield Fit("certain", (line(exchange, "body:/token_type", kind),))


@suspect(
    "token-as-form",
    of=INVALID,
    step="token",
    who=AUTHORIZATION_SERVER,
    summary="The token comes as a form, the way of some servers that predate the standard.",
    fix="Answer with JSON in place of a form, at least where the request accepts application/json alone.",
    spec=ANSWER,
    apart="The body begins with name=value pairs.",
    call="dbg.token(headers={'Accept': 'application/json'})",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    exchange = shown_in(case, finding)
    body = exchange.response.body.lstrip()[:2000] if exchange and exchange.response else b""
    if exchange is not None and not body.startswith((b"{", b"[", b"<")) and b"access_token=" in body:
        accepted = exchange.request.header("accept")
        sent = line(exchange, "header:Accept", accepted or "no Accept was sent")
        yield Fit("certain", (line(exchange, "body:", "access_token= in a body that is no JSON"), sent))


@suspect(
    "token-route-shows-page",
    of=INVALID,
    step="server_metadata",
    who=AUTHORIZATION_SERVER,
    summary="A page for people answers where the metadata says the token endpoint is.",
    fix="Route the URL to the token endpoint, or publish the URL at which it is served.",
    spec=ANSWER,
    apart="The page's title says whose it is.",
    call="dbg.config",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    exchange = shown_in(case, finding)
    if exchange is not None and exchange.response is not None and is_page(exchange.response):
        yield Fit("likely", (line(exchange, "body:", answer(exchange)), *edge_lines(exchange)))


@suspect(
    "expiry-as-text",
    of=EXPIRY,
    step="token",
    who=AUTHORIZATION_SERVER,
    summary="The lifetime of the token is given as text, which strict clients refuse together with the token.",
    fix="Send expires_in as a JSON number, without quotation marks.",
    spec=ANSWER,
    apart="expires_in stands in quotation marks.",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    exchange = shown_in(case, finding)
    value = (exchange.document or {}).get("expires_in") if exchange else None
    if exchange is not None and isinstance(value, str) and value.strip().isdecimal():
        yield Fit("certain", (line(exchange, "body:/expires_in", shown(value)),))
