"""Rules for the request without a token and the challenge that should answer it."""

from __future__ import annotations

from collections.abc import Iterator

from mcp_oauth_nb.protocol.jsonrpc import messages
from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.protocol.wellknown import is_loopback, split
from mcp_oauth_nb.records import Exchange, Response
from mcp_oauth_nb.rules.challenge_parameters import ONCE
from mcp_oauth_nb.rules.evidence import (
    BEARER_CHALLENGED,
    CHALLENGED,
    UNAUTHENTICATED,
    challenges,
    resource_document,
)
from mcp_oauth_nb.rules.rule import MAY, MUST, SHOULD, Case, Seen, rule
from mcp_oauth_nb.rules.suspect import Who
from mcp_oauth_nb.rules.words import MCP_SERVER, Kind, came, fix_for, kind_of, quoted, shown, who_answered

HEADER = "header:WWW-Authenticate"
_SOUNDS_LIKE_REFUSAL = ("unauthor", "authenticat", "access token", "not logged in", "sign in", "login", "forbidden")

_NOTES = {
    "stray-text": "text that belongs to no parameter",
    "param-before-scheme": "a parameter in front of the scheme",
    "missing-comma": "a comma missing between two parameters",
    "unterminated-quote": "a quoted value without its closing quote",
    "unquoted-non-token": "an unquoted value with characters that need quotes, such as a URL",
}


