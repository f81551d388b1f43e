"""A whole diagnosis without a person: what the incident notebook runs, by hand or through papermill.

    from mcp_oauth_nb import unattended

    case = unattended.investigate("https://mcp.example.com/mcp", timeout_s=60)
    case            # the verdict, and before it why the flow ended early, if it did

It never waits for anybody: where a person would have to sign in, it says so and diagnoses as far as it came. Parameters
of a notebook are written into the notebook, so secrets are named by environment variables here, and never given.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from mcp_oauth_nb.arguments import brief, check_flags
from mcp_oauth_nb.audit import Audit
from mcp_oauth_nb.auditing import DISCOVERY
from mcp_oauth_nb.debugger import Debugger
from mcp_oauth_nb.errors import BadSetting, CallbackTimeout, McpOAuthError, TimeUp
from mcp_oauth_nb.evidence.pages import Evidence, derived, provenance
from mcp_oauth_nb.facts import every_table
from mcp_oauth_nb.mime import Displayable, render
from mcp_oauth_nb.protocol.flow import Registration
from mcp_oauth_nb.redact import is_secret_name
from mcp_oauth_nb.rules.rule import Report
from mcp_oauth_nb.unattended.named import HELD, client_of, from_variable, headers_of, target_of
from mcp_oauth_nb.views.noted import Noted
from mcp_oauth_nb.views.tables import TableView
from mcp_oauth_nb.wire.http import seconds

__all__ = ["Investigation", "chosen", "investigate"]

PAGE = (
    "A person is needed: the authorization server shows a page, to sign in or to agree, and nobody is there. All up to "
    "that page is diagnosed. To go on, open notebooks/walkthrough.ipynb with this URL, or name an access token "
    "(access_token_env) or a client for machine use (grant='client_credentials')."
)
LINK = (
    "A person is needed: the authorization request is ready, and browser=None says that nobody follows it. All up to "
    "it is diagnosed. Give browser='follow' where the server consents by itself."
)
AGAIN = "A person is needed: the MCP server asks for another authorization, and nobody is there to give it."
INPUT = "A person is needed: the MCP server wants something of the user before it answers. Its message is in the step."
LATE = "The time given ({0:g} s, timeout_s) was up before the {1} was through. What came until then is diagnosed."
REDIRECT_S = 1.0
"""How long a redirect is waited for that no person can bring, in seconds."""


@dataclass(frozen=True)
class Investigation(Displayable):
    """What an unattended diagnosis came to. As the last line of a cell it shows the verdict.

    Attributes:
        dbg: the debugger, to ask further.
        report: the report over everything.
        notes: why the flow or the audit ended early; empty where they did not.
        audit: the audit; None where none was asked for, or it could not be finished.
    """

    dbg: Debugger = field(repr=False)
    report: Report
    notes: tuple[str, ...] = ()
    audit: Audit | None = None

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return dict(render(Noted(self.report, self.notes)))

    @property
    def tables(self) -> tuple[TableView, ...]:
        """Every table that can be worked out of the exchanges."""
        return tuple(made for name in every_table() if (made := derived(self.report, name)) is not None)

    @property
    def steps(self) -> tuple[Report, ...]:
        """A report on each step that ran, in order."""
        return tuple(replace(self.report, step=run.step) for run in self.report.trace.runs)

    @property
    def provenance(self) -> TableView:
        """What was chosen, and which software wrote this when."""
        return provenance(self.report.trace)

    @property
    def evidence(self) -> Evidence:
        """The evidence object: with it as an output, `mcp_oauth_nb.load` reads the executed notebook again."""
        return Evidence(self.report.trace)


def chosen(names: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of `investigate` among the names of a notebook, such as ``globals()``.

    Raises:
        BadSetting: one of the names holds a secret, as far as its name tells.
    """
    known = inspect.signature(investigate).parameters
    for name, value in names.items():
        if isinstance(value, str) and value and not name.startswith("_") and name not in known and is_secret_name(name):
            mend = f"Name an environment variable: {name}_env, or the like. {HELD}"
            raise BadSetting(name, "a value", "no secret among the parameters, which are saved", mend)
    return {name: names[name] for name in known if name in names}


