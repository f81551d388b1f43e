"""The shape of the house, read from its imports: floors, nevers, and what is made in one place only."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "mcp_oauth_nb"
NAME = PACKAGE.name

FLOORS = (
    ("mime", "errors", "fragments"),
    ("vault",),
    ("records", "telltale", "jose", "sealed", "working", "lines"),
    ("protocol", "redact"),
    ("steps", "rules", "wire"),
    ("facts", "audit", "peers"),
    ("views",),
    ("link", "arguments", "family"),
    ("evidence", "oauth2_arguments"),
    ("carrying", "holding"),
    ("stepping", "recording", "comparing", "oauth2_beginning"),
    ("looking", "using"),
    ("calling",),
    ("auditing", "branching"),
    ("varying",),
    ("debugger", "oauth2", "single"),
    ("keeping",),
    ("widgets", "commands", "practice", "replaying", "unattended"),
    ("forms",),
    ("__main__",),
    ("__init__",),
)
"""From the ground up. Those on one floor do not know each other; `demo` stands apart."""
FLOOR = {unit: number for number, units in enumerate(FLOORS) for unit in units}

ONLY_IN = {
    "httpx": ("wire/",),
    "httpcore": ("wire/",),
    "ipywidgets": ("widgets.py", "lines.py", "forms/"),
    "traitlets": ("widgets.py", "lines.py", "forms/"),
    "pandas": ("views/frames.py",),
    "nbformat": ("evidence/notebook.py",),
    "nbconvert": ("evidence/notebook.py",),
    "jsonschema": ("evidence/document.py",),
    "mcp": ("demo/",),
    "uvicorn": ("demo/",),
    "joserfc": ("jose.py", "sealed.py", "demo/"),
    "keyring": ("keeping/ring.py",),
}
LAZY = ("pandas", "nbformat", "nbconvert", "jsonschema")
"""Costly to import, so reached inside the function that needs them."""
PURE = ("steps", "rules", "protocol", "facts", "peers", "views")
IMPURE = {"time", "socket", "threading", "os", "secrets", "random", "asyncio", "subprocess", "ssl", "select"}
ATTICS = ("util", "utils", "helper", "helpers", "common", "misc", "shared", "base")

FILES = sorted(PACKAGE.rglob("*.py"))
OURS = [path for path in FILES if "demo" not in path.relative_to(PACKAGE).parts]
TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in FILES}


def relative(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def unit(path: Path) -> str:
    """The part of the house that a file belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path, *, top: bool = False) -> set[str]:
    """The modules that a file imports, anywhere in it or at its top only."""
    found = set()
    for node in ast.iter_child_nodes(TREES[path]) if top else ast.walk(TREES[path]):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            deeper = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name for name in deeper if module_file(name)} or {node.module}
    return found


def module_file(name: str) -> Path | None:
    """The file of a module of ours."""
    parts = name.split(".")
    if parts[0] != NAME or len(parts) == 1:
        return None
    place = PACKAGE.joinpath(*parts[1:])
    return next((path for path in (place.with_suffix(".py"), place / "__init__.py") if path.exists()), None)


def inner(path: Path) -> set[Path]:
    """The files of ours that a file imports."""
    return {found for name in imports(path) if (found := module_file(name))}


def called(path: Path, name: str) -> bool:
    """Whether a file calls a function by its bare name."""
    calls = (node.func for node in ast.walk(TREES[path]) if isinstance(node, ast.Call))
    return any(isinstance(function, ast.Name) and function.id == name for function in calls)


def imports_the_package(path: Path) -> bool:
    """Whether a file imports from the package's ``__init__``, which is above everything."""
    names = {alias.name for node in ast.walk(TREES[path]) if isinstance(node, ast.Import) for alias in node.names}
    froms = [node for node in ast.walk(TREES[path]) if isinstance(node, ast.ImportFrom) and node.module == NAME]
    return NAME in names or any(not module_file(f"{NAME}.{alias.name}") for node in froms for alias in node.names)


def test_every_part_of_the_house_has_a_floor():
    assert {unit(path) for path in OURS} <= FLOOR.keys()


@pytest.mark.parametrize("path", OURS, ids=relative)
def test_imports_point_down(path):
    for other in inner(path) - {path}:
        assert unit(other) in FLOOR, f"{relative(path)} imports {relative(other)}, which stands apart"
        inside = unit(other) == unit(path)
        assert inside or FLOOR[unit(other)] < FLOOR[unit(path)], f"{relative(path)} imports {relative(other)}"


def test_no_import_runs_in_a_circle():
    waiting = {path: inner(path) - {path} for path in OURS}
    while waiting:
        free = {path for path, needed in waiting.items() if not needed & waiting.keys()}
        assert free, f"a circle among {sorted(map(relative, waiting))}"
        waiting = {path: needed for path, needed in waiting.items() if path not in free}


def test_the_demo_knows_nothing_of_ours():
    for path in set(FILES) - set(OURS):
        assert {unit(other) for other in inner(path)} <= {"demo"}, relative(path)
        levels = {node.level for node in ast.walk(TREES[path]) if isinstance(node, ast.ImportFrom)}
        assert max(levels, default=0) < len(path.relative_to(PACKAGE).parts), (
            f"{relative(path)} reaches out of its folder"
        )


@pytest.mark.parametrize("module", ONLY_IN)
def test_a_library_is_known_in_one_place(module):
    users = [relative(path) for path in OURS if any(name.split(".")[0] == module for name in imports(path))]
    assert [user for user in users if not user.startswith(ONLY_IN[module])] == []


@pytest.mark.parametrize("path", OURS, ids=relative)
def test_costly_imports_are_inside_functions(path):
    assert {name.split(".")[0] for name in imports(path, top=True)}.isdisjoint(LAZY)


@pytest.mark.parametrize("path", [path for path in OURS if unit(path) in PURE], ids=relative)
def test_no_clock_socket_thread_or_entropy_outside_the_wire(path):
    assert {name.split(".")[0] for name in imports(path)}.isdisjoint(IMPURE)


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_nevers(path):
    names = {node.id for node in ast.walk(TREES[path]) if isinstance(node, ast.Name)}
    froms = [node for node in ast.walk(TREES[path]) if isinstance(node, ast.ImportFrom)]
    assert "TYPE_CHECKING" not in names
    assert not called(path, "print") or path.name == "__main__.py"
    assert not called(path, "input"), "what is typed there is saved in the notebook: getpass"
    assert not any(node.level for node in froms if unit(path) != "demo"), "relative import"
    assert path.stem not in ATTICS
    assert unit(path) == "__main__" or not imports_the_package(path)


@pytest.mark.parametrize(("name", "home"), [("Shown", "redact.py"), ("Html", "views/html.py")])
def test_what_must_be_safe_is_made_in_one_place(name, home):
    assert [relative(path) for path in OURS if called(path, name)] == [home]


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_every_file_says_what_it_is_for(path):
    assert ast.get_docstring(TREES[path])
