"""Fields to type in that keep no secret: what a widget holds can be saved into the notebook's file.

JupyterLab can save the state of widgets, and a test runner does by default. So a secret is taken out of its field as
soon as it has arrived, is held here alone, and the field says how long it is. It arrives when the field is left, in one
piece, and is not echoed to other front ends.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ipywidgets
import traitlets

WIDTH, LABEL = "46em", "12.5em"
EMPTY = "\u200b"
"""As an empty placeholder ipywidgets takes a blank of no width, which keeps the line in its place."""

Changed = Callable[[], None]


class Open(ipywidgets.Text):  # type: ignore[misc]
    """A line of text that is not sent back to the front ends when it arrives."""

    value = traitlets.Unicode("").tag(sync=True, echo_update=False)


class Covered(ipywidgets.Password):  # type: ignore[misc]
    """The same for a secret, which is not seen while it is typed."""

    value = traitlets.Unicode("").tag(sync=True, echo_update=False)


def set_of(secret: str) -> str:
    """A secret as a field shows it."""
    return f"set, {len(secret):,} characters"


def style() -> dict[str, str]:
    """Labels of one width, so that the fields stand below each other."""
    return {"description_width": LABEL}


def shown(widget: ipywidgets.DOMWidget, is_shown: bool) -> None:
    """Show a widget, or take it out of the page."""
    widget.layout.display = "" if is_shown else "none"


class Line:
    """One line to type in. A secret is held here, and not in the widget.

    Args:
        label: what stands beside it; empty for none.
        hint: what stands in it while it is empty.
        is_secret: whether a text is one.
        covered: it always is.
        changed: called when there is another text.
        width: of the field with its label.
    """

    def __init__(
        self,
        label: str,
        hint: str = "",
        *,
        is_secret: Callable[[str], bool],
        covered: bool = False,
        changed: Changed = lambda: None,
        width: str = WIDTH,
    ) -> None:
        kind = Covered if covered else Open
        self._hint, self._is_secret, self._changed, self._held = hint or EMPTY, is_secret, changed, ""
        options = {"style": style()} if label else {}
        self.field = kind(
            description=label,
            placeholder=self._hint,
            continuous_update=False,
            layout=ipywidgets.Layout(width=width),
            **options,
        )
        self.field.observe(self._arrived, "value")
        self._forget = ipywidgets.Button(
            description="Forget",
            tooltip=f"Forget what was typed: {label or hint}",
            layout=ipywidgets.Layout(width="5em"),
        )
        self._forget.on_click(lambda _: self.set(""))
        shown(self._forget, False)
        self.widget = ipywidgets.HBox([self.field, self._forget])

    @property
    def value(self) -> str:
        """What was typed, without blanks around it; a secret as it is."""
        return self._held or self.field.value.strip()

    @property
    def is_held(self) -> bool:
        """Whether it is a secret that the widget does not hold."""
        return bool(self._held)

    def set(self, text: str) -> None:
        """Fill it in, or empty it."""
        if text and self._is_secret(text):
            self._hold(text)
        else:
            self._hold("")
            self.field.value = text
        self._changed()

    def look_again(self) -> None:
        """Whether it is a secret may depend on other fields: take it out if it is one by now."""
        if not self._held and self._is_secret(self.field.value):
            self._hold(self.field.value)

    def _arrived(self, change: Any) -> None:
        text = change["new"]
        if not text and self._held:
            return  # it was taken out here
        self._hold(text if text and self._is_secret(text) else "")
        self._changed()

    def _hold(self, secret: str) -> None:
        self._held = secret
        self.field.placeholder = set_of(secret) if secret else self._hint
        shown(self._forget, bool(secret))
        if secret:
            self.field.value = ""
