"""The static side of the form and the panel: what a reader sees where the fields and buttons were."""

from __future__ import annotations

from collections.abc import Mapping

from mcp_oauth_nb.mime import Bundle
from mcp_oauth_nb.views.html import Html, badge, bundle, card, one_line, strong, table, tag, text, words


def form_bundle(title: str, line: str, filled: Mapping[str, str]) -> Bundle:
    """A title, what is to be known, and what was filled in: label and masked words."""
    rows = [(text(label), text(value)) for label, value in filled.items()]
    markup = card(tag("div", words(strong(title), text(line))), *([table(rows)] if rows else ()))
    told = [f"    {one_line(label)}: {one_line(value)}" for label, value in filled.items()]
    return bundle(markup, "\n".join((f"{title} {line}".strip(), *told)))


def blank_bundle() -> Bundle:
    """A place where something may be shown later."""
    return bundle(tag("div"), "(nothing is shown here)")


def words_markup(status: str, told: str) -> Html:
    """What came of a click, beside the buttons; the words may have several lines' length."""
    return tag("div", words(badge(status), text(told)) if status else text(told), style="line-height:1.5")
