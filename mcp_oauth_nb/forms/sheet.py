"""`Sheet`: the fields of the form as widgets, which of them are in sight, and what was filled in.

Texts and secrets are held by `Line` and `Custom`, in this process alone; the widgets hold choices and flags.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import ipywidgets

from mcp_oauth_nb.arguments import brief
from mcp_oauth_nb.errors import BadSetting
from mcp_oauth_nb.forms.custom import Custom
from mcp_oauth_nb.forms.fields import DEFAULTS, FIELDS, Field, is_needed, suits
from mcp_oauth_nb.forms.filled import holds_secret
from mcp_oauth_nb.forms.inputs import choice, flag
from mcp_oauth_nb.lines import Line, shown
from mcp_oauth_nb.protocol.parameters import read_parameters


class Sheet:
    """The fields, filled in.

    Args:
        settings: what to begin with, by the name of the field.
        changed: called when a choice was made, which may put other fields in sight.

    Attributes:
        widgets: the widget of each field, by name.
        lines, choices, custom: what holds the texts, the choices and flags, and the custom parameters, by name.

    Raises:
        BadSetting: a field takes no such value.
    """

    def __init__(self, settings: Mapping[str, Any], changed: Callable[[], None]) -> None:
        self._changed = changed
        self.lines: dict[str, Line] = {}
        self.choices: dict[str, Any] = {}
        self.custom: dict[str, Custom] = {}
        made = {field.name: self._widget(field, settings.get(field.name)) for field in FIELDS}
        self.widgets: Mapping[str, ipywidgets.DOMWidget] = made

    @property
    def grant(self) -> str:
        """The grant that is chosen, as `OAuth2` calls it."""
        return str(self.choices["grant"].value)

    @property
    def values(self) -> dict[str, Any]:
        """What is filled in, of the fields that the grant has; None for nothing.

        Raises:
            BadSetting: a custom parameter cannot be one.
        """
        return {field.name: self._value(field) for field in FIELDS if suits(field.name, self.grant)}

    @property
    def secrets(self) -> Iterator[tuple[str, str]]:
        """Every secret that was typed, and of what kind it is."""
        for line in self.lines.values():
            if line.is_held:
                yield line.value, "form"
        for custom in self.custom.values():
            for secret in custom.secrets:
                yield secret, "parameter"

    def arrange(self, *, advanced: bool) -> None:
        """Show the fields that the grant has, and mark those it cannot do without."""
        for field in FIELDS:
            in_sight = advanced or not field.advanced
            shown(self.widgets[field.name], in_sight and suits(field.name, self.grant))
            if field.name in self.lines:
                needed = is_needed(field.name, self.grant)
                self.lines[field.name].field.description = f"{field.label} *" if needed else field.label

    def _widget(self, field: Field, given: Any) -> ipywidgets.DOMWidget:
        if field.kind == "choice":
            if given is not None and all(given != value for _, value in field.options):
                raise BadSetting(field.name, brief(given), "one of " + ", ".join(str(one) for _, one in field.options))
            self.choices[field.name] = choice(field, given, self._changed)
            return self.choices[field.name]
        if field.kind == "flag":
            self.choices[field.name] = flag(field, _is_on(field.name, given), self._changed)
            return self.choices[field.name]
        if field.kind == "parameters":
            rows = read_parameters(field.name, given, field.places[0])
            self.custom[field.name] = Custom(field, rows, lambda: None)
            return self.custom[field.name].widget
        return self._line(field, given)

    def _line(self, field: Field, given: Any) -> ipywidgets.DOMWidget:
        covered = field.kind == "secret"
        is_secret = bool if covered else holds_secret
        line = self.lines[field.name] = Line(field.label, field.hint, is_secret=is_secret, covered=covered)
        text = " ".join(given) if field.kind == "words" and isinstance(given, (list, tuple)) else given
        if text is None:
            text = DEFAULTS.get(field.name, "")
        if not isinstance(text, str):
            raise BadSetting(field.name, f"a {type(text).__name__}", "text")
        line.set(text)
        return line.widget

    def _value(self, field: Field) -> Any:
        """What is filled in, as `OAuth2` takes it; None for nothing."""
        if field.kind == "parameters":
            return self.custom[field.name].value
        if field.name == "browser":
            return None if self.choices["browser"].value else "follow"
        if field.kind in ("choice", "flag"):
            return self.choices[field.name].value or None
        text = self.lines[field.name].value
        if field.kind == "words":
            several = text.split()
            return several if len(several) > 1 else text
        return text


def _is_on(name: str, given: Any) -> bool:
    if name != "browser":
        return bool(given)
    if given is not None and given != "follow" and not callable(given):
        raise BadSetting("browser", brief(given), "None, 'follow', or a function of the authorization URL")
    return given is None
