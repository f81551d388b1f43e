"""``audit``: the flow without a person, then every probe; the checks as text, JSON, JUnit or SARIF."""

from __future__ import annotations

import argparse
import importlib
import json

from mcp_oauth_nb.commands.credentials import add_credentials, credentials_of
from mcp_oauth_nb.commands.files import check_folder
from mcp_oauth_nb.commands.options import add_shared, headers, milliseconds
from mcp_oauth_nb.commands.terminal import CODES, INCOMPLETE, progress, say
from mcp_oauth_nb.mime import render


def add_options(command: argparse.ArgumentParser) -> None:
    """The options of the command."""
    add = command.add_argument
    add("url", metavar="URL")
    add("--protocol", default="auto", metavar="V", help="the MCP protocol version (default: told from the server)")
    add("--registration", default="auto", choices=("auto", "dcr", "cimd", "preregistered"))
    add_credentials(command)
    command.set_defaults(auth_mode="headless")
    add("--scopes", metavar="'A B'")
    add("--allow-host", action="append", default=[], metavar="HOST", help="an inner host that the server may name")
    add("--step-timeout", type=milliseconds, default=30_000.0, metavar="MS")
    add("--only", action="append", metavar="PROBE", help="run this probe only; may be repeated")
    add("--not-destructive", action="store_true", help="leave out what may end a grant")
    add("--junit", metavar="FILE", help="the checks as JUnit XML")
    add("--sarif", metavar="FILE", help="the checks as SARIF 2.1.0")
    add_shared(command)


def audit(options: argparse.Namespace) -> int:
    """Run the command; returns the exit code.

    Redirects are followed by this process: many authorizations are made, and a person would have to consent to each.
    """
    for file in (options.junit, options.sarif):
        check_folder(file)
    dbg = importlib.import_module("mcp_oauth_nb.debugger").Debugger(
        options.url,
        protocol=options.protocol,
        registration=options.registration,
        **credentials_of(options),
        scope=options.scopes,
        allow_hosts=tuple(options.allow_host),
        headers=headers(options),
        verify=options.ca or True,
        step_timeout_s=options.step_timeout / 1000,
        browser=None if options.auth_mode == "interactive" else "follow",
    )
    made = dbg.audit(only=options.only, destructive=not options.not_destructive)
    for name, file in (("junit", options.junit), ("sarif", options.sarif)):
        if file is not None:
            getattr(made, name)(file, scrub=True)
            progress(f"{name} written to {file}")
    if options.format == "json":
        views = importlib.import_module("mcp_oauth_nb.views.audit")
        checks = [views.check_value(made, one) for one in made.checks]
        say(json.dumps({"status": made.status, "score": made.score, "checks": checks}, indent=2))
    else:
        say(render(made)["text/plain"])
    return CODES.get(made.status, INCOMPLETE)
