"""`Debugger`: what a notebook cell calls. One named call per step, and the calls that look at what was seen.

Every step call returns a `Report`, so that the last line of a cell shows something. Running a step again starts from
the flow as it stood before that step and forgets what later steps learned; nothing that was recorded is ever lost.
A report is worked out when it is looked at, so that a run costs little more than the requests it sends.
"""

from __future__ import annotations

import importlib
import secrets
import time
from collections.abc import Callable, Collection, Mapping
from getpass import getpass
from pathlib import Path
from typing import Any, Literal

from mcp_oauth_nb.errors import BadSetting, NotYet
from mcp_oauth_nb.evidence.curl import curl_script
from mcp_oauth_nb.jose import PrivateKey, new_key, read_key, secret_parts
from mcp_oauth_nb.link import AuthorizationLink
from mcp_oauth_nb.mime import Bundle
from mcp_oauth_nb.protocol.flow import WAYS, Authorization, Client, Flow, Registration, Settings, Tokens, ToolCall
from mcp_oauth_nb.protocol.grants import GRANTS, Enterprise, Grant
from mcp_oauth_nb.protocol.profiles import AUTO, MODERN, PROFILES
from mcp_oauth_nb.protocol.step import Edits, Override
from mcp_oauth_nb.protocol.wellknown import is_loopback, split
from mcp_oauth_nb.records import Exchange, Request, Trace
from mcp_oauth_nb.redact import learn_settings, mask_text
from mcp_oauth_nb.rules import judge
from mcp_oauth_nb.rules.rule import Report, StepStatus
from mcp_oauth_nb.steps import AFTERWARDS, STEPS, route_for
from mcp_oauth_nb.steps.mcp import call_step
from mcp_oauth_nb.views.config import Config
from mcp_oauth_nb.views.script import Script
from mcp_oauth_nb.views.step import step_card
from mcp_oauth_nb.wire.addresses import Guard
from mcp_oauth_nb.wire.callback import Listener
from mcp_oauth_nb.wire.driver import Browser, Driver, Running
from mcp_oauth_nb.wire.http import Wire, seconds
from mcp_oauth_nb.wire.learning import LearningVault

NO_REDIRECT_SCHEMES = frozenset("http javascript data vbscript file blob about ftp ws wss view-source".split())
"""What a redirect URI elsewhere must not begin with: no code travels in the clear, and none is run."""


