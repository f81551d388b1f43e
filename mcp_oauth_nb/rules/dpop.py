"""Rules for DPoP: the proofs that go along, the tokens bound to them, and the nonces (RFC 9449)."""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from mcp_oauth_nb.jose import PROOF_ALGORITHMS
from mcp_oauth_nb.protocol.proofs import DPOP_ALGORITHMS, challenged_algorithms, common_algorithms
from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.rules.evidence import (
    challenges,
    jwt_claims,
    oauth_error,
    resource_document,
    sent_token,
    server_document,
    texts,
    without_token,
)
from mcp_oauth_nb.rules.extensions import jwt_header
from mcp_oauth_nb.rules.rule import ANY, MUST, Case, Seen, Selector, rule
from mcp_oauth_nb.rules.suspect import Who
from mcp_oauth_nb.rules.timeline import granted, timeline
from mcp_oauth_nb.rules.words import AUTHORIZATION_SERVER, MCP_SERVER, came, capped, party, quoted, shown

USE_NONCE = "use_dpop_nonce"


class Proof(NamedTuple):
    """A DPoP proof as it was sent."""

    exchange: Exchange
    header: Mapping[str, Any]
    claims: Mapping[str, Any]
    repeats: int
    """The exchange whose proof has the same ``jti``; 0 for a fresh one."""


def _proofs(case: Case) -> list[Proof]:
    used: dict[object, int] = {}
    found = []
    for one in timeline(case):
        sent = one.request.header("dpop")
        if sent is None:
            continue
        claims = jwt_claims(sent)
        name = claims.get("jti") if isinstance(claims.get("jti"), str) else None
        found.append(Proof(one, jwt_header(sent), claims, used.get(name, 0) if name else 0))
        if name:
            used.setdefault(name, one.id)
    return found


@rule(
    "dpop-proof-invalid",
    step=ANY,
    level=MUST,
    who="client",
    summary="The DPoP proof does not fit the request that it came with.",
    fix="Make a new proof for every request, with its method, its URL and the hash of the token that goes along.",
    spec=Spec("RFC 9449", "4.2"),
    over=Selector(_proofs, "no DPoP proof was sent"),
    explains=("token-refused", "refresh-refused", "token-rejected"),
)
def _(case: Case, proof: Proof) -> Iterator[Seen]:
    exchange, claims = proof.exchange, proof.claims
    part, request = "header:DPoP", exchange.request
    if str(proof.header.get("typ", "")).lower() != "dpop+jwt":
        yield Seen(exchange, part, "a JWT with typ dpop+jwt", "another typ")
    if claims.get("htm") != request.method:
        yield Seen(exchange, part, f"htm={request.method}", "another htm")
    if claims.get("htu") != request.url.partition("#")[0].partition("?")[0]:
        yield Seen(exchange, part, "htu with the URL of the request", "another htu")
    if proof.repeats:
        yield Seen(exchange, part, "a new jti", f"the jti of exchange {proof.repeats}")
    elif not isinstance(claims.get("jti"), str):
        yield Seen(exchange, part, "jti", "no jti")
    if not isinstance(claims.get("iat"), (int, float)):
        yield Seen(exchange, part, "iat", "no iat")
    token = sent_token(exchange)
    if token is not None and claims.get("ath") != _hash(token):
        yield Seen(
            exchange, part, "ath with the hash of the access token", "another ath" if "ath" in claims else "no ath"
        )


class Taken(NamedTuple):
    """What one server says it takes DPoP proofs with, and where it says so."""

    exchange: Exchange
    part: str
    algorithms: tuple[str, ...]
    by_resource: bool


def _taken(case: Case) -> list[Taken]:
    """What each server says, as far as it says it."""
    server, resource, refused = server_document(case), resource_document(case), without_token(case)
    found = [
        Taken(one[0], f"body:/{DPOP_ALGORITHMS}", texts(one[1].get(DPOP_ALGORITHMS)), one is resource)
        for one in (server, resource)
        if one is not None
    ]
    if refused is not None:
        found.append(Taken(refused, "header:WWW-Authenticate", challenged_algorithms(challenges(refused)), True))
    return [one for one in found if one.algorithms]


def _wanted(case: Case) -> list[list[Taken]]:
    taken = _taken(case) if case.trace.settings.get("dpop") and "server_metadata" in case.runs else []
    return [taken] if taken and not case.trace.settings.get("dpop algorithm chosen") else []


@rule(
    "dpop-algorithms-foreign",
    step="server_metadata",
    level=MUST,
    who="client",
    summary="There is no algorithm for DPoP proofs that all servers take and that the client can sign with.",
    fix="Let the servers take a common algorithm such as ES256, or go without DPoP.",
    spec=Spec("RFC 9449", "5.1"),
    over=Selector(_wanted, "no DPoP proof was wanted, or no server says which algorithms it takes"),
)
def _(case: Case, taken: list[Taken]) -> Iterator[Seen]:
    """Symmetric algorithms are none at all: nobody could check the proof (RFC 9449 4.2)."""
    if common_algorithms(one.algorithms for one in taken):
        return
    first = next((one for one in taken if not common_algorithms([one.algorithms])), taken[-1])
    ours = common_algorithms(one.algorithms for one in taken if one is not first) or PROOF_ALGORITHMS
    useless = all(one == "none" or one.startswith("HS") for one in first.algorithms)
    server = MCP_SERVER if first.by_resource else AUTHORIZATION_SERVER
    seen = shown(list(first.algorithms))
    yield Seen(first.exchange, first.part, f"one of {', '.join(ours)}", seen, who=server if useless else None)


