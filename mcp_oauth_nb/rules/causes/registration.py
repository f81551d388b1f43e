"""Suspects behind a registration that is refused for who asks, how often, or where; and one that is not offered."""

from __future__ import annotations

from collections.abc import Iterator

from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.rules.attempts import attempts
from mcp_oauth_nb.rules.cause import Fit, line, suspect
from mcp_oauth_nb.rules.causes.answers import shown_in
from mcp_oauth_nb.rules.edges import edge_lines
from mcp_oauth_nb.rules.evidence import server_document, text
from mcp_oauth_nb.rules.rule import Case, Finding
from mcp_oauth_nb.rules.suspect import Line
from mcp_oauth_nb.rules.words import AUTHORIZATION_SERVER, capped, is_page, shown

REFUSED, MISSING = "registration-refused", "registration-endpoint-missing"
APPROACHES, ENDPOINT = Spec("MCP 2025-11-25", "Client Registration Approaches"), Spec("RFC 7591", "3")
FLAG = "client_id_metadata_document_supported"
GIVE = "Debugger(url, client=Client('id'))"
_LISTED = ("registration_endpoint", FLAG)


def refused(case: Case, finding: Finding, *statuses: int) -> Exchange | None:
    """The registration that a finding is about, where it was refused with one of these statuses."""
    exchange = shown_in(case, finding)
    return exchange if exchange is not None and exchange.status in statuses else None


def answer(exchange: Exchange) -> tuple[Line, ...]:
    """The lines that tell how a registration was refused."""
    document = exchange.document or {}
    error, said = text(document.get("error")), text(document.get("error_description"))
    rows = [line(exchange, "status", str(exchange.status))]
    rows += [line(exchange, "body:/error", capped(error, 80))] if error else []
    rows += [line(exchange, "body:/error_description", capped(said, 160))] if said else []
    return tuple(rows)


def is_of_edge(exchange: Exchange) -> bool:
    """Whether something in front of the authorization server made this refusal: no answer of OAuth, but a page."""
    return exchange.response is not None and exchange.document is None and is_page(exchange.response)


