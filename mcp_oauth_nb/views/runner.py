"""The static side of the runner's controls: what a reader sees where the buttons were."""

from __future__ import annotations

from mcp_oauth_nb.mime import Bundle
from mcp_oauth_nb.rules.rule import Report
from mcp_oauth_nb.views.html import Html, bundle, button_link, card, quiet, stack, strong, tag, text, words
from mcp_oauth_nb.views.link import one_line
from mcp_oauth_nb.views.report import summary_html, summary_text


def controls_bundle(status: str) -> Bundle:
    """Beside the live controls: for front ends that show no widgets."""
    line = f"Controls: run this cell to use them. Flow {status}."
    return bundle(card(tag("p", text(line))), line)


def moved_bundle() -> Bundle:
    """In place of controls and steps that are shown by another cell by now."""
    line = "Shown again by a later cell."
    return bundle(card(quiet(line)), line)


def finished_bundle(status: str, report: Report) -> Bundle:
    """In place of the controls when the flow has ended."""
    line = f"Flow {status}. Save the notebook now. Run this cell again to start over; runner.show() goes on from here."
    return bundle(stack(card(strong(line)), summary_html(report)), f"{line}\n{summary_text(report)}")


def link_markup(url: str, problem: str, *, automatic: bool, code: str = "") -> Html:
    """The authorization link for the controls, which are never saved; with a user code, that and where to type it."""
    address = tag("div", quiet(url), style="word-break:break-all")
    if code:
        told = text("on any device, and see that it shows this code or type it there. The notebook goes on by itself.")
        first = words(button_link(url, "Open the page for the code"), strong(one_line(code)), told)
        return tag("div", tag("div", first), address, style="line-height:1.6;margin:6px 0")
    hints = ["The notebook goes on by itself when the browser comes back; or paste the address it ends on."]
    if problem:
        hints = [f"Nothing can listen for the redirect ({problem}): paste the address the browser ends on."]
    if automatic:
        hints.append("Continue goes on without a browser.")
    first = words(button_link(url, "Open the login page"), text(" ".join(hints)))
    return tag("div", tag("div", first), address, style="line-height:1.6;margin:6px 0")
