"""`replay`: a recorded run made again, with the settings, steps and edits that it had, and held against the record."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from mcp_oauth_nb.arguments import brief, check_texts
from mcp_oauth_nb.comparing.hosts import authority_of
from mcp_oauth_nb.comparing.runs import compare, report_on
from mcp_oauth_nb.debugger import Debugger
from mcp_oauth_nb.errors import BadSetting, CallbackTimeout, NotYet
from mcp_oauth_nb.evidence.restore import Missing, call_of, edits_of, settings_of, tool_of
from mcp_oauth_nb.evidence.restore_oauth2 import URLS, is_plain_call, oauth2_settings_of
from mcp_oauth_nb.oauth2 import OAuth2
from mcp_oauth_nb.protocol.flow import Client
from mcp_oauth_nb.protocol.profiles import PLAIN
from mcp_oauth_nb.protocol.wellknown import same_origin
from mcp_oauth_nb.records import Run, Trace
from mcp_oauth_nb.redact import mask_text
from mcp_oauth_nb.steps.probes import PROBES
from mcp_oauth_nb.views.replayed import Replayed

SETTINGS = frozenset(inspect.signature(Debugger).parameters)
OF_OAUTH2 = frozenset(inspect.signature(OAuth2).parameters)
CALL = "tools/call"
OF_CLIENT = ("client_id", "client_secret", "client_auth")
"""The arguments of an `OAuth2` in whose place there can be a `Client`."""
LEFT_OUT = "of the record was left out: replay(..., tools=True) calls tools again."


def replay(
    evidence: Any,
    url: str | None = None,
    *,
    client: Client | None = None,
    tools: bool = False,
    go_on: bool = True,
    **settings: Any,
) -> Replayed:
    """Make a recorded run again, now: the same settings, the same steps in the same order, the same edits.

    Not to be confused with ``dbg.replay()``, the probe that shows an old refresh token again.

    What evidence holds as a tag (a client secret, an access token, a private key) cannot be restored and has to be
    given anew; an edit that holds a secret is left out, and the notes say so. A `Debugger` keeps its secrets in memory,
    so that nothing of it is missing, unless another server is asked, which they were not meant for. The redirect URI is
    a free port of this machine, unless another one is given. Requests go where the record says: look at somebody
    else's before you replay it.

    Args:
        evidence: a file that ``dbg.save`` wrote, a `Trace`, a `Report`, a `Debugger` or an `OAuth2`.
        url: the MCP endpoint to ask; None takes the one of the record. A plain OAuth 2.0 API has its endpoints in
            `settings`, such as ``token_url``.
        client: the client, where the record holds only its id.
        tools: call the tools again that the record called; otherwise they are left out, and the notes say so.
        go_on: where the record ends at a step that failed and the new run gets past it, go on along the route.
        **settings: any argument of `Debugger`, or of `OAuth2` where the record is of one, in the place of the restored
            one.

    Raises:
        BadSetting: an argument is missing, unknown or cannot work.
        NotOurs: the file holds no evidence.
        NotYet: nothing has run in the evidence.
    """
    trace = report_on("replay(evidence)", evidence, "replay('incident.json')").trace
    is_plain = trace.settings.get("protocol") == PLAIN.version
    known = OF_OAUTH2 if is_plain else SETTINGS
    unknown = next((name for name in settings if name not in known), None)
    if unknown is not None:
        raise BadSetting("replay()", brief(unknown), "one of " + ", ".join(sorted(known)))
    check_texts(url=url)
    given = {**settings, **({"url": url} if url is not None else {}), **({"client": client} if client else {})}
    dbg: Debugger | OAuth2
    notes: list[str] = []
    if is_plain:
        dbg = _oauth2_again(evidence, trace, given)
    else:
        dbg, notes = _made_again(evidence, trace, given if tools else {"tool": None, **given})
    if not tools and "tool" not in given and tool_of(trace):
        notes.append(f"The tool call {LEFT_OUT}")
    moved = _moved(trace, dbg)
    for run in trace.runs:
        edits, left_out = edits_of(trace, run)
        notes += [f"An edit that holds a secret was left out ({one})." for one in left_out]
        try:
            achieved = _carry_out(dbg, trace, run, moved(edits), notes, tools=tools)
        except (NotYet, CallbackTimeout) as error:
            notes.append(f"It ended before {run.step}: {error}")
            break
        if not achieved and run.achieved:
            notes.append(f"It ended in {run.step}, which the record got past.")
            break
    else:
        if go_on:
            _go_on(dbg, trace.runs[-1])
    report = dbg.diagnose()
    masked = tuple(mask_text(trace.vault, note) for note in notes)
    return Replayed(dbg, report, compare(trace, report, names=("record", "replay")), masked)


def _made_again(evidence: Any, trace: Trace, given: Mapping[str, Any]) -> tuple[Debugger, list[str]]:
    if isinstance(evidence, Debugger) and same_origin(given.get("url", evidence.url), evidence.url):
        return evidence.again(**given), []
    restored = settings_of(trace)
    for one in restored.missing:
        if one.argument not in given:
            raise _said(one)
    made: dict[str, Any] = {**restored.settings, **given}
    notes = []
    old = restored.settings["url"]
    if made["url"] != old and made.get("resource") == old:
        made["resource"] = made["url"]
        notes.append("The resource indicator was the URL of the record; it is the new URL now.")
    return Debugger(**made), notes


def _oauth2_again(evidence: Any, trace: Trace, given: Mapping[str, Any]) -> OAuth2:
    """An `OAuth2` as the record's was. One in memory keeps its secrets, unless they were to go elsewhere."""
    if "url" in given:
        mend = "replay(evidence, token_url='https://...')"
        raise BadSetting("replay(url)", "a URL for an OAuth 2.0 API", "its endpoints, each by its argument", mend)
    if isinstance(evidence, OAuth2) and given.keys().isdisjoint(URLS):
        return evidence.again(**given)
    restored = oauth2_settings_of(trace)
    made = dict(restored.settings)
    if "client" in given:
        made = {name: value for name, value in made.items() if name not in OF_CLIENT}
    for one in restored.missing:
        if one.argument not in given and not (one.argument in OF_CLIENT and "client" in given):
            raise _said(one)
    return OAuth2(**{**made, **given})


