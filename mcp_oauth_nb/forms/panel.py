"""`TokenPanel`: the kept tokens with buttons. It decides nothing: every button is a call of `tokens` or `KeptToken`.

What is known of the tokens stands in a static table below the buttons, which is updated in place and saved; the buttons
are replaced by plain markup when the panel is closed. No part of a token is in either.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import ipywidgets
from IPython.display import display

from mcp_oauth_nb.errors import BadSetting
from mcp_oauth_nb.forms.countdown import EVERY_S, Countdown
from mcp_oauth_nb.forms.fields import FIELD
from mcp_oauth_nb.forms.filled import is_token_like
from mcp_oauth_nb.forms.inputs import choice
from mcp_oauth_nb.keeping.ending import STILL_VALID
from mcp_oauth_nb.keeping.token import KeptToken
from mcp_oauth_nb.keeping.tokens import TokenList
from mcp_oauth_nb.lines import Line, shown
from mcp_oauth_nb.mime import Bundle, render
from mcp_oauth_nb.redact import mask_text
from mcp_oauth_nb.using import NO_REFRESH
from mcp_oauth_nb.views.form import blank_bundle, form_bundle, words_markup
from mcp_oauth_nb.views.kept_token import NOTHING, Note
from mcp_oauth_nb.views.runner import moved_bundle
from mcp_oauth_nb.widgets import DETACHED, WIDGET
from mcp_oauth_nb.working import Job, Worker, said

TITLE = "Manage tokens"
RESTING = "Update view counts on."
AGAIN = "tokens.panel() shows the buttons again."


class TokenPanel:
    """Choose a kept token, look at it, refresh it, change how it is used, keep it in the keyring, delete or revoke it.

    Args:
        tokens: the list.
        every_s: seconds between two updates of the time that is left.
    """

    def __init__(self, tokens: TokenList, *, every_s: float = EVERY_S) -> None:
        self._tokens = tokens
        self._is_showing = False
        self._controls: Any = None
        self._table: Any = None
        self._details: Any = None
        self._table_shown: Bundle | None = None
        self._make_widgets()
        self._worker = Worker(self, "token panel")
        self._countdown = Countdown(lambda on: self._worker.do(partial(self._count, on)), every_s=every_s)

    def __repr__(self) -> str:
        return f"<TokenPanel of {len(self._tokens)}>"

    def _ipython_display_(self) -> None:
        self.show()

    # -- what a cell calls ----------------------------------------------------------------------------------------

    def show(self) -> None:
        """Display the panel in this cell, and leave plain markup in any cell that showed it before."""
        for handle in (self._controls, self._table, self._details):
            if handle is not None:
                handle.update(dict(moved_bundle()), raw=True)
        self._controls = self._table = self._details = None
        self._settle()
        self._controls = display(self._live(), raw=True, display_id=True)
        self._table_shown = render(self._tokens.table)
        self._table = display(dict(self._table_shown), raw=True, display_id=True)
        self._details = display(dict(blank_bundle()), raw=True, display_id=True)
        self._countdown.touch()

    def close(self) -> None:
        """Leave the table, without the buttons."""
        self._countdown.rest()
        self._update_table()
        if self._controls is not None:
            self._controls.update(dict(form_bundle(f"{TITLE}.", AGAIN, {})), raw=True)
        self._controls = None

    # -- widgets --------------------------------------------------------------------------------------------------

    def _make_widgets(self) -> None:
        self._chosen = ipywidgets.Dropdown(
            description="Available tokens",
            options=[],
            style={"description_width": "9em"},
            layout=ipywidgets.Layout(width="28em"),
        )
        self._left = ipywidgets.Label("")
        self._auto = ipywidgets.Checkbox(
            value=False, description="Auto-refresh access token", indent=False, layout=ipywidgets.Layout(width="auto")
        )
        self._why = ipywidgets.Label("")
        self._use, self._place = (choice(FIELD[name], None, lambda: None) for name in ("use", "token_in"))
        self._prefix = Line("Header prefix", "empty: the token alone", is_secret=is_token_like, changed=self._on_prefix)
        self._said = ipywidgets.HTML("")
        self._buttons = {
            "Refresh": self._button("Refresh", self._refresh, "primary"),
            "Details": self._button("Details", self._look),
            "Keep in keyring": self._button("Keep in keyring", self._keep),
            "Delete": self._button("Delete …", self._ask, "danger"),
        }
        self._asking = ipywidgets.VBox(
            [
                ipywidgets.HTML(words_markup("warned", STILL_VALID.partition(", which")[0] + ".")),
                ipywidgets.HBox(
                    [
                        self._button("Revoke and delete", partial(self._delete, revoke=True), "danger"),
                        self._button("Delete here only", partial(self._delete, revoke=False)),
                        self._button("Do not delete", self._settle),
                    ]
                ),
            ]
        )
        self._one = ipywidgets.VBox(
            [
                ipywidgets.HBox([self._auto, self._why]),
                self._use,
                self._place,
                self._prefix.widget,
                ipywidgets.HBox(list(self._buttons.values())),
                self._asking,
            ]
        )
        others = [self._button("Update view", self._settle), self._button("Close", self.close)]
        self._box = ipywidgets.VBox(
            [
                ipywidgets.HTML(words_markup("", f"{TITLE}. {DETACHED}")),
                ipywidgets.HBox([self._chosen, *others]),
                self._left,
                self._one,
                self._said,
            ]
        )
        self._chosen.observe(partial(self._changed, self._select), "value")
        self._auto.observe(partial(self._changed, self._set_auto), "value")
        self._use.observe(partial(self._changed, self._set_use), "value")
        self._place.observe(partial(self._changed, self._set_place), "value")

    def _button(self, description: str, job: Job, style: str = "") -> ipywidgets.Button:
        made = ipywidgets.Button(description=description, button_style=style, layout=ipywidgets.Layout(width="auto"))
        made.on_click(lambda _: self._submit(job))
        return made

    def _live(self) -> dict[str, Any]:
        view = {"version_major": 2, "version_minor": 0, "model_id": self._box.model_id}
        return {**form_bundle(f"{TITLE}.", "Run this cell for the buttons.", {}), WIDGET: view}

    # -- callbacks: they only hand over -----------------------------------------------------------------------------

    def _changed(self, job: Any, change: Any) -> None:
        """A person chose something; what the panel itself shows is no choice."""
        if not self._is_showing and change["new"] is not None:
            self._submit(partial(job, change["new"]))

    def _on_prefix(self) -> None:
        if not self._is_showing:
            self._submit(self._set_prefix)

    def _submit(self, job: Job) -> None:
        self._countdown.touch()
        self._worker.do(partial(said, job, self._failed))

    # -- jobs: in the worker thread ---------------------------------------------------------------------------------

    def _select(self, name: str) -> None:
        self._tokens.select(name)
        self._say("passed", f"tokens.auth sends {name} from now on.")
        self._settle()

    def _refresh(self) -> None:
        token = self._token()
        report = token.refresh()
        run = report.trace.run("refresh")
        if run is not None and run.achieved:
            self._say("passed", f"{token.name} is refreshed.")
        else:
            self._say("failed", f"{token.name} is not refreshed: {run.stopped if run else 'nothing was sent'}")
        self._details_are(render(report))
        self._settle()

    def _look(self) -> None:
        self._details_are(render(self._token().details))

    def _keep(self) -> None:
        token = self._token()
        token.keep()
        self._say("passed", f"{token.name} is in the keyring as well, and so is every new token of it.")
        self._settle()

    def _ask(self) -> None:
        shown(self._asking, True)

    def _delete(self, *, revoke: bool) -> None:
        note = self._tokens.delete(self._token().name, revoke=revoke)
        self._note(note)
        self._details_are(blank_bundle())
        self._settle()

    def _set_auto(self, on: bool) -> None:
        self._change(auto_refresh=on)

    def _set_use(self, use: str) -> None:
        self._change(use=use)

    def _set_place(self, place: str) -> None:
        self._change(token_in=place)

    def _set_prefix(self) -> None:
        if self._prefix.is_held:
            self._settle()
            raise BadSetting("header_prefix", "what looks like a secret", "a word such as 'Bearer'")
        self._change(header_prefix=self._prefix.value)

    def _change(self, **how: Any) -> None:
        token = self._token()
        try:
            token.change(**how)
            self._say("passed", f"{token.name}: {token.row(None).values['used as']}.")
        finally:
            self._settle()

    def _token(self) -> KeptToken:
        token = self._tokens.selected
        if token is None:
            raise BadSetting("tokens", "an empty list", "a token in it", "tokens.add('name', oauth)")
        return token

    # -- showing ----------------------------------------------------------------------------------------------------

    def _settle(self) -> None:
        """Show everything as it now stands."""
        token = self._tokens.selected
        self._is_showing = True
        try:
            names = [one.name for one in self._tokens]
            if list(self._chosen.options) != names:
                self._chosen.options = names
            self._chosen.value = token.name if token else None
            shown(self._asking, False)
            shown(self._one, token is not None)
            if token is not None:
                self._fill(token)
        finally:
            self._is_showing = False
        self._update_table()
        self._count(True)

    def _fill(self, token: KeptToken) -> None:
        use, can = token.flow.use, token.tokens.refresh_token is not None and not token.flow.use.obstacle
        self._auto.value, self._auto.disabled = token.auto_refresh, not can
        self._buttons["Refresh"].disabled = not can
        has_one = token.tokens.refresh_token is not None
        self._why.value = token.why_not_refreshed if has_one else f"not available: {NO_REFRESH}"
        self._use.value, self._use.disabled = use.token, token.tokens.id_token is None
        self._use.tooltip = "No ID token was issued: the scope openid asks for one" if self._use.disabled else ""
        self._place.value = use.token_in
        self._prefix.set(use.header_prefix)
        shown(self._prefix.widget, use.token_in == "header")
        self._buttons["Keep in keyring"].disabled = token.in_keyring

    def _count(self, on: bool) -> None:
        """Say how long the token still lives; `on` says that this goes on by itself."""
        token = self._tokens.selected
        told = NOTHING if token is None else f"{token.name}: access token expires {token.row(None).values['expires']}."
        self._left.value = told if on or token is None else f"{told} {RESTING}"

    def _update_table(self) -> None:
        made = render(self._tokens.table)
        if self._table is not None and made != self._table_shown:
            self._table_shown = made
            self._table.update(dict(made), raw=True)

    def _details_are(self, made: Bundle) -> None:
        if self._details is not None:
            self._details.update(dict(made), raw=True)

    def _note(self, note: Note) -> None:
        self._say(note.status, f"{note.title}. {note.said}")

    def _failed(self, told: str) -> None:
        self._say("failed", told)

    def _say(self, status: str, told: str) -> None:
        token = self._tokens.selected
        self._said.value = words_markup(status, mask_text(token.flow.trace.vault, told) if token else told)