def investigate(
    url: str = "",
    *,
    url_env: str | None = None,
    fault: str | None = None,
    browser: Literal["follow"] | None = "follow",
    grant: Literal["authorization_code", "client_credentials"] = "authorization_code",
    client_id: str | None = None,
    client_secret_env: str | None = None,
    private_key_file: str | None = None,
    algorithm: str = "ES256",
    client_metadata_url: str | None = None,
    registration: Registration = "auto",
    redirect_uri: str | None = None,
    access_token_env: str | None = None,
    headers_env: Mapping[str, str] | None = None,
    scope: str | None = None,
    protocol: str = "auto",
    tool: str | None = None,
    ca_bundle: str | None = None,
    audit: bool = False,
    timeout_s: float = 120,
    request_timeout_s: float = 15,
) -> Investigation:
    """Walk the flow of an MCP server as far as it goes without a person, and diagnose it.

    Args:
        url: the MCP endpoint; empty takes a demo server in this process.
        url_env: or the variable that holds it, where it has a key in it.
        fault: what is wrong with that demo server; None for nothing.
        browser: ``"follow"`` goes through the redirects, for servers that consent by themselves; None stops before.
        grant: ``"client_credentials"`` for a client that was registered for machine use.
        client_id: a pre-registered client; None registers one.
        client_secret_env: the variable that holds its secret.
        private_key_file: or the file with its private key, PEM or JWK.
        algorithm: what that key signs with.
        client_metadata_url: the URL of a client ID metadata document.
        registration: the way to a client id; ``"auto"`` takes the first that is open.
        redirect_uri: the one that was registered with the client; None takes a free port of this machine.
        access_token_env: the variable with a token that you have already; the flow then begins with using it.
        headers_env: extra headers for the MCP server: the name of each, and the variable with its value.
        scope: the scope to ask for; None takes what the server asks for.
        protocol: the MCP protocol version; ``"auto"`` tells it from the answers.
        tool: the name of a tool to call at the end; None calls none.
        ca_bundle: the path of a CA bundle in PEM.
        audit: also run every probe, and score the server.
        timeout_s: for everything together, in seconds: no request is begun after that.
        request_timeout_s: for one request, in seconds.

    Raises:
        BadSetting: an argument cannot work, or is a secret as far as can be told. Whatever a server does, or its not
            being there at all, is no exception but the verdict.
    """
    limit_s = seconds("timeout_s", timeout_s)
    check_flags(audit=audit)
    if browser not in ("follow", None):
        raise BadSetting("browser", brief(browser), "'follow' or None, since nobody is there")
    target, headers = target_of(url, url_env, fault), headers_of(headers_env)
    demo = getattr(target, "server", None) if grant == "client_credentials" else None
    dbg = Debugger(
        target,
        protocol=protocol,
        registration=registration,
        client=client_of(client_id, client_secret_env, private_key_file, algorithm, demo=demo),
        client_metadata_url=client_metadata_url,
        scope=scope,
        redirect_uri=redirect_uri,
        browser=browser,
        headers=headers,
        verify=ca_bundle or True,
        step_timeout_s=request_timeout_s,
        callback_timeout_s=REDIRECT_S,
        access_token=from_variable("access_token_env", access_token_env),
        tool=tool,
        grant=grant,
    )
    dbg.stop_after(limit_s)
    notes = list(_walked(dbg, limit_s, has_token=access_token_env is not None))
    audited = _audited(dbg, notes, limit_s) if audit else None
    return Investigation(dbg, dbg.diagnose(), tuple(dict.fromkeys(notes)), audited)


def _walked(dbg: Debugger, limit_s: float, *, has_token: bool) -> Iterator[str]:
    """Run the flow as far as it goes without a person; says why it ended early, if it did.

    A token that is there already is tried whatever came of the discovery, which is then for the evidence alone.
    """
    routes = (DISCOVERY, ("mcp",)) if has_token else (dbg.route(),)
    for route in routes:
        yield from _ended_early(dbg, route, limit_s)
    if dbg.input_needed is not None:
        yield INPUT


def _ended_early(dbg: Debugger, route: Iterable[str], limit_s: float) -> Iterator[str]:
    """Run these steps up to the first trouble, or the first thing that only a person can do."""
    for name in route:
        if name == "callback" and not dbg.is_automatic:
            yield LINK
            return
        try:
            dbg.finish(dbg.begin(name), announce=lambda _: None)
        except TimeUp:
            yield LATE.format(limit_s, "flow")
            return
        except CallbackTimeout:
            yield AGAIN
            return
        run = dbg.trace.run(name)
        if run is None or not run.achieved:
            yield from (PAGE,) if name == "callback" and _shows_a_page(dbg) else ()
            return


def _shows_a_page(dbg: Debugger) -> bool:
    last = dbg.exchanges[-1]
    return last.direction == "out" and last.response is not None and last.response.status == 200


def _audited(dbg: Debugger, notes: list[str], limit_s: float) -> Audit | None:
    try:
        return dbg.audit()
    except TimeUp:
        notes.append(LATE.format(limit_s, "audit"))
    except McpOAuthError as error:
        notes.append(f"There is no audit: {error}")
    return None