class Debugger:
    """Walks the OAuth authorization of one MCP server, step by step.

    Args:
        url: the MCP endpoint, exactly as a client would be configured with it.
        protocol: the MCP protocol version to follow; ``"auto"`` tells it from the server's answers.
        registration: ``"auto"`` takes the first way to a client id that is open; or ``"preregistered"``, ``"cimd"``
            (client ID metadata document), ``"dcr"`` (dynamic client registration).
        client: a pre-registered ``Client(id, secret=...)`` or ``Client(id, private_key=...)``; None registers one
            dynamically.
        client_metadata_url: the https URL of your client ID metadata document.
        authorization_server: the issuer to use where the resource names several; None takes the first.
        initial_access_token: what a closed registration endpoint wants to see (RFC 7591 3).
        software_statement: a signed statement passed through to the registration endpoint (RFC 7591 2.3).
        scope: the scope to ask for; None takes what the server asks for, an empty string sends none.
        resource: the resource indicator; None takes it byte for byte as published, an empty string sends none.
        redirect_uri: where the browser comes back to; None takes a free port of this machine.
        allow_remote_redirect: take a `redirect_uri` that is not on this machine: https elsewhere, or a private-use
            scheme. The redirect cannot be listened for, and is pasted.
        browser: who fetches the redirect: None a person, ``"follow"`` this process (for servers that consent by
            themselves), or a function from the authorization URL to the redirect URL.
        headers: extra headers for the MCP server's origin, and for no other.
        allow_hosts: hosts that a server may send us to whatever they resolve to: ``("idp.internal", "10.0.0.5")``.
            URLs that a server names are otherwise not fetched over plain http where yours is https, nor from loopback,
            private, link-local and other inner addresses, unless yours is of that kind itself. Through a proxy only an
            address that stands in the URL can be checked.
        verify: True, the path of a CA bundle in PEM, or False.
        step_timeout_s: the deadline of one request, in seconds.
        callback_timeout_s: how long `callback` waits for a person, in seconds.
        on_violation: "stop" where the protocol says that a client must not go on, or "continue".
        access_token: a token you already have: `mcp` then works at once.
        tool: the name of a tool for `mcp` to call, or ``(name, arguments)``; none is called unless named.
        grant: what a token is asked for with: ``"authorization_code"``; or, without a browser and with a client that
            was registered beforehand, ``"client_credentials"``, ``"jwt_bearer"`` (with `assertion`), ``"enterprise"``
            (with `enterprise`).
        assertion: the JWT for the grant ``"jwt_bearer"``, such as the token of a workload (RFC 7523 2.1).
        enterprise: an ``Enterprise(...)`` with the identity provider and the user's ID token.
        dpop: bind tokens to a key that this debugger makes and keeps in memory (RFC 9449).

    Raises:
        BadSetting: an argument cannot work; the message says what is expected.
    """

    def __init__(
        self,
        url: str,
        *,
        protocol: str = AUTO,
        registration: Registration = "auto",
        client: Client | None = None,
        client_metadata_url: str | None = None,
        authorization_server: str | None = None,
        initial_access_token: str | None = None,
        software_statement: str | None = None,
        scope: str | None = None,
        resource: str | None = None,
        redirect_uri: str | None = None,
        allow_remote_redirect: bool = False,
        browser: Browser = None,
        headers: Mapping[str, str] | None = None,
        allow_hosts: Collection[str] = (),
        verify: bool | str | Path = True,
        step_timeout_s: float = 30,
        callback_timeout_s: float = 300,
        on_violation: Literal["stop", "continue"] = "stop",
        access_token: str | None = None,
        tool: str | tuple[str, Mapping[str, Any]] | None = None,
        grant: Grant = "authorization_code",
        assertion: str | None = None,
        enterprise: Enterprise | None = None,
        dpop: bool = False,
    ) -> None:
        # A closure, because the repr of a partial shows its arguments, and some are secrets.
        self._same: Callable[[], Debugger] = lambda: Debugger(
            url,
            protocol=protocol,
            registration=registration,
            client=client,
            client_metadata_url=client_metadata_url,
            authorization_server=authorization_server,
            initial_access_token=initial_access_token,
            software_statement=software_statement,
            scope=scope,
            resource=resource,
            redirect_uri=redirect_uri,
            allow_remote_redirect=allow_remote_redirect,
            browser=browser,
            headers=headers,
            allow_hosts=allow_hosts,
            verify=verify,
            step_timeout_s=step_timeout_s,
            callback_timeout_s=callback_timeout_s,
            on_violation=on_violation,
            access_token=access_token,
            tool=tool,
            grant=grant,
            assertion=assertion,
            enterprise=enterprise,
            dpop=dpop,
        )
        _check(url, protocol, client, browser, on_violation, redirect_uri)
        _check_redirect(redirect_uri, allow_remote_redirect)
        _check_registration(registration, client_metadata_url)
        _check_texts(scope=scope, resource=resource, access_token=access_token, software_statement=software_statement)
        _check_grant(grant, assertion, enterprise, client, registration)
        _check_dpop(dpop, access_token)
        _check_texts(initial_access_token=initial_access_token, authorization_server=authorization_server)
        custom = Override(headers={} if headers is None else headers).headers
        self._vault = LearningVault()
        learn_settings(self._vault, custom, url)
        for secret, kind in (
            (client and client.secret, "client_secret"),
            (access_token, "access_token"),
            (initial_access_token, "initial_access_token"),
            (software_statement, "software_statement"),
            (assertion, "assertion"),
            (enterprise and enterprise.id_token, "id_token"),
            (enterprise and enterprise.idp_client_secret, "client_secret"),
            *((part, "private_key") for part in secret_parts((client and client.private_key) or "")),
        ):
            if secret:
                self._vault.learn(secret, kind)
        listener = Listener(redirect_uri)
        typed = (authorization_server, enterprise.idp_token_endpoint if enterprise else None)
        wire = Wire(verify=verify, timeout_s=step_timeout_s, guard=Guard(url, allow_hosts, typed))
        self._driver = Driver(
            wire,
            listener,
            self._vault,
            custom=_one_line_each(custom),
            browser=browser,
            callback_timeout_s=seconds("callback_timeout_s", callback_timeout_s),
        )
        settings = Settings(
            url=url,
            profile=MODERN if protocol == AUTO else PROFILES[protocol],
            auto=protocol == AUTO,
            registration=registration,
            client_metadata_url=client_metadata_url,
            authorization_server=authorization_server,
            initial_access_token=initial_access_token,
            software_statement=software_statement,
            redirect_uri=listener.redirect_uri,
            entropy=secrets.token_bytes,
            client=client,
            scope=scope,
            resource=resource,
            tool=_tool(tool),
            on_violation=on_violation,
            grant=grant,
            assertion=assertion,
            enterprise=enterprise,
            clock=time.time,
            client_key=_client_key(client),
            dpop_key=new_key() if dpop else None,
        )
        self._flow = Flow(settings, tokens=Tokens(access_token) if access_token else None)
        self._before: dict[str, Flow] = {}
        self._shown_link: AuthorizationLink | None = None
        self._verify = verify

    def __repr__(self) -> str:
        done = [run.step for run in self._driver.runs]
        return f"<Debugger {mask_text(self._vault, self._flow.settings.url)} after {done[-1] if done else 'no step'}>"

    # -- the steps ----------------------------------------------------------------------------------------------

    def challenge(self, *, headers: Edits | None = None, json: Edits | None = None) -> Report:
        """Send an MCP request without a token, to see the challenge (RFC 9728 5.1)."""
        return self._run("challenge", headers=headers, json=json)

    def resource_metadata(self, *, params: Edits | None = None, headers: Edits | None = None) -> Report:
        """Request the protected resource metadata (RFC 9728)."""
        return self._run("resource_metadata", params=params, headers=headers)

    def server_metadata(self, *, params: Edits | None = None, headers: Edits | None = None) -> Report:
        """Request the authorization server metadata (RFC 8414, OpenID Connect Discovery) and check S256."""
        return self._run("server_metadata", params=params, headers=headers)

    def register(self, *, headers: Edits | None = None, json: Edits | None = None) -> Report:
        """Register a client dynamically (RFC 7591), or take the one given as ``client=``."""
        return self._run("register", headers=headers, json=json)

    def pkce(self) -> Report:
        """Generate a code verifier and its S256 challenge (RFC 7636)."""
        return self._run("pkce")

    def authorize(self, *, params: Edits | None = None) -> AuthorizationLink:
        """Build the authorization URL and show it as a link; returns at once. `callback` takes it from there.

        Fresh PKCE parameters are generated when the last ones were already used.
        """
        if self._flow.pkce is None or "authorize" in self._before:
            self._rewind("pkce" if "pkce" in self._before else "authorize")
            self._run("pkce")
        self._driver.listener.forget()
        self._run("authorize", params=params)
        self._listen()
        return self._link()

    def callback(self, redirect: str | None = None, *, paste: bool = False, timeout_s: float | None = None) -> Report:
        """Wait for the redirect, and take it apart: state, issuer, then code or error.

        Args:
            redirect: the address the browser ended on, its query string, or the bare code. A code typed into a cell
                is saved with the notebook: prefer ``paste=True``.
            paste: ask for it with a prompt that is not saved.
            timeout_s: how long to wait, in seconds, instead of the setting.

        Raises:
            CallbackTimeout: no redirect came in time.
            NotYet: there is no authorization request.
        """
        if self._flow_before("callback").authorization is None:
            raise NotYet("authorization request", "dbg.authorize()")
        if redirect is None and paste:
            redirect = getpass("Paste the address the browser ended on, or the code: ")
        if redirect is not None:
            self.offer(redirect)
        usual = self._driver.callback_timeout_s
        self._driver.callback_timeout_s = usual if timeout_s is None else seconds("timeout_s", timeout_s)
        try:
            report = self._run("callback")
        finally:
            self._driver.callback_timeout_s = usual
        if self._shown_link is not None:
            self._shown_link.close()
        return report

    def token(self, *, params: Edits | None = None, form: Edits | None = None, headers: Edits | None = None) -> Report:
        """Exchange the authorization code, or what else the grant is, for tokens (RFC 6749 4)."""
        return self._run("token", params=params, form=form, headers=headers)

    def mcp(
        self,
        method: str | None = None,
        params: Mapping[str, Any] | None = None,
        *,
        headers: Edits | None = None,
        json: Edits | None = None,
    ) -> Report:
        """Use the token: open a session and list the tools; or, with a method, send that request in the session.

        Args:
            method: any JSON-RPC method, such as ``"tools/call"``; None runs the step of the flow.
            params: its parameters, such as ``{"name": "echo", "arguments": {"text": "hello"}}``.
            headers: changes to the headers of every request of the step; None removes one.
            json: changes to the members of the JSON-RPC message; None removes one.
        """
        if method is None:
            return self._run("mcp", headers=headers, json=json)
        _check_texts(method=method)
        if params is not None and not isinstance(params, Mapping):
            raise BadSetting("params", f"a {type(params).__name__}", "a mapping", "mcp('tools/call', {'name': 'echo'})")
        Override(json={"params": dict(params or {})})  # refuses what JSON cannot hold
        if self._flow.session is None:
            opened = self._run("mcp", headers=headers)
            if self._flow.session is None:
                return opened
        return self._run("call", step=call_step(method, params or {}), headers=headers, json=json)

    def refresh(
        self, *, params: Edits | None = None, form: Edits | None = None, headers: Edits | None = None
    ) -> Report:
        """Exchange the refresh token for a new pair (RFC 6749 6)."""
        return self._run("refresh", params=params, form=form, headers=headers)

    def replay(self, *, form: Edits | None = None, headers: Edits | None = None) -> Report:
        """Probe: present the replaced refresh token again. A healthy server refuses, and may revoke the grant."""
        return self._run("replay", form=form, headers=headers)

    def revoke(self, *, form: Edits | None = None, headers: Edits | None = None) -> Report:
        """Revoke the refresh token and the access token (RFC 7009)."""
        return self._run("revoke", form=form, headers=headers)

    def revoked(self, *, headers: Edits | None = None) -> Report:
        """Probe: use the revoked access token. A healthy server answers 401."""
        return self._run("revoked", headers=headers)

    def run(self, *, afterwards: bool = False) -> Report:
        """Run the whole flow from its beginning to the first trouble.

        Args:
            afterwards: go on with refresh, replay, revocation and the request after revocation.
        """
        first = "mcp" if self._flow_before("challenge").tokens else "challenge"
        route = route_for(self.grant, afterwards=afterwards)
        route = route[route.index(first) :]
        for name in route:
            if name == "callback":
                self._listen()
            self._carry_out(name)
            if not self._driver.runs[-1].achieved:
                break
        if self._shown_link is not None:
            self._shown_link.close()
        return self._report(None, route)

    # -- looking --------------------------------------------------------------------------------------------------

    def diagnose(self) -> Report:
        """The verdict over everything so far: failing step, probable cause, who must act, the fix."""
        ran = {run.step for run in self._driver.runs}
        return self._report(None, route_for(self.grant) + tuple(name for name in AFTERWARDS if name in ran))

    @property
    def config(self) -> Config:
        """What the server advertises: endpoints, capabilities, supported values. ``config.frame`` for pandas."""
        return Config(self._flow.resource_metadata, self._flow.server_metadata, self._vault)

    @property
    def trace(self) -> Trace:
        """Everything that was tried."""
        return self._driver.trace(self._settings_shown())

    @property
    def exchanges(self) -> tuple[Exchange, ...]:
        """Every exchange so far, also those of runs that were run again since."""
        return tuple(self._driver.exchanges)

    @property
    def tokens(self) -> Tokens | None:
        """The tokens as they were issued last; None before. Their repr shows none of them."""
        return self._flow.tokens

    @property
    def client(self) -> Client | None:
        """The client that was registered or given; None before. Its repr shows no secret."""
        return self._flow.client or self._flow.settings.client

    @property
    def authorization(self) -> Authorization | None:
        """The authorization request made last: issuer, resource and scope; None before."""
        return self._flow.authorization

    def curl(self, step: str | None = None) -> Script:
        """One step, or the whole flow, as a bash script with curl. Secrets are shell variables in it.

        Raises:
            NotYet: that step has not run.
        """
        if step is not None and (not isinstance(step, str) or step not in STEPS):
            raise BadSetting("curl(step)", _brief(step), "one of " + ", ".join(STEPS))
        return Script(curl_script(self.trace, step))

    def again(self) -> Debugger:
        """A new debugger with the same settings, before its first step."""
        return self._same()

    def runner(self, *, afterwards: bool = False) -> Any:
        """The buttons for this debugger: a `FlowRunner` that goes on from here."""
        # The one door that opens upward, by name: the buttons need ipywidgets, and know the debugger.
        widgets = importlib.import_module("mcp_oauth_nb.widgets")
        return widgets.FlowRunner(self, afterwards=afterwards)

    # -- for the runner -------------------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        """The MCP server's URL as typed. It may hold a key, so it is not for display."""
        return self._flow.settings.url

    @property
    def grant(self) -> Grant:
        """What a token is asked for with."""
        return self._flow.settings.grant

    @property
    def authorization_url(self) -> str | None:
        """The link a person has to open; None before `authorize`. It holds ``state``, so it is not for display."""
        return self._flow.authorization.url if self._flow.authorization else None

    @property
    def redirect_problem(self) -> str:
        """Why the redirect must be pasted; empty where it reaches the listener."""
        return self._driver.listener.problem

    @property
    def is_automatic(self) -> bool:
        """Whether the redirect can be fetched without a person."""
        return self._driver.browser is not None

    def begin(self, name: str) -> Running:
        """Prepare a step without sending anything, so that its request can be shown first.

        Raises:
            NotYet: an earlier step has to run first.
        """
        return self._driver.begin(STEPS[name], self._flow_before(name), Override())

    def is_current(self, running: Running) -> bool:
        """Whether a prepared step still starts from the flow as it stands."""
        return running.flow is self._flow_before(running.step.name)

    def finish(
        self, running: Running, *, person: bool = False, announce: Callable[[str], None] | None = None
    ) -> Report:
        """Carry out a prepared step.

        Args:
            running: the step, as `begin` prepared it.
            person: wait for a redirect even where it could be fetched.
            announce: shows the link that is waited for; it may come up in the middle of a later step.

        Raises:
            CallbackTimeout: no redirect came, or `interrupt` was called.
        """
        self._driver.person, self._driver.announce = person, announce
        try:
            self._finish(running)
        finally:
            self._driver.person = False
        return self._report(running.step.name)

    def interrupt(self) -> None:
        """Stop waiting for the redirect, from any thread."""
        self._driver.stop.set()

    def offer(self, pasted: str) -> None:
        """Hand in a redirect that was pasted, as if it had reached the listener.

        Raises:
            BadSetting: it holds neither code nor error.
        """
        self._driver.listener.offer(pasted)

    def card(
        self, name: str, route: tuple[str, ...], *, preview: Request | None = None, status: StepStatus | None = None
    ) -> Bundle:
        """The display of one step of a route, also before it has run; `status` where the run is not recorded yet."""
        report = self._report(name, route)
        step, run = STEPS[name], self.trace.run(name)
        return step_card(
            number=route.index(name) + 1,
            total=len(route),
            title=step.title,
            spec=step.spec,
            status=status or report.status_of(name),
            run=run,
            exchanges=report.exchanges,
            findings=report.findings,
            vault=self._vault,
            preview=preview,
        )

    # -- inside ---------------------------------------------------------------------------------------------------

    def _run(self, name: str, *, step: Any = None, **edits: Edits | None) -> Report:
        override = Override(**{part: edit for part, edit in edits.items() if edit is not None})
        self._carry_out(name, step=step, override=override)
        return self._report(name)

    def _carry_out(self, name: str, *, step: Any = None, override: Override | None = None) -> None:
        self._finish(self._driver.begin(step or STEPS[name], self._flow_before(name), override or Override()))

    def _finish(self, running: Running) -> None:
        name = running.step.name
        self._driver.stop.clear()
        self._rewind(name)
        self._before.setdefault(name, running.flow)
        self._driver.announce = self._driver.announce or self._show_link
        try:
            self._flow = running.finish()
        finally:
            self._driver.announce = None

    def _flow_before(self, name: str) -> Flow:
        """The flow as it stood before a step last ran; as it stands now for a new step and for an extra call."""
        return self._flow if name == "call" else self._before.get(name, self._flow)

    def _rewind(self, name: str) -> None:
        """Forget this step's run and those of all later steps, but no exchange. An extra call forgets nothing."""
        if name not in self._before or name == "call":
            return
        order = list(self._before)
        later = set(order[order.index(name) :])
        self._flow = self._before[name]
        self._before = {step: flow for step, flow in self._before.items() if step not in later}
        self._driver.runs = [run for run in self._driver.runs if run.step not in later]

    def _link(self, url: str | None = None) -> AuthorizationLink:
        """The authorization link as a display that hides its state once the redirect is here."""
        if self._shown_link is not None:
            self._shown_link.close()
        self._shown_link = AuthorizationLink(
            self.trace,
            "authorize",
            route_for(self.grant),
            judge,
            url=url or (self.authorization_url if self._driver.browser is None else None),
            redirect_uri=self._flow.settings.redirect_uri,
            problem=self._driver.listener.problem,
        )
        return self._shown_link

    def _show_link(self, url: str) -> None:
        """Show the link that is waited for, unless a cell above shows it already."""
        if self._shown_link is None or self._shown_link.url != url or not self._shown_link.is_shown:
            self._link(url).show()

    def _listen(self) -> None:
        if self._driver.browser is None:
            self._driver.listener.start()

    def _report(self, step: str | None, route: tuple[str, ...] | None = None) -> Report:
        return Report(self.trace, step, route or route_for(self.grant), judge)

    def _settings_shown(self) -> dict[str, str]:
        settings = self._flow.settings
        shown = {
            "url": settings.url,
            "protocol": self._flow.profile.version,
            "protocol told": self._flow.era.why if self._flow.era else "not told yet" if settings.auto else "",
            "client_id": settings.client.client_id if settings.client else None,
            "grant": settings.grant if settings.grant != "authorization_code" else None,
            "identity provider": settings.enterprise.idp_token_endpoint if settings.enterprise else None,
            "dpop": "key made for this run, ES256" if settings.dpop_key else None,
            "scope": settings.scope,
            "resource": settings.resource,
            "redirect_uri": settings.redirect_uri,
            "on_violation": settings.on_violation,
            "verify": "" if self._verify is True else "off" if self._verify is False else "own CA bundle",
            "custom headers": ", ".join(self._driver.custom),
        }
        return {name: value for name, value in shown.items() if value}


