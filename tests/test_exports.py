"""The public names are pinned: sorted, complete, importable, and cheap to reach."""

import subprocess
import sys
import types

import pytest

import mcp_oauth_nb

HEAVY = ("pandas", "nbformat", "ipywidgets", "mcp", "IPython")


def test_all_is_sorted_and_without_repeats():
    assert list(mcp_oauth_nb.__all__) == sorted(set(mcp_oauth_nb.__all__))


def test_all_is_what_the_package_holds():
    held = {
        name
        for name, value in vars(mcp_oauth_nb).items()
        if not name.startswith("_") and not isinstance(value, types.ModuleType) and name not in ("annotations", "Any")
    }
    assert held - set(mcp_oauth_nb._LAZY) == set(mcp_oauth_nb.__all__) - set(mcp_oauth_nb._LAZY)
    assert set(mcp_oauth_nb._LAZY) <= set(mcp_oauth_nb.__all__)
    assert set(dir(mcp_oauth_nb)) >= set(mcp_oauth_nb.__all__)


@pytest.mark.parametrize("name", mcp_oauth_nb.__all__)
def test_each_name_can_be_imported(name):
    assert getattr(mcp_oauth_nb, name) is not None


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        mcp_oauth_nb.nothing  # noqa: B018 - the access is the test


def test_importing_the_package_imports_nothing_heavy():
    code = f"import sys, mcp_oauth_nb; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
