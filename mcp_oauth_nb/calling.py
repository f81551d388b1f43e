"""`Caller`: the steps that every OAuth flow has, one named call on each, and the run of all of them.

Every step call returns a `Report`, so that the last line of a cell shows something; how steps are run, and run again,
stands in `stepping`.
"""

from __future__ import annotations

from functools import cached_property
from getpass import getpass

from mcp_oauth_nb.arguments import brief
from mcp_oauth_nb.errors import BadSetting, NotYet
from mcp_oauth_nb.link import AuthorizationLink
from mcp_oauth_nb.looking import Looker
from mcp_oauth_nb.protocol.step import Edits
from mcp_oauth_nb.rules.rule import Report
from mcp_oauth_nb.stepping import USING_TOKENS
from mcp_oauth_nb.steps.inspection import WHICH, Which, introspect_step
from mcp_oauth_nb.using import Use
from mcp_oauth_nb.wire.auth import TokenAuth
from mcp_oauth_nb.wire.http import seconds


class Caller(Looker):
    """A stepper with a call for every step that MCP shares with any other OAuth flow."""

    def server_metadata(self, *, params: Edits | None = None, headers: Edits | None = None) -> Report:
        """Request the authorization server metadata (RFC 8414, OpenID Connect Discovery) and check S256."""
        return self._run("server_metadata", params=params, headers=headers)

    def pkce(self) -> Report:
        """Generate a code verifier and its S256 challenge (RFC 7636)."""
        return self._run("pkce")

    def authorize(self, *, params: Edits | None = None) -> AuthorizationLink:
        """Build the authorization URL and show it as a link; returns at once. `callback` takes it from there.

        Fresh PKCE parameters are generated when the last ones were already used.
        """
        if self._flow.pkce is None or "authorize" in self._before:
            self._rewind("pkce" if "pkce" in self._before else "authorize")
            if "pkce" in self.route():
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

    def introspect(
        self, which: Which = "access_token", *, form: Edits | None = None, headers: Edits | None = None
    ) -> Report:
        """Ask the authorization server about ``"access_token"`` or ``"refresh_token"`` (RFC 7662)."""
        if which not in WHICH:
            raise BadSetting("which", brief(which), "one of " + ", ".join(WHICH))
        return self._run("introspect", step=introspect_step(which), form=form, headers=headers)

    def userinfo(self, *, headers: Edits | None = None) -> Report:
        """Ask with the access token who the user is (OpenID Connect Core 5.3)."""
        return self._run("userinfo", headers=headers)

    # -- the tokens in requests of others -----------------------------------------------------------------------------

    @cached_property
    def use(self) -> Use:
        """How the tokens go into requests that `auth` sends: which one, where, and whether it is refreshed in time."""
        choices = self._flow.settings.choices
        return Use(self, choices.use, choices.header_prefix, choices.token_in)

    @property
    def auth(self) -> TokenAuth:
        """For ``httpx.Client(auth=dbg.auth)``: sends the token, and refreshes one that is about to expire before."""
        return self.use.auth

    def run(self, *, afterwards: bool = False) -> Report:
        """Run the whole flow from its beginning to the first trouble.

        Args:
            afterwards: go on with refresh and replay, where a refresh token was issued, which no server has to do; then
                with revocation and the request after revocation. A replay that is refused may end the grant, so that
                the last of these proves something only without it.
        """
        route = self.route(afterwards=afterwards)
        if route and self._flow_before(route[0]).tokens:
            route = tuple(name for name in route if name in USING_TOKENS)
        for name in route:
            if name in ("refresh", "replay") and self._flow.tokens and not self._flow.tokens.refresh_token:
                route = tuple(one for one in route if one != name)
                continue
            if name == "callback":
                self._listen()
            self._carry_out(name)
            if not self._driver.run(name).achieved:
                break
        if self._shown_link is not None:
            self._shown_link.close()
        return self._report(None, route)
