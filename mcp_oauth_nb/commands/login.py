"""``login``: walk the whole flow against an MCP server."""

from __future__ import annotations

import argparse
import importlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from mcp_oauth_nb.commands.credentials import add_credentials, credentials_of, grant_of
from mcp_oauth_nb.commands.files import check_folder, write, write_evidence
from mcp_oauth_nb.commands.options import add_shared, headers, milliseconds
from mcp_oauth_nb.commands.terminal import CODES, INCOMPLETE, progress, prompt, say, show_link
from mcp_oauth_nb.errors import BadSetting, CallbackTimeout
from mcp_oauth_nb.mime import render


def add_options(login: argparse.ArgumentParser) -> None:
    """The options of the command."""
    add = login.add_argument
    add("url", metavar="URL")
    add("--protocol", default="auto", metavar="V", help="the MCP protocol version (default: told from the server)")
    add("--registration", default="auto", choices=("auto", "dcr", "cimd", "preregistered"))
    add_credentials(login)
    add("--authorization-server", metavar="ISSUER", help="the one to use where the resource names several")
    add("--redirect-url", metavar="URL", help="where the browser comes back to (default: a free port of this machine)")
    add("--allow-remote-redirect", action="store_true", help="take a --redirect-url that is not on this machine")
    add("--allow-host", action="append", default=[], metavar="HOST", help="an inner host that the server may name")
    add("--scopes", metavar="'A B'")
    add("--step-timeout", type=milliseconds, default=30_000.0, metavar="MS")
    add("--callback-timeout", type=milliseconds, default=300_000.0, metavar="MS", help="how long to wait for a person")
    add("--verify-tools", action="store_true", help="then open a session and list the tools")
    add("--verify-call-tool", metavar="NAME", help="then also call this tool, which must not fail")
    add("--tool-arguments", metavar="JSON", help="the arguments for it, as an object (default: none)")
    add("--debug-out", metavar="FILE", help="the masked report; the masked exchanges where it ends in .json")
    add("--credentials-out", metavar="FILE", help="the tokens, in JSON, for the owner's eyes only")
    add("--curl-out", metavar="FILE", help="the run as a bash script with curl, without secrets")
    add_shared(login)


def login(options: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    for file in (options.debug_out, options.credentials_out, options.curl_out):
        check_folder(file)
    tool = _tool(options)
    dbg = importlib.import_module("mcp_oauth_nb.debugger").Debugger(
        options.url,
        protocol=options.protocol,
        registration=options.registration,
        **credentials_of(options),
        authorization_server=options.authorization_server,
        redirect_uri=options.redirect_url,
        allow_remote_redirect=options.allow_remote_redirect,
        allow_hosts=tuple(options.allow_host),
        scope=options.scopes,
        headers=headers(options),
        verify=options.ca or True,
        step_timeout_s=options.step_timeout / 1000,
        callback_timeout_s=options.callback_timeout / 1000,
        browser="follow" if options.auth_mode == "headless" else None,
        tool=tool,
    )
    route = _route(grant_of(options), verify=options.verify_tools or tool is not None)
    try:
        _walk(dbg, route)
    except (KeyboardInterrupt, CallbackTimeout, EOFError) as error:
        progress(str(error) or "interrupted")
    report = replace(dbg.diagnose(), route=route)
    written = _write_files(dbg, report, options)
    _tell(report, written, options.format)
    return CODES.get(report.status, INCOMPLETE)


def _tool(options: argparse.Namespace) -> tuple[str, Mapping[str, Any]] | None:
    """The tool and its arguments; the arguments are not repeated, since they may hold anything."""
    given = options.tool_arguments
    if options.verify_call_tool is None:
        if given is not None:
            raise BadSetting("--tool-arguments", "arguments without a tool", "--verify-call-tool NAME as well")
        return None
    try:
        arguments = {} if given is None else json.loads(given)
    except (ValueError, RecursionError):
        raise BadSetting("--tool-arguments", "something that is no JSON", 'such as \'{"text": "hello"}\'') from None
    if not isinstance(arguments, dict):
        raise BadSetting("--tool-arguments", "JSON that is no object", 'such as \'{"text": "hello"}\'')
    return options.verify_call_tool, arguments


def _route(grant: str, *, verify: bool) -> tuple[str, ...]:
    """The steps of the grant; the MCP request with the token only where it was asked for."""
    route = importlib.import_module("mcp_oauth_nb.steps").route_for(grant)
    return tuple(step for step in route if verify or step != "mcp")


def _walk(dbg: Any, route: Iterable[str]) -> None:
    """Run the steps up to the first that does not get what it is for."""
    for step in route:
        if step == "callback" and not dbg.is_automatic and dbg.redirect_problem:
            progress(f"The redirect cannot be listened for: {dbg.redirect_problem}.")
            show_link(dbg.authorization_url or "")
            _paste(dbg)
        report = dbg.finish(dbg.begin(step), announce=show_link)
        progress(f"[{report.status_of(step)}] {step}")
        if not dbg.trace.run(step).achieved:
            return


def _paste(dbg: Any) -> None:
    """Ask until what is pasted can be a redirect."""
    while True:
        try:
            dbg.offer(prompt("Paste the address the browser ended on, or the code: "))
        except BadSetting as error:
            progress(str(error))
        else:
            return


def _write_files(dbg: Any, report: Any, options: argparse.Namespace) -> dict[str, str]:
    """Write what was asked for; returns what was written where."""
    written: dict[str, str] = {}
    vault = dbg.trace.vault
    if options.debug_out:
        as_json = options.debug_out.lower().endswith(".json")
        evidence = _told().exchanges_json(dbg.exchanges) if as_json else render(report)["text/plain"]
        written["debug"] = write_evidence(options.debug_out, evidence, vault)
    if options.curl_out:
        written["curl"] = write_evidence(options.curl_out, str(dbg.curl()), vault)
    if options.credentials_out and dbg.tokens is not None:
        written["credentials"] = write(options.credentials_out, json.dumps(_credentials(dbg), indent=2))
    return written


def _credentials(dbg: Any) -> dict[str, Any]:
    tokens, client, authorization = dbg.tokens, dbg.client, dbg.authorization
    found = {
        "mcp_url": dbg.url,
        "issuer": authorization.issuer if authorization else None,
        "resource": authorization.resource if authorization else None,
        "client_id": client.client_id if client else None,
        "client_secret": client.secret if client else None,
        "access_token": tokens.access_token,
        "token_type": tokens.token_type,
        "refresh_token": tokens.refresh_token,
        "scope": tokens.scope,
        "expires_in": tokens.expires_in_s,
        "written_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    return {name: value for name, value in found.items() if value is not None}


def _tell(report: Any, written: Mapping[str, str], form: str) -> None:
    if form == "json":
        say(json.dumps({**_told().report_json(report), "written": written}, indent=2))
        return
    say(importlib.import_module("mcp_oauth_nb.views.report").headline_text(report))
    for what, file in written.items():
        say(f"{what} written to {file}")


def _told() -> Any:
    """Reached when there is something to tell: a login that ends in a usage error needs none of it."""
    return importlib.import_module("mcp_oauth_nb.commands.told")
