"""The authorization request as something to click, or a user code to type, in a cell that is saved afterwards.

A link must hold its ``state`` to work, and a notebook that is shared must not. So the link is displayed through a
handle of its own, and once the redirect has been taken (or the flow has moved on) the saved output is replaced by the
masked report. Under a front end that was reloaded in between the update is lost; what then stays is the state of an
authorization that is over.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from mcp_oauth_nb import views
from mcp_oauth_nb.mime import render
from mcp_oauth_nb.rules.rule import Report


@dataclass(frozen=True, repr=False)
class AuthorizationLink(Report):
    """The report of the authorization request, together with the link to open.

    Attributes:
        url: the authorization URL, or the verification URI of a device; None when no person is asked. It holds
            ``state`` or the user code, so it is never in a repr.
        redirect_uri: where the browser comes back to.
        problem: why nothing listens there, so that the redirect must be pasted; empty where something does.
        user_code: what to type behind the link (RFC 8628 3.3); empty where the link leads to a login.
    """

    url: str | None = field(default=None, repr=False)
    redirect_uri: str = ""
    problem: str = ""
    user_code: str = field(default="", repr=False)
    _handles: list[Any] = field(default_factory=list, compare=False)

    def _ipython_display_(self) -> None:
        self.show()

    def show(self) -> None:
        """Display the report and, where a person is asked, the link. Displays itself as the last line of a cell."""
        from IPython.display import display  # noqa: PLC0415 - costs more than the package; a kernel has it already

        if self.url is None:
            display(dict(render(self)), raw=True)
            return
        view = views.LinkView(self, self.url, self.redirect_uri, self.problem, self.user_code)
        self._handles.append(display(dict(render(view)), raw=True, display_id=True))

    @property
    def is_shown(self) -> bool:
        """Whether the link itself stands in some cell right now."""
        return any(handle is not None for handle in self._handles)

    def close(self) -> None:
        """Replace the link by the masked report in every place where it is displayed."""
        while self._handles:
            handle = self._handles.pop()
            if handle is not None:
                handle.update(dict(render(self)), raw=True)
