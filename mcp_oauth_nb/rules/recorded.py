"""From exchanges of somebody else's client to a `Trace`: the runs of the steps, how each ended, and the settings.

Nobody says of a recording what its steps came to, so that is read from the answers. Where the answers leave it open the
step is *not tested*, or did not run at all. Only what was asked last counts: a client that authorizes again, because
the first try failed, has run those steps again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from mcp_oauth_nb.protocol.grants import DEVICE_CODE, JWT_BEARER, ROUTE, TOKEN_EXCHANGE, Grant
from mcp_oauth_nb.protocol.jsonrpc import messages
from mcp_oauth_nb.protocol.probes import NOT_TESTED
from mcp_oauth_nb.protocol.profiles import LATEST, MODERN, OLDEST, PROFILES
from mcp_oauth_nb.protocol.resource import resource_match
from mcp_oauth_nb.records import Exchange, Run, Trace
from mcp_oauth_nb.rules.classify import OTHER, classify, is_rpc, mcp_url, sent_messages
from mcp_oauth_nb.rules.evidence import challenges, form, oauth_error, query, text, texts
from mcp_oauth_nb.rules.timeline import granted
from mcp_oauth_nb.rules.words import came
from mcp_oauth_nb.vault import Vault

BEFORE_AUTHORIZE = ROUTE[: ROUTE.index("pkce")]
ASKING_AGAIN = (401, 403)
"""Answers to an MCP request after which a client authorizes in the middle of its requests."""
VERSION = "io.modelcontextprotocol/protocolVersion"
CREDENTIAL_GRANTS: Mapping[str, Grant] = {
    "client_credentials": "client_credentials",
    JWT_BEARER: "jwt_bearer",
    TOKEN_EXCHANGE: "enterprise",
    DEVICE_CODE: "device",
    "password": "password",
}


def trace_of(exchanges: Iterable[Exchange], vault: Vault, settings: Mapping[str, str] | None = None) -> Trace:
    """The trace that a recording amounts to: steps, runs and settings are worked out.

    Args:
        exchanges: in the order of sending, each with this vault.
        vault: the secrets of the trace.
        settings: what is known from elsewhere, such as ``url``; it goes before what is worked out.
    """
    found = classify(exchanges)
    told = {**settings_of(found), **(settings or {})}
    return Trace(found, runs_of(found, told), told, vault)


# --- runs -------------------------------------------------------------------------------------------------------------


def runs_of(exchanges: Sequence[Exchange], settings: Mapping[str, str]) -> tuple[Run, ...]:
    """The current run of each step, in the order in which the steps were begun."""
    steps = _current(exchanges)
    asked = [exchanges[i - 1] for i in steps.get("authorize", ())]
    if asked and "register" not in steps:
        steps["register"] = []
    if asked and query(asked[-1]).get("code_challenge"):
        steps["pkce"] = []
    order = [step for step in ROUTE if step in steps] + [step for step in steps if step not in ROUTE]
    return tuple(_run(step, [exchanges[i - 1] for i in steps[step]], steps, exchanges, settings) for step in order)


def _current(exchanges: Sequence[Exchange]) -> dict[str, list[int]]:
    """The ids that count, by step. A new authorization request begins those steps anew, unless MCP asked for it."""
    steps: dict[str, list[int]] = {}
    again: dict[str, list[int]] = {}
    last_mcp: Exchange | None = None
    for one in exchanges:
        if one.step == OTHER:
            continue
        if one.step == "mcp":
            last_mcp = one
        if last_mcp is not None and one.step in ROUTE and _belongs_to_mcp(one, last_mcp):
            steps.setdefault("mcp", []).append(one.id)
        elif one.step in BEFORE_AUTHORIZE and "authorize" in steps:
            again.setdefault(one.step, []).append(one.id)
        elif one.step == "authorize":
            kept = {step: ids for step, ids in steps.items() if step in BEFORE_AUTHORIZE}
            steps, again = {**kept, **again, "authorize": [one.id]}, {}
            last_mcp = None
        else:
            steps.setdefault(one.step, []).append(one.id)
    return steps


def _belongs_to_mcp(one: Exchange, last: Exchange) -> bool:
    """A step-up, or a fresh discovery for a token that is refused, is part of the MCP requests it interrupts."""
    return one.step == "mcp" or (last.status in ASKING_AGAIN and one.step != "challenge")


def _run(
    step: str,
    asked: Sequence[Exchange],
    steps: Mapping[str, Sequence[int]],
    exchanges: Sequence[Exchange],
    settings: Mapping[str, str],
) -> Run:
    ids = tuple(one.id for one in asked)
    if not asked or step == "authorize":
        return Run(step, ids, achieved=True)
    if step == "callback":
        sent = exchanges[steps["authorize"][-1] - 1] if steps.get("authorize") else None
        stopped = _stopped_callback(asked, sent)
    else:
        stopped = _stopped(step, asked, settings)
    return Run(step, ids, not stopped, stopped)


def _stopped(step: str, asked: Sequence[Exchange], settings: Mapping[str, str]) -> str:
    """Why a step did not get what it is for; empty where it did."""
    tried, last = asked if step in ANY_OF else asked[-1:], asked[-1]
    if any(_GOT.get(step, _succeeded)(one, settings) for one in tried):
        return ""
    if last.response is None and last.failure is None:
        return f"{NOT_TESTED}: the recording holds no answer"
    return last.failure.message if last.failure else f"expected {WANTED.get(step, 'success')}, got {came(last)}"


ANY_OF = ("challenge", "resource_metadata", "server_metadata", "register")
"""Steps that ask in several places until one answers."""
WANTED = {
    "challenge": "401 with a challenge",
    "resource_metadata": "protected resource metadata for this server",
    "server_metadata": "authorization server metadata",
    "register": "a client id",
    "device": "a user code",
    "token": "an access token",
    "refresh": "an access token",
    "mcp": "a JSON-RPC result",
    "revoked": "401 or a JSON-RPC result",
}


def _succeeded(one: Exchange, _: Mapping[str, str]) -> bool:
    return one.failure is None and (one.status or 0) // 100 == 2


def _was_challenged(one: Exchange, settings: Mapping[str, str]) -> bool:
    return one.status == 401 or (_succeeded(one, settings) and _has_answer(one))


def _named_its_servers(one: Exchange, settings: Mapping[str, str]) -> bool:
    url, document = settings.get("url", ""), one.document or {}
    is_ours = resource_match(text(document.get("resource")), url, url) != "other"
    return one.status == 200 and is_ours and bool(texts(document.get("authorization_servers")))


def _described_itself(one: Exchange, settings: Mapping[str, str]) -> bool:
    """Without any document the endpoints of MCP 2025-03-26 are known all the same."""
    if one.status == 404:
        return PROFILES.get(settings.get("protocol", LATEST), PROFILES[LATEST]).default_endpoints
    return one.status == 200 and isinstance((one.document or {}).get("issuer"), str)


def _gave_client(one: Exchange, settings: Mapping[str, str]) -> bool:
    return _succeeded(one, settings) and isinstance((one.document or {}).get("client_id"), str)


def _gave_token(one: Exchange, _: Mapping[str, str]) -> bool:
    return granted(one, "access_token") is not None


def _gave_user_code(one: Exchange, _: Mapping[str, str]) -> bool:
    return _succeeded(one, {}) and isinstance((one.document or {}).get("user_code"), str)


def _answered(one: Exchange, settings: Mapping[str, str]) -> bool:
    return _succeeded(one, settings) and (_has_answer(one) or not _wants_answer(one))


def _revoked(one: Exchange, _: Mapping[str, str]) -> bool:
    """A server need not revoke tokens of every type (RFC 7009 2.2.1)."""
    return one.status == 200 or (one.status == 400 and oauth_error(one) == "unsupported_token_type")


_GOT: Mapping[str, Callable[[Exchange, Mapping[str, str]], bool]] = {
    "challenge": _was_challenged,
    "resource_metadata": _named_its_servers,
    "server_metadata": _described_itself,
    "register": _gave_client,
    "device": _gave_user_code,
    "token": _gave_token,
    "refresh": _gave_token,
    "mcp": _answered,
    "revoke": _revoked,
    "revoked": _was_challenged,
}
"""Whether an answer is what a step is for, by step; elsewhere success is."""


def _wants_answer(one: Exchange) -> bool:
    return any("id" in message and "method" in message for message in sent_messages(one))


def _has_answer(one: Exchange) -> bool:
    ids = [message.get("id") for message in sent_messages(one) if "method" in message]
    came_back = messages(one.response) if one.response else ()
    return any("result" in message and (not ids or message.get("id") in ids) for message in came_back)


def _stopped_callback(asked: Sequence[Exchange], sent: Exchange | None) -> str:
    arrived = next((one for one in reversed(asked) if one.direction == "in"), None)
    if arrived is None:
        last = asked[-1]
        if last.failure is not None:
            return last.failure.message
        if last.status is not None and last.status < 400:
            return f"{NOT_TESTED}: the recording ends before a redirect to the redirect URI"
        return f"expected a redirect to the redirect URI, got {last.status} from the authorization server"
    answer = query(arrived)
    if sent is not None and answer.get("state", "") != query(sent).get("state", ""):
        return "`state` is not the one that was sent: this response belongs to another request"
    if "error" in answer:
        return "the authorization server answered with an error"
    return "" if answer.get("code") else "the redirect carries neither code nor error"


# --- settings ---------------------------------------------------------------------------------------------------------


def settings_of(exchanges: Sequence[Exchange]) -> dict[str, str]:
    """What the client must have been told: the server's URL, the protocol version, the redirect URI, the grant."""
    version, why = protocol_of(exchanges)
    asked = [query(one) for one in exchanges if one.step == "authorize"]
    client_id = asked[-1].get("client_id", "") if asked else ""
    found = {
        "url": mcp_url(exchanges),
        "protocol": version,
        "protocol told": why,
        "redirect_uri": asked[-1].get("redirect_uri", "") if asked else "",
        "grant": "" if asked else _grant(exchanges),
        "client_metadata_url": client_id if client_id.startswith("https://") else "",
    }
    return {name: value for name, value in found.items() if value}


