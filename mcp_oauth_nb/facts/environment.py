"""What this side brings along: listener, proxy, certificates and versions, as the trace's settings have them."""

from __future__ import annotations

from mcp_oauth_nb.facts.table import FLOW, Cell, Mark, Table, derived, worst
from mcp_oauth_nb.rules.rule import Case

COLUMNS = ("what", "is")
SHOWN = (
    "redirect_uri",
    "listener",
    "redirect host",
    "proxy",
    "no proxy for",
    "certificates",
    "protocol",
    "protocol told",
    "package",
    "python",
    "system",
)
"""The settings that tell of the environment, in the order shown."""


@derived("environment", steps=(FLOW,))
def _(case: Case) -> Table | None:
    """One row per setting; of what is unusual here, and explains failures there, the mark tells."""
    settings = case.trace.settings
    if "listener" not in settings:
        return None
    made = tuple((Cell(name), Cell(settings[name], _mark(name, settings[name]))) for name in SHOWN if name in settings)
    told = (
        f"listener {settings['listener']}",
        f"proxy {settings['proxy']}" if "proxy" in settings else "no proxy",
        f"certificates {settings.get('certificates', 'not known')}",
        f"Python {settings.get('python', 'not known')}",
    )
    return Table(f"Environment: {', '.join(told)}", COLUMNS, made, mark=worst(row[1].mark for row in made))


def _mark(name: str, value: str) -> Mark:
    unusual = {"listener": value.startswith("none"), "certificates": value.startswith("off")}
    return "warn" if unusual.get(name) else ""
