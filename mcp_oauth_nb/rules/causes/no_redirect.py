"""What may stand behind a browser that does not come back. The wire shows nothing of it, so nothing is claimed."""

from __future__ import annotations

from collections.abc import Iterator

from mcp_oauth_nb.protocol.spec import Spec
from mcp_oauth_nb.protocol.wellknown import is_loopback
from mcp_oauth_nb.rules.cause import Fit, line, suspect
from mcp_oauth_nb.rules.evidence import authorization_request, query
from mcp_oauth_nb.rules.rule import Case, Finding
from mcp_oauth_nb.rules.suspect import Line

SILENCE = "redirect-not-received"


@suspect(
    "redirect-leads-elsewhere",
    of=SILENCE,
    step="authorize",
    who="user",
    summary="The redirect URI does not lead to this machine, so nobody here can hear the browser come back.",
    fix="Copy the address the browser ended on, and paste it: dbg.callback(paste=True).",
    spec=Spec("RFC 8252", "7"),
    apart="The address in the browser has code= in it.",
    call="dbg.callback(paste=True)",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    asked = authorization_request(case)
    target = query(asked).get("redirect_uri", "") if asked else ""
    if asked is not None and target and not is_loopback(target):
        yield Fit("likely", (line(asked, "url", f"redirect_uri={target}"),))


def _waited(case: Case) -> tuple[Line, ...]:
    asked = authorization_request(case)
    target = query(asked).get("redirect_uri", "") if asked else ""
    run = case.runs.get("callback")
    here = asked is not None and run is not None and is_loopback(target)
    return (line(asked, "url", run.stopped),) if here and asked and run else ()


@suspect(
    "consent-unfinished",
    of=SILENCE,
    step="callback",
    who="user",
    summary="The page in the browser was not finished in time.",
    fix="Finish in the browser and run callback again, with more time: dbg.callback(timeout_s=600).",
    spec=Spec("RFC 6749", "4.1.2"),
    apart="The browser still shows a page of the authorization server. A dead button there: see the browser's console.",
    call="dbg.callback(timeout_s=600)",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    if waited := _waited(case):
        yield Fit("possible", waited)


@suspect(
    "listener-out-of-reach",
    of=SILENCE,
    step="callback",
    who="user",
    summary="The browser came back, but on another machine or into another container than the one that listens.",
    fix="Paste the address the browser ended on: dbg.callback(paste=True); or forward a fixed port, and name it with "
    "redirect_uri=.",
    spec=Spec("RFC 8252", "7.3"),
    apart="The browser shows that it cannot connect, at an address with code= in it.",
    call="dbg.callback(paste=True)",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    if waited := _waited(case):
        yield Fit("possible", waited)


@suspect(
    "port-of-another",
    of=SILENCE,
    step="callback",
    who="user",
    summary="Another program answers on the port of the redirect URI.",
    fix="Let a free port be chosen: Debugger(url) without redirect_uri=; or end the other program.",
    spec=Spec("RFC 8252", "7.3"),
    apart="The browser shows a page at an address with code= in it that does not come from here.",
    call="dbg.callback(paste=True)",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    if waited := _waited(case):
        yield Fit("possible", waited)


@suspect(
    "browser-session-refused",
    of=SILENCE,
    step="authorize",
    who="user",
    summary="The authorization server shows an error to this browser, for the account it is signed in with.",
    fix="Open the link in a private window, or sign out of the authorization server first.",
    spec=Spec("RFC 6749", "3.1"),
    apart="The same link gets through in a private window.",
    call="dbg.authorize()",
)
def _(case: Case, finding: Finding) -> Iterator[Fit]:
    if waited := _waited(case):
        yield Fit("possible", waited)
