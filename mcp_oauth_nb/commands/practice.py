"""``demo``: a server to practise on, until Ctrl-C; or the list of what can be broken."""

from __future__ import annotations

import argparse
import importlib
import threading
from collections.abc import Iterator
from typing import Any

from mcp_oauth_nb.commands.terminal import PASSED, complain, progress, say
from mcp_oauth_nb.steps.probes import PROBES


def add_options(demo: argparse.ArgumentParser) -> None:
    """The options of the command."""
    demo.add_argument("--fault", metavar="NAME", help="break it in this way")
    demo.add_argument("--list", action="store_true", dest="lists", help="list every fault: step, who must act, summary")
    demo.add_argument("--port", type=int, default=0, metavar="N", help="a port of this machine (default: a free one)")


def demo(options: argparse.Namespace) -> int:
    """Serve until Ctrl-C; returns the exit code."""
    try:
        package = importlib.import_module("mcp_oauth_nb.demo")
        if options.lists:
            say("\n".join(listed(package.FAULTS.values())))
            return PASSED
        server = package.DemoServer(options.fault, port=options.port)
    except ImportError:
        return complain("the demo server needs more packages: pip install 'mcp-oauth-nb[demo]'")
    except (ValueError, OverflowError) as error:
        return complain(str(error))
    except OSError as error:
        return complain(f"port {options.port} cannot be listened on ({error.strerror})")
    with server:
        say(server.url)
        try:
            progress(f"{server!r}; Ctrl-C stops it")
            if options.fault and (calls := "; ".join(shown_with(server.faults[options.fault], server.issuer))):
                progress(f"it shows with {calls}")
            threading.Event().wait()
        except KeyboardInterrupt:
            progress("stopped")
    return PASSED


def listed(faults: Any) -> Iterator[str]:
    """A line for each fault: its name, the step it shows in (and the one it is caused in), who must act, what it is."""
    rows = [(fault.name, _steps(fault), fault.who, fault.summary) for fault in faults]
    widths = [max(len(row[at]) for row in rows) for at in range(3)]
    for *columns, summary in rows:
        padded = (word.ljust(width) for word, width in zip(columns, widths, strict=True))
        yield "  ".join((*padded, summary))


def shown_with(fault: Any, origin: str) -> Iterator[str]:
    """The calls that a fault needs to show beside an ordinary run; none where it shows by itself.

    Args:
        fault: as the demo declares it.
        origin: where the server is, for arguments that name it.
    """
    if fault.how:
        yield f"Debugger(url, {_arguments(fault.how)})".replace("{origin}", origin)
    for step in dict.fromkeys((*fault.edits, *fault.then)):
        first = "probe" if step in PROBES else "mcp" if step == "call" else step
        name = repr(step) if step in PROBES else "'tools/list'" if step == "call" else ""
        yield f"dbg.{first}({', '.join(filter(None, (name, _arguments(fault.edits.get(step, {})))))})"


def _steps(fault: Any) -> str:
    return fault.phase if fault.caused_in == fault.phase else f"{fault.phase} (from {fault.caused_in})"


def _arguments(given: Any) -> str:
    return ", ".join(f"{name}={dict(value) if name in _MAPPINGS else value!r}" for name, value in given.items())


_MAPPINGS = ("params", "form", "headers", "json")