@suspect(
    "registration-rate-limited",
    of=REFUSED,
    step="register",
    who=AUTHORIZATION_SERVER,
    summary="The authorization server takes no more registrations from this address for now.",
    fix="Keep the client id and use it again in place of registering each time; on the server, raise the limit for "
    "addresses that many clients share.",
    spec=Spec("RFC 6585", "4"),
    apart="After the time that Retry-After gives, or from another network, it works.",
    call="dbg.register()",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    exchange = refused(case, finding, 429)
    if exchange is not None:
        wait = exchange.response.header("retry-after") if exchange.response else None
        asked = sum(one.step == "register" for one in case.trace.exchanges[: exchange.id])
        rows = [line(exchange, "status", "429"), line(exchange, "url", f"registration number {asked} of this session")]
        rows += [line(exchange, "header:Retry-After", capped(wait, 60))] if wait else []
        yield Fit("certain", tuple(rows))


@suspect(
    "edge-refuses-registration",
    of=REFUSED,
    step="register",
    who="gateway",
    summary="A firewall or gateway refuses the registration; the authorization server behind it never saw it.",
    fix="Exclude the registration endpoint from bot and firewall rules: a client is a program and no browser.",
    spec=ENDPOINT,
    apart="With the User-Agent of a browser, or from another network, the answer is another one.",
    call='dbg.register(headers={"User-Agent": "Mozilla/5.0"})',
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    exchange = refused(case, finding, 400, 401, 403, 405, 406, 451)
    if exchange is not None and is_of_edge(exchange):
        page = line(exchange, "header:Content-Type", "text/html, and no answer of OAuth")
        likely = edge_lines(exchange) or exchange.status in (403, 406, 451)
        yield Fit("likely" if likely else "possible", (*answer(exchange), page, *edge_lines(exchange)))


@suspect(
    "gateway-without-registration",
    of=REFUSED,
    step="register",
    who="gateway",
    summary="The gateway answers, but what serves registrations behind it does not.",
    fix="Bring up the authorization server, or correct the gateway's route to its registration endpoint.",
    spec=ENDPOINT,
    apart="The metadata came from the same host, or did not.",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    exchange = refused(case, finding, 502, 503, 504)
    if exchange is not None:
        yield Fit("likely", (*answer(exchange), *edge_lines(exchange)))


@suspect(
    "registration-crashes",
    of=REFUSED,
    step="register",
    who=AUTHORIZATION_SERVER,
    summary="The authorization server fails while it registers the client.",
    fix="Read the authorization server's log for this request; a value it does not expect must be refused with 400.",
    spec=Spec("RFC 7591", "3.2.2"),
    apart="With fewer members in the request it works, or it does not.",
    call="dbg.register(json={'scope': None, 'application_type': None})",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    exchange = refused(case, finding, 500)
    if exchange is not None:
        yield Fit("likely", answer(exchange))


@suspect(
    "initial-token-refused",
    of=REFUSED,
    step="register",
    who="user",
    summary="The initial access token that was given is not accepted for registrations.",
    fix="Get a fresh initial access token from the authorization server: Debugger(url, initial_access_token=...).",
    spec=ENDPOINT,
    apart="The registration carried a token, and the answer refuses it.",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    exchange = refused(case, finding, 401, 403)
    if exchange is not None and exchange.request.header("authorization") and not is_of_edge(exchange):
        yield Fit("likely", answer(exchange))


@suspect(
    "registration-closed",
    of=REFUSED,
    step="register",
    who=AUTHORIZATION_SERVER,
    summary="The authorization server registers only those whom it knows: it wants an initial access token, or a host "
    "that its policy trusts.",
    fix="Open anonymous registration for MCP clients, hand out an initial access token "
    f"(Debugger(url, initial_access_token=...)), or register a client by hand and give it: {GIVE}.",
    spec=ENDPOINT,
    apart="With an initial access token the same request is accepted.",
    call="Debugger(url, initial_access_token=...)",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    exchange = refused(case, finding, 401, 403)
    if exchange is not None and not exchange.request.header("authorization") and not is_of_edge(exchange):
        yield Fit("likely", answer(exchange))


@suspect(
    "default-endpoint-missing",
    of=REFUSED,
    step="server_metadata",
    who=AUTHORIZATION_SERVER,
    summary="No metadata names a registration endpoint, and there is none at the default place either.",
    fix="Publish authorization server metadata that names the endpoints; the failed registration only follows from "
    "its absence.",
    spec=Spec("RFC 8414", "3"),
    apart="The URL of the registration stands in no document.",
    call="dbg.well_known()",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    exchange = refused(case, finding, 403, 404, 405)
    if exchange is not None and not any(case.documents("server_metadata")):
        missed = case.answered("server_metadata")
        rows = (line(missed[-1], "status", str(missed[-1].status)),) if missed else ()
        yield Fit("certain", (*rows, line(exchange, "url", capped(exchange.request.url, 160)), *answer(exchange)))


@suspect(
    "registration-endpoint-dead",
    of=REFUSED,
    step="server_metadata",
    who=AUTHORIZATION_SERVER,
    summary="The metadata names a registration endpoint at which there is none.",
    fix=f"Enable the endpoint or stop advertising it; meanwhile register a client by hand and give it: {GIVE}.",
    spec=Spec("RFC 8414", "2"),
    apart="The metadata names exactly the URL that gives this answer.",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    exchange, found = refused(case, finding, 404, 405, 501), server_document(case)
    named = found[1].get("registration_endpoint") if found else None
    if exchange is not None and found and named == exchange.request.url:
        yield Fit("likely", (line(found[0], "body:/registration_endpoint", capped(str(named), 160)), *answer(exchange)))


def _listed(case: Case) -> tuple[Line, ...]:
    found = server_document(case)
    rows = [(name, shown(found[1][name]) if name in found[1] else "not there") for name in _LISTED] if found else []
    return tuple(line(found[0], f"body:/{name}", value) for name, value in rows) if found else ()


@suspect(
    "document-flag-in-other-copy",
    of=MISSING,
    step="server_metadata",
    who=AUTHORIZATION_SERVER,
    summary="A way to register stands in another copy of the metadata than the one that clients read.",
    fix="Serve one and the same document at all its locations, with client_id_metadata_document_supported and "
    "registration_endpoint in each.",
    spec=APPROACHES,
    apart="Another location has a copy that holds the member.",
    call="dbg.well_known()",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    for one in attempts(case):
        has = [name for name in _LISTED if (one.document or {}).get(name)]
        if one.location.document == "server" and has and not one.taken:
            there = line(one.exchange, f"body:/{has[0]}", shown((one.document or {})[has[0]]))
            yield Fit("certain", (*_listed(case), line(one.exchange, "url", one.exchange.request.url), there))
            return


@suspect(
    "client-document-not-given",
    of=MISSING,
    step="register",
    who="user",
    summary="The authorization server reads client ID metadata documents, but the client was given none.",
    fix="Publish a document (dbg.client_document) and give its URL: Debugger(url, client_metadata_url='https://...').",
    spec=APPROACHES,
    apart="The metadata announces client_id_metadata_document_supported.",
    call="Debugger(url, client_metadata_url='https://...')",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    found = server_document(case)
    if found and found[1].get(FLAG) is True and not case.trace.settings.get("client_metadata_url"):
        yield Fit("likely", _listed(case))


@suspect(
    "registered-by-hand-only",
    of=MISSING,
    step="register",
    who="user",
    summary="The authorization server offers neither registration nor client ID metadata documents, and no client id "
    "was given.",
    fix=f"Register a client by hand with the authorization server and give it: {GIVE}.",
    spec=APPROACHES,
    apart="With a client id of this authorization server the flow goes on.",
    call=GIVE,
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    found = server_document(case)
    run = case.runs.get("register")
    if found and found[1].get(FLAG) is not True and not (run and run.achieved):
        yield Fit("likely", (*_listed(case), line(found[0], "url", "no client_id in the settings")))
