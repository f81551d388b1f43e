"""The command line, one command after the other: `COMMANDS` names them.

Results go to standard output, progress to standard error. No secret is printed and none is taken as an argument, where
shell histories and process lists keep it: secrets come from the environment, a file or a prompt, and the tokens of a
login are written to a file of the user's choice, which its owner alone may read. Only the authorization link holds a
value that must not be shared, ``state``, because a person has to open it.

Exit codes: 0 passed, also with warnings; 1 failed; 2 a usage that cannot work; 3 incomplete.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from mcp_oauth_nb.commands import audit, check, handing, login, practice, report, single
from mcp_oauth_nb.commands.terminal import INCOMPLETE, complain, progress
from mcp_oauth_nb.commands.usage import usage
from mcp_oauth_nb.errors import BadSetting, McpOAuthError, NotOurs

Run = Callable[[argparse.Namespace], int]
COMMANDS: tuple[tuple[str, str, Callable[[argparse.ArgumentParser], None], Run], ...] = (
    ("login", "walk the whole flow against an MCP server", login.add_options, login.login),
    ("metadata", "fetch one metadata document and check it", single.add_metadata_options, single.metadata),
    ("request", "send one request and show it, masked", single.add_request_options, single.request),
    ("audit", "run the flow and every probe without a person", audit.add_options, audit.audit),
    ("report", "diagnose a file that was saved or recorded", report.add_options, report.report),
    ("check", "search files for secrets", check.add_check_options, check.check),
    ("scrub", "put tags in the places of secrets in files", check.add_scrub_options, check.scrub),
    ("clients", "what other clients would do, from saved evidence", handing.add_clients_options, handing.clients),
    ("support", "Markdown for an issue, from saved evidence", handing.add_support_options, handing.support),
    ("demo", "run a server to practise on until Ctrl-C", practice.add_options, practice.demo),
)
"""Each command: its name, what it does, its options, and what runs it."""


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    options, unknown = _parser().parse_known_args(arguments)
    if unknown:  # argparse would repeat them, values included
        names = [one.partition("=")[0] for one in unknown if one.startswith("--")]
        return complain(f"unknown arguments: {', '.join(names) or len(unknown)}; --help lists those there are")
    run: Run = options.run
    try:
        return run(options)
    except BadSetting as error:
        return complain(usage(error))
    except NotOurs as error:
        return complain(str(error))
    except McpOAuthError as error:
        progress(str(error))
        return INCOMPLETE
    except (KeyboardInterrupt, EOFError) as error:
        progress(str(error) or "interrupted")
        return INCOMPLETE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="mcp-oauth-nb",
        description="Debug the OAuth authorization of an MCP server.",
        epilog="Exit codes: 0 passed, 1 failed, 2 usage, 3 incomplete.",
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, about, add_options, run in COMMANDS:
        command = commands.add_parser(name, help=about, description=about, allow_abbrev=False)
        command.set_defaults(run=run)
        add_options(command)
    return parser


if __name__ == "__main__":
    sys.exit(main())
