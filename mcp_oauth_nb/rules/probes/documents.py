"""A rule for documents that were asked for twice."""

from __future__ import annotations

from collections.abc import Iterator

from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.records import Exchange
from mcp_oauth_nb.rules.rule import SHOULD, Case, Seen, Selector, rule
from mcp_oauth_nb.rules.words import came, party

Pair = tuple[Exchange, Exchange]


def _twice(case: Case) -> list[Pair]:
    """Every document that was found before, with the answer to the second request for it."""
    found = {}
    for step in ("resource_metadata", "server_metadata"):
        for exchange, _ in case.documents(step):
            found[exchange.request.url] = exchange
    again = case.answered("second_fetch")
    return [(found[one.request.url], one) for one in again if one.request.url in found]


@rule(
    "metadata-unsteady",
    step="second_fetch",
    level=SHOULD,
    who="nobody known",
    summary="The same metadata URL gave two different answers: perhaps two machines answer, and one is out of date.",
    fix="Bring every machine behind this URL to the same configuration.",
    spec=Spec("RFC 8414", "3"),
    over=Selector(_twice, "no metadata document was asked for a second time (dbg.probe('second_fetch'))"),
)
def _(case: Case, pair: Pair) -> Iterator[Seen]:
    first, second = pair
    before, after = first.document or {}, second.document
    if second.status != 200 or after is None:
        yield Seen(second, "status", "the document that was there before", came(second), who=party(first.step))
        return
    changed = sorted(name for name in {*before, *after} if before.get(name) != after.get(name))
    if changed:
        names = ", ".join(changed[:5])
        yield Seen(second, f"body:/{changed[0]}", "the same members as before", f"other values of {names}"[:200],
                   who=party(first.step))  # fmt: skip
