"""What the rules look at: selectors, and readings of what was really sent and received.

A rule must not judge what we meant to send, only what went out: the user may have changed any of it. So every value
here is read back from the captured request. Nothing here raises, whatever a server sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import Any
from urllib.parse import parse_qsl

from mcp_oauth_nb.protocol.challenge import Challenges, parse_challenges
from mcp_oauth_nb.protocol.device import PENDING, SLOW_DOWN
from mcp_oauth_nb.protocol.grants import DEVICE_CODE, TOKEN_EXCHANGE
from mcp_oauth_nb.protocol.jwt import read_jwt
from mcp_oauth_nb.protocol.pkce import pkce_of
from mcp_oauth_nb.protocol.probes import NOT_TESTED
from mcp_oauth_nb.protocol.profiles import LATEST, PLAIN
from mcp_oauth_nb.protocol.wellknown import split
from mcp_oauth_nb.records import Exchange, Run
from mcp_oauth_nb.rules.marks import is_mark
from mcp_oauth_nb.rules.rule import Case, Selector
from mcp_oauth_nb.vault import TAG

Members = Mapping[str, Any]
OPENINGS = ("initialize", "server/discover")
"""Methods that a conversation begins with, by protocol version."""


# --- selectors --------------------------------------------------------------------------------------------------------


def answered(*steps: str, missing: str) -> Selector:
    """Exchanges of these steps that have a response."""
    return Selector(lambda case: case.answered(*steps), missing)


def documents(*steps: str, missing: str) -> Selector:
    """Pairs of exchange and JSON object, for exchanges of these steps answered 200."""
    return Selector(lambda case: [pair for step in steps for pair in case.documents(step)], missing)


def whole_run(step: str, missing: str) -> Selector:
    """The run of a step, when it was sent anything that was answered."""
    return Selector(lambda case: [case.runs[step]] if case.answered(step) else [], missing)


def _finished(case: Case) -> list[Run]:
    return [run for run in case.runs.values() if not run.stopped.startswith(("waiting", NOT_TESTED))]


FINISHED_RUNS = Selector(_finished, "no step has run yet")
TRIED = Selector(
    lambda case: [one for one in case.exchanges() if one.response is not None or one.failure is not None],
    "nothing was sent yet",
)
UNAUTHENTICATED = Selector(
    lambda case: [one] if (one := without_token(case)) else [], "no request without a token was answered yet"
)
CHALLENGED = Selector(
    lambda case: [one] if (one := without_token(case)) and one.status == 401 else [],
    "no request without a token was answered with 401",
)
BEARER_CHALLENGED = Selector(
    lambda case: [one] if (one := without_token(case)) and challenges(one).bearer() else [],
    "no Bearer challenge was received for a request without a token",
)
RESOURCE_DOCUMENT = documents("resource_metadata", missing="no protected resource metadata was found")
SERVER_DOCUMENT = Selector(
    lambda case: [one] if (one := server_document(case)) else [], "no authorization server metadata was found"
)
CODE_SERVER_DOCUMENT = Selector(
    lambda case: [one] if uses_code(case) and (one := server_document(case)) else [],
    "no authorization server metadata was found for the authorization code grant",
)
CODE_AUTHORIZATION_REQUEST = Selector(
    lambda case: [one] if not is_implicit(case) and (one := authorization_request(case)) else [],
    "no authorization request for a code was made yet",
)
AUTHORIZATION_REQUEST = Selector(
    lambda case: [one] if (one := authorization_request(case)) else [], "no authorization request was made yet"
)
FROM_HANDLER = "the client's callback handler, in parts"
"""Where a redirect is known from parts alone: what is not among them may have come all the same."""


def _whole_redirect(case: Case) -> list[Exchange]:
    found = redirect(case)
    return [found] if found and found.why != FROM_HANDLER else []


CODE_REDIRECT = Selector(
    lambda case: [] if is_implicit(case) else _whole_redirect(case),
    "no redirect of which all is known has come back yet for a request for a code",
)
REDIRECT = Selector(_whole_redirect, "no redirect of which all is known has come back yet")


# --- what came --------------------------------------------------------------------------------------------------------


def without_token(case: Case) -> Exchange | None:
    """The answer to the last request of the challenge step that carried no token."""
    plain = [one for one in case.answered("challenge") if one.request.header("authorization") is None]
    return plain[-1] if plain else None


def challenges(exchange: Exchange) -> Challenges:
    """The challenges of an answer."""
    return parse_challenges(exchange.response.header_lines("www-authenticate") if exchange.response else ())


def named_metadata_url(case: Case) -> str | None:
    """The URL that the challenge names for the protected resource metadata."""
    exchange = without_token(case)
    bearer = challenges(exchange).bearer() if exchange else None
    return (bearer.get("resource_metadata") or None) if bearer else None


def resource_document(case: Case) -> tuple[Exchange, Members] | None:
    """The protected resource metadata that the flow took."""
    return next(iter(case.documents("resource_metadata")), None)


def expected_issuer(case: Case) -> str | None:
    """The issuer that the authorization server metadata was looked up for: the one that was chosen, else the first.

    MCP 2025-03-26 has no document that names one: there it is the MCP server's own origin. Without MCP it is typed.
    """
    if case.version == PLAIN.version:
        return case.trace.settings.get("issuer")
    found = resource_document(case)
    if found is None and case.version == "2025-03-26":
        parts = split(case.url)
        return parts.origin if parts else None
    issuers = texts(found[1].get("authorization_servers")) if found else ()
    chosen = case.trace.settings.get("issuer chosen")
    return chosen if chosen in issuers else next(iter(issuers), None)


def server_document(case: Case) -> tuple[Exchange, Members] | None:
    """The authorization server metadata that the flow took: the first whose issuer fits, else the first."""
    found = list(case.documents("server_metadata"))
    wanted = expected_issuer(case)
    return next((pair for pair in found if pair[1].get("issuer") == wanted), next(iter(found), None))


def uses_code(case: Case) -> bool:
    """Whether tokens are asked for with the authorization code grant."""
    return case.trace.settings.get("grant", "authorization_code") == "authorization_code"


def is_implicit(case: Case) -> bool:
    """Whether tokens are asked for with the implicit grant, which no MCP server has."""
    return case.trace.settings.get("grant") == "implicit"


def returned(case: Case, exchange: Exchange) -> Mapping[str, str]:
    """The parameters of an authorization response; an implicit one has them in its fragment (RFC 6749 4.2.2)."""
    if not is_implicit(case):
        return query(exchange)
    fragment = exchange.request.url.partition("#")[2]
    return {**query(exchange), **dict(parse_qsl(fragment, keep_blank_values=True))}


def is_pending(exchange: Exchange) -> bool:
    """Whether a device was only told to go on asking (RFC 8628 3.5)."""
    if "response body" in exchange.untold or oauth_error(exchange) not in (PENDING, SLOW_DOWN):
        return False
    return "request body" in exchange.untold or form(exchange).get("grant_type") == DEVICE_CODE


def is_at_idp(exchange: Exchange) -> bool:
    """Whether a token was exchanged at the identity provider (RFC 8693): what it issues is no access token."""
    return "request body" not in exchange.untold and form(exchange).get("grant_type") == TOKEN_EXCHANGE


def without_nonces(case: Case, exchanges: Sequence[Exchange]) -> list[Exchange]:
    """Exchanges without those that only gave out a DPoP nonce for the next try (RFC 9449 8 and 9)."""
    last = {case.exchanges(step)[-1].id for step in {one.step for one in exchanges}}
    return [one for one in exchanges if one.id in last or not _gave_nonce(one)]


def without_version_questions(case: Case, exchanges: Sequence[Exchange]) -> list[Exchange]:
    """Exchanges without an opening that only told us to open in another way, which was then done (MCP versioning)."""
    return [one for one in exchanges if not _was_opened_again(case, one)]


def _was_opened_again(case: Case, exchange: Exchange) -> bool:
    if "request body" in exchange.untold:  # it may have been such a question
        return case.exchanges(exchange.step)[-1].id > exchange.id
    if sent_json(exchange).get("method") != "server/discover" or exchange.status in (401, 403):
        return False
    later = takewhile(lambda one: one.id > exchange.id, reversed(case.exchanges(exchange.step)))
    return any("request body" in one.untold or sent_json(one).get("method") in OPENINGS for one in later)


def _gave_nonce(exchange: Exchange) -> bool:
    if exchange.response is None or "response headers" in exchange.untold:
        return False
    if not exchange.response.header("dpop-nonce"):
        return False
    errors = [item.get("error") for item in challenges(exchange).items]
    return exchange.status in (400, 401) and "use_dpop_nonce" in (oauth_error(exchange), *errors)


def redirect(case: Case) -> Exchange | None:
    """The authorization response: the redirect that reached us."""
    return next((one for one in reversed(case.exchanges("callback")) if one.direction == "in"), None)


def oauth_error(exchange: Exchange) -> str:
    """The error code of an OAuth error answer (RFC 6749 5.2); empty where there is none."""
    return text((exchange.document or {}).get("error")) or ""


def jwt_claims(token: str) -> Members:
    """The claims of a JWT, read without any check of its signature; empty for anything else."""
    jwt = read_jwt(token)
    return jwt.claims if jwt else {}


# --- what was sent ----------------------------------------------------------------------------------------------------


def authorization_request(case: Case) -> Exchange | None:
    """The authorization request that was opened last."""
    return next((one for one in reversed(case.exchanges("authorize")) if one.direction == "out"), None)


def query(exchange: Exchange) -> Mapping[str, str]:
    """The query parameters of a request; the last value of a repeated one."""
    return exchange.request.query


def form(exchange: Exchange) -> Mapping[str, str]:
    """The members of a form that was sent; the last value of a repeated one."""
    return exchange.request.form


def sent_json(exchange: Exchange) -> Members:
    """The JSON object that was sent; empty where none was."""
    value = exchange.request.parsed.value
    return value if isinstance(value, dict) else {}


def sent_token(exchange: Exchange) -> str | None:
    """The access token that a request carried, also one that is bound to a key (RFC 9449 7.1)."""
    scheme, _, token = (exchange.request.header("authorization") or "").partition(" ")
    return token.strip() or None if scheme.lower() in ("bearer", "dpop") else None


def is_masked(value: str) -> bool:
    """Whether a mark stands in the place of a secret, as in a recording that was cleaned: nothing follows from it."""
    return bool(TAG.search(value)) or is_mark(value)


def fits_challenge(verifier: str, asked: Exchange | None) -> bool:
    """Whether a code verifier belongs to the challenge of an authorization request, by its method (RFC 7636 4.6)."""
    sent = query(asked) if asked else {}
    return sent.get("code_challenge") == pkce_of(verifier, sent.get("code_challenge_method", "S256")).challenge


def shows_verifier(exchange: Exchange) -> bool:
    """Whether it shows which code verifier was sent, or that none was."""
    return not is_masked(form(exchange).get("code_verifier", ""))


def is_edited(exchange: Exchange, name: str) -> bool:
    """Whether the user changed this parameter, member or header of the request."""
    return any(part.rpartition(".")[2].lower() == name.lower() for part in exchange.edited)


# --- members of documents ---------------------------------------------------------------------------------------------


def text(value: object) -> str | None:
    """A member that is a string; None for anything else."""
    return value if isinstance(value, str) else None


def texts(value: object) -> tuple[str, ...]:
    """The strings of a member that is an array; empty for anything else."""
    return tuple(one for one in value if isinstance(one, str)) if isinstance(value, list) else ()


# --- the protocol version ---------------------------------------------------------------------------------------------


def at_least(case: Case, version: str) -> bool:
    """Whether the protocol version in force is this one or a later one; ``draft`` is the latest.

    Where the version is still to be told from the server's answers, only the last one with a handshake is presumed.
    """
    settings = case.trace.settings
    open_yet = settings.get("protocol told") == "not told yet"
    if settings.get("protocol") == PLAIN.version:
        return False
    in_force = LATEST if open_yet else settings.get("protocol", LATEST)
    return in_force >= version  # dates compare as text, and stand before "draft"
