"""`KeptToken`: one grant under a name, with the calls that use, look at, renew and end it."""

from __future__ import annotations

import weakref

from mcp_oauth_nb.errors import BadSetting, NotOurs
from mcp_oauth_nb.keeping import ring
from mcp_oauth_nb.keeping.kept import Kept, from_text
from mcp_oauth_nb.mime import Displayable, render
from mcp_oauth_nb.oauth2 import OAuth2
from mcp_oauth_nb.protocol.flow import Tokens
from mcp_oauth_nb.protocol.step import Edits
from mcp_oauth_nb.rules.rule import Report
from mcp_oauth_nb.steps.inspection import Which
from mcp_oauth_nb.using import NO_REFRESH
from mcp_oauth_nb.views.kept_token import TokenRow, TokenTable, kind_of_token
from mcp_oauth_nb.views.token_details import TokenDetails
from mcp_oauth_nb.wire.auth import TokenAuth


class KeptFlow(OAuth2):
    """The flow behind a kept token: its refresh goes by the keyring, where the token is in it.

    Another process may have refreshed meanwhile: its tokens are taken then, because the old refresh token is spent. New
    tokens are written before this call is over, under the flow's lock, so that none is used that is not kept.
    """

    def __init__(self, owner: KeptToken, kept: Kept) -> None:
        super().__init__(**kept.arguments)
        self._owner = weakref.ref(owner)
        self.hold(kept.tokens)
        self.use.expires_at_s, self.use.auto_refresh = kept.expires_at_s, kept.auto_refresh
        self.use.token = "id_token" if kept.use == "id_token" and kept.id_token else "access_token"

    def refresh(
        self, *, params: Edits | None = None, form: Edits | None = None, headers: Edits | None = None
    ) -> Report:
        with self.lock:
            owner = self._owner()
            if owner is not None and owner.took_newer():
                return self._report("refresh")
            report = super().refresh(params=params, form=form, headers=headers)
            if owner is not None:
                owner.store()
            return report


class KeptToken(Displayable):
    """A named token. It displays what is known of it; no part of a token is shown anywhere.

    Attributes:
        name: as the user called it.
        flow: the flow that refreshes and revokes it; ``flow.diagnose()`` says what came of that.
        in_keyring: whether the system's keyring holds it as well.
        problem: why the keyring could not be written the last time; empty where it could.
    """

    def __init__(self, kept: Kept, *, in_keyring: bool = False) -> None:
        self.name, self.in_keyring, self.problem = kept.name, in_keyring, ""
        self._kept = kept
        self.flow = KeptFlow(self, kept)

    def __repr__(self) -> str:
        return f"<KeptToken {self.name}>"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return dict(render(TokenTable((self.row(None),))))

    @property
    def tokens(self) -> Tokens:
        """The newest tokens. Their repr shows none of them."""
        return self.flow.tokens or self._kept.tokens

    @property
    def kept(self) -> Kept:
        """The grant as it stands now; secrets in plain, so never for display."""
        use = self.flow.use
        return Kept(
            **{
                **vars(self._kept.renewed(self.tokens, use.expiry_s)),
                "use": use.token,
                "header_prefix": use.header_prefix,
                "token_in": use.token_in,
                "auto_refresh": use.auto_refresh,
            }
        )

    @property
    def scope(self) -> str | None:
        """What was granted, as far as it was said."""
        return self.tokens.scope

    @property
    def expires_at_s(self) -> float | None:
        """When the access token expires, in seconds since 1970; None where nobody knows."""
        return self.flow.use.expiry_s

    @property
    def expires_in_s(self) -> float | None:
        """How long the access token still lives, in seconds, negative when it is over; None where nobody knows."""
        expiry = self.expires_at_s
        return None if expiry is None else expiry - self.flow.now_s()

    @property
    def details(self) -> TokenDetails:
        """What the access token and the ID token say of themselves: their claims, read and not verified."""
        return self.flow.details

    @property
    def auth(self) -> TokenAuth:
        """For ``httpx.Client(auth=...)``: sends this token, refreshed before it expires where that is on."""
        return self.flow.auth

    @property
    def auto_refresh(self) -> bool:
        """Whether a token that is about to expire is refreshed before it is used. Off without a refresh token."""
        return self.flow.use.refreshes

    @auto_refresh.setter
    def auto_refresh(self, on: bool) -> None:
        self.change(auto_refresh=on)

    def change(
        self,
        *,
        use: str | None = None,
        header_prefix: str | None = None,
        token_in: str | None = None,
        auto_refresh: bool | None = None,
    ) -> KeptToken:
        """Change how the token is used: which one, behind what prefix, in the header or the URL, refreshed or not.

        Raises:
            BadSetting: there is no such token, place or refresh token.
        """
        self.flow.use.change(token=use, header_prefix=header_prefix, token_in=token_in, auto_refresh=auto_refresh)
        self.store()
        return self

    def refresh(self) -> Report:
        """Exchange the refresh token for new tokens now (RFC 6749 6).

        Raises:
            BadSetting: there is no refresh token.
        """
        if self.tokens.refresh_token is None:
            expected = "a grant with one: ask the authorization server, the scope may decide it"
            raise BadSetting(f"tokens[{self.name!r}].refresh()", NO_REFRESH, expected)
        return self.flow.refresh()

    def revoke(self) -> Report:
        """Have the server end it (RFC 7009): the one thing that ends a token everywhere."""
        return self.flow.revoke()

    def introspect(self, which: Which = "access_token") -> Report:
        """Ask the authorization server about it (RFC 7662)."""
        return self.flow.introspect(which)

    # -- the keyring ----------------------------------------------------------------------------------------------

    def keep(self) -> KeptToken:
        """Write it into the system's keyring, and every new one after it.

        Raises:
            BadSetting: there is no keyring that works.
        """
        ring.write(self.name, self.kept.to_text())
        self.in_keyring, self.problem = True, ""
        return self

    def store(self) -> None:
        """Write it into the keyring if it is there already. What goes wrong there must not take the token away."""
        if not self.in_keyring:
            return
        try:
            ring.write(self.name, self.kept.to_text())
            self.problem = ""
        except BadSetting as error:
            self.problem = str(error)

    def took_newer(self) -> bool:
        """Take the tokens of the keyring if another process has put others there."""
        if not self.in_keyring:
            return False
        try:
            written = ring.read(self.name)
            found = from_text(written, f"the keyring's entry {self.name}") if written else None
        except (BadSetting, NotOurs) as error:
            self.problem = str(error)
            return False
        if found is None or found.refresh_token in (None, self.tokens.refresh_token):
            return False
        self.flow.hold(found.tokens)
        self.flow.use.expires_at_s = found.expires_at_s
        return True

    def row(self, selected: str | None) -> TokenRow:
        """What a list shows of it."""
        held, use = self.tokens, self.flow.use
        return TokenRow(
            name=self.name,
            is_selected=self.name == selected,
            kind=kind_of_token(held),
            scope=held.scope,
            expires_at_s=use.expiry_s,
            now_s=self.flow.now_s(),
            has_refresh_token=held.refresh_token is not None,
            auto_refresh=use.refreshes,
            used_as=f"{use.token.replace('_', ' ')} in the {use.token_in}"
            + (f" behind {use.header_prefix!r}" if use.token_in == "header" else ""),
            kept_in="keyring and memory" if self.in_keyring else "memory",
            problem=self.problem,
            vault=self.flow.trace.vault,
        )
