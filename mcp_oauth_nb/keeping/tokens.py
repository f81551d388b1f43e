"""`tokens`: the list of kept tokens of this process, in memory unless asked otherwise."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mcp_oauth_nb.arguments import brief
from mcp_oauth_nb.calling import Caller
from mcp_oauth_nb.errors import BadSetting, NotYet
from mcp_oauth_nb.evidence.files import put
from mcp_oauth_nb.keeping import ring
from mcp_oauth_nb.keeping.kept import Kept, from_text, kept_of
from mcp_oauth_nb.keeping.token import KeptToken
from mcp_oauth_nb.mime import Displayable, render
from mcp_oauth_nb.redact import looks_random
from mcp_oauth_nb.sealed import seal, unseal
from mcp_oauth_nb.views.frames import frame
from mcp_oauth_nb.views.kept_token import COLUMNS, Note, TokenTable
from mcp_oauth_nb.wire.auth import Bearing, TokenAuth
from mcp_oauth_nb.wire.overheard import Overheard

LONGEST_NAME = 64
LARGEST = 1 << 20
"""Bytes of a shared token."""
STILL_VALID = (
    "Deleting is not revoking: the server honours this token until it expires. Only the server can end it, which "
    "tokens.delete(name, revoke=True) would have asked for."
)
ENDED = "The server was asked to revoke it, and answered 200 (RFC 7009 2.2)."
SHARED = (
    "A file that was handed on cannot be called back, nor can a token that somebody has read from it. What ends the "
    "token is the server's doing: tokens.unshare(name, revoke=True). Without that it ends when it expires"
)


class TokenList(Displayable):
    """Tokens under names, one of them selected. Nothing of a token is ever shown.

    ``tokens`` is the one of this process: ``tokens.add("alice", dbg)``, ``httpx.Client(auth=tokens.auth)``.
    """

    def __init__(self) -> None:
        self._tokens: dict[str, KeptToken] = {}
        self._selected: str | None = None

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
        return TokenTable(tuple(one.row(self._selected) for one in self))

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

        From then on the list refreshes them: refresh them in the flow as well, and one of both holds a spent refresh
        token.

        Args:
            name: what you call it; a token of that name is replaced.
            flow: a `Debugger` or `OAuth2` that holds tokens, or the text of an access token (take ``getpass()``).
            **how: `use`, `header_prefix`, `token_in`, `auto_refresh`, as `KeptToken.change` takes them.

        Raises:
            BadSetting: the name cannot be one, or the token is bound to a key (DPoP), so that it is of no use alone.
            NotYet: the flow holds no token yet.
        """
        _check_name(name)
        kept = _kept(name, flow)
        token = KeptToken(kept)
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
        ended = token.flow.known.revoked is not None
        said = ENDED if ended else STILL_VALID
        if revoke and not ended:
            said, ended = _revoked(token)
        if revoke and not ended:
            return Note("warned", f"{name} is still on the list", said)
        if token.in_keyring:
            ring.remove(name)
        del self._tokens[name]
        if self._selected == name:
            self._selected = next(iter(self._tokens), None)
        return Note("passed" if ended else "warned", f"{name} is deleted here", said)

    # -- the keyring --------------------------------------------------------------------------------------------------

    def keep(self, name: str) -> KeptToken:
        """Put a token into the system's keyring as well, for the next session; so far it was in memory alone.

        Raises:
            BadSetting: there is no such token, or no keyring that works.
        """
        return self[name].keep()

    def recall(self, name: str | None = None) -> TokenList:
        """Read tokens back from the system's keyring: one, or all that were kept.

        Raises:
            BadSetting: nothing is kept under that name, or there is no keyring that works.
            NotOurs: what is there was not written by this package.
        """
        for one in ring.names() if name is None else (name,):
            text = ring.read(one) if isinstance(one, str) else None
            if text is None:
                raise BadSetting("tokens.recall(name)", brief(one), "one of " + (", ".join(ring.names()) or "none"))
            self._put(KeptToken(from_text(text, f"the keyring's entry {one}"), in_keyring=True))
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
        kept = self[name].kept
        sealed = seal((kept if with_refresh else kept.without_refresh).to_text(), passphrase)
        put(f"{sealed}\n".encode(), _file(path, "tokens.share(path)"))
        what = "with its refresh token and the client's credentials" if with_refresh else "without its refresh token"
        return Note("passed", f"{name} is shared, {what}", SHARED + _ends(self[name]))

    def take(self, path: str | Path, passphrase: str, *, name: str | None = None) -> KeptToken:
        """Take a token from a file that `share` wrote.

        Args:
            path: the file.
            passphrase: what it was shared with; take ``getpass()``.
            name: what you call it; None takes the name it was shared under.

        Raises:
            BadSetting: the file cannot be read, or the passphrase does not open it.
            NotOurs: the file holds something else.
        """
        if name is not None:
            _check_name(name)
        file = _file(path, "tokens.take(path)")
        kept = from_text(unseal(_read(file), passphrase), file.name)
        _check_name(kept.name if name is None else name)
        return self._put(KeptToken(kept if name is None else Kept(**{**vars(kept), "name": name})))

    def unshare(self, name: str, *, revoke: bool = False) -> Note:
        """Say what it takes to end a share; with `revoke` have the server end the token for everybody.

        Raises:
            BadSetting: there is no such token.
        """
        token = self[name]
        if not revoke:
            return Note("warned", f"{name} is still shared", SHARED + _ends(token))
        said, ended = _revoked(token)
        return Note(
            "passed" if ended else "warned", f"{name} is {'ended for everybody' if ended else 'still shared'}", said
        )

    # -- inside -------------------------------------------------------------------------------------------------------

    def _put(self, token: KeptToken) -> KeptToken:
        """The new one stands before the old one of that name is gone."""
        self._tokens[token.name] = token
        self._selected = self._selected or token.name
        return token


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


