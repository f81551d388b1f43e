"""`KeptToken`: one grant under a name, with the calls that use, look at, renew and end it."""

from __future__ import annotations

import contextlib

from mcp_oauth_nb.errors import BadSetting, NotOurs
from mcp_oauth_nb.family import Family
from mcp_oauth_nb.keeping import ring
from mcp_oauth_nb.keeping.flow import NO_MEANS, KeptFlow, Means
from mcp_oauth_nb.keeping.kept import Kept, from_text
from mcp_oauth_nb.keeping.locking import alone
from mcp_oauth_nb.mime import Displayable, render
from mcp_oauth_nb.protocol.flow import Tokens
from mcp_oauth_nb.rules.rule import Report
from mcp_oauth_nb.steps.inspection import Which
from mcp_oauth_nb.using import NO_REFRESH
from mcp_oauth_nb.views.kept_token import TokenRow, TokenTable, kind_of_token
from mcp_oauth_nb.views.token_details import TokenDetails
from mcp_oauth_nb.wire.auth import TokenAuth


class KeptToken(Displayable):
    """A named token. It displays what is known of it; no part of a token is shown anywhere.

    Attributes:
        name: as the user called it.
        family: the tokens of its grant, for all in this process that hold some of them.
        means: what its flow needs and nobody writes down.
        flow: the flow that refreshes and revokes it; ``flow.diagnose()`` says what came of that.
        in_keyring: whether the system's keyring holds it as well.
        problem: why the keyring could not be written the last time; empty where it could.
    """

    def __init__(
        self, kept: Kept, *, in_keyring: bool = False, family: Family | None = None, means: Means = NO_MEANS
    ) -> None:
        self.name, self.in_keyring, self.problem = kept.name, in_keyring, ""
        self._kept, self.means = kept, means
        self._is_unwritten, self._replaces = False, ""
        self.family = family or Family(kept.tokens, at=kept.at, id=kept.family, generation=kept.generation)
        self.flow = KeptFlow(kept, means)
        self.flow.family = self.family
        self.flow.catch_up()
        self.family.is_kept_by(self)

    def __repr__(self) -> str:
        return f"<KeptToken {self.name}>"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return dict(render(TokenTable((self.row(None),))))

    @property
    def tokens(self) -> Tokens:
        """The newest tokens. Their repr shows none of them."""
        return self.family.newest

    @property
    def kept(self) -> Kept:
        """The grant as it stands now; secrets in plain, so never for display."""
        use = self.flow.use
        return Kept(
            **{
                **vars(self._kept.renewed(self.tokens)),
                "family": self.family.id,
                "generation": self.family.generation,
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
        """When the token that is used expires, in seconds since 1970; None where nobody knows."""
        return self.flow.use.expiry_of(self.tokens)

    @property
    def expires_in_s(self) -> float | None:
        """How long the token that is used still lives, in seconds, negative when it is over; None if nobody knows."""
        expiry = self.expires_at_s
        return None if expiry is None else expiry - self.flow.now_s()

    @property
    def details(self) -> TokenDetails:
        """What the access token and the ID token say of themselves: their claims, read and not verified."""
        self.flow.catch_up()
        return self.flow.details

    @property
    def auth(self) -> TokenAuth:
        """For ``httpx.Client(auth=...)``: sends this token, refreshed before it expires where that is on."""
        return self.flow.auth

    @property
    def auto_refresh(self) -> bool:
        """Whether a token that is about to expire is refreshed before it is used. Off without a refresh token.

        Off as well once a refresh was refused. To turn it on then makes one more try.
        """
        return self.flow.use.refreshes and not self.flow.use.stopped

    @auto_refresh.setter
    def auto_refresh(self, on: bool) -> None:
        self.change(auto_refresh=on)

    @property
    def why_not_refreshed(self) -> str:
        """Why the token is not refreshed by itself, with the call that mends it; empty where it is or was not to be."""
        if self.tokens.refresh_token is None:
            return "not available: no refresh token"
        if self.flow.use.obstacle:
            return f"not available: {self.flow.use.obstacle}; tokens.add({self.name!r}, flow) brings it"
        if stopped := self.flow.use.stopped:
            return f"stopped: {stopped}; get new tokens with flow.run(), then tokens.add({self.name!r}, flow)"
        return ""

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
        if self.in_keyring:
            with self.family.alone():
                self.store()
        return self

    def refresh(self) -> Report:
        """Exchange the refresh token for new tokens now (RFC 6749 6).

        Raises:
            BadSetting: there is no refresh token, or not the private key of the client.
        """
        if self.tokens.refresh_token is None:
            expected = "a grant with one: ask the authorization server, the scope may decide it"
            raise BadSetting(f"tokens[{self.name!r}].refresh()", NO_REFRESH, expected)
        if self.flow.use.obstacle:
            expected = f"the flow that has it: tokens.add({self.name!r}, flow)"
            raise BadSetting(f"tokens[{self.name!r}].refresh()", self.flow.use.obstacle, expected)
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
        with self.family.alone(), self.alone():
            ring.write(self.name, self.kept.to_text())
            self._is_written(True)
        return self

    def take_place_of(self, other: KeptToken) -> None:
        """Stand in the keyring where another one stood. Where it cannot be written, that is done before a refresh."""
        other.in_keyring = False
        self.in_keyring, self._is_unwritten, self._replaces = True, True, other.family.id
        with self.family.alone():
            self.store()

    def alone(self) -> contextlib.AbstractContextManager[object]:
        """Nobody else touches the entry of the keyring meanwhile."""
        return alone(self.name) if self.in_keyring else contextlib.nullcontext()

    def store(self) -> None:
        """Write it into the keyring if it is there already. What goes wrong there must not take the token away."""
        if not self.in_keyring:
            return
        try:
            ring.write(self.name, self.kept.to_text())
        except BadSetting as error:
            self._is_unwritten, self.problem = True, str(error)
        else:
            self._is_written(True)

    def bring(self) -> None:
        """Take the tokens of the keyring where another process has refreshed them; write those that are newer here."""
        if not self.in_keyring:
            return
        try:
            text = ring.read(self.name)
            found = from_text(text, f"the keyring's entry {self.name}") if text else None
        except (BadSetting, NotOurs) as error:
            self.problem = str(error)
            return
        if found is not None and self._is_of_family(found):
            self.family.take(found.tokens, found.generation)
            if found.generation < self.family.generation or self._is_unwritten:
                self.store()
        elif self._is_unwritten and (found is None or found.family == self._replaces):
            self.store()
        else:
            self._is_written(False)
            self.problem = f"the keyring has {'another grant' if found else 'nothing'} under this name by now"

    def _is_of_family(self, found: Kept) -> bool:
        return found.family == self.family.id or self.family.knows(found.tokens)

    def _is_written(self, there: bool) -> None:
        self.in_keyring, self._is_unwritten, self._replaces, self.problem = there, False, "", ""

    def row(self, selected: str | None) -> TokenRow:
        """What a list shows of it."""
        held, use = self.tokens, self.flow.use
        return TokenRow(
            name=self.name,
            is_selected=self.name == selected,
            kind=kind_of_token(held),
            scope=held.scope,
            expires_at_s=self.expires_at_s,
            now_s=self.flow.now_s(),
            has_refresh_token=held.refresh_token is not None,
            auto_refresh=self.auto_refresh,
            why_not_refreshed=self.why_not_refreshed,
            used_as=f"{use.token.replace('_', ' ')} in the {use.token_in}"
            + (f" behind {use.header_prefix!r}" if use.token_in == "header" else ""),
            kept_in="keyring and memory" if self.in_keyring else "memory",
            problem=self.problem,
            vault=self.flow.trace.vault,
        )
