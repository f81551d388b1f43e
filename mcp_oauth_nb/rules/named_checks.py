"""Which check of a token a refusal names, in the server's own words.

No standard has a place for the reason of a refused token: it stands in ``error_description``, or in a body of any form.
These words rank causes and prove none: many servers say the same sentence whatever went wrong.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.rules.evidence import challenges
from mcp_oauth_nb.rules.words import capped, is_page

Check = Literal[
    "audience",
    "issuer",
    "end",
    "begin",
    "signature",
    "grant",
    "form",
    "person",
    "claim",
    "scope",
]
"""What a server looks at in a token: whom it is for and from, its times, its signature and the key of it, whether its
grant still stands, whether it can be read at all, whom it stands for, whether a claim is there, and what it allows."""

_WORDS: Mapping[Check, str] = {
    "audience": r"audience|\baud\b|(other|another|different|wrong|unexpected|invalid)[ _]resource",
    "issuer": r"\bissuer|\biss\b",
    "end": r"expir(?!es_in)|\bexp\b|too old|no longer valid",
    "begin": r"jwt not active|not (yet )?(active|valid) (yet|before)|not yet (active|valid)|\bnbf\b|not before"
    r"|in the future",
    "signature": r"signature|\bkid\b|signing[ _-]?key|\bjwks\b|(public|matching|verification) key",
    "grant": r"revok|withdrawn|logged out|signed out|\binactive\b",
    "form": r"malformed|segments|decod|\bcompact\b|\bpars(e|ing)\b|three parts|not a (valid )?jwt",
    "person": r"\b(user|subject|account|principal)\b[^.]{0,40}\b(not found|unknown|not (exist|known|registered)|"
    r"disabled|blocked|suspended|deactivated)|\b(unknown|no such|disabled|find( the| any)?) "
    r"(user|subject|account|principal)\b",
    "claim": r"\b(missing|lacks|without|requires?d?)\b[^.]{0,20}\bclaim|\bclaim\b[^.]{0,30}\b(missing|required)",
    "scope": r"insufficient[_ ]scope|\bmissing[^.]{0,20}\bscope|\bscopes?\b[^.]{0,20}\b(missing|required)|permission",
}
CHECKS: Mapping[Check, re.Pattern[str]] = {check: re.compile(f"(?i){words}") for check, words in _WORDS.items()}
"""How a check is named in words."""
DECODED: frozenset[Check] = frozenset(("audience", "issuer", "end", "begin", "signature"))
"""What can be checked in a JSON Web Token only once it was read."""
_JWT = re.compile(r"(?i)\bjwt\b|json web token")
_OF_SEVERAL = re.compile(r"(?i)\bor\b|/")
_EITHER = re.compile(r"(?i)\binvalid(,| or)\b|\bor\b[^.]{0,20}\binvalid\b")
_OF_OTHERS = re.compile(
    r"(?i)\b(session|certificate|secret|licen[cs]e|subscription|trial|password|api key|account)\b[^.]{0,20}\bexpir\w*"
)
"""What else may expire than a token."""
_URLS = re.compile(r"(?i)\b[a-z][a-z0-9+.-]*://\S*")


def said(exchange: Exchange) -> str:
    """What a refusal says in words: in its challenge and in a short body that is no page."""
    told = [item.get(name) or "" for item in challenges(exchange).items for name in ("error", "error_description")]
    response = exchange.response
    if response is not None and not is_page(response):
        told.append(capped(response.body[:2000].decode("utf-8", "replace"), 1000))
    return " ".join(one for one in told if one)


def named_checks(exchange: Exchange) -> frozenset[Check]:
    """The checks that a refusal names.

    None where it counts up reasons ("expired, revoked, malformed, or invalid for other reasons" is the sentence of
    RFC 6750 3.1, and tells nothing). What stands in a URL names none.
    """
    words = _OF_OTHERS.sub(" ", _URLS.sub(" ", said(exchange)))
    found = frozenset(check for check, pattern in CHECKS.items() if pattern.search(words))
    counts_up = _EITHER.search(words) or (len(found) > 1 and _OF_SEVERAL.search(words))
    return frozenset() if counts_up else found


def names_only(exchange: Exchange, *checks: Check) -> bool:
    """Whether a refusal names one of these checks, and no other."""
    named = named_checks(exchange)
    return bool(named) and named <= frozenset(checks)


def may_be_for(exchange: Exchange, *checks: Check) -> bool:
    """Whether a refusal may be due to one of these checks.

    It is not where a page answers, where another scheme is asked for than Bearer or DPoP, or where the words name other
    checks.
    """
    found = challenges(exchange)
    schemes = {item.scheme.lower() for item in found.items}
    if (exchange.response is not None and is_page(exchange.response)) or (schemes and not schemes & {"bearer", "dpop"}):
        return False
    named = named_checks(exchange)
    return not named or bool(named & frozenset(checks))


def speaks_of_a_jwt(exchange: Exchange) -> bool:
    """Whether a refusal calls the token a JSON Web Token."""
    return bool(_JWT.search(said(exchange)))
