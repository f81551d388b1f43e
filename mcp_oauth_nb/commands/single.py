"""``metadata`` and ``request``: one request, shown masked."""

from __future__ import annotations

import argparse
import importlib
import json
import sys

from mcp_oauth_nb.commands.options import add_shared, headers
from mcp_oauth_nb.commands.terminal import CODES, FAILED, INCOMPLETE, PASSED, say
from mcp_oauth_nb.mime import render


def add_metadata_options(command: argparse.ArgumentParser) -> None:
    """The options of ``metadata``."""
    command.add_argument("url", metavar="URL")
    everywhere = "URL is that of an MCP server: ask every well-known location of its metadata, and compare"
    command.add_argument("--everywhere", action="store_true", help=everywhere)
    inner = "with --everywhere, an inner host that the server may name"
    command.add_argument("--allow-host", action="append", default=[], metavar="HOST", help=inner)
    add_shared(command)


def metadata(options: argparse.Namespace) -> int:
    """Fetch one metadata document and hold the rules against it; returns the exit code."""
    if options.everywhere:
        return _everywhere(options)
    single, told = (importlib.import_module(f"mcp_oauth_nb.{name}") for name in ("single", "commands.told"))
    report = single.metadata(options.url, headers=headers(options), verify=options.ca or True)
    if options.format == "json":
        say(json.dumps({**told.report_json(report), "exchanges": told.masked(report.exchanges)}, indent=2))
    else:
        say(render(report)["text/plain"])
    return CODES.get(report.status, INCOMPLETE)


def _everywhere(options: argparse.Namespace) -> int:
    """Ask without a token, for the URL that the challenge names, and then at every location."""
    names = ("debugger", "facts", "commands.told", "views.report", "views.tables")
    debugger, facts, told, texts, tables = (importlib.import_module(f"mcp_oauth_nb.{name}") for name in names)
    dbg = debugger.Debugger(
        options.url, headers=headers(options), verify=options.ca or True, allow_hosts=tuple(options.allow_host)
    )
    dbg.challenge()
    report = dbg.well_known()
    if options.format == "json":
        found = [tables.table_value(one, report.trace.vault) for one in facts.tables_for(report.trace, "well_known")]
        value = {**told.report_json(report), "tables": found, "exchanges": told.masked(report.exchanges)}
        say(json.dumps(value, indent=2))
    else:
        say(texts.tables_text(report))
    return CODES.get(report.status, INCOMPLETE)


def add_request_options(command: argparse.ArgumentParser) -> None:
    """The options of ``request``."""
    command.add_argument("method", metavar="METHOD")
    command.add_argument("url", metavar="URL")
    command.add_argument("--body", help="the body; - reads it from standard input, where secrets belong")
    add_shared(command)


def request(options: argparse.Namespace) -> int:
    """Send one request; returns the exit code, which tells whether an answer came."""
    single, told = (importlib.import_module(f"mcp_oauth_nb.{name}") for name in ("single", "commands.told"))
    body = sys.stdin.read() if options.body == "-" else options.body
    exchange = single.request(
        options.method, options.url, headers=headers(options), body=body, verify=options.ca or True
    )
    say(told.exchanges_json([exchange]) if options.format == "json" else render(exchange)["text/plain"])
    return PASSED if exchange.failure is None else FAILED
