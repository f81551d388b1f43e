"""Rules over what every well-known location gave: the copies of a document, and what stands in their place."""

from __future__ import annotations

from collections.abc import Iterator

from mcp_oauth_nb.protocol.probes import WELL_KNOWN
from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.rules.attempts import IDENTITY, Attempt, attempts, copies, is_same
from mcp_oauth_nb.rules.rule import MUST, SHOULD, Case, Seen, Selector, rule
from mcp_oauth_nb.rules.words import AUTHORIZATION_SERVER, MCP_SERVER, came, fix_for, kind_of, shown

Attempts = tuple[Attempt, ...]

COMPARED = {
    "resource": ("resource", "authorization_servers", "scopes_supported", "bearer_methods_supported"),
    "server": (
        "issuer",
        "authorization_endpoint",
        "token_endpoint",
        "registration_endpoint",
        "revocation_endpoint",
        "code_challenge_methods_supported",
        "response_types_supported",
        "grant_types_supported",
        "token_endpoint_auth_methods_supported",
        "authorization_response_iss_parameter_supported",
        "client_id_metadata_document_supported",
    ),
}
"""What an MCP client acts on. OpenID Connect documents have more members, which no copy for OAuth needs."""
MISNAMED = ("wrong resource", "wrong issuer")
NOT_ASKED = "the well-known locations were not all asked (dbg.well_known())"
COPIES = Selector(lambda case: copies(attempts(case)), "no document was found at two well-known locations")
ANSWERED = Selector(
    lambda case: [found] if (found := _answered(case)) else [],
    NOT_ASKED,
)
DOCUMENTS = Selector(
    lambda case: [one for one in attempts(case) if one.document is not None],
    "no document was found at a well-known location of those that were all asked",
)


def _answered(case: Case) -> Attempts:
    return tuple(one for one in attempts(case) if one.exchange.response is not None)


@rule(
    "metadata-nowhere",
    step=WELL_KNOWN,
    level=MUST,
    who=MCP_SERVER,
    summary="No well-known location has a metadata document.",
    fix="Publish the protected resource metadata at the well-known URL of the MCP server, and check the URL you typed.",
    spec=Spec("RFC 9728", "3.1"),
    over=ANSWERED,
)
def _(case: Case, found: Attempts) -> Iterator[Seen]:
    """Without any metadata MCP 2025-03-26 goes on with default endpoints."""
    if case.version == "2025-03-26" or any(one.document is not None for one in found):
        return
    first = found[0].exchange
    yield Seen(
        first,
        "status" if first.status != 200 else "body:",
        expected="200 with a JSON object at one of the locations",
        observed=f"none of {len(found)} locations has one; the first gave {came(first)}",
    )


@rule(
    "resource-metadata-unread",
    step=WELL_KNOWN,
    level=MUST,
    who=MCP_SERVER,
    summary="The protected resource metadata is only where no protocol version asks for it.",
    fix="Publish the document at the URL that the challenge names, or at /.well-known/oauth-protected-resource "
    "followed by the path of the MCP server.",
    spec=Spec("RFC 9728", "3.1"),
    over=Selector(
        lambda case: [found] if (found := _resource_copies(case)) else [],
        "no well-known location has the protected resource metadata, or not all were asked",
    ),
)
def _(case: Case, found: Attempts) -> Iterator[Seen]:
    if not any(one.location.readers for one in found):
        first = found[0]
        reader = f"{first.location.readership} ({', '.join(first.location.kinds)})"
        yield Seen(first.exchange, "url", "the document where clients ask for it", f"{_place(first)}: {reader}")


def _resource_copies(case: Case) -> Attempts:
    """Where the protected resource metadata is. JSON that names no resource, such as an error, is something else."""
    found = (one for one in attempts(case) if one.location.document == "resource")
    return tuple(one for one in found if one.document is not None and "resource" in one.document)