@rule(
    "dpop-algorithm-unlisted",
    step=ANY,
    level=MUST,
    who="client",
    summary="A proof was refused that is signed with an algorithm which the server does not list.",
    fix="Sign with an algorithm that the server lists: dpop=True takes one.",
    spec=Spec("RFC 9449", "4.3"),
    over=Selector(_proofs, "no DPoP proof was sent"),
    explains=("token-refused", "refresh-refused", "token-rejected"),
)
def _(case: Case, proof: Proof) -> Iterator[Seen]:
    """Where it is accepted all the same, the list is short, and nobody is to blame."""
    exchange, algorithm = proof.exchange, proof.header.get("alg")
    if exchange.status not in (400, 401) or _wants_nonce(exchange):
        return
    shows_token = sent_token(exchange) is not None
    lists = [one.algorithms for one in case.once(_taken) if one.by_resource is shows_token]
    if lists and not all(algorithm in listed for listed in lists):
        who: Who | None = "user" if case.trace.settings.get("dpop algorithm chosen") else None
        wanted = ", ".join(dict.fromkeys(one for listed in lists for one in listed))
        yield Seen(exchange, "header:DPoP", capped(f"one of {wanted}"), quoted(str(algorithm), 20), who=who)


def _hash(token: str) -> str:
    return urlsafe_b64encode(hashlib.sha256(token.encode("utf-8", "replace")).digest()).rstrip(b"=").decode()


def _bound_uses(case: Case) -> list[Exchange]:
    """MCP requests with a token that was issued as bound to a key."""
    sent = timeline(case)
    bound = {granted(one, "access_token") for one in sent if (granted(one, "token_type") or "").lower() == "dpop"} - {
        None
    }
    return [one for one in sent if bound and one.step in ("mcp", "call") and sent_token(one) in bound]


@rule(
    "dpop-scheme",
    step=ANY,
    level=MUST,
    who="client",
    summary="A token that is bound to a key was sent like one that is not.",
    fix="Send it as Authorization: DPoP, together with a proof in the header DPoP.",
    spec=Spec("RFC 9449", "7.1"),
    over=Selector(_bound_uses, "no token that is bound to a key was used"),
    explains=("token-rejected",),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    scheme = (exchange.request.header("authorization") or "").partition(" ")[0]
    if scheme.lower() != "dpop":
        yield Seen(exchange, "header:Authorization", "the scheme DPoP", f"the scheme {quoted(scheme, 20)}")
    elif exchange.request.header("dpop") is None:
        yield Seen(exchange, "header:DPoP", "a DPoP proof", "no header DPoP")


def _asked_for_nonce(case: Case) -> list[Exchange]:
    return [one for one in timeline(case) if one.status in (400, 401) and _wants_nonce(one)]


def _wants_nonce(exchange: Exchange) -> bool:
    return USE_NONCE in (oauth_error(exchange), *(item.get("error") for item in challenges(exchange).items))


ASKED_FOR_NONCE = Selector(_asked_for_nonce, "no server asked for a DPoP nonce")


@rule(
    "dpop-nonce-missing",
    step=ANY,
    level=MUST,
    who="authorization server",
    summary="The server wants a DPoP nonce but does not give one.",
    fix="Send a nonce in the header DPoP-Nonce with every answer whose error is use_dpop_nonce.",
    spec=Spec("RFC 9449", "8"),
    over=ASKED_FOR_NONCE,
    explains=("token-refused", "refresh-refused", "token-rejected"),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    if exchange.response is not None and not exchange.response.header("dpop-nonce"):
        yield Seen(exchange, "header:DPoP-Nonce", "a nonce", came(exchange), who=party(exchange.step))


@rule(
    "dpop-nonce-unused",
    step=ANY,
    level=MUST,
    who="client",
    summary="The client does not try again with the nonce that it was given.",
    fix="Send the request once more, with the nonce in a new proof.",
    spec=Spec("RFC 9449", "8"),
    over=ASKED_FOR_NONCE,
    explains=("token-refused", "refresh-refused", "token-rejected"),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    nonce = exchange.response.header("dpop-nonce") if exchange.response else None
    proof = exchange.request.header("dpop")
    if not nonce or proof is None or "nonce" in jwt_claims(proof):
        return  # one try with a nonce is all that is asked for
    later = case.once(_next_to_same_url).get(exchange.id)
    if later is None:
        yield Seen(exchange, "header:DPoP-Nonce", "the same request with the nonce", "no second try")
    elif jwt_claims(later.request.header("dpop") or "").get("nonce") != nonce:
        yield Seen(later, "header:DPoP", "a proof with the nonce that was given", "a proof without it")


def _next_to_same_url(case: Case) -> dict[int, Exchange]:
    """By id of an exchange: the next one to the same URL."""
    last: dict[str, int] = {}
    found: dict[int, Exchange] = {}
    for one in timeline(case):
        if one.request.url in last:
            found[last[one.request.url]] = one
        last[one.request.url] = one.id
    return found