@rule(
    "unauthenticated-status",
    step="challenge",
    level=MUST,
    who=MCP_SERVER,
    summary="A request without a token was refused, but not with 401.",
    fix="Answer requests without a token with 401 and a WWW-Authenticate header.",
    spec=Spec("RFC 6750", "3"),
    over=UNAUTHENTICATED,
    explains=("challenge-missing", "resource-metadata-missing"),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    response = exchange.response
    if response is None or response.status == 401 or (response.status // 100 == 2 and _serves(response)):
        return
    who, fix = _wrong_status(exchange, response.status)
    yield Seen(
        exchange,
        "status",
        expected="401 with a Bearer challenge",
        observed=came(exchange),
        summary=f"A request without a token was answered {response.status} in place of 401.",
        fix=fix,
        who=who,
    )


_BY_KIND: dict[Kind, tuple[Who, str]] = {
    "redirect": (
        MCP_SERVER,
        (
            "Answer 401 in place of a redirect. If the Location is the MCP endpoint itself (a slash more, https), use "
            "that URL; if it is a login page, exclude the MCP path from it."
        ),
    ),
    "not found": ("user", "Check the URL: there is no MCP endpoint at this path."),
    "gateway error": ("gateway", "Bring up the MCP server behind the gateway, or correct the gateway's route to it."),
    "server error": (
        MCP_SERVER,
        "Read the MCP server's log: it failed on a request without a token, where 401 is due.",
    ),
    "forbidden": (
        MCP_SERVER,
        (
            "Answer 401 with a challenge; keep 403 for a token with too few rights. A host or origin check, or a "
            "firewall in front of the server, may also be what refuses."
        ),
    ),
    "refused": (
        MCP_SERVER,
        "Check for a token before anything else, and answer 401 with a challenge where there is none.",
    ),
}
_IN_A_COAT_OF_SUCCESS = "Answer 401 with a challenge in place of a page or an error text with a status of success."


def _wrong_status(exchange: Exchange, status: int) -> tuple[Who, str]:
    if kind_of(exchange) in ("too many requests", "proxy login"):
        return who_answered(exchange), fix_for(exchange, "the challenge")
    if status == 405:
        return "user", "Check the URL: there is no MCP endpoint that takes POST requests at this path."
    return _BY_KIND.get(kind_of(exchange), (MCP_SERVER, _IN_A_COAT_OF_SUCCESS))


def _serves(response: Response) -> bool:
    """Whether an answer is MCP at work: JSON-RPC, and not merely a refusal in a coat of success."""
    if response.status == 202:
        return True
    for message in messages(response):
        error = message.get("error")
        said = str(error.get("message", "")).lower() if isinstance(error, dict) else ""
        if "result" in message or (isinstance(error, dict) and not any(word in said for word in _SOUNDS_LIKE_REFUSAL)):
            return True
    return False


@rule(
    "not-protected",
    step="challenge",
    level=SHOULD,
    who=MCP_SERVER,
    summary="The MCP server serves requests without any token.",
    fix="If the server is meant to be protected, answer 401 with a challenge. If it is public, nothing is wrong and "
    "there is nothing to authorize.",
    spec=Spec("MCP 2025-11-25", "Protocol Requirements"),
    over=UNAUTHENTICATED,
    explains=("resource-metadata-missing",),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    response = exchange.response
    if response is not None and response.status // 100 == 2 and _serves(response):
        yield Seen(exchange, "status", expected="401 with a Bearer challenge", observed=came(exchange))


@rule(
    "challenge-missing",
    step="challenge",
    level=MUST,
    who=MCP_SERVER,
    summary="The 401 carries no Bearer challenge, so it does not say how to get a token.",
    fix='Add WWW-Authenticate: Bearer resource_metadata="<URL of the protected resource metadata>" to every 401; '
    "if the server sends it, see whether a proxy removes it.",
    spec=Spec("RFC 9110", "11.6.1"),
    over=CHALLENGED,
    explains=("resource-metadata-missing",),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    found = challenges(exchange)
    if found.bearer() is not None:
        return
    schemes = ", ".join(item.scheme for item in found.items if item.scheme)
    if schemes:
        yield Seen(exchange, HEADER, "a challenge with the scheme Bearer", f"only {quoted(schemes)}")
    else:
        header = exchange.response.header("www-authenticate") if exchange.response else None
        seen = "no WWW-Authenticate header" if header is None else f"WWW-Authenticate: {quoted(header)}"
        yield Seen(exchange, HEADER, "a WWW-Authenticate header with a Bearer challenge", seen)


@rule(
    "challenge-malformed",
    step="challenge",
    level=SHOULD,
    who=MCP_SERVER,
    summary="The WWW-Authenticate header does not follow the grammar; other clients may read it differently.",
    fix='Write the challenge as a scheme, then name="value" pairs separated by commas, each name once.',
    spec=Spec("RFC 9110", "11.2"),
    over=BEARER_CHALLENGED,
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    found = challenges(exchange)
    repeated = {f"duplicate:{name}" for name in ONCE}  # which is graver, and has a rule of its own
    told = [note for note in found.notes if note not in repeated]
    notes = [_NOTES.get(note, note.replace("duplicate:", "a second parameter ")) for note in told]
    bearer = found.bearer()
    if bearer is not None and not bearer.parameters:
        notes.append("a Bearer scheme without any parameter")
    if notes:
        yield Seen(exchange, HEADER, 'scheme name="value", name="value"', "; ".join(notes))


@rule(
    "challenge-metadata-missing",
    step="challenge",
    level={"2025-03-26": SHOULD, "2025-06-18": MUST, "2025-11-25": MAY},
    who=MCP_SERVER,
    summary="The challenge does not name the protected resource metadata.",
    fix='Add resource_metadata="<URL of the protected resource metadata>" to the challenge. From MCP 2025-11-25 on '
    "clients find the document at its well-known URL as well.",
    spec=Spec("MCP 2025-11-25", "Protected Resource Metadata Discovery Requirements"),
    over=BEARER_CHALLENGED,
    explains=("resource-metadata-missing",),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    bearer = challenges(exchange).bearer()
    if bearer is not None and bearer.get("resource_metadata") is None:
        yield Seen(exchange, HEADER, "resource_metadata with the URL of the document", "no resource_metadata")


@rule(
    "challenge-metadata-url",
    step="challenge",
    level=MUST,
    who=MCP_SERVER,
    summary="The challenge names a metadata URL that is no absolute http(s) URL.",
    fix="Put the full public https URL of the protected resource metadata into resource_metadata, in quotes.",
    spec=Spec("RFC 9728", "5.1"),
    over=BEARER_CHALLENGED,
    explains=("unreachable", "resource-not-https", "resource-metadata-missing"),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    bearer = challenges(exchange).bearer()
    named = bearer.get("resource_metadata") if bearer else None
    if named is None:
        return
    if split(named) is None:
        yield Seen(exchange, HEADER, "resource_metadata with an absolute URL", shown(named))
    elif named.lower().startswith("http:") and not is_loopback(named):
        summary = "The challenge names a metadata URL over plain http."
        yield Seen(exchange, HEADER, "resource_metadata with an https URL", shown(named), summary)


@rule(
    "challenge-error-without-token",
    step="challenge",
    level=SHOULD,
    who=MCP_SERVER,
    summary="The challenge reports an error although no token was sent.",
    fix="Leave out error and error_description where the request carried no token; clients may take it for an expired "
    "token.",
    spec=Spec("RFC 6750", "3.1"),
    over=BEARER_CHALLENGED,
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    bearer = challenges(exchange).bearer()
    error = bearer.get("error") if bearer else None
    if error is not None:
        yield Seen(exchange, HEADER, "a challenge without error", f"error={quoted(error)}")


@rule(
    "challenge-scope-missing",
    step="challenge",
    level=SHOULD,
    who=MCP_SERVER,
    summary="Neither the challenge nor the metadata says which scope a token needs.",
    fix='Add scope="..." to the challenge, or scopes_supported to the protected resource metadata.',
    spec=Spec("MCP 2025-11-25", "Scope Selection Strategy"),
    over=BEARER_CHALLENGED,
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    bearer = challenges(exchange).bearer()
    found = resource_document(case)
    if bearer is None or bearer.get("scope") or (found and found[1].get("scopes_supported")):
        return
    yield Seen(exchange, HEADER, "a scope parameter", "no scope in the challenge, no scopes_supported in the metadata")
