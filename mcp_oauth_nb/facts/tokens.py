"""What the tokens are: their kind, what they say of themselves against what the rest of the trace says, and the clocks.

Claims are read, not verified, unless the trace holds the keys that the authorization server publishes. Who the user is
and what makes a token one of a kind stays out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from mcp_oauth_nb.facts.comparison import difference, numbered
from mcp_oauth_nb.facts.issued import Issued, issued, said_claim
from mcp_oauth_nb.facts.table import FLOW, Cell, Mark, Table, derived, worst
from mcp_oauth_nb.jose import Signature
from mcp_oauth_nb.protocol.jwt import numeric_date
from mcp_oauth_nb.records import NEVER, Exchange
from mcp_oauth_nb.rules.evidence import (
    authorization_request,
    challenges,
    form,
    query,
    resource_document,
    server_document,
    text,
    texts,
    without_token,
)
from mcp_oauth_nb.rules.rule import Case
from mcp_oauth_nb.rules.signatures import signature_of

COLUMNS = ("token", "what", "value", "compared", "exchange")
HEADER = ("alg", "typ", "kid")
TIMES = ("iat", "nbf", "exp")
LEEWAY_S = 60.0
"""Seconds by which clocks may be apart without anybody's noticing."""
SIGNATURES: dict[Signature, tuple[str, Mark]] = {
    "verified": ("verified with a key of the trace", "good"),
    "wrong signature": ("wrong signature: not made with the published key", "bad"),
    "key not found": ("key not found: none of the published keys has this kid", "bad"),
    "algorithm mismatch": ("algorithm mismatch: no published key is for this alg", "bad"),
    "not verified": ("not verified: the published key could not be used", "warn"),
}
NO_KEYS = "not verified: no key set was fetched"
Row = tuple[Cell, ...]


@derived("tokens", steps=("token", FLOW))
def _(case: Case) -> Table | None:
    """One block of rows per token, and the clocks of the servers against ours."""
    tokens = issued(case)
    if not tokens:
        return None
    made = (*(row for one in tokens for row in _rows(case, one)), *_clocks(case))
    kinds = ", ".join(f"{one.name} {one.looks}" for one in tokens)
    told = "".join(f"; {one}" for one in _wrong(made))
    mark = worst(cell.mark for row in made for cell in row)
    return Table(f"Tokens: {kinds}{told}", COLUMNS, made, mark=mark)


def _wrong(made: Sequence[Row]) -> Iterator[str]:
    """The first claim or signature that does not fit, and the first clock that is wrong, for the title."""
    for row in made:
        if row[1].text != "clock" and "bad" in (row[2].mark, row[3].mark):
            said = f": {row[2].text}" if row[2].mark else " does not fit"
            yield f"{row[1].text} of the {row[0].text}{said}"
            break
    yield from [f"{row[0].text}'s clock {row[2].text}" for row in made if row[1].text == "clock" and row[2].mark][:1]


def _rows(case: Case, one: Issued) -> Iterator[Row]:
    kind = f"{one.kind}, {len(one.token)} characters"
    yield Cell(one.name), Cell("kind"), Cell(kind), Cell(""), numbered(one.exchange.id)
    if one.jwt is None:
        return
    for member in HEADER:
        if member in one.jwt.header:
            value = Cell(said_claim(case, one.jwt.header[member]), wire=True)
            yield Cell(one.name), Cell(f"header {member}"), value, Cell(""), Cell("")
    yield Cell(one.name), Cell("signature"), _signature(case, one), Cell(""), Cell("")
    expected = _expected(case, one)
    for claim in ("iss", "aud", "azp", "client_id", "scope", "scp"):
        if claim in one.claims:
            value = Cell(said_claim(case, one.claims[claim]), wire=True)
            yield Cell(one.name), Cell(claim), value, _compared(one.claims[claim], expected.get(claim)), Cell("")
    for claim in TIMES:
        if claim in one.claims:
            yield _time(one, claim)


def _signature(case: Case, one: Issued) -> Cell:
    outcome = signature_of(case, one.token, one.jwt) if one.jwt else None
    return Cell(NO_KEYS) if outcome is None else Cell(*SIGNATURES[outcome])