def _grant(exchanges: Sequence[Exchange]) -> str:
    types = [form(one).get("grant_type", "") for one in exchanges if one.step == "token"]
    return next((CREDENTIAL_GRANTS[one] for one in types if one in CREDENTIAL_GRANTS), "")


def protocol_of(exchanges: Sequence[Exchange]) -> tuple[str, str]:
    """The protocol version in force, and how that shows: what was agreed on last, else what the client spoke."""
    spoken = [one for one in exchanges if is_rpc(one)]
    for one in reversed(spoken):
        for message in messages(one.response) if one.response and one.status == 200 else ():
            result = message.get("result")
            agreed = text(result.get("protocolVersion")) if isinstance(result, dict) else None
            if agreed in PROFILES:
                return agreed, "initialize was answered with it"
    for one in reversed(exchanges):
        for said in (one.request.header("mcp-protocol-version"), *_versions_in(one)):
            if said in PROFILES:
                return said, "the client spoke it"
        if any(message.get("method") == "server/discover" for message in sent_messages(one)):
            return MODERN.version, "the client asked server/discover"
    if any(one.step in ("resource_metadata", "server_metadata") or _names_resource(one) for one in exchanges):
        return LATEST, "not told yet"
    return OLDEST.version, "nothing in the recording is of a later one"


def _names_resource(one: Exchange) -> bool:
    """Whether it shows what later versions brought: the resource indicator, metadata of the resource.

    The first version says itself in every request for metadata.
    """
    bearer = challenges(one).bearer()
    return bool("resource" in query(one) or "resource" in form(one) or (bearer and bearer.get("resource_metadata")))


def _versions_in(one: Exchange) -> Iterable[str | None]:
    """The versions that JSON-RPC messages name: in ``initialize``, and in ``_meta`` where every request does."""
    for message in sent_messages(one):
        params = message.get("params")
        members = params if isinstance(params, dict) else {}
        meta = members.get("_meta")
        yield text(members.get("protocolVersion"))
        yield text(meta.get(VERSION)) if isinstance(meta, dict) else None
