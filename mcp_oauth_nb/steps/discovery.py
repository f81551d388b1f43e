"""From the MCP server's URL to its authorization server: the challenge and the two metadata documents."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace

from mcp_oauth_nb.protocol.challenge import Challenges, parse_challenges
from mcp_oauth_nb.protocol.flow import Challenged, Document, Era, Flow, Issuer, Session, need
from mcp_oauth_nb.protocol.jsonrpc import answer
from mcp_oauth_nb.protocol.profiles import OLDEST
from mcp_oauth_nb.protocol.proofs import proof_problem
from mcp_oauth_nb.protocol.resource import resource_match
from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.protocol.step import Call, Send, Stopped, Wants, step
from mcp_oauth_nb.protocol.wellknown import (
    PATH_SCOPED,
    PROTECTED_RESOURCE,
    Candidate,
    path_scoped_candidates,
    resource_metadata_candidates,
    server_metadata_candidates,
    split,
)
from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.steps.messages import later_call, opening
from mcp_oauth_nb.steps.words import answered, brief, unanswered

NO_TOKEN = "the URL you typed; no token is sent, to see the challenge"


@step(
    title="Send request without token",
    spec=Spec("MCP 2025-11-25", "Authorization Server Location"),
)
def challenge(flow: Flow) -> Wants:
    """Ask without a token. Where the server opens a session all the same, ask for its tools as well."""
    flow, exchange = yield from opening(flow, None, NO_TOKEN)
    if exchange.status is not None and exchange.status // 100 == 2:
        exchange = yield from _open_as_anybody(flow, exchange)
    if exchange.response is None or (exchange.failure is not None and exchange.status != 401):
        return Stopped(unanswered(exchange))
    lines = exchange.response.header_lines("www-authenticate")
    fact = Challenged(exchange.response.status, parse_challenges(lines), exchange.id)
    learned = flow.learn(challenge=fact)
    if fact.status == 401 or _speaks_mcp(exchange):
        return learned
    return Stopped(f"expected 401 with a challenge, got {answered(exchange)}", learned if flow.lenient else None)


def _speaks_mcp(exchange: Exchange) -> bool:
    """A server that lets anybody in answers what it was asked; anything else with a 200 is no MCP endpoint."""
    if exchange.failure is not None or exchange.response is None or exchange.response.status // 100 != 2:
        return False
    return any(answer(exchange.response, request_id) is not None for request_id in (1, 2))


def _open_as_anybody(flow: Flow, opened: Exchange) -> Generator[Send, Exchange, Exchange]:
    """A server may protect its tools only: finish the opening and ask for them, still without a token."""
    if opened.response is None or "result" not in (answer(opened.response, 1) or {}):
        return opened
    session = Session("", opened.response.header("mcp-session-id"))
    if flow.profile.conversation == "handshake":
        yield Send(later_call(flow, None, session, "notifications/initialized", None, None, NO_TOKEN))
    return (yield Send(later_call(flow, None, session, "tools/list", {}, 2, NO_TOKEN), answer_id=2))


@step(title="Request protected resource metadata", spec=Spec("RFC 9728", "3"))
def resource_metadata(flow: Flow) -> Wants:
    """The URL of the challenge, and nothing else, when there is one; else the well-known URLs in their order."""
    challenged = need(flow.challenge, "challenge", "dbg.challenge()")
    if not flow.profile.has_resource_metadata:
        return flow
    exchange: Exchange | None = None
    tried: list[int | None] = []
    for candidate in _resource_candidates(flow.settings.url, challenged.challenges):
        exchange = yield Send(Call.get(candidate.url, why=_why_resource(candidate)))
        found = _document(exchange, candidate)
        if found is not None:
            return _judged_resource(flow, found)
        tried.append(exchange.status)
    named = _named_url(challenged.challenges) is not None
    if flow.settings.auto and not named and tried and set(tried) == {404}:
        why = "no protected resource metadata anywhere: as before that document was introduced"
        return flow.learn(era=Era(OLDEST, why, exchange.id if exchange else 0))
    return Stopped(_no_document("protected resource metadata", exchange))


def _resource_candidates(url: str, challenges: Challenges) -> tuple[Candidate, ...]:
    named = _named_url(challenges)
    if named is not None:
        return (Candidate(named, "challenge", url),)
    return resource_metadata_candidates(url)


def _named_url(challenges: Challenges) -> str | None:
    """The URL in the challenge. Whoever sends one knows the document, so that a 404 there tells nothing of an age."""
    bearer = challenges.bearer()
    return (bearer.get("resource_metadata") or None) if bearer else None


def _why_resource(candidate: Candidate) -> str:
    if candidate.kind == "challenge":
        return "resource_metadata in the WWW-Authenticate challenge"
    return f"the challenge names no metadata URL: well-known URI ({candidate.kind}), {PROTECTED_RESOURCE}"


def _judged_resource(flow: Flow, found: Document) -> Flow | Stopped:
    learned = flow.learn(resource_metadata=found)
    if resource_match(found.text("resource"), found.identifier, flow.settings.url) == "other" and not flow.lenient:
        return Stopped("`resource` names another server, so that a client must not use this document", learned)
    if not found.texts("authorization_servers"):
        return Stopped("the document names no authorization server", learned)
    return learned


@step(title="Request authorization server metadata", spec=Spec("RFC 8414", "3"))
def server_metadata(flow: Flow) -> Wants:
    """The well-known URLs of the chosen issuer, in the order of the protocol version, until a document fits."""
    issuer, source = _issuer(flow)
    if issuer is None:
        return Stopped(source)
    flow, several = _noted(flow, issuer)
    exchange: Exchange | None = None
    misnamed: Document | None = None
    for candidate in _server_candidates(flow, issuer):
        exchange = yield Send(_metadata_call(flow, candidate, f"{source} ({_why_server(candidate)})"))
        found = _document(exchange, candidate)
        if found is not None and (_is_issuer(flow, found, candidate.identifier, issuer) or flow.lenient):
            return _judged_server(flow, found)
        misnamed = misnamed or found
    if misnamed is not None:
        learned = flow.learn(server_metadata=misnamed)
        return Stopped("`issuer` in the document is not the issuer its URL was built from", learned)
    if exchange is None:
        return Stopped("the issuer is no http(s) URL, so that no metadata URL can be built from it", several)
    if flow.profile.default_endpoints and exchange.status == 404:
        return flow.learn(server_metadata=_default_endpoints(issuer, exchange))
    return Stopped(_no_document("authorization server metadata", exchange), several)


def _noted(flow: Flow, issuer: str) -> tuple[Flow, Flow | None]:
    """The flow with the choice among several authorization servers; twice, and None where there was no choice."""
    published = flow.resource_metadata if flow.profile.has_resource_metadata else None
    issuers = tuple(dict.fromkeys(published.texts("authorization_servers"))) if published else ()
    if published is None or len(issuers) < 2:
        return flow.learn(issuer=None), None
    choose = "the argument authorization_server of Debugger chooses another"
    as_told = flow.settings.authorization_server is not None
    why = f"{'as the settings say, of' if as_told else 'first of'} {len(issuers)}{'' if as_told else '; ' + choose}"
    others = tuple(one for one in issuers if one != issuer)
    learned = flow.learn(issuer=Issuer(issuer, why, others, published.exchange))
    return learned, learned


def _server_candidates(flow: Flow, issuer: str) -> list[Candidate]:
    """Where the protocol version looks; behind that, where it does not, when the user asked for it by name."""
    known = [one for one in server_metadata_candidates(issuer) if one.kind in flow.profile.server_metadata_kinds]
    if flow.settings.path_scoped_issuer:
        known += path_scoped_candidates(issuer, flow.settings.url)
    return known


def _why_server(candidate: Candidate) -> str:
    return "path_scoped_issuer of the settings" if candidate.kind == PATH_SCOPED else candidate.kind


def _issuer(flow: Flow) -> tuple[str | None, str]:
    """Whose metadata to ask for, and where that is said; None with the reason where nobody says it."""
    if flow.settings.choices.issuer is not None:
        return flow.settings.choices.issuer, "the issuer of the settings"
    if not flow.profile.has_resource_metadata:
        parts = split(flow.settings.url)
        return (parts.origin if parts else None), "the MCP server's own origin, as this protocol version says"
    published = need(flow.resource_metadata, "protected resource metadata", "dbg.resource_metadata()")
    issuers = published.texts("authorization_servers")
    wanted = flow.settings.authorization_server
    if wanted is not None and wanted not in issuers:
        listed = brief(", ".join(issuers)) or "none"
        return None, f"the authorization server of the settings is not among `authorization_servers`: {listed}"
    if not issuers:
        return None, "the protected resource metadata names no authorization server"
    return wanted or issuers[0], "authorization_servers in the protected resource metadata"


def _metadata_call(flow: Flow, candidate: Candidate, why: str) -> Call:
    call = Call.get(candidate.url, why=why)
    if not flow.profile.metadata_version_header:
        return call
    return replace(call, headers=(*call.headers, ("MCP-Protocol-Version", flow.profile.version)))


def _is_issuer(flow: Flow, found: Document, *issuers: str) -> bool:
    """Code point for code point; where the issuer was only guessed from an origin, no document is turned down."""
    is_guess = not flow.profile.has_resource_metadata and flow.settings.choices.issuer is None
    return found.text("issuer") in issuers or is_guess


def _default_endpoints(origin: str, exchange: Exchange) -> Document:
    """What MCP 2025-03-26 lets a client assume where there is no metadata at all."""
    names = (("authorization", "authorize"), ("token", "token"), ("registration", "register"))
    value = {f"{name}_endpoint": f"{origin}/{path}" for name, path in names}
    return Document(value, exchange.request.url, "default endpoints", origin, exchange.id)


def _judged_server(flow: Flow, found: Document) -> Flow | Stopped:
    """What was typed goes before what is published."""
    typed = flow.settings.choices.endpoints
    learned = flow.learn(server_metadata=replace(found, value={**found.value, **typed}) if typed else found)
    uses_pkce = flow.settings.grant == "authorization_code"
    must_be_told = uses_pkce and flow.profile.requires_s256_advertised and not flow.lenient
    if must_be_told and "S256" not in found.texts("code_challenge_methods_supported"):
        return Stopped("PKCE with S256 is not advertised, so that a client must refuse to go on", learned)
    if (problem := proof_problem(learned)) and not flow.lenient:
        return Stopped(problem, learned)
    return learned


def _document(exchange: Exchange, candidate: Candidate) -> Document | None:
    if exchange.failure is not None or exchange.status != 200 or exchange.document is None:
        return None
    return Document(exchange.document, candidate.url, candidate.kind, candidate.identifier, exchange.id)


def _no_document(name: str, last: Exchange | None) -> str:
    if last is None:
        return f"there is no URL at which {name} could be asked for"
    if last.failure is not None or last.response is None:
        return unanswered(last)
    what = last.response.parsed.problem or "no JSON object"
    if last.response.status != 200:
        what = f"status {last.response.status}"
    return f"expected {name}: 200 with a JSON object; the last URL gave {what}"