def _check(
    url: object, protocol: object, client: object, browser: object, on_violation: object, redirect_uri: object
) -> None:
    """Refuse arguments that cannot work, before anything is sent."""
    if not isinstance(url, str) or split(url) is None or any(ord(c) < 33 for c in url):
        raise BadSetting("url", _brief(url), "the http(s) URL of an MCP endpoint", "Debugger('https://host/mcp')")
    if not isinstance(protocol, str) or protocol not in (AUTO, *PROFILES):
        raise BadSetting("protocol", _brief(protocol), "one of " + ", ".join((AUTO, *PROFILES)))
    if client is not None and not isinstance(client, Client):
        raise BadSetting("client", f"a {type(client).__name__}", "Client('id') or Client('id', secret=getpass())")
    if browser is not None and browser != "follow" and not callable(browser):
        raise BadSetting("browser", _brief(browser), "None, 'follow', or a function of the authorization URL")
    if on_violation not in ("stop", "continue"):
        raise BadSetting("on_violation", _brief(on_violation), "'stop' or 'continue'")
    if redirect_uri is not None and not _is_redirect_uri(redirect_uri):
        expected = "an absolute URI without fragment, or None for a free port"
        raise BadSetting("redirect_uri", _brief(redirect_uri), expected)


def _is_redirect_uri(value: object) -> bool:
    """An absolute URI without fragment (RFC 6749 3.1.2), of visible characters."""
    if not isinstance(value, str) or any(ord(c) < 33 for c in value):
        return False
    scheme, colon, rest = value.partition(":")
    return bool(colon and rest) and scheme[:1].isalpha() and "#" not in value


