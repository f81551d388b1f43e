"""``report``: the diagnosis of a file that was saved here or that another tool recorded; nothing is sent."""

from __future__ import annotations

import argparse
import importlib
import json

from mcp_oauth_nb.commands.terminal import CODES, INCOMPLETE, say
from mcp_oauth_nb.mime import render


def add_options(command: argparse.ArgumentParser) -> None:
    """The options of the command."""
    add = command.add_argument
    told = "saved evidence, a HAR, a log of curl -v or --trace-ascii, of mcp-remote, an artifact of MCPJam"
    add("file", metavar="FILE", help=told)
    add("--format", choices=("text", "json"), default="text")
    add("--json", dest="format", action="store_const", const="json", help="the same as --format json")


def report(options: argparse.Namespace) -> int:
    """Run the command; returns the exit code.

    Raises:
        BadSetting: the file cannot be read.
        NotOurs: it is of no kind that can be.
    """
    trace = importlib.import_module("mcp_oauth_nb.evidence.load").load(options.file)
    found = importlib.import_module("mcp_oauth_nb.rules").diagnose(trace)
    if options.format == "json":
        told = importlib.import_module("mcp_oauth_nb.commands.told").report_json(found)
        say(json.dumps(told, indent=2))
    else:
        say(render(found)["text/plain"])
    return CODES.get(found.status, INCOMPLETE)
