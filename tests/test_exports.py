"""The public names are pinned: sorted, complete, importable, and cheap to reach."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import mcp_oauth_nb
from mcp_oauth_nb import views

HEAVY = ("pandas", "nbformat", "ipywidgets", "mcp", "IPython")


def test_all_is_sorted_and_without_repeats():
    assert list(mcp_oauth_nb.__all__) == sorted(set(mcp_oauth_nb.__all__))


@pytest.mark.parametrize("package", [mcp_oauth_nb, views])
def test_the_stub_names_the_same_things_from_the_same_places(package):
    stub = ast.parse(Path(package.__file__).with_suffix(".pyi").read_text(encoding="utf-8"))
    told = {
        name.asname: node.module.removeprefix("mcp_oauth_nb.")
        for node in ast.walk(stub)
        if isinstance(node, ast.ImportFrom)
        for name in node.names
    }
    assert told == package._HOME
    assert sorted(told) == sorted(package.__all__)
    assert [name for name in package.__all__ if getattr(package, name, None) is None] == []


def test_every_public_name_is_offered_for_completion():
    assert set(dir(mcp_oauth_nb)) >= set(mcp_oauth_nb.__all__)


@pytest.mark.parametrize("name", mcp_oauth_nb.__all__)
def test_each_name_can_be_imported(name):
    assert getattr(mcp_oauth_nb, name) is not None


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        mcp_oauth_nb.nothing  # noqa: B018 - the access is the test


@pytest.mark.parametrize("what", ["import mcp_oauth_nb", "from mcp_oauth_nb import Client, Debugger, diagnose"])
def test_importing_the_package_imports_nothing_heavy(what):
    code = f"import sys; {what}; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_flow_that_nobody_looks_at_imports_no_display():
    told = "[name for name in sys.modules if '.views.' in name or '.peers' in name]"
    code = f"import sys; from mcp_oauth_nb import Debugger; print({told})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