@rule(
    "metadata-copies-differ",
    step=WELL_KNOWN,
    level=SHOULD,
    who=AUTHORIZATION_SERVER,
    summary="The copies of one metadata document differ from each other.",
    fix="Serve the same document at every location, best from one source: which copy a client reads depends on its "
    "protocol version.",
    spec=Spec("RFC 8414", "3.3"),
    over=COPIES,
)
def _(case: Case, group: Attempts) -> Iterator[Seen]:
    first, *others = group
    for other in others:
        names = [name for name in _compared(first, other) if _differ(first, other, name)]
        if names:
            yield Seen(
                other.exchange,
                f"body:/{names[0]}",
                expected=f"the same as at {_place(first)}",
                observed=f"{', '.join(names)} {'differs' if len(names) == 1 else 'differ'} at {_place(other)}",
                who=first.who,
            )


def _compared(one: Attempt, other: Attempt) -> tuple[str, ...]:
    """The members to compare; without the name itself where a copy is misnamed, which is another rule's to say."""
    kind = one.location.document
    wrong = any(copy.verdict in MISNAMED for copy in (one, other))
    return tuple(name for name in COMPARED[kind] if not (wrong and name == IDENTITY[kind]))


def _differ(one: Attempt, other: Attempt, name: str) -> bool:
    return not is_same((one.document or {}).get(name), (other.document or {}).get(name))


@rule(
    "metadata-copy-misnamed",
    step=WELL_KNOWN,
    level=SHOULD,
    who=AUTHORIZATION_SERVER,
    summary="A copy of the metadata names another issuer or resource than the one its URL stands for.",
    fix="Name the issuer or resource in every copy exactly as its URL was built from it: clients compare them "
    "letter by letter.",
    spec=Spec("RFC 8414", "3.3"),
    over=DOCUMENTS,
)
def _(case: Case, one: Attempt) -> Iterator[Seen]:
    """Where no version asks, another document may stand by right, such as that of another tenant."""
    if one.verdict not in MISNAMED or not one.location.is_usual:
        return
    name = IDENTITY[one.location.document]
    document = one.document or {}
    seen = shown(document[name]) if name in document else f"no {name} member"
    yield Seen(one.exchange, f"body:/{name}", one.location.identifiers[0], f"{seen} at {_place(one)}", who=one.who)


@rule(
    "well-known-page",
    step=WELL_KNOWN,
    level=SHOULD,
    who=MCP_SERVER,
    summary="A well-known location answers 200 with an HTML page, so that a client takes it for the document.",
    fix="Keep /.well-known/ out of the catch-all route: answer 404 where there is no document.",
    spec=Spec("RFC 8414", "3.2"),
    over=ANSWERED,
)
def _(case: Case, found: Attempts) -> Iterator[Seen]:
    pages = [one for one in found if one.location.is_usual and one.verdict == "HTML page"]
    for document in IDENTITY:
        same = [one for one in pages if one.location.document == document]
        if same:
            page = same[0].exchange
            more = f", and {len(same) - 1} more" if len(same) > 1 else ""
            yield Seen(page, "body:", "404, or a JSON object", came(page) + more, who=same[0].who)


@rule(
    "well-known-blocked",
    step=WELL_KNOWN,
    level=SHOULD,
    who="gateway",
    summary="A well-known location is blocked or broken, although another location has the document.",
    fix="Let GET requests for this URL pass without credentials.",
    spec=Spec("RFC 8414", "3.1"),
    over=ANSWERED,
)
def _(case: Case, found: Attempts) -> Iterator[Seen]:
    """A client that meets such an answer first may give up before it comes to the document."""
    for one in found:
        if one.verdict != "blocked" or not one.location.is_usual:
            continue
        elsewhere = next((other for other in found if _stands_in(other, one)), None)
        if elsewhere is not None:
            yield Seen(
                one.exchange,
                "status",
                expected=f"404, or the document that is at {_place(elsewhere)}",
                observed=came(one.exchange),
                fix=fix_for(one.exchange, "the metadata document"),
                who="gateway" if kind_of(one.exchange) in ("gateway error", "forbidden") else one.who,
            )


def _stands_in(other: Attempt, one: Attempt) -> bool:
    """Whether another location has the document that was looked for here."""
    about = {identifier.removesuffix("/") for identifier in one.location.identifiers}
    return other.document is not None and other.location.document == one.location.document and other.subject in about


def _place(one: Attempt) -> str:
    return one.exchange.request.url.partition("?")[0]
