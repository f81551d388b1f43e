"""Fields to choose from, from the rows of the table."""

from __future__ import annotations

from typing import Any

import ipywidgets

from mcp_oauth_nb.forms.fields import Field
from mcp_oauth_nb.lines import LABEL, WIDTH, Changed, style


def choice(field: Field, chosen: Any, changed: Changed) -> ipywidgets.Dropdown:
    """One of some."""
    made = ipywidgets.Dropdown(
        description=field.label,
        options=field.options,
        value=chosen if any(chosen == value for _, value in field.options) else field.options[0][1],
        style=style(),
        layout=ipywidgets.Layout(width=WIDTH),
    )
    made.observe(lambda _: changed(), "value")
    return made


def flag(field: Field, on: bool, changed: Changed) -> ipywidgets.Checkbox:
    """Yes or no."""
    made = ipywidgets.Checkbox(
        description=field.label,
        tooltip=field.hint,
        value=on,
        style={"description_width": "initial"},
        layout=ipywidgets.Layout(width="auto", margin=f"2px 2px 2px {LABEL}"),
    )
    made.observe(lambda _: changed(), "value")
    return made