def _expected(case: Case, one: Issued) -> dict[str, tuple[str, str]]:
    """What a claim has to say, and where that stands."""
    found, metadata, asked = resource_document(case), server_document(case), authorization_request(case)
    issuer = text(metadata[1].get("issuer")) if metadata else None
    resource = text(found[1].get("resource")) if found else None
    client = query(asked).get("client_id") if asked else form(one.exchange).get("client_id")
    is_id_token = one.name.startswith("ID token")
    challenge = without_token(case)
    bearer = challenges(challenge).bearer() if challenge else None
    wanted = {
        "iss": (issuer, "issuer in the metadata"),
        "aud": (client, "the client") if is_id_token else (resource or case.url or None, "resource in the metadata"),
        "azp": (client, "the client"),
        "client_id": (client, "the client"),
        "scope": (bearer.get("scope") if bearer and not is_id_token else None, "the challenge"),
    }
    wanted["scp"] = wanted["scope"]
    return {claim: (value, where) for claim, (value, where) in wanted.items() if value}


def _compared(claim: object, expected: tuple[str, str] | None) -> Cell:
    if expected is None:
        return Cell("")
    value, where = expected
    if where == "the challenge":
        return _scopes(claim, value)
    values = [claim] if isinstance(claim, str) else list(texts(claim))
    if value in values:
        return Cell(f"equal to {where}" if len(values) == 1 else f"holds {where}", "good")
    apart = difference(values[0], value) if len(values) == 1 else None
    said = f"{apart}, compared with {where}" if apart else f"does not hold {where}"
    return Cell(said, "warn" if apart and apart.only else "bad")


def _scopes(claim: object, wanted: str) -> Cell:
    carried = set(claim.split() if isinstance(claim, str) else texts(claim))
    missing = [scope for scope in wanted.split() if scope not in carried]
    if not missing:
        return Cell("all that the challenge asks for", "good")
    return Cell(f"{len(missing)} of the challenge {'is' if len(missing) == 1 else 'are'} missing", "bad")


# --- clocks -----------------------------------------------------------------------------------------------------------


def our_clock(one: Exchange) -> datetime | None:
    """When an answer was here, by our clock."""
    if one.started == NEVER or one.response is None:
        return None
    try:
        return one.started.replace(tzinfo=one.started.tzinfo or UTC) + timedelta(milliseconds=one.elapsed_ms)
    except (OverflowError, ValueError):
        return None


def their_clock(one: Exchange) -> datetime | None:
    """When it was sent, by the clock of whoever answered (RFC 9110 6.6.1)."""
    header = one.response.header("date") if one.response else None
    try:
        read = parsedate_to_datetime(header) if header and len(header) < 100 else None
        return read.replace(tzinfo=read.tzinfo or UTC) if read else None
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def skew_s(one: Exchange) -> float | None:
    """How far the answerer's clock is before ours, in seconds; None where either is not known."""
    ours, theirs = our_clock(one), their_clock(one)
    return (theirs - ours).total_seconds() if ours and theirs else None


def _time(one: Issued, claim: str) -> Row:
    """A time against both clocks, taken when the token was issued."""
    name, what = Cell(one.name), Cell(claim)
    seconds = numeric_date(one.claims[claim])
    try:
        moment = datetime.fromtimestamp(seconds, UTC) if seconds is not None else None
    except (ValueError, OverflowError, OSError):
        moment = None
    if seconds is None or moment is None:
        return name, what, Cell("(no time)", "bad"), Cell(""), Cell("")
    value = Cell(moment.strftime("%Y-%m-%d %H:%M:%S UTC"))
    clocks = [(our_clock(one.exchange), "our clock"), (their_clock(one.exchange), "the server's Date")]
    known = [(seconds - clock.timestamp(), label) for clock, label in clocks if clock]
    said = "; ".join(f"{_away(away)} by {label}" for away, label in known)
    return name, what, value, Cell(said, worst(_gravity(claim, away) for away, _ in known)), Cell("")


def _gravity(claim: str, away: float) -> Mark:
    if claim == "exp":
        return "bad" if away <= 0 else "warn" if away <= LEEWAY_S else "good"
    return "good" if away <= 1 else "warn" if away <= LEEWAY_S else "bad"


def _away(seconds: float) -> str:
    return f"in {seconds:.0f} s" if seconds >= 0 else f"{-seconds:.0f} s ago"


def _clocks(case: Case) -> Iterator[Row]:
    """The server's clocks; a Date has no parts of seconds, so that one second is none."""
    for name, step in (("authorization server", "token"), ("MCP server", "mcp")):
        for one in case.answered(step)[-1:]:
            skew = skew_s(one)
            if skew is None:
                continue
            near = abs(skew) < 2
            said = "agrees with ours" if near else f"{abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} ours"
            mark: Mark = "" if near else "warn" if abs(skew) <= LEEWAY_S else "bad"
            yield Cell(name), Cell("clock"), Cell(said, mark), Cell(""), numbered(one.id)
