"""``demo``: a server to practise on, until Ctrl-C."""

from __future__ import annotations

import argparse
import importlib
import threading

from mcp_oauth_nb.commands.terminal import PASSED, complain, progress, say


def add_options(demo: argparse.ArgumentParser) -> None:
    """The options of the command."""
    demo.add_argument("--fault", metavar="NAME", help="break it in this way")
    demo.add_argument("--port", type=int, default=0, metavar="N", help="a port of this machine (default: a free one)")


def demo(options: argparse.Namespace) -> int:
    """Serve until Ctrl-C; returns the exit code."""
    try:
        server = importlib.import_module("mcp_oauth_nb.demo").DemoServer(options.fault, port=options.port)
    except ImportError:
        return complain("the demo server needs more packages: pip install 'mcp-oauth-nb[demo]'")
    except (ValueError, OverflowError) as error:
        return complain(str(error))
    except OSError as error:
        return complain(f"port {options.port} cannot be listened on ({error.strerror})")
    with server:
        say(server.url)
        progress(f"{server!r}; Ctrl-C stops it")
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            progress("stopped")
    return PASSED
