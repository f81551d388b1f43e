"""The live authorization link above the report of its step: shown to the person who is asked to open it."""

from __future__ import annotations

from dataclasses import dataclass, field

from mcp_oauth_nb.mime import Bundle, Displayable, render
from mcp_oauth_nb.rules.rule import Report
from mcp_oauth_nb.views.html import bundle, link, markup_of, stack, strong, tag, text, words


@dataclass(frozen=True)
class LinkView(Displayable):
    """What to open, and where the browser will come back to."""

    report: Report
    url: str = field(repr=False)
    redirect_uri: str = ""
    problem: str = ""
    user_code: str = field(default="", repr=False)

    @property
    def task(self) -> str:
        """What the person is to do with the link."""
        if self.user_code:
            return "Open this link on any device, and see that it shows this code or type it there:"
        return "Open this link to log in and consent:"

    @property
    def hint(self) -> str:
        """What happens after the login."""
        if self.user_code:
            return "Then run token(): it asks the authorization server until you are done."
        if self.problem:
            where = f"nothing listens on {self.redirect_uri}: {self.problem}"
            return f"Then run callback(paste=True) and paste the address the browser ends on ({where})."
        return (
            f"Then run callback(): the notebook listens on {self.redirect_uri}. If the browser cannot reach it, "
            "run callback(paste=True) and paste the address it ends on."
        )


@render.register
def link_bundle(view: LinkView) -> Bundle:
    """The link with its state in it, the hint, and the step's report."""
    below = render(view.report)
    code = one_line(view.user_code)
    line = words(strong(view.task), strong(code), link(view.url)) if code else words(strong(view.task), link(view.url))
    markup = stack(tag("p", line), tag("p", text(view.hint)), markup_of(below))
    told = " ".join(filter(None, (view.task, code, view.url)))
    return bundle(markup, f"{told}\n{view.hint}\n{below['text/plain']}")


def one_line(code: str) -> str:
    """A server's user code, cut where no person would type on."""
    return " ".join(code.split())[:64]
