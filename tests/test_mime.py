"""The socket between records and views."""

import pytest

from mcp_oauth_nb.mime import Displayable, render


class Thing(Displayable):
    """Something to show."""


class Stranger(Displayable):
    """Something that no view knows."""


@render.register
def _(thing: Thing) -> dict[str, str]:
    return {"text/plain": "a thing", "text/html": "<b>a thing</b>"}


def test_a_displayable_shows_what_is_registered_for_its_type():
    assert Thing()._repr_mimebundle_() == {"text/plain": "a thing", "text/html": "<b>a thing</b>"}


def test_what_no_view_displays_says_so():
    with pytest.raises(TypeError, match="displays a Stranger"):
        Stranger()._repr_mimebundle_()
