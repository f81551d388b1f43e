"""The command line: ``login``, ``metadata``, ``request`` and ``demo``.

Results go to standard output, progress to standard error. No secret is printed and none is taken as an argument, where
shell histories and process lists keep it: secrets come from the environment or a prompt, and the tokens of a login are
written to a file of the user's choice, which its owner alone may read. Only the authorization link holds a value that
must not be shared, ``state``, because a person has to open it.

Exit codes: 0 passed, also with warnings; 1 failed; 2 a usage that cannot work; 3 incomplete.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from getpass import getpass
from pathlib import Path
from typing import Any

import mcp_oauth_nb
from mcp_oauth_nb.errors import BadSetting, CallbackTimeout, McpOAuthError
from mcp_oauth_nb.mime import render

PASSED, FAILED, USAGE, INCOMPLETE = 0, 1, 2, 3
CODES = {"passed": PASSED, "warned": PASSED, "failed": FAILED}
SECRET_HEADERS = ("authorization", "proxy-authorization", "cookie")
BODY_IN_JSON = 262_144
"""Bytes of each body that a file of exchanges holds."""


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    options, unknown = _parser().parse_known_args(arguments)
    if unknown:  # argparse would repeat them, values included
        names = [one.partition("=")[0] for one in unknown if one.startswith("--")]
        return _complain(f"unknown arguments: {', '.join(names) or len(unknown)}; --help lists those there are")
    run: Callable[[argparse.Namespace], int] = options.run
    try:
        return run(options)
    except BadSetting as error:
        return _complain(str(error))
    except McpOAuthError as error:
        _progress(str(error))
        return INCOMPLETE
    except (KeyboardInterrupt, EOFError) as error:
        _progress(str(error) or "interrupted")
        return INCOMPLETE


# --- login -----------------------------------------------------------------------------------------------------------


def _login(options: argparse.Namespace) -> int:
    for file in (options.debug_out, options.credentials_out, options.curl_out):
        _check_folder(file)
    asks = options.auth_mode == "interactive"
    dbg = mcp_oauth_nb.Debugger(
        options.url,
        protocol=options.protocol,
        registration=options.registration,
        client=_client(options),
        client_metadata_url=options.client_metadata_url,
        redirect_uri=options.redirect_url,
        allow_remote_redirect=options.allow_remote_redirect,
        allow_hosts=tuple(options.allow_host),
        scope=options.scopes,
        headers=_headers(options),
        verify=options.ca or True,
        step_timeout_s=options.step_timeout / 1000,
        callback_timeout_s=options.callback_timeout / 1000,
        browser=None if asks else "follow",
        tool=options.verify_call_tool,
    )
    route = _route(verify=options.verify_tools or bool(options.verify_call_tool))
    try:
        _walk(dbg, route)
    except (KeyboardInterrupt, CallbackTimeout, EOFError) as error:
        _progress(str(error) or "interrupted")
    report = replace(dbg.diagnose(), route=route)
    written = _write_files(dbg, report, options)
    _tell(report, written, options.format)
    return CODES.get(report.status, INCOMPLETE)


def _route(*, verify: bool) -> tuple[str, ...]:
    from mcp_oauth_nb.rules import ROUTE  # noqa: PLC0415 - brings every rule

    return ROUTE if verify else tuple(step for step in ROUTE if step != "mcp")


def _walk(dbg: Any, route: Iterable[str]) -> None:
    """Run the steps up to the first that does not get what it is for."""
    for step in route:
        if step == "callback" and not dbg.is_automatic and dbg.redirect_problem:
            _progress(f"The redirect cannot be listened for: {dbg.redirect_problem}.")
            _show_link(dbg.authorization_url or "")
            _paste(dbg)
        report = dbg.finish(dbg.begin(step), announce=_show_link)
        _progress(f"[{report.status_of(step)}] {step}")
        if not dbg.trace.run(step).achieved:
            return


def _paste(dbg: Any) -> None:
    """Ask until what is pasted can be a redirect."""
    while True:
        try:
            dbg.offer(_prompt("Paste the address the browser ended on, or the code: "))
        except BadSetting as error:
            _progress(str(error))
        else:
            return


def _prompt(question: str) -> str:
    """What a person types, unseen. Without a terminal there is nobody to ask."""
    if not sys.stdin.isatty():
        raise EOFError("there is no terminal to ask at")
    return getpass(question, stream=sys.stderr)


def _show_link(url: str) -> None:
    visible = "".join(c if 32 < ord(c) < 127 else f"%{ord(c):02X}" for c in url)
    _progress(f"Open this link, and sign in:\n\n  {visible}\n")


def _client(options: argparse.Namespace) -> Any:
    wants_secret = options.client_secret_env is not None or options.ask_client_secret
    if options.client_id is None:
        if wants_secret or options.registration == "preregistered":
            raise BadSetting("--client-id", "nothing", "the id that belongs to the pre-registered client")
        return None
    secret = _from_environment("--client-secret-env", options.client_secret_env)
    if options.ask_client_secret:
        secret = _prompt("Client secret: ")
    return mcp_oauth_nb.Client(options.client_id, secret=secret)


def _write_files(dbg: Any, report: Any, options: argparse.Namespace) -> dict[str, str]:
    """Write what was asked for; returns what was written where."""
    written: dict[str, str] = {}
    if options.debug_out:
        as_json = options.debug_out.lower().endswith(".json")
        evidence = _exchanges_json(dbg.exchanges) if as_json else render(report)["text/plain"]
        written["debug"] = _write(options.debug_out, evidence)
    if options.curl_out:
        written["curl"] = _write(options.curl_out, str(dbg.curl()))
    if options.credentials_out and dbg.tokens is not None:
        written["credentials"] = _write(options.credentials_out, json.dumps(_credentials(dbg), indent=2))
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


# --- the other commands ----------------------------------------------------------------------------------------------


def _metadata(options: argparse.Namespace) -> int:
    if options.everywhere:
        return _everywhere(options)
    report = mcp_oauth_nb.metadata(options.url, headers=_headers(options), verify=options.ca or True)
    if options.format == "json":
        _say(json.dumps({**_report_json(report), "exchanges": _masked(report.exchanges)}, indent=2))
    else:
        _say(render(report)["text/plain"])
    return CODES.get(report.status, INCOMPLETE)


def _everywhere(options: argparse.Namespace) -> int:
    """Ask without a token, for the URL that the challenge names, and then at every location."""
    from mcp_oauth_nb.facts import tables_for  # noqa: PLC0415 - one document needs none of it
    from mcp_oauth_nb.views.report import tables_text  # noqa: PLC0415 - as above
    from mcp_oauth_nb.views.tables import table_value  # noqa: PLC0415 - as above

    dbg = mcp_oauth_nb.Debugger(
        options.url, headers=_headers(options), verify=options.ca or True, allow_hosts=tuple(options.allow_host)
    )
    dbg.challenge()
    report = dbg.well_known()
    if options.format == "json":
        tables = [table_value(one, report.trace.vault) for one in tables_for(report.trace, "well_known")]
        told = {**_report_json(report), "tables": tables, "exchanges": _masked(report.exchanges)}
        _say(json.dumps(told, indent=2))
    else:
        _say(tables_text(report))
    return CODES.get(report.status, INCOMPLETE)


def _request(options: argparse.Namespace) -> int:
    body = sys.stdin.read() if options.body == "-" else options.body
    exchange = mcp_oauth_nb.request(
        options.method, options.url, headers=_headers(options), body=body, verify=options.ca or True
    )
    _say(_exchanges_json([exchange]) if options.format == "json" else render(exchange)["text/plain"])
    return PASSED if exchange.failure is None else FAILED


def _demo(options: argparse.Namespace) -> int:
    try:
        server = mcp_oauth_nb.DemoServer(options.fault, port=options.port)
    except ImportError:
        return _complain("the demo server needs more packages: pip install 'mcp-oauth-nb[demo]'")
    except (ValueError, OverflowError) as error:
        return _complain(str(error))
    except OSError as error:
        return _complain(f"port {options.port} cannot be listened on ({error.strerror})")
    with server:
        _say(server.url)
        _progress(f"{server!r}; Ctrl-C stops it")
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            _progress("stopped")
    return PASSED


# --- telling ---------------------------------------------------------------------------------------------------------


def _tell(report: Any, written: dict[str, str], form: str) -> None:
    if form == "json":
        _say(json.dumps({**_report_json(report), "written": written}, indent=2))
        return
    from mcp_oauth_nb.views.report import summary_text  # noqa: PLC0415 - brings every view

    _say(summary_text(report))
    for what, file in written.items():
        _say(f"{what} written to {file}")


def _report_json(report: Any) -> dict[str, Any]:
    from mcp_oauth_nb.redact import mask_text  # noqa: PLC0415 - a login that ends in a usage error needs none of it

    def told(finding: Any) -> dict[str, str]:
        texts = {name: mask_text(report.trace.vault, getattr(finding, name)) for name in ("summary", "fix", "observed")}
        return {"rule": finding.rule, "step": finding.step, "level": finding.level, "who": finding.who, **texts}

    return {
        "status": report.status,
        "failing_step": report.failing_step,
        "cause": told(report.cause) if report.cause else None,
        "findings": [told(finding) for finding in report.findings],
        "steps": {run.step: report.status_of(run.step) for run in report.trace.runs},
    }


def _exchanges_json(exchanges: Iterable[Any]) -> str:
    return json.dumps(_masked(exchanges), indent=2)


def _masked(exchanges: Iterable[Any]) -> list[dict[str, Any]]:
    """Exchanges as plain values, every secret in them a tag."""
    from mcp_oauth_nb.redact import redact  # noqa: PLC0415 - as above

    shown = (redact(exchange, body_bytes=BODY_IN_JSON) for exchange in exchanges)
    return [_exchange_json(one) for one in shown]


def _exchange_json(one: Any) -> dict[str, Any]:
    request, response, failure = one.request, one.response, one.failure
    return {
        "id": one.id,
        "step": one.step,
        "direction": one.direction,
        "why": one.why,
        "started": one.started.isoformat(),
        "elapsed_ms": round(one.elapsed_ms, 1),
        "request": {
            "method": request.method,
            "url": request.url,
            "headers": request.headers,
            "body": request.body.decode("utf-8", "replace"),
        },
        "response": response
        and {
            "status": response.status,
            "reason": response.reason,
            "headers": response.headers,
            "body": response.body.decode("utf-8", "replace"),
            "truncated": response.truncated,
        },
        "failure": failure and {"kind": failure.kind, "message": failure.message},
    }


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _progress(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def _complain(text: str) -> int:
    _progress(f"mcp-oauth-nb: {text}")
    return USAGE


# --- files and settings ----------------------------------------------------------------------------------------------


def _check_folder(file: str | None) -> None:
    """A login must not be wasted on a file that cannot be written."""
    if file is not None and (not Path(file).parent.is_dir() or Path(file).is_dir()):
        raise BadSetting("the file to write", repr(file), "a file in a folder that there is")


def _write(file: str, text: str) -> str:
    """Write a file that its owner alone may read, whole or not at all; returns its name."""
    target = Path(file)
    made = None
    try:
        handle, made = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)  # created with mode 0600
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        Path(made).replace(target)
    except OSError as error:
        if made is not None:
            Path(made).unlink(missing_ok=True)
        raise BadSetting("the file to write", repr(file), f"one that can be written ({error.strerror})") from None
    return file


def _headers(options: argparse.Namespace) -> dict[str, Any]:
    headers: dict[str, Any] = {}
    for option, given in (("--header", options.header), ("--header-env", options.header_env)):
        for line in given:
            name, colon, value = (part.strip() for part in line.partition(":"))
            if not colon or not name:
                raise BadSetting(option, "a text without a name and a colon", "such as 'X-Tenant: blue'")
            if option == "--header" and name.lower() in SECRET_HEADERS:
                mend = f"--header-env '{name}: VARIABLE' takes one."
                raise BadSetting(option, name, "no secret as an argument", mend)
            headers.setdefault(name, []).append(
                value if option == "--header" else _from_environment(option, value) or ""
            )
    return headers


def _from_environment(option: str, name: str | None) -> str | None:
    if name is None:
        return None
    value = os.environ.get(name)
    if not value:
        raise BadSetting(option, "a variable that is not set", "the name of one that holds the secret")
    return value


def _milliseconds(text: str) -> float:
    value = float(text)
    if not 0 < value <= 86_400_000:
        raise argparse.ArgumentTypeError("a number of milliseconds above 0, at most a day")
    return value


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="mcp-oauth-nb",
        description="Debug the OAuth authorization of an MCP server.",
        epilog="Exit codes: 0 passed, 1 failed, 2 usage, 3 incomplete.",
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _login_options(_command(commands, "login", _login, "walk the whole flow against an MCP server"))
    metadata = _command(commands, "metadata", _metadata, "fetch one metadata document and check it")
    metadata.add_argument("url", metavar="URL")
    everywhere = "URL is that of an MCP server: ask every well-known location of its metadata, and compare"
    metadata.add_argument("--everywhere", action="store_true", help=everywhere)
    inner = "with --everywhere, an inner host that the server may name"
    metadata.add_argument("--allow-host", action="append", default=[], metavar="HOST", help=inner)
    request = _command(commands, "request", _request, "send one request and show it, masked")
    request.add_argument("method", metavar="METHOD")
    request.add_argument("url", metavar="URL")
    request.add_argument("--body", help="the body; - reads it from standard input, where secrets belong")
    for command in (metadata, request):
        _shared_options(command)
    demo = _command(commands, "demo", _demo, "run a server to practise on until Ctrl-C")
    demo.add_argument("--fault", metavar="NAME", help="break it in this way")
    demo.add_argument("--port", type=int, default=0, metavar="N", help="a port of this machine (default: a free one)")
    return parser


def _command(commands: Any, name: str, run: Callable[[argparse.Namespace], int], about: str) -> argparse.ArgumentParser:
    made: argparse.ArgumentParser = commands.add_parser(name, help=about, description=about, allow_abbrev=False)
    made.set_defaults(run=run)
    return made


def _shared_options(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add("--header", action="append", default=[], metavar="'K: V'", help="an extra header that is no secret")
    add("--header-env", action="append", default=[], metavar="'K: NAME'", help="one whose value is in a variable")
    add("--ca", metavar="FILE", help="a CA bundle in PEM")
    add("--format", choices=("text", "json"), default="text")


def _login_options(login: argparse.ArgumentParser) -> None:
    add = login.add_argument
    add("url", metavar="URL")
    add("--protocol", default="auto", metavar="V", help="the MCP protocol version (default: told from the server)")
    add("--registration", default="auto", choices=("auto", "dcr", "cimd", "preregistered"))
    add("--auth-mode", default="interactive", choices=("interactive", "headless"), help="who follows the redirects")
    add("--client-id", metavar="ID")
    add("--client-secret-env", metavar="NAME", help="the variable that holds the client secret")
    add("--ask-client-secret", action="store_true", help="ask for the client secret with a prompt")
    add("--client-metadata-url", metavar="URL")
    add("--redirect-url", metavar="URL", help="where the browser comes back to (default: a free port of this machine)")
    add("--allow-remote-redirect", action="store_true", help="take a --redirect-url that is not on this machine")
    add("--allow-host", action="append", default=[], metavar="HOST", help="an inner host that the server may name")
    add("--scopes", metavar="'A B'")
    add("--step-timeout", type=_milliseconds, default=30_000.0, metavar="MS")
    add("--callback-timeout", type=_milliseconds, default=300_000.0, metavar="MS", help="how long to wait for a person")
    add("--verify-tools", action="store_true", help="then open a session and list the tools")
    add("--verify-call-tool", metavar="NAME", help="then also call this tool, without arguments")
    add("--debug-out", metavar="FILE", help="the masked report; the masked exchanges where it ends in .json")
    add("--credentials-out", metavar="FILE", help="the tokens, in JSON, for the owner's eyes only")
    add("--curl-out", metavar="FILE", help="the run as a bash script with curl, without secrets")
    _shared_options(login)


if __name__ == "__main__":
    sys.exit(main())
