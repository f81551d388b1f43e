"""``clients`` and ``support``: what saved evidence says to others, without a kernel."""

from __future__ import annotations

import argparse
import importlib

from mcp_oauth_nb.commands.terminal import PASSED, say
from mcp_oauth_nb.mime import render

FILE = "what dbg.save wrote (.json, .ipynb), or a HAR file"


def add_clients_options(command: argparse.ArgumentParser) -> None:
    """The options of ``clients``."""
    command.add_argument("file", metavar="FILE", help=FILE)


def add_support_options(command: argparse.ArgumentParser) -> None:
    """The options of ``support``."""
    command.add_argument("file", metavar="FILE", help=FILE)
    command.add_argument("--no-hosts", action="store_true", help="put the role of each host in the place of its name")


def clients(options: argparse.Namespace) -> int:
    """Say what other clients would do; returns 0."""
    given = importlib.import_module("mcp_oauth_nb.evidence.given")
    say(render(given.other_clients(options.file))["text/plain"])
    return PASSED


def support(options: argparse.Namespace) -> int:
    """Write the support block to standard output; returns 0."""
    given = importlib.import_module("mcp_oauth_nb.evidence.given")
    say(given.support(options.file, hosts=not options.no_hosts).text.removesuffix("\n"))
    return PASSED
