"""`OAuth2Form`: a new token by filling in a form, for any grant of a plain OAuth 2.0 API.

The form decides nothing: which fields a grant has stands in `fields`, what was filled in becomes the arguments of an
`OAuth2`, whose own words say what cannot work, and a `FlowRunner` walks the flow in the outputs below the form. Those
outputs are placed while the cell runs, because what a thread displays later ends in whichever cell ran last.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import partial
from typing import Any

import ipywidgets
from IPython.display import display

from mcp_oauth_nb.errors import BadSetting, NotYet
from mcp_oauth_nb.evidence.save import save_script
from mcp_oauth_nb.forms.fields import DEFAULTS, FIELD, FIELDS
from mcp_oauth_nb.forms.filled import PLAIN, Filled, is_token_like
from mcp_oauth_nb.forms.sheet import Sheet
from mcp_oauth_nb.keeping.token import KeptToken
from mcp_oauth_nb.keeping.tokens import TokenList, tokens
from mcp_oauth_nb.lines import Line
from mcp_oauth_nb.mime import Bundle
from mcp_oauth_nb.oauth2 import OAuth2
from mcp_oauth_nb.redact import mask_text
from mcp_oauth_nb.vault import Vault
from mcp_oauth_nb.views.form import blank_bundle, form_bundle, words_markup
from mcp_oauth_nb.views.runner import moved_bundle
from mcp_oauth_nb.views.script import Script
from mcp_oauth_nb.widgets import DETACHED, WIDGET, FlowRunner
from mcp_oauth_nb.wire.learning import LearningVault
from mcp_oauth_nb.working import Worker, said

LONGEST_ROUTE = 6
"""Steps of the longest route that an `OAuth2` has; each has a place of its own below the form."""
TITLE = "Configure new token"
NAMED = "token"
"""What a token is called that was given no name."""
ARGUMENTS = frozenset(inspect.signature(OAuth2).parameters)


class OAuth2Form:
    """A form for a new token: fill it in, get the token, and use it under its name.

    Secrets are held in this process alone: not in the widgets, nor in what is saved, nor in `code`.

    Args:
        name: what the token will be called among the kept ones.
        keep_in: the list it is kept in; None takes `tokens`.
        **settings: everything that `OAuth2` takes, to begin with. What has no field, such as ``verify``, is passed on.

    Attributes:
        runner: the `FlowRunner` of the last flow; None before.

    Raises:
        BadSetting: `OAuth2` takes no such argument, or no such value for a field.
    """

    def __init__(self, name: str = "", *, keep_in: TokenList | None = None, **settings: Any) -> None:
        self._tokens = tokens if keep_in is None else keep_in
        self._more = _without_field(settings)
        self.runner: FlowRunner | None = None
        self._kept: KeptToken | None = None
        self._controls: Any = None
        self._places: list[Any] = []
        self._make_widgets(name, settings)
        self._worker = Worker(self, "token form")

    def __repr__(self) -> str:
        return f"<OAuth2Form {self.grant}>"

    def _ipython_display_(self) -> None:
        self.show()

    # -- what a cell calls ----------------------------------------------------------------------------------------

    def show(self) -> None:
        """Display the form in this cell, and leave plain markup in any cell that showed it before."""
        self._withdraw()
        self._controls = display(self._live(), raw=True, display_id=True)
        blank = dict(blank_bundle())
        self._places = [display(blank, raw=True, display_id=True) for _ in range(1 + LONGEST_ROUTE)]

    @property
    def grant(self) -> str:
        """The grant that is chosen, as `OAuth2` calls it."""
        return self._sheet.grant

    @property
    def settings(self) -> Filled:
        """What is filled in, for ``OAuth2(**form.settings)``; its repr shows no secret.

        Raises:
            BadSetting: a custom parameter cannot be one.
        """
        filled = self._sheet.values
        told = {name: value for name, value in filled.items() if value not in (None, "", [])}
        if filled.get("header_prefix") == "":
            told["header_prefix"] = ""
        return Filled({name: value for name, value in told.items() if not _is_usual(name, value)} | self._more)

    @property
    def code(self) -> Script:
        """The same as Python for a cell, with ``getpass()`` in the place of secrets; ``str(form.code)`` is the text."""
        return Script(self.settings.code, partial(save_script, Vault()))

    @property
    def oauth(self) -> OAuth2:
        """The flow behind the last click, for the cells below.

        Raises:
            NotYet: there was none.
        """
        if self.runner is None or not isinstance(self.runner.dbg, OAuth2):
            raise NotYet("flow", "form.get()")
        return self.runner.dbg

    @property
    def name(self) -> str:
        """What the token will be called."""
        return self._name.value or NAMED

    def get(self) -> None:
        """Get a new access token, as the button does; returns at once.

        The flow walks in the outputs below the form, so the form must be displayed.
        """
        self._submit(self._get)

    def use(self) -> KeptToken:
        """Keep the token that the flow got, under its name, and end the form.

        Raises:
            NotYet: there is no token yet.
            BadSetting: the name cannot be one.
        """
        self._kept = self._tokens.add(self.name, self.oauth)
        self._tokens.select(self.name)
        self._end(f"The token is kept: tokens[{self.name!r}]. Run this cell again for another one.")
        return self._kept

    # -- widgets --------------------------------------------------------------------------------------------------

    def _make_widgets(self, name: str, settings: Mapping[str, Any]) -> None:
        self._name = Line("Token name", NAMED, is_secret=is_token_like)
        self._name.set(name)
        self._sheet = Sheet(settings, self._arrange)
        made = self._sheet.widgets
        if "browser" in self._more:
            made["browser"].disabled = True
        self._advanced = ipywidgets.ToggleButton(value=False, description="Advanced options")
        self._advanced.observe(lambda _: self._arrange(), "value")
        self._stepwise = ipywidgets.Checkbox(
            value=False,
            description="Stop before every request",
            indent=False,
            layout=ipywidgets.Layout(width="auto"),
        )
        self._get_button = _button("Get new access token", self.get, "primary")
        self._use_button = _button("Use token", lambda: self._submit(self._use), "success")
        self._use_button.disabled = True
        self._said = ipywidgets.HTML("")
        row = ipywidgets.HBox(
            [
                self._get_button,
                self._stepwise,
                self._use_button,
                _button("Close", lambda: self._submit(partial(self._end, "Run this cell again to fill it in."))),
            ]
        )
        self._box = ipywidgets.VBox(
            [
                ipywidgets.HTML(words_markup("", f"{TITLE}. {DETACHED}")),
                self._name.widget,
                *(made[field.name] for field in FIELDS if not field.advanced),
                self._advanced,
                *(made[field.name] for field in FIELDS if field.advanced),
                row,
                self._said,
            ]
        )
        self._arrange()

    def _arrange(self) -> None:
        self._sheet.arrange(advanced=self._advanced.value)

    def _live(self) -> dict[str, Any]:
        view = {"version_major": 2, "version_minor": 0, "model_id": self._box.model_id}
        return {**self._static("Run this cell to fill it in."), WIDGET: view}

    # -- jobs: in the worker thread ---------------------------------------------------------------------------------

    def _submit(self, job: Any) -> None:
        self._worker.do(partial(said, job, self._failed))

    def _get(self) -> None:
        oauth = OAuth2(**self.settings)
        if not self._places:
            raise NotYet("form in a cell", "form.show()")
        self._use_button.disabled, self._kept = True, None
        if self.runner is not None:
            self.runner.leave()
        for place in self._places:
            place.update(dict(blank_bundle()), raw=True)
        self.runner = FlowRunner(oauth)
        self.runner.when_ended = partial(self._submit, self._settle)
        self.runner.show(self._places)
        if self._stepwise.value:
            self._say("running", "Continue sends the request that is shown below.")
        else:
            self._say("running", "The flow runs below.")
            self.runner.run_to_end()

    def _settle(self) -> None:
        """The flow has ended: there is a token, or the reason why there is none stands below."""
        if self.runner is None:
            return
        there = self.oauth.tokens is not None
        self._use_button.disabled = not there
        if there:
            self._say("passed", f"The token is here. Use token keeps it as {self.name!r}.")
        else:
            self._say(
                "failed", f"No token: {self.runner.status}. Why stands below; change what is wrong, and try again."
            )

    def _use(self) -> None:
        self.use()

    # -- showing ----------------------------------------------------------------------------------------------------

    def _failed(self, told: str) -> None:
        """An error names an argument; a person knows the field by its label."""
        name, colon, rest = told.partition(": ")
        self._say("failed", f"{_label(name)} ({name}): {rest}" if colon and name in FIELD else told)

    def _say(self, status: str, told: str) -> None:
        self._said.value = words_markup(status, mask_text(self._vault, told))

    @property
    def _vault(self) -> LearningVault:
        """Knows every secret that was typed here."""
        vault = LearningVault()
        for name, value in self._more.items():
            if isinstance(value, str) and name not in PLAIN:
                vault.learn(value, "form")
        if self._name.is_held:
            vault.learn(self._name.value, "form")
        for secret, kind in self._sheet.secrets:
            vault.learn(secret, kind)
        return vault

    def _static(self, line: str) -> Bundle:
        try:
            filled = self.settings.shown
        except BadSetting:
            filled = {}
        vault = self._vault
        named = {_label(name): mask_text(vault, _option(name, said)) for name, said in filled.items()}
        title = f"{TITLE}: {'(a token)' if is_token_like(self.name) else self.name}."
        return form_bundle(title, line, named)

    def _end(self, line: str) -> None:
        """Leave markup that stays readable without a kernel."""
        if self._controls is not None:
            self._controls.update(dict(self._static(line)), raw=True)
        self._controls = None

    def _withdraw(self) -> None:
        """Two cells cannot both stay up to date."""
        if self.runner is not None:
            self.runner.leave()
        for handle in (self._controls, *self._places):
            if handle is not None:
                handle.update(dict(moved_bundle()), raw=True)
        self._controls, self._places = None, []


def _button(description: str, job: Any, style: str = "") -> ipywidgets.Button:
    made = ipywidgets.Button(description=description, button_style=style, layout=ipywidgets.Layout(width="auto"))
    made.on_click(lambda _: job())
    return made


def _without_field(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that the form only passes on."""
    for name in settings:
        if name not in ARGUMENTS:
            raise BadSetting(f"OAuth2Form({name}=)", "an argument of no OAuth2", "one that OAuth2 takes")
    more = {name: value for name, value in settings.items() if name not in FIELD}
    return more | ({"browser": settings["browser"]} if callable(settings.get("browser")) else {})


def _label(name: str) -> str:
    return FIELD[name].label if name in FIELD else name


def _option(name: str, value: str) -> str:
    """What is chosen, in the words of the form."""
    named = {one: label for label, one in FIELD[name].options} if name in FIELD else {}
    return named.get(value, value)


def _is_usual(name: str, value: Any) -> bool:
    """Whether `OAuth2` takes the same without being told."""
    field = FIELD.get(name)
    first = field.options[0][1] if field is not None and field.kind == "choice" and name != "grant" else None
    return value in (first, False) or (name in DEFAULTS and value == DEFAULTS[name])
