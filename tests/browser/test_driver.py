"""The driver itself: what is missing fails, and never skips."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.browser.page import chromium
from tests.browser.server import lab
from tests.browser.waiting import until

pytestmark = pytest.mark.browser


def test_a_missing_browser_is_a_failure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(AssertionError, match="no browser"), chromium():
        pass


def test_a_missing_jupyterlab_is_a_failure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(AssertionError, match="JupyterLab ended with status 1"), lab(tmp_path):
        pass


def test_waiting_ends_and_says_for_what() -> None:
    with pytest.raises(AssertionError, match="until pigs fly\nlast seen: walking"):
        until(lambda: False, "pigs fly", timeout_s=0.1, more=lambda: "last seen: walking")
