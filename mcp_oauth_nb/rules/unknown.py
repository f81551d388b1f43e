"""What nobody knows, and what to ask next: for each step the calls that would narrow it down.

A diagnosis that has no cause must not invent one. It says what was expected, what came, and which calls would tell
more; that is all that is honest.
"""

from __future__ import annotations

from collections.abc import Mapping

from mcp_oauth_nb.records import Exchange, Trace
from mcp_oauth_nb.rules.cause import is_symptom
from mcp_oauth_nb.rules.edges import answered_by_edge
from mcp_oauth_nb.rules.evidence import authorization_request, oauth_error, query
from mcp_oauth_nb.rules.rule import Case, Finding
from mcp_oauth_nb.rules.words import kind_of

TELLING = frozenset(
    (
        *(200, 201, 202, 204, 300, 301, 302, 303, 304, 305, 307, 308),
        *(400, 401, 403, 404, 405, 406, 407, 408, 409, 410, 411, 413, 414, 415, 421, 422, 425, 426, 428, 429, 431, 451),
        *(500, 501, 502, 503, 504, 511),
    )
)
"""Statuses that say something about what went wrong; any other one (299, 418, 506) says that something did."""
ANSWERED_AT_ALL = ("unauthenticated-status", "mcp-error", "authorization-page")
"""Rules of steps in which an object that is none of the protocol's says nothing about what went wrong."""
OF_JSON_RPC = frozenset(("jsonrpc", "id", "method", "params", "result", "error"))
UNTOLD = "the answer says nothing by which this rule could judge it"


def is_untelling(finding: Finding, exchange: Exchange) -> bool:
    """Whether a breach rests on an answer that tells nobody what went wrong, and blames somebody all the same."""
    if not is_symptom(finding.rule) or exchange.response is None or oauth_error(exchange) or answered_by_edge(exchange):
        return False
    if exchange.status not in TELLING:
        return True
    useless = kind_of(exchange) == "object" and not OF_JSON_RPC & (exchange.document or {}).keys()
    return useless and finding.rule in ANSWERED_AT_ALL and not finding.suspects


ADD_RESOURCE = ("dbg.authorize(params={'resource': url})", "sends the resource indicator, which was not sent")
_NO_RESOURCE = ("dbg.authorize(params={'resource': None})", "leaves the resource indicator out")
_NO_SCOPE = ("dbg.authorize(params={'scope': None})", "leaves the scope out")
LEAVES_OUT: Mapping[tuple[str, str], tuple[str, tuple[tuple[str, str], ...]]] = {
    _NO_RESOURCE: ("resource", (ADD_RESOURCE,)),
    _NO_SCOPE: ("scope", ()),
}
"""Calls that leave a parameter of the authorization request out, and what to call where it was not sent anyway."""

_GOOD_FOR = ("dbg.introspect()", "asks the authorization server what the token is good for")
_WELL_KNOWN = ("dbg.well_known()", "asks every place where a metadata document may stand")
_SLASH = ("dbg.probe('slash')", "asks the same URL with the other spelling of its end")
_WITHOUT = ("dbg.probe('without_token')", "asks once more without a token: is it the token that is refused?")
_GARBAGE = ("dbg.probe('garbage_token')", "sends a token that cannot be good: is any token looked at?")
_AGAIN = ("dbg.probe('second_fetch')", "asks once more: do two answers agree, or do two machines answer?")

NARROWED_BY: Mapping[str, tuple[tuple[str, str], ...]] = {
    "challenge": (_SLASH, _AGAIN, _WELL_KNOWN),
    "resource_metadata": (_WELL_KNOWN, _AGAIN),
    "server_metadata": (_WELL_KNOWN, _AGAIN),
    "register": (
        ("dbg.register(json={'scope': None})", "registers without a scope"),
        ("Debugger(url, client=Client('id'))", "goes on with a client that was registered by hand"),
    ),
    "authorize": (_NO_RESOURCE,),
    "callback": (_NO_RESOURCE, _NO_SCOPE),
    "token": (
        ("dbg.probe('basic_or_body')", "sends the credentials the other way"),
        ("dbg.probe('without_resource')", "asks for a token without a resource indicator"),
    ),
    "api": (_GOOD_FOR,),
    "mcp": (
        _WITHOUT,
        _GARBAGE,
        _GOOD_FOR,
        _SLASH,
    ),
    "call": (_WITHOUT, _GOOD_FOR),
    "refresh": (("dbg.introspect('refresh_token')", "asks whether the refresh token is still good"),),
    "revoke": (("dbg.introspect()", "asks whether the token is still good"),),
    "revoked": (("dbg.introspect()", "asks whether the token is still good"), _GARBAGE),
}
"""By step: a call, and what it would tell."""


def narrowed_by(trace: Trace, step: str) -> tuple[tuple[str, str], ...]:
    """The calls that would tell more about a step of this trace, without those that would change nothing."""
    asked = authorization_request(Case(trace))
    sent = query(asked) if asked else None
    found: list[tuple[str, str]] = []
    for pair in NARROWED_BY.get(step, ()):
        name, instead = LEAVES_OUT.get(pair, ("", ()))
        found += [pair] if not name or sent is None or sent.get(name) else instead
    return tuple(found)