def _check_name(name: object) -> None:
    """A name is shown, and stands in the keyring in plain: it must not be a token by mistake."""
    expected = f"a name of up to {LONGEST_NAME} visible characters, such as 'alice'"
    if not isinstance(name, str):
        raise BadSetting("name", f"a {type(name).__name__}", expected)
    if not name.strip() or len(name) > LONGEST_NAME or not name.isprintable():
        raise BadSetting("name", f"{len(name)} characters", expected)
    if name == ring.NAMES or (len(name) >= 16 and looks_random(name)):
        raise BadSetting("name", "what looks like a secret" if name != ring.NAMES else "a reserved one", expected)


def _file(path: object, call: str) -> Path:
    if not isinstance(path, (str, Path)) or not str(path):
        raise BadSetting(call, brief(path), "the path of a file")
    return Path(path)


def _read(file: Path) -> str:
    try:
        if file.stat().st_size > LARGEST:
            raise BadSetting("tokens.take(path)", "a file too large for a token", "one that tokens.share(...) wrote")
        return file.read_text(encoding="ascii").strip()
    except (OSError, ValueError) as error:
        if isinstance(error, BadSetting):
            raise
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise BadSetting("tokens.take(path)", f"a file that cannot be read ({why})", "a shared token") from None


def _kept(name: str, flow: Caller | str) -> Kept:
    if isinstance(flow, str) and flow.strip() and flow.isprintable():
        return Kept(name, flow.strip())
    if not isinstance(flow, Caller):
        seen = "a text that is no token" if isinstance(flow, str) else f"a {type(flow).__name__}"
        raise BadSetting("tokens.add(name, flow)", seen, "a Debugger or OAuth2 that holds tokens, or a token")
    kept = kept_of(name, flow.known, flow.use.expiry_s)
    if kept is None:
        raise NotYet("access token", "dbg.run()")
    if kept.token_type.lower() == "dpop":
        raise BadSetting("tokens.add(name, flow)", "a token bound to the key of its flow (DPoP)", "a bearer token")
    return kept


def _revoked(token: KeptToken) -> tuple[str, bool]:
    """What came of revoking, in words, and whether the server has ended the token."""
    try:
        report = token.revoke()
    except NotYet as error:
        return f"It could not be revoked: {error}", False
    run = report.trace.run("revoke")
    if run is not None and run.achieved:
        return ENDED, True
    return f"The server did not revoke it: {run.stopped if run else 'it was not asked'}.", False


def _ends(token: KeptToken) -> str:
    left = token.expires_in_s
    return "; nobody said when that is." if left is None else f", in {max(0, left):,.0f} s."


tokens = TokenList()
"""The kept tokens of this process."""
