"""`tokens`: the list of kept tokens of this process, in memory unless asked otherwise."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from mcp_oauth_nb.arguments import brief
from mcp_oauth_nb.calling import Caller
from mcp_oauth_nb.errors import BadSetting, NotOurs, NotYet
from mcp_oauth_nb.evidence.files import put
from mcp_oauth_nb.family import Family, family_named, family_of
from mcp_oauth_nb.keeping import ring
from mcp_oauth_nb.keeping.ending import SHARED, STILL_VALID, ended, revoked_before, shared
from mcp_oauth_nb.keeping.flow import NO_MEANS, Means, means_of
from mcp_oauth_nb.keeping.given import check_name, file_of, read_shared
from mcp_oauth_nb.keeping.kept import Kept, from_text, kept_of
from mcp_oauth_nb.keeping.token import KeptToken
from mcp_oauth_nb.mime import Displayable, render
from mcp_oauth_nb.protocol.flow import need
from mcp_oauth_nb.sealed import seal, unseal
from mcp_oauth_nb.views.frames import frame
from mcp_oauth_nb.views.kept_token import COLUMNS, Note, TokenTable
from mcp_oauth_nb.wire.auth import Bearing, TokenAuth
from mcp_oauth_nb.wire.overheard import Overheard


class TokenList(Displayable):
    """Tokens under names, one of them selected. Nothing of a token is ever shown.

    ``tokens`` is the one of this process: ``tokens.add("alice", dbg)``, ``httpx.Client(auth=tokens.auth)``.
    """

    def __init__(self) -> None:
        self._tokens: dict[str, KeptToken] = {}
        self._selected: str | None = None
        self._taken: dict[str, Path] = {}
        self._not_recalled: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"<TokenList of {len(self)}>"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return dict(render(self.table))

    def __len__(self) -> int:
        return len(self._tokens)

    def __iter__(self) -> Iterator[KeptToken]:
        return iter(tuple(self._tokens.values()))

    def __contains__(self, name: object) -> bool:
        return name in self._tokens

    def __getitem__(self, name: str) -> KeptToken:
        if not isinstance(name, str) or name not in self._tokens:
            known = ", ".join(self._tokens) or "none is there yet: tokens.add(name, dbg)"
            raise BadSetting("tokens[name]", brief(name), f"one of {known}")
        return self._tokens[name]

    @property
    def selected(self) -> KeptToken | None:
        """The token that `auth` uses; None while there is none."""
        return self._tokens.get(self._selected) if self._selected else None

    @property
    def table(self) -> TokenTable:
        """What is shown of the tokens, as it stands at this moment."""
        return TokenTable(tuple(one.row(self._selected) for one in self), self._not_recalled)

    @property
    def frame(self) -> Any:
        """A pandas DataFrame with a row for each token."""
        return frame([one.row(self._selected).values for one in self], COLUMNS)

    @property
    def auth(self) -> TokenAuth:
        """For ``httpx.Client(auth=tokens.auth)``: sends whichever token is selected when a request goes out."""
        return TokenAuth(_Selected(self))

    def panel(self) -> Any:
        """The list with buttons: choose, look, refresh, revoke, delete, keep. Nothing of a token is in a widget."""
        # A door that opens upward, by name: the buttons need ipywidgets, and know this list.
        return importlib.import_module("mcp_oauth_nb.forms.panel").TokenPanel(self)

    # -- adding and choosing ----------------------------------------------------------------------------------------

    def add(self, name: str, flow: Caller | str, **how: Any) -> KeptToken:
        """Keep the tokens that a flow holds, under a name; the first one is selected.

        The list and the flow go on together: whichever refreshes the tokens, the other one takes the new ones. To add
        a flow again is no step back to its old ones.

        Args:
            name: what you call it; a token of that name is replaced, in the keyring too if it is there.
            flow: a `Debugger` or `OAuth2` that holds tokens, or the text of an access token (take ``getpass()``).
            **how: `use`, `header_prefix`, `token_in`, `auto_refresh`, as `KeptToken.change` takes them.

        Raises:
            BadSetting: the name cannot be one, or the token is bound to a key (DPoP), so that it is of no use alone.
            NotYet: the flow holds no token yet.
        """
        check_name(name)
        token = _token(name, flow)
        return self._put(token.change(**how) if how else token)

    def select(self, name: str) -> KeptToken:
        """Make this token the one that `auth` uses."""
        self._selected = self[name].name
        return self[name]

    def delete(self, name: str, *, revoke: bool = False) -> Note:
        """Take a token off the list and out of the keyring. That does not end it at the server; `revoke` does.

        Raises:
            BadSetting: there is no such token.
        """
        token = self[name]
        ending = revoked_before(token)
        if revoke and (ending is None or not ending.is_done):
            ending = ended(token)
        if revoke and ending is not None and not ending.is_done:
            return Note("warned", f"{name} is still on the list", ending.said)
        if token.in_keyring:
            ring.remove(name)
            token.in_keyring = False
        del self._tokens[name]
        if self._selected == name:
            self._selected = next(iter(self._tokens), None)
        said = STILL_VALID if ending is None or not ending.is_done else ending.said
        return Note("passed" if ending and ending.is_agreed else "warned", f"{name} is deleted here", said)

    # -- the keyring --------------------------------------------------------------------------------------------------

    def keep(self, name: str) -> KeptToken:
        """Put a token into the system's keyring as well, for the next session; so far it was in memory alone.

        Raises:
            BadSetting: there is no such token, or no keyring that works.
        """
        return self[name].keep()

    def recall(self, name: str | None = None) -> TokenList:
        """Read tokens back from the system's keyring: one, or all that were kept.

        What cannot be read of all is told in the list, and keeps none of the others away. A grant that is on the list
        already keeps its newest tokens.

        Raises:
            BadSetting: nothing is kept under that name, another grant is on the list under it, or there is no keyring
                that works.
            NotOurs: what is there was not written by this package.
        """
        self._not_recalled = ()
        if name is not None:
            self._recall(name)
            return self
        for one in ring.names():
            try:
                self._recall(one)
            except NotOurs as error:
                self._not_recalled += (f"{one} is not recalled: {error}",)
            except BadSetting as error:
                self._not_recalled += (f"{one} is not recalled: {error}",)
        return self

    # -- sharing ------------------------------------------------------------------------------------------------------

    def share(self, name: str, path: str | Path, passphrase: str, *, with_refresh: bool = False) -> Note:
        """Write a token to a file that only the passphrase opens, for `take` in a colleague's notebook.

        Args:
            name: of the token.
            path: where to; the file is for its owner alone.
            passphrase: at least 14 characters; take ``getpass()``, and tell it on another way than the file.
            with_refresh: give away the refresh token and the client's credentials as well. The colleague can then make
                new tokens, and where refresh tokens are replaced at every use, only one of you can.

        Raises:
            BadSetting: there is no such token, the passphrase is too short, or the file cannot be written.
        """
        token = self[name]
        kept = token.kept
        sealed = seal((kept if with_refresh else kept.without_refresh).to_text(), passphrase)
        put(f"{sealed}\n".encode(), file_of(path, "tokens.share(path)"))
        shared(token, with_refresh=with_refresh)
        what = "with its refresh token and the client's credentials" if with_refresh else "without its refresh token"
        return Note("passed", f"{name} is shared, {what}", SHARED + _ends(self[name]))

    def take(self, path: str | Path, passphrase: str, *, name: str | None = None) -> KeptToken:
        """Take a token from a file that `share` wrote.

        Args:
            path: the file.
            passphrase: what it was shared with; take ``getpass()``.
            name: what you call it; None takes the name it was shared under. No token of yours is replaced.

        Raises:
            BadSetting: the file cannot be read, the passphrase does not open it, or a token of yours has that name.
            NotOurs: the file holds something else.
        """
        if name is not None:
            check_name(name)
        file = file_of(path, "tokens.take(path)")
        kept = from_text(unseal(read_shared(file), passphrase), file.name)
        called = kept.name if name is None else name
        check_name(called)
        old, family = self._tokens.get(called), family_of(kept.tokens, kept.at)
        if old is not None and not old.family.knows(kept.tokens) and self._taken.get(called) != file.absolute():
            mend = "tokens.take(..., name='another'), or tokens.delete(name) first"
            raise BadSetting(
                "tokens.take(name)", "the name of a token that is on the list", "a name that is free", mend
            )
        # A file says nothing of families here: its grant is a new one, unless these very tokens are known.
        kept = replace(kept, name=called, family="", generation=0)
        token = self._put(KeptToken(kept, family=family, means=_means_of(family)))
        self._taken[called] = file.absolute()
        return token

    def unshare(self, name: str, *, revoke: bool = False) -> Note:
        """Say what it takes to end a share; with `revoke` ask the server to end the token for everybody.

        That also names the access tokens that were shared in this session and refreshed since.

        Raises:
            BadSetting: there is no such token.
        """
        token = self[name]
        if not revoke:
            return Note("warned", f"{name} is still shared", SHARED + _ends(token))
        ending = ended(token)
        if ending.is_agreed:
            return Note("passed", f"the server was asked to end {name}, and agreed", ending.said)
        return Note("warned", f"{name} may still be used by others", ending.said)

    # -- inside -------------------------------------------------------------------------------------------------------

    def _put(self, token: KeptToken) -> KeptToken:
        """The new one stands before the old one of that name is gone, and takes its place in the keyring."""
        old = self._tokens.get(token.name)
        self._tokens[token.name] = token
        if old is not None and old.in_keyring and not token.in_keyring:
            token.take_place_of(old)
        self._taken.pop(token.name, None)
        self._selected = self._selected or token.name
        return token

    def _recall(self, name: str) -> KeptToken:
        text = ring.read(name) if isinstance(name, str) else None
        if text is None:
            raise BadSetting("tokens.recall(name)", brief(name), "one of " + (", ".join(ring.names()) or "none"))
        kept, old = replace(from_text(text, f"the keyring's entry {name}"), name=name), self._tokens.get(name)
        family = family_of(kept.tokens, kept.at) or (family_named(kept.family) if kept.family else None)
        if old is not None and old.family is not family:
            seen = "a name under which another grant is on the list"
            raise BadSetting("tokens.recall(name)", seen, "one that is free", "tokens.delete(name) first.")
        if family is not None:
            family.take(kept.tokens, kept.generation)
        return self._put(KeptToken(kept, in_keyring=True, family=family, means=_means_of(family)))


class _Selected:
    """Hands on to the token that is selected when it is asked."""

    def __init__(self, tokens: TokenList) -> None:
        self._tokens = tokens

    def bearing(self) -> Bearing:
        return self._token().flow.use.bearing()

    def after_refusal(self, used: Bearing) -> Bearing | None:
        return self._token().flow.use.after_refusal(used)

    def heard(self, overheard: Overheard, used: Bearing) -> None:
        """Recorded with the token that was used, whichever is selected by now; with none that was deleted meanwhile."""
        for token in self._tokens:
            if token.flow.knows(used.token):
                token.flow.use.heard(overheard, used)
                return

    def _token(self) -> KeptToken:
        token = self._tokens.selected
        if token is None:
            raise NotYet("selected token", "tokens.add(name, dbg)")
        return token


def _token(name: str, flow: Caller | str) -> KeptToken:
    if isinstance(flow, str) and flow.strip() and flow.isprintable():
        return KeptToken(Kept(name, flow.strip()))
    if not isinstance(flow, Caller):
        seen = "a text that is no token" if isinstance(flow, str) else f"a {type(flow).__name__}"
        raise BadSetting("tokens.add(name, flow)", seen, "a Debugger or OAuth2 that holds tokens, or a token")
    with flow.lock:
        flow.catch_up()
        held = need(flow.tokens, "access token", "dbg.run()")
        if held.token_type.lower() == "dpop":
            seen = "a token bound to the key of its flow (DPoP)"
            raise BadSetting("tokens.add(name, flow)", seen, "a bearer token")
        kept = kept_of(name, flow.known, flow.lasting(held))
        if flow.family is None or not flow.family.knows(held):
            flow.family = family_of(held, kept.at) or Family(kept.tokens, at=kept.at)
        return KeptToken(kept, family=flow.family, means=means_of(flow))


def _means_of(family: Family | None) -> Means:
    """What another holder of the same grant has in memory."""
    holders = family.keepers if family is not None else ()
    return next((one.means for one in holders if isinstance(one, KeptToken)), NO_MEANS)


def _ends(token: KeptToken) -> str:
    left = token.expires_in_s
    return "; nobody said when that is." if left is None else f", in {max(0, left):,.0f} s."


tokens = TokenList()
"""The kept tokens of this process."""
