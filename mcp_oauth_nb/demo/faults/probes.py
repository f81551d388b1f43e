"""Faults that only somebody meets who asks for what an ordinary client would not: they show in a probe.

Nothing but the one thing that must not work works: the ordinary flow goes through untouched.
"""

from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from ..answers import Answer, Asked, with_query
from ..clients import LOOPBACK_HOSTS
from ..fault import answers, behaves, instead
from ..grants import Behaviour
from ..oauth import AUTHORIZE, INTROSPECT, MCP, REGISTER

OLDER = {"protocol": "2025-11-25"}
"""Sessions and streams by GET are of the older protocol versions."""
RS = "MCP server"
AS = "authorization server"


def opened() -> Answer:
    """What a good request would get, in as few words as possible."""
    return Answer.of_json(200, {"jsonrpc": "2.0", "id": 1, "result": {"tools": []}})


def probe(name: str) -> dict[str, Any]:
    """A fault that shows in this probe."""
    return {"phase": name, "then": (name,)}


# --- tokens -----------------------------------------------------------------------------------------------------------


@instead(
    "tools-without-token",
    MCP,
    summary="Only the first request needs a token: the list of tools is given to anybody.",
    trips="token-not-demanded",
    who=RS,
    **probe("without_token"),
)
def _(asked: Asked) -> Answer | None:
    lists = asked.header("mcp-method") == "tools/list" and not asked.header("authorization")
    return opened() if lists else None


@behaves(
    "garbage-token-accepted",
    summary="Every token works, also one that nobody issued.",
    trips="invalid-token-status",
    who=RS,
    **probe("garbage_token"),
    also=("malformed-authorization-status",),
)
def _(behaviour: Behaviour) -> Behaviour:
    return replace(behaviour, looks_at_tokens=False)


@answers(
    "garbage-token-403",
    MCP,
    summary="A token that is not good is answered with 403 instead of 401.",
    trips="invalid-token-status",
    who=RS,
    **probe("garbage_token"),
)
def _(asked: Asked, answer: Answer) -> Answer:
    return replace(answer, status=403) if answer.status == 401 and asked.bearer else answer


@answers(
    "invalid-token-unsaid",
    MCP,
    summary="The 401 for a bad token does not say that it is the token.",
    trips="invalid-token-unnamed",
    who=RS,
    **probe("garbage_token"),
)
def _(asked: Asked, answer: Answer) -> Answer:
    said = answer.header("www-authenticate")
    if answer.status != 401 or not asked.bearer:
        return answer
    return answer.with_header("www-authenticate", said.replace('error="invalid_token", ', ""))


@instead(
    "malformed-credentials-500",
    MCP,
    summary="The server falls over an Authorization header without a token.",
    trips="malformed-authorization-status",
    who=RS,
    **probe("malformed_authorization"),
)
def _(asked: Asked) -> Answer | None:
    return Answer.of_json(500, {"error": "internal"}) if asked.header("authorization") == "Bearer" else None


@instead(
    "lower-case-bearer",
    MCP,
    summary="A good token is refused where the scheme is written bearer.",
    trips="scheme-case",
    who=RS,
    **probe("wrong_scheme_case"),
)
def _(asked: Asked) -> Answer | None:
    small = asked.header("authorization").startswith("bearer ")
    return Answer.of_json(401, {"error": "invalid_request"}) if small else None


@instead(
    "token-in-query-accepted",
    MCP,
    summary="A token in the URL is as good as one in the header.",
    trips="query-token-accepted",
    who=RS,
    **probe("token_in_query"),
)
def _(asked: Asked) -> Answer | None:
    return opened() if "access_token" in dict(asked.query) and not asked.header("authorization") else None


@instead(
    "root-unprotected",
    "/",
    summary="The root of the origin is an MCP server as well, and asks for no token.",
    trips="unprotected-twin",
    who=RS,
    **probe("token_elsewhere"),
)
def _(asked: Asked) -> Answer | None:
    return opened() if asked.method == "POST" else None


@instead(
    "session-id-is-enough",
    MCP,
    summary="Whoever knows the id of a session needs no token.",
    trips="session-is-enough",
    who=RS,
    how=OLDER,
    **probe("session_only"),
)
def _(asked: Asked) -> Answer | None:
    known = asked.method == "POST" and asked.header("mcp-session-id")
    return opened() if known and not asked.header("authorization") else None


@behaves(
    "audience-not-checked",
    summary="Tokens are issued for any resource, and all of them work here.",
    trips="foreign-token-accepted",
    who=RS,
    **probe("wrong_audience"),
)
def _(behaviour: Behaviour) -> Behaviour:
    return replace(behaviour, minds_the_resource=False)


# --- transport --------------------------------------------------------------------------------------------------------


@instead(
    "origin-not-checked",
    MCP,
    summary="A page from any origin may talk to the server.",
    trips="origin-unchecked",
    who=RS,
    **probe("origin"),
)
def _(asked: Asked) -> Answer | None:
    return opened() if asked.header("origin") and asked.bearer else None


