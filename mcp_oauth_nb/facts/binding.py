"""What ties an authorization code to whoever asked for it: PKCE (RFC 7636) and state (RFC 6749 10.12)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mcp_oauth_nb.facts.comparison import clipped, numbered
from mcp_oauth_nb.facts.table import FLOW, Cell, Mark, Table, derived, worst
from mcp_oauth_nb.protocol.pkce import s256
from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.rules.evidence import authorization_request, form, query, redirect
from mcp_oauth_nb.rules.rule import Case

COLUMNS = ("check", "result", "exchange")
UNRESERVED = re.compile(r"[A-Za-z0-9._~-]*")
SHORTEST, LONGEST = 43, 128
"""Characters of a code verifier (RFC 7636 4.1)."""
Row = tuple[Cell, ...]


@derived("binding", steps=("callback", FLOW))
def _(case: Case) -> Table | None:
    """Whether verifier, challenge and state belong together; their values stay covered."""
    asked = authorization_request(case)
    if asked is None:
        return None
    made = (*_pkce(case, asked), *_state(case, asked), *_counted(case))
    wrong = [row[0].text for row in made if row[1].mark == "bad"]
    told = f"{wrong[0]}: {next(row[1].text for row in made if row[1].mark == 'bad')}" if wrong else _healthy(made)
    return Table(f"PKCE and state: {told}", COLUMNS, made, mark=worst(row[1].mark for row in made))


def _healthy(made: tuple[Row, ...]) -> str:
    good = {row[0].text for row in made if row[1].mark == "good"}
    told = ["verifier fits the challenge"] * ("challenge from the verifier" in good)
    return ", ".join((*told, *["state came back"] * ("state returned" in good))) or "nothing came back yet"


def _row(check: str, result: str, mark: Mark, exchange: Exchange | None) -> Row:
    return Cell(check), Cell(result, mark), numbered(exchange.id if exchange else 0)


def _redemption(case: Case) -> Exchange | None:
    found = [one for one in case.exchanges("token") if form(one).get("grant_type") == "authorization_code"]
    return found[-1] if found else None


def _pkce(case: Case, asked: Exchange) -> Iterator[Row]:
    params = query(asked)
    challenge, method = params.get("code_challenge"), params.get("code_challenge_method")
    fine: Mark = "good" if method == "S256" else "bad"
    yield _row("code_challenge_method", clipped(method, 40), fine, asked)
    redeemed = _redemption(case)
    if redeemed is None:
        yield _row("code_challenge", "sent" if challenge else "(absent)", "" if challenge else "bad", asked)
        return
    verifier = form(redeemed).get("code_verifier")
    if verifier is None or challenge is None:
        absent = " and ".join(name for name, one in (("verifier", verifier), ("challenge", challenge)) if one is None)
        yield _row("challenge from the verifier", f"no {absent} was sent", "bad", redeemed)
        return
    fits = challenge == (verifier if method in (None, "plain") else s256(verifier))
    yield _row("challenge from the verifier", "yes, equal" if fits else "no, another", _mark(fits), redeemed)
    length = len(verifier)
    said = f"{length} characters ({SHORTEST} to {LONGEST} allowed)"
    yield _row("length of the verifier", said, _mark(SHORTEST <= length <= LONGEST), redeemed)
    plain = UNRESERVED.fullmatch(verifier) is not None
    yield _row("alphabet of the verifier", "unreserved only" if plain else "others as well", _mark(plain), redeemed)


def _state(case: Case, asked: Exchange) -> Iterator[Row]:
    back, sent, vault = redirect(case), query(asked).get("state"), case.trace.vault
    yield _row("state sent", vault.tag(sent, "state") if sent else "(absent)", "" if sent else "warn", asked)
    if back is None:
        return
    returned = query(back).get("state")
    if back.edited and returned is None:
        yield _row("state returned", "only the code was pasted, so that it is not known", "warn", back)
        return
    tag = vault.tag(returned, "state") if returned else "(absent)"
    equal = returned == sent
    of_earlier = "" if equal or not returned else _earlier(case, returned)
    said = f"equal: {tag}" if equal and returned else f"another: {tag}{of_earlier}" if returned else tag
    yield _row("state returned", said, "" if equal and not returned else _mark(equal), back)


def _earlier(case: Case, returned: str) -> str:
    """Whether this state belongs to a request that was given up."""
    requests = (one for one in case.trace.exchanges if one.step == "authorize" and one.direction == "out")
    number = next((one.id for one in requests if query(one).get("state") == returned), 0)
    return f", of the authorization request #{number}" if number else ""


def _counted(case: Case) -> Iterator[Row]:
    """How often was asked and redeemed in the whole trace, runs that were run again included."""
    everything = case.trace.exchanges
    asked = sum(one.step == "authorize" and one.direction == "out" for one in everything)
    codes = {query(one).get("code") for one in everything if one.direction == "in"} - {None, ""}
    verifiers = {form(one).get("code_verifier") for one in everything if one.step == "token"} - {None}
    yield _row("authorization requests made", str(asked), "", None)
    yield _row("codes received", str(len(codes)), "", None)
    yield _row("verifiers used at the token endpoint", str(len(verifiers)), "", None)


def _mark(holds: bool) -> Mark:
    return "good" if holds else "bad"