def _said(one: Missing) -> BadSetting:
    return BadSetting(f"replay({one.argument}=)", one.seen, f"{one.expected}: it has to be given anew", one.call)


def _moved(trace: Trace, dbg: Debugger | OAuth2) -> Any:
    """What puts the new server's host into edits that named the old one."""
    old, new = authority_of(trace.settings.get("url", "")), authority_of(dbg.url)

    def moved(value: Any) -> Any:
        if isinstance(value, str):
            return value.replace(old, new) if old else value
        if isinstance(value, list):
            return [moved(one) for one in value]
        return {name: moved(one) for name, one in value.items()} if isinstance(value, dict) else value

    return moved


def _carry_out(
    dbg: Debugger | OAuth2, trace: Trace, run: Run, edits: Mapping[str, Any], notes: list[str], *, tools: bool
) -> bool:
    """One step again, as a cell would call it; whether it got what it is for."""
    step = run.step
    known: Any = dbg
    call: Any = known.probe if step in PROBES else known.mcp if step == "call" else getattr(dbg, step)
    taken = {part: edits[part] for part in edits if part in inspect.signature(call).parameters}
    notes += [f"{step} takes no edits of its {part}: they were left out." for part in edits.keys() - taken.keys()]
    if step == "api" and not any(is_plain_call(one, trace.settings) for one in trace.of(run)):
        notes.append("A request to the API that was typed by hand was left out: dbg.request(...) sends it.")
        return True
    if step == "call":
        called = call_of(trace, run)
        if called is None:
            raise NotYet("request that holds no secret", "dbg.mcp(method, params)")
        if called[0] == CALL and not tools:
            notes.append(f"The tool call {LEFT_OUT}")
            return True
        call(*called, **taken)
    elif step in PROBES:
        call(step, **taken)
    else:
        call(**taken)
    done = dbg.trace.run(step)
    return done is not None and done.achieved


def _go_on(dbg: Debugger | OAuth2, last: Run) -> None:
    """Along the route to the first trouble, where the record ended in a step of it."""
    route = dbg.route()
    if last.step not in route or last.achieved:
        return
    for name in route[route.index(last.step) :]:
        done = dbg.trace.run(name)
        if done is None:
            getattr(dbg, name)()
            done = dbg.trace.run(name)
        if done is None or not done.achieved:
            break