def _check_redirect(redirect_uri: str | None, allow_remote: object) -> None:
    """A code that is sent elsewhere is somebody else's: only this machine, unless the user says otherwise."""
    if redirect_uri is None or is_loopback(redirect_uri):
        return
    scheme = redirect_uri.partition(":")[0].lower()
    if scheme in NO_REDIRECT_SCHEMES:
        raise BadSetting("redirect_uri", f"the scheme {scheme}", "https, a private-use scheme, or http on this machine")
    if allow_remote is not True:
        where = "an https URI that is not on this machine" if scheme == "https" else f"the private-use scheme {scheme}"
        mend = "allow_remote_redirect=True takes it; the redirect is then pasted."
        raise BadSetting("redirect_uri", where, "a loopback URI such as http://127.0.0.1:8765/callback", mend)


def _check_registration(registration: object, client_metadata_url: object) -> None:
    """A document's URL is the client id itself, so it must be one that RFC and draft allow."""
    if registration not in WAYS:
        raise BadSetting("registration", _brief(registration), "one of " + ", ".join(WAYS))
    if client_metadata_url is None:
        return
    parts = split(client_metadata_url) if isinstance(client_metadata_url, str) else None
    if parts is None or not parts.origin.lower().startswith("https://") or parts.path in ("", "/"):
        raise BadSetting("client_metadata_url", _brief(client_metadata_url), "an https URL with a path")


