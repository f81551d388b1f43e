"""Signatures of access tokens, checked with the keys that a trace holds (RFC 7515 5.2)."""

from __future__ import annotations

from collections.abc import Mapping

from mcp_oauth_nb.jose import Signature, check_signature
from mcp_oauth_nb.protocol.jwt import Jwt
from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.rules.evidence import is_masked
from mcp_oauth_nb.rules.rule import Case


def key_sets(case: Case) -> tuple[Exchange, ...]:
    """The answers that hold a key set (RFC 7517 5), whoever asked for it."""
    return case.once(_key_sets)


def _key_sets(case: Case) -> tuple[Exchange, ...]:
    answered = (one for one in case.answered() if one.status == 200 and "response body" not in one.untold)
    return tuple(one for one in answered if isinstance(_document(one).get("keys"), list))


def _document(one: Exchange) -> Mapping[str, object]:
    """The document, of those exchanges only that may hold a key set: all others are not parsed for it."""
    holds = one.response is not None and one.request.method == "GET" and b'"keys"' in one.response.body
    return (one.document or {}) if holds else {}


def published_keys(case: Case) -> tuple[object, ...] | None:
    """The keys of every key set that was fetched; None where none was."""
    sets = [(one.document or {})["keys"] for one in key_sets(case)]
    return tuple(key for keys in sets for key in keys) if sets else None


def signature_of(case: Case, token: str, jwt: Jwt) -> Signature | None:
    """What comes of checking a token with the keys of the trace; None where no key set was fetched.

    A token of which a part is masked is not checked: its text is another than the one that was signed.
    """
    keys = published_keys(case)
    if keys is None or is_masked(token) or any(is_masked(part) for part in token.split(".")):
        return None
    return check_signature(token, jwt.header, keys)
