"""Ending a kept token at the server, and what can be said of it: what was asked, and what each request was answered."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from mcp_oauth_nb.errors import NotYet
from mcp_oauth_nb.keeping.flow import KeptFlow
from mcp_oauth_nb.keeping.token import KeptToken
from mcp_oauth_nb.protocol.flow import Tokens
from mcp_oauth_nb.records import Exchange

STILL_VALID = (
    "Deleting is not revoking: the server honours this token until it expires. Only the server can end it, which "
    "tokens.delete(name, revoke=True) would have asked for."
)
SHARED = (
    "A file that was handed on cannot be called back, nor can a token that somebody has read from it. What ends the "
    "token is the server's doing: tokens.unshare(name, revoke=True). Without that it ends when it expires"
)
BY_ITSELF = "A JWT that an API checks by itself, without asking the server, lives on until it expires."
WITH_REFRESH = "Whether tokens end that a colleague has refreshed since, only the server knows."
EARLIER = "an access token that was shared before"
_CODE = re.compile(r"[a-z_]{1,40}")


@dataclass(frozen=True)
class Ending:
    """What came of asking the server to end a token.

    Attributes:
        said: what was asked, and each answer.
        is_done: the server has ended what the token lives by: the refresh token, or the access token without one.
        is_agreed: it has agreed to end every token that it was asked about, and was asked about each.
    """

    said: str
    is_done: bool
    is_agreed: bool


def ended(token: KeptToken) -> Ending:
    """Have the server revoke the tokens (RFC 7009 2), and those that were shared in this session before them."""
    try:
        token.revoke()
    except NotYet as error:
        return Ending(f"It could not be revoked: {error}", False, False)
    made = revoked_before(token)
    assert made is not None, "it was just run"
    answers = [_revoked_alone(token, one) for one in _earlier(token)]
    told = " ".join((made.said, *(said for said, _ in answers)))
    if any(one.refresh_token for one in token.family.shared):
        told = f"{told} {WITH_REFRESH}"
    return Ending(told, made.is_done, made.is_agreed and all(agreed for _, agreed in answers))


def revoked_before(token: KeptToken) -> Ending | None:
    """What came of revoking the token as it is; None where nobody asked for it."""
    run = token.flow.trace.run("revoke")
    if run is None:
        return None
    asked = [one for one in token.flow.exchanges if one.id in run.exchanges]
    if not asked:
        return Ending(f"The server did not revoke it: {run.stopped}.", run.achieved, False)
    answers = [f"{_hint(one)}: {_answer(one)}" for one in asked]
    agreed = run.achieved and all(one.failure is None and one.status == 200 for one in asked)
    told = f"The server was asked to revoke (RFC 7009 2.2), and answered for the {'; for the '.join(answers)}."
    if agreed:
        return Ending(f"{told} {BY_ITSELF}", True, True)
    return Ending(f"{told} The server did not revoke all of it.", run.achieved, False)


def shared(token: KeptToken, *, with_refresh: bool) -> None:
    """Remember in memory what was handed on, so that it can be ended."""
    newest = token.tokens
    handed = newest if with_refresh else replace(newest, refresh_token=None)
    if handed not in token.family.shared:
        token.family.shared.append(handed)


def _earlier(token: KeptToken) -> Iterator[Tokens]:
    """The access tokens that were shared and are no longer the newest."""
    seen = {token.tokens.access_token}
    for one in token.family.shared:
        if one.access_token not in seen:
            seen.add(one.access_token)
            yield one


def _revoked_alone(token: KeptToken, earlier: Tokens) -> tuple[str, bool]:
    flow = KeptFlow(token.kept.renewed(replace(earlier, refresh_token=None)), token.means)
    run = flow.revoke().trace.run("revoke")
    sent = flow.exchanges
    agreed = run is not None and run.achieved and bool(sent)
    return f"For {EARLIER}: {_answer(sent[-1]) if sent else 'it could not ask'}.", agreed


def _hint(exchange: Exchange) -> str:
    return exchange.request.form.get("token_type_hint", "token").replace("_", " ")


def _answer(exchange: Exchange) -> str:
    """The status, with the error code where it is one (RFC 6749 5.2); nothing else of the server's words."""
    if exchange.failure is not None or exchange.status is None:
        return "no answer"
    error = (exchange.document or {}).get("error")
    code = f" {error}" if isinstance(error, str) and _CODE.fullmatch(error) else ""
    return f"{exchange.status}{code if exchange.status != 200 else ''}"