def _check_grant(grant: object, assertion: object, enterprise: object, client: object, registration: object) -> None:
    """What a grant needs must be there, and what only another one takes must not."""
    if not isinstance(grant, str) or grant not in GRANTS:
        raise BadSetting("grant", _brief(grant), "one of " + ", ".join(GRANTS))
    _check_texts(assertion=assertion)
    if bool(assertion) != (grant == "jwt_bearer"):
        seen = f"{'one' if assertion else 'none'} with grant {grant!r}"
        raise BadSetting("assertion", seen, "a JWT with grant='jwt_bearer', and none with another grant")
    if isinstance(enterprise, Enterprise) != (grant == "enterprise") or not isinstance(enterprise, Enterprise | None):
        seen = f"a {type(enterprise).__name__} with grant {grant!r}"
        raise BadSetting("enterprise", seen, "Enterprise(...) with grant='enterprise', and none with another grant")
    if grant == "authorization_code":
        return
    if client is None or registration not in ("auto", "preregistered"):
        seen = "none" if client is None else f"registration={registration!r}"
        mend = "Debugger(url, grant=..., client=Client('id', secret=getpass()))"
        raise BadSetting("client", seen, f"a client that was registered beforehand, for grant {grant!r}", mend)
    if grant == "client_credentials" and isinstance(client, Client) and client.is_public:
        raise BadSetting("client", "a public one", "one with a secret or key (RFC 6749 4.4)", "Client('id', secret=s)")


