"""``check`` and ``scrub``: secrets in files that are to be shared, found and replaced."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Callable
from typing import Any

from mcp_oauth_nb.commands.options import from_environment
from mcp_oauth_nb.commands.terminal import FAILED, PASSED, USAGE, complain, say
from mcp_oauth_nb.errors import BadSetting
from mcp_oauth_nb.mime import render
from mcp_oauth_nb.records import Trace
from mcp_oauth_nb.vault import SHORTEST_AS_WORD
from mcp_oauth_nb.views.html import one_line


def add_check_options(command: argparse.ArgumentParser) -> None:
    """The options of ``check``."""
    command.add_argument("files", nargs="+", metavar="FILE", help="notebooks or any other text")
    _add_known(command)


def add_scrub_options(command: argparse.ArgumentParser) -> None:
    """The options of ``scrub``."""
    add = command.add_argument
    add("files", nargs="+", metavar="FILE", help="files to change in place, or - for a filter")
    add("--no-original", action="store_true", help="do not keep FILE.orig, which holds the secrets")
    _add_known(command)


def _add_known(command: argparse.ArgumentParser) -> None:
    told = "a variable with a secret to look for; may be repeated"
    command.add_argument("--secret-env", action="append", default=[], metavar="NAME", help=told)


def check(options: argparse.Namespace) -> int:
    """Search the files; returns 0 where all are clean, 1 where there is a secret, 2 where one cannot be searched."""
    search = importlib.import_module("mcp_oauth_nb.evidence.search").check
    known = _known(options)
    return _each(options.files, lambda file: search(file, known))


def scrub(options: argparse.Namespace) -> int:
    """Mend the files; returns 0 where all are clean now, 2 where one cannot be mended."""
    made = importlib.import_module("mcp_oauth_nb.evidence.scrub")
    known = _known(options)
    if "-" not in options.files:
        return _each(options.files, lambda file: made.scrub(file, not options.no_original, known))
    if options.files != ["-"]:
        raise BadSetting("FILE", "- among files", "- alone, for a filter")
    sys.stdout.buffer.write(made.scrubbed_bytes(sys.stdin.buffer.read(), (known.vault,)))
    sys.stdout.buffer.flush()
    return PASSED


def _each(files: list[str], run: Callable[[str], Any]) -> int:
    code = PASSED
    for file in files:
        try:
            made = run(file)
        except BadSetting as error:
            code = complain(f"{one_line(file)}: {error}")
            continue
        say(render(made)["text/plain"])
        code = max(code, PASSED if made.clean else FAILED)
    return min(code, USAGE)


def _known(options: argparse.Namespace) -> Trace:
    """A trace that knows the secrets of the variables.

    Raises:
        BadSetting: a variable is not set, or too short: nothing would be found, and the file be called clean.
    """
    trace = Trace()
    for name in options.secret_env:
        value = from_environment("--secret-env", name) or ""
        if len(value) < SHORTEST_AS_WORD:
            least = f"one of {SHORTEST_AS_WORD} characters or more"
            raise BadSetting("--secret-env", "a secret that is too short to be searched for", least)
        trace.vault.learn(value, "secret")
    return trace
