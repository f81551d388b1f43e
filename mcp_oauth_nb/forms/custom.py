"""Custom parameters of a request: any number of rows of name, value and where it is sent."""

from __future__ import annotations

from collections.abc import Iterable

import ipywidgets

from mcp_oauth_nb.forms.fields import Field
from mcp_oauth_nb.forms.filled import is_secret_parameter
from mcp_oauth_nb.lines import LABEL, Changed, Line
from mcp_oauth_nb.protocol.parameters import Parameter, Place


class Row:
    """One parameter. Its value is held back where name, place or looks make it a secret."""

    def __init__(self, places: tuple[Place, ...], given: Parameter | None, changed: Changed, *, what: str) -> None:
        self._changed = changed
        self.name = ipywidgets.Text(
            value=given.name if given else "",
            placeholder=f"{what}: name",
            continuous_update=False,
            layout=ipywidgets.Layout(width="12em"),
        )
        self.place = ipywidgets.Dropdown(
            options=[(f"in the {one}", one) for one in places],
            value=given.send_in if given and given.send_in in places else places[0],
            layout=ipywidgets.Layout(width="9em"),
        )
        self.value = Line("", f"{what}: value", is_secret=self._is_secret, changed=changed, width="17em")
        if given:
            self.value.set(given.value)
        for widget in (self.name, self.place):
            widget.observe(lambda _: self._told(), "value")
        self.remove = ipywidgets.Button(
            description="Remove", tooltip=f"{what}: remove this parameter", layout=ipywidgets.Layout(width="6em")
        )
        self.widget = ipywidgets.HBox([self.name, self.value.widget, self.place, self.remove])

    @property
    def parameter(self) -> Parameter | None:
        """The parameter; None while the row is empty."""
        name = self.name.value.strip()
        return Parameter(name, self.value.value, self.place.value) if name or self.value.value else None

    def _is_secret(self, value: str) -> bool:
        return is_secret_parameter(self.name.value.strip(), value, self.place.value)

    def _told(self) -> None:
        self.value.look_again()
        self._changed()


class Custom:
    """The rows of one request, and the button for one more."""

    def __init__(self, field: Field, given: Iterable[Parameter], changed: Changed) -> None:
        self._field, self._changed = field, changed
        self._rows: list[Row] = []
        self._box = ipywidgets.VBox([])
        # Its box ends where the other labels end.
        title = ipywidgets.Label(
            field.label, layout=ipywidgets.Layout(width=LABEL, display="flex", justify_content="flex-end")
        )
        more = ipywidgets.Button(
            description="Add parameter",
            tooltip=f"Add a parameter to the {field.label.lower()}",
            layout=ipywidgets.Layout(width="auto"),
        )
        more.on_click(lambda _: self.add(None))
        side = ipywidgets.VBox([self._box, ipywidgets.HBox([more])])
        self.widget = ipywidgets.HBox([title, side])
        for one in given:
            self.add(one)

    def add(self, given: Parameter | None) -> None:
        """One more row."""
        row = Row(self._field.places, given, self._changed, what=self._field.label)
        row.remove.on_click(lambda _: self._remove(row))
        self._rows.append(row)
        self._show()

    @property
    def value(self) -> list[Parameter]:
        """The parameters in their order; empty rows are left out.

        Raises:
            BadSetting: a value without a name, or what no header can hold.
        """
        return [one for row in self._rows if (one := row.parameter) is not None]

    @property
    def secrets(self) -> list[str]:
        """The values that are held back."""
        return [row.value.value for row in self._rows if row.value.is_held]

    def _remove(self, row: Row) -> None:
        self._rows.remove(row)
        self._show()
        self._changed()

    def _show(self) -> None:
        self._box.children = [row.widget for row in self._rows]