def _check_dpop(dpop: object, access_token: object) -> None:
    if not isinstance(dpop, bool):
        raise BadSetting("dpop", _brief(dpop), "True or False")
    if dpop and access_token:
        raise BadSetting("dpop", "True with access_token", "no token yet: one from elsewhere is bound to another key")


def _client_key(client: Client | None) -> PrivateKey | None:
    return read_key(client.private_key, client.algorithm) if client and client.private_key else None


def _check_texts(**given: object) -> None:
    for name, value in given.items():
        if value is not None and not isinstance(value, str):
            raise BadSetting(name, f"a {type(value).__name__}", "text")


def _one_line_each(headers: Mapping[str, Any]) -> dict[str, str]:
    """Custom headers as they are sent: repeated values joined, those without a value left out."""
    joined = {
        str(name): ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else value
        for name, value in headers.items()
    }
    return {name: str(value) for name, value in joined.items() if value is not None}


def _brief(value: object) -> str:
    """A user's value as an error may show it: a word of it, never a URL's query, which may hold a key."""
    text = value.partition("?")[0] if isinstance(value, str) else type(value).__name__
    return repr(text[:80])


def _tool(tool: str | tuple[str, Mapping[str, Any]] | None) -> ToolCall | None:
    match tool:
        case None:
            return None
        case str():
            return ToolCall(tool)
        case (str(name), Mapping() as arguments):
            Override(json={"arguments": dict(arguments)})  # refuses what JSON cannot hold
            return ToolCall(name, arguments)
    raise BadSetting("tool", f"a {type(tool).__name__}", "a name, or a name with its arguments", "tool=('echo', {})")
