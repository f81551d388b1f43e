"""The Binder environment, without building it: what repo2docker makes of it, and that it installs this package."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

REPOSITORY = Path(__file__).resolve().parents[1]
BINDER = REPOSITORY / "binder"
ASK = """
from repo2docker.app import Repo2Docker
app = Repo2Docker()
packs = (pack(app.base_image) for pack in app.buildpacks)
found = next(pack for pack in packs if pack.detect())
print(type(found).__name__, found.python_version, *found.get_post_build_scripts(), found.get_start_script())
"""
"""In a process of its own: repo2docker warns when it is imported."""


@pytest.fixture(scope="module")
def project() -> dict:
    return tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]


def test_repo2docker_takes_it_as_a_python_environment() -> None:
    asked = subprocess.run([sys.executable, "-c", ASK], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert asked.stdout.split() == ["PythonBuildPack", "3.11", "binder/postBuild", "None"]


def test_its_python_is_one_we_support(project: dict) -> None:
    name, _, version = (BINDER / "runtime.txt").read_text().strip().partition("-")
    assert name == "python"
    assert SpecifierSet(project["requires-python"]).contains(version)


def test_the_redirect_can_reach_the_kernel_through_the_proxy() -> None:
    lines = (BINDER / "requirements.txt").read_text().splitlines()
    assert "jupyter-server-proxy" in {Requirement(line).name for line in lines}


def test_post_build_can_run_and_installs_the_package_with_its_extras(project: dict) -> None:
    script = BINDER / "postBuild"
    assert os.access(script, os.X_OK)
    assert script.read_text().startswith("#!/bin/bash\n")
    subprocess.run(["bash", "-n", script], check=True)
    asked = re.search(r'pip install --no-cache-dir "\.\[([\w,]+)\]"', script.read_text())
    assert asked is not None
    assert set(asked[1].split(",")) <= set(project["optional-dependencies"])


def test_the_extras_that_it_installs_make_a_lab(project: dict) -> None:
    names = {Requirement(line).name for line in project["optional-dependencies"]["lab"]}
    assert {"jupyterlab", "ipykernel", "mcp-oauth-nb"} <= names