@instead(
    "slash-leads-elsewhere",
    f"{MCP}/",
    summary="The URL with a slash redirects to the host behind the proxy.",
    trips="slash-redirect-leaves",
    who=RS,
    **probe("slash"),
)
def _(asked: Asked) -> Answer | None:
    return Answer(307, (("location", f"http://backend.internal:8080{MCP}"),))


@instead(
    "json-alone-500",
    MCP,
    summary="The server falls over an Accept header without event streams.",
    trips="accept-falls-over",
    who=RS,
    **probe("accept"),
)
def _(asked: Asked) -> Answer | None:
    return Answer.of_json(500, {"error": "internal"}) if asked.header("accept") == "application/json" else None


@instead(
    "get-refused",
    MCP,
    summary="The token that works for POST is refused for GET.",
    trips="stream-refused",
    who=RS,
    how=OLDER,
    **probe("get_stream"),
)
def _(asked: Asked) -> Answer | None:
    return Answer.of_json(401, {"error": "invalid_token"}) if asked.method == "GET" and asked.bearer else None


@instead(
    "get-unprotected",
    MCP,
    summary="GET opens an event stream for anybody.",
    trips="stream-not-protected",
    who=RS,
    **probe("post_get"),
)
def _(asked: Asked) -> Answer | None:
    plain = asked.method == "GET" and not asked.header("authorization")
    return Answer(200, (("content-type", "text/event-stream"),), b": open\n\n") if plain else None


@instead(
    "delete-answered",
    MCP,
    summary="DELETE is answered as if there were a session to end.",
    trips="get-delete-answered",
    who=RS,
    **probe("get_and_delete"),
)
def _(asked: Asked) -> Answer | None:
    return Answer(204) if asked.method == "DELETE" else None


@instead(
    "version-not-looked-at",
    MCP,
    summary="Whatever protocol version a request names, it is served.",
    trips="version-not-refused",
    who=RS,
    **probe("unknown_version"),
)
def _(asked: Asked) -> Answer | None:
    return opened() if asked.header("mcp-protocol-version").startswith("19") else None


@answers(
    "unknown-method-200",
    MCP,
    summary="The error for a method that there is not comes with 200.",
    trips="unknown-method-answer",
    who=RS,
    **probe("unknown_method"),
)
def _(asked: Asked, answer: Answer) -> Answer:
    return replace(answer, status=200) if answer.status == 404 else answer


# --- the authorization server -----------------------------------------------------------------------------------------


def is_plain(uri: object) -> bool:
    """Whether a redirect URI is http on another machine."""
    return isinstance(uri, str) and uri.startswith("http://") and urlsplit(uri).hostname not in LOOPBACK_HOSTS


@instead(
    "plain-redirect-registered",
    REGISTER,
    summary="Redirect URIs over plain http are registered, whatever machine they are on.",
    trips="plain-redirect-registered",
    who=AS,
    **probe("http_redirect_registration"),
)
def _(asked: Asked) -> Answer | None:
    document = asked.json if asked.method == "POST" else None
    uris = document.get("redirect_uris") if isinstance(document, dict) else None
    if not isinstance(uris, list) or not any(map(is_plain, uris)):
        return None
    return Answer.of_json(201, {**asked.json, "client_id": "plainly-registered"}, cache_control="no-store")


@instead(
    "any-redirect-taken",
    AUTHORIZE,
    summary="The authorization server redirects to whatever URI it is given.",
    trips="unregistered-redirect-taken",
    who=AS,
    **probe("unregistered_redirect"),
)
def _(asked: Asked) -> Answer | None:
    params = dict(asked.query)
    target = params.get("redirect_uri", "")
    if urlsplit(target).hostname in LOOPBACK_HOSTS:
        return None
    return Answer(302, (("location", with_query(target, code="code-for-anybody", state=params.get("state"))),))


@behaves(
    "any-verifier-redeems",
    summary="Any code_verifier redeems a code.",
    trips="wrong-verifier-accepted",
    who=AS,
    **probe("wrong_verifier"),
)
def _(behaviour: Behaviour) -> Behaviour:
    return replace(behaviour, checks_verifiers=False)


@behaves(
    "code-works-twice",
    summary="An authorization code can be redeemed as often as one likes.",
    trips="code-works-twice",
    who=AS,
    **probe("code_replay"),
)
def _(behaviour: Behaviour) -> Behaviour:
    return replace(behaviour, refuses_spent_codes=False)


@instead(
    "introspection-for-anybody",
    INTROSPECT,
    summary="The introspection endpoint asks nobody who they are.",
    trips="introspection-open",
    who=AS,
    **probe("introspect_anonymous"),
)
def _(asked: Asked) -> Answer | None:
    return Answer.of_json(200, {"active": False}) if asked.method == "POST" else None
