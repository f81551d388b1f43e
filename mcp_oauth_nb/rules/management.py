"""Rules for reading and removing a dynamic registration (RFC 7592)."""

from __future__ import annotations

from collections.abc import Iterator

from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.records import Exchange, Run
from mcp_oauth_nb.rules.evidence import answered, text
from mcp_oauth_nb.rules.rule import MUST, Case, Seen, Selector, rule
from mcp_oauth_nb.rules.suspect import Who
from mcp_oauth_nb.rules.words import AUTHORIZATION_SERVER, came, fix_for, quoted, shown, who_answered


def _unsent(case: Case) -> list[Run]:
    return [case.runs[step] for step in ("registration", "unregister") if step in case.runs]


@rule(
    "registration-unmanaged",
    step="registration",
    level=MUST,
    who="user",
    summary="There is no registration that could be read or removed from here.",
    fix="Where the client is no longer needed, remove it in the server's own console; one that was removed already is "
    "made again by dbg.register().",
    spec=Spec("RFC 7592", "3"),
    over=Selector(_unsent, "no registration was to be read or removed yet"),
)
def _(case: Case, run: Run) -> Iterator[Seen]:
    """The answer to a registration need not say where it is managed, and only a registration made here has one."""
    if not run.achieved and not case.exchanges(run.step):
        expected = "a client with registration_client_uri and registration_access_token"
        yield Seen(None, "url", expected, run.stopped or "nothing was sent", step=run.step)


@rule(
    "registration-read-refused",
    step="registration",
    level=MUST,
    who=AUTHORIZATION_SERVER,
    summary="The registration cannot be read with the token that came with it.",
    fix="Answer a read with the registration access token by 200 and the registered client.",
    spec=Spec("RFC 7592", "2.1"),
    over=answered("registration", missing="no registration was read yet"),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    if exchange.status != 200 or exchange.document is None:
        who, fix = _why_unmanaged(exchange, "the registered client")
        yield Seen(exchange, "status", "200 with the registered client", came(exchange), fix=fix, who=who)


def _why_unmanaged(exchange: Exchange, what: str) -> tuple[Who, str]:
    if exchange.status == 401:
        return AUTHORIZATION_SERVER, (
            "The client is gone, or the registration access token is not accepted: take the one that came last, or "
            "register again."
        )
    if exchange.status in (403, 405):
        return AUTHORIZATION_SERVER, "The server does not allow it: remove the client in the server's own console."
    return who_answered(exchange), fix_for(exchange, what)


def _registered_id(case: Case) -> str | None:
    found = [one.document for one in case.answered("register") if one.status in (200, 201) and one.document]
    return text(found[-1].get("client_id")) if found else None


def _read(case: Case) -> list[tuple[Exchange, object, str]]:
    wanted = _registered_id(case)
    return [(one, document.get("client_id"), wanted) for one, document in case.documents("registration") if wanted]


@rule(
    "registration-read-differs",
    step="registration",
    level=MUST,
    who=AUTHORIZATION_SERVER,
    summary="The registration that is read names another client than the one that was registered.",
    fix="Answer a read with the client that the registration access token was issued for.",
    spec=Spec("RFC 7592", "3"),
    over=Selector(_read, "no registration made here was read yet"),
)
def _(case: Case, found: tuple[Exchange, object, str]) -> Iterator[Seen]:
    exchange, client_id, wanted = found
    if client_id != wanted:
        seen = "no client_id" if client_id is None else shown(client_id)
        yield Seen(exchange, "body:/client_id", quoted(wanted), seen)


@rule(
    "registration-not-removed",
    step="unregister",
    level=MUST,
    who=AUTHORIZATION_SERVER,
    summary="The removal of the registration was not answered 204.",
    fix="Answer the removal of a client by 204 without a body.",
    spec=Spec("RFC 7592", "2.3"),
    over=answered("unregister", missing="no removal of a registration was answered yet"),
)
def _(case: Case, exchange: Exchange) -> Iterator[Seen]:
    if exchange.status == 204:
        return
    who, fix = (None, "") if (exchange.status or 0) // 100 == 2 else _why_unmanaged(exchange, "the removal")
    yield Seen(exchange, "status", "204", came(exchange), fix=fix, who=who)
