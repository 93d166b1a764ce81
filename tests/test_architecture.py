"""The layers of the package, read from its imports: they run one way, and what is below knows nothing of the world."""

import ast
import importlib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import bohb

ROOT = Path(bohb.__file__).parent

LAYERS = [
    # Each unit is one file, one package, or a few files that are one thing. A unit imports from lower layers only;
    # within a unit files may import each other, without cycles.
    [{"bohb.errors"}, {"bohb.axes"}],
    [
        {"bohb.trials"},
        {"bohb.budgets"},
        {"bohb.sortedset"},
        {"bohb.space", "bohb.declared", "bohb.scales", "bohb.clauses"},
        {"bohb.density", "bohb.bandwidths"},
        {"bohb.process"},
    ],
    [{"bohb.schedules"}, {"bohb.models"}],
    [
        {
            "bohb.optimizer",
            "bohb.presets",
            "bohb.decision",
            "bohb.diagnostics",
            "bohb.events",
            "bohb.history",
            "bohb.outcomes",
            "bohb.planning",
            "bohb.selection",
        }
    ],
    [{"bohb.study"}, {"bohb.runner"}],
    [{"bohb.callbacks"}, {"bohb.integrations"}, {"bohb.report"}, {"bohb.cli", "bohb.__main__"}],
]
CORE = 3
"""Nothing up to this layer knows files, clocks, threads, processes or networks."""

WORLD = {
    *("os", "sys", "io", "pathlib", "shutil", "tempfile", "glob", "fileinput", "mmap", "fcntl", "stat", "ctypes"),
    *("time", "datetime", "calendar", "sched", "signal", "atexit", "platform", "getpass", "pwd", "uuid", "resource"),
    *("threading", "_thread", "queue", "asyncio", "multiprocessing", "concurrent", "subprocess", "contextvars", "gc"),
    *("socket", "socketserver", "ssl", "select", "selectors", "http", "urllib", "ftplib", "smtplib", "xmlrpc", "email"),
    *("sqlite3", "dbm", "csv", "configparser", "logging", "warnings", "random", "secrets", "weakref"),
}
HARMLESS = {
    # Names that touch nothing, from modules that otherwise do.
    ("bohb.budgets", "sys"): {"float_info"},
    ("bohb.outcomes", "os"): {"PathLike", "fsdecode"},
    ("bohb.optimizer", "secrets"): {"randbits"},  # a seed is drawn where none is given
}
HOMES = {
    "ConfigSpace": {"bohb.declared", "bohb.cli.short_spaces"},
    "scipy": {"bohb.density", "bohb.process", "bohb.declared", "bohb.models.hpbandster"},
    "statsmodels": {"bohb.bandwidths"},
}
"""Where the packages that the core needs may be imported; others have one home each, at layer 4 or 5."""

GENERATORS = {"Generator", "default_rng", "Philox", "PCG64", "SeedSequence", "BitGenerator"}
"""What may be taken from `numpy.random`: everything else there shares one hidden state."""


@dataclass(frozen=True)
class Import:
    """One import: of a module, at the top of the file or not, needed at run time or for annotations only."""

    module: str
    is_top: bool
    is_typing: bool


@cache
def files() -> dict[str, Path]:
    """Every module of the package by its dotted name."""
    found = {}
    for path in ROOT.rglob("*.py"):
        parts = path.relative_to(ROOT.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def tree(module: str) -> ast.Module:
    return ast.parse(files()[module].read_text(encoding="utf-8"))


def imports(module: str) -> list[Import]:
    return list(walk(module, tree(module), is_top=True, is_typing=False))


def walk(module: str, node: ast.AST, *, is_top: bool, is_typing: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        for name in names(module, child):
            yield Import(name, is_top, is_typing)
        inside = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        guard = isinstance(child, ast.If) and ast.unparse(child.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")
        yield from walk(module, child, is_top=is_top and not inside, is_typing=is_typing or guard)


def names(module: str, node: ast.AST) -> list[str]:
    """The modules that a statement imports; `from package import name` is the submodule if there is one."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if not isinstance(node, ast.ImportFrom):
        return []
    assert node.level == 0, f"expected absolute imports, got a relative one in {module}"
    full = [f"{node.module}.{alias.name}" for alias in node.names]
    return [name if name in files() else str(node.module) for name in full]


def unit(module: str) -> tuple[int, int]:
    """The (layer, place) of the unit that a module belongs to."""
    for layer, units in enumerate(LAYERS):
        for place, members in enumerate(units):
            if any(module == member or module.startswith(f"{member}.") for member in members):
                return layer, place
    raise AssertionError(f"expected every file in a layer, got {module}; put it into one above, or into its own")


def modules(*, up_to: int = len(LAYERS)) -> list[str]:
    """The modules but for the front door, which loads everything lazily."""
    return sorted(module for module in files() if module != "bohb" and unit(module)[0] <= up_to)


# --- imports run one way ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("module", modules())
def test_a_file_imports_from_lower_layers_only(module: str) -> None:
    """Annotations included: what a file names, it knows."""
    mine = unit(module)
    for each in imports(module):
        if each.module.split(".")[0] == "bohb":
            assert each.module != "bohb", f"{module} imports the front door; import the module itself"
            theirs = unit(each.module)
            assert theirs == mine or theirs[0] < mine[0], f"{module} imports {each.module}"


def test_there_is_no_cycle() -> None:
    graph = {
        module: {
            each.module
            for each in imports(module)
            if each.module in files() and each.is_top and not each.is_typing and each.module != module
        }
        for module in files()
    }
    try:
        list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(f"expected no cycle of imports, got {' -> '.join(error.args[1])}")


def test_the_front_door_imports_nothing_itself() -> None:
    assert not [each for each in imports("bohb") if each.module.startswith("bohb") and not each.is_typing]


# --- what is below knows nothing of the world -----------------------------------------------------------------------


@pytest.mark.parametrize("module", modules(up_to=CORE))
def test_the_core_knows_no_files_clocks_threads_processes_or_networks(module: str) -> None:
    for each in imports(module):
        root = each.module.split(".")[0]
        if root in WORLD:
            allowed = HARMLESS.get((module, root), set())
            assert used(module, root) <= allowed, f"{module} uses {sorted(used(module, root) - allowed)} of {root}"


def used(module: str, root: str) -> set[str]:
    """The attributes of an imported module that a file uses."""
    found = set()
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == root:
            found.add(node.attr)
        if isinstance(node, ast.ImportFrom) and str(node.module).split(".")[0] == root:
            found |= {alias.name for alias in node.names}
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name.split(".")[0] == root and alias.asname}
    return found


@pytest.mark.parametrize("module", modules(up_to=CORE))
def test_the_core_neither_opens_nor_prints_nor_asks(module: str) -> None:
    called = {
        node.func.id
        for node in ast.walk(tree(module))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert not called & {"open", "print", "input", "breakpoint"}


# --- third parties --------------------------------------------------------------------------------------------------


def third_parties(module: str) -> Iterator[tuple[str, Import]]:
    for each in imports(module):
        root = each.module.split(".")[0]
        if root not in sys.stdlib_module_names and root not in ("bohb", "numpy"):
            yield root, each


@pytest.mark.parametrize("module", sorted(files()))
def test_third_parties_load_on_first_use(module: str) -> None:
    """Numpy is the only one that is imported at the top of a file."""
    for _, each in third_parties(module):
        assert each.is_typing or not each.is_top, f"{module} imports {each.module} at once"


def test_every_third_party_has_its_home() -> None:
    users: dict[str, set[str]] = {}
    for module in modules():
        for root, each in third_parties(module):
            if not each.is_typing:
                users.setdefault(root, set()).add(module)
    for root, places in users.items():
        if root in HOMES:
            assert places <= HOMES[root], f"{root} is imported in {sorted(places - HOMES[root])}"
        else:
            assert len(places) == 1, f"{root} is imported in {sorted(places)}; give it one home"
            assert all(unit(place)[0] > CORE for place in places), f"the core needs {root}"


def loaded(code: str) -> set[str]:
    """The top-level packages that a fresh interpreter holds after some code."""
    script = f"import sys\n{code}\nprint(*sorted({{name.split('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


HEAVY = {"ConfigSpace", "scipy", "statsmodels", "pandas", "sklearn", "matplotlib", "torch", "tqdm"}


def test_importing_the_package_loads_nothing() -> None:
    assert not loaded("import bohb") & {*HEAVY, "numpy"}


def test_naming_everything_loads_nothing_heavy() -> None:
    """Only what is used is loaded; the control shows that it is seen."""
    assert not loaded("import bohb\nfor name in bohb.__all__: getattr(bohb, name)") & HEAVY
    assert "ConfigSpace" in loaded("import bohb\nbohb.Optimizer({'x': (0.0, 1.0)}, [1])")


# --- the front door -------------------------------------------------------------------------------------------------


def test_the_public_names_are_sorted_and_all_there() -> None:
    assert list(bohb.__all__) == sorted(set(bohb.__all__))
    for name in bohb.__all__:
        assert getattr(bohb, name) is not None
    assert set(bohb.__all__) <= set(dir(bohb))


def test_what_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Optimiser'"):
        _ = bohb.Optimiser


@pytest.mark.parametrize("module", sorted(files()))
def test_every_list_of_names_is_sorted_and_true(module: str) -> None:
    loaded_module = importlib.import_module(module)
    listed = list(getattr(loaded_module, "__all__", []))
    assert listed == sorted(set(listed))
    assert all(hasattr(loaded_module, name) for name in listed)


# --- what is nowhere to be found ------------------------------------------------------------------------------------


@pytest.mark.parametrize("module", sorted(files()))
def test_no_code_is_run_from_data(module: str) -> None:
    """No eval, exec or compile; no pickle, but between the runner and processes that it started, never from a file."""
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in ("eval", "exec", "compile", "__import__"), f"{node.func.id} in {module}"
    pickles = {"pickle", "cPickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"}
    for each in imports(module):
        if each.module.split(".")[0] in pickles and not each.is_typing:
            assert module.startswith("bohb.runner"), f"{module} imports {each.module}"
            assert not used(module, each.module) & {"load", "Unpickler"}, f"{module} reads pickles from a file"


@pytest.mark.parametrize("module", sorted(files()))
def test_no_exception_is_caught_unnamed(module: str) -> None:
    handlers = [node for node in ast.walk(tree(module)) if isinstance(node, ast.ExceptHandler)]
    assert all(handler.type is not None for handler in handlers)


@pytest.mark.parametrize("module", sorted(files()))
def test_there_is_no_global_random_state(module: str) -> None:
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) in ("np.random", "numpy.random"):
            assert node.attr in GENERATORS, f"np.random.{node.attr} in {module}"
        if isinstance(node, ast.ImportFrom) and node.module == "numpy.random":
            assert {alias.name for alias in node.names} <= GENERATORS


# --- the test can fail ----------------------------------------------------------------------------------------------


def test_the_reading_of_imports_sees_every_kind() -> None:
    source = ast.parse(
        "import os.path, json as j\n"
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    from ConfigSpace import Float\n"
        "try:\n    import torch\nexcept ImportError:\n    pass\n"
        "class A:\n    def f(self):\n        from bohb import errors\n"
    )
    assert list(walk("here", source, is_top=True, is_typing=False)) == [
        Import("os.path", is_top=True, is_typing=False),
        Import("json", is_top=True, is_typing=False),
        Import("typing", is_top=True, is_typing=False),
        Import("ConfigSpace", is_top=True, is_typing=True),
        Import("torch", is_top=True, is_typing=False),
        Import("bohb.errors", is_top=False, is_typing=False),
    ]
    assert unit("bohb.runner.loop") > unit("bohb.optimizer") > unit("bohb.models.paper") > unit("bohb.space")
    with pytest.raises(AssertionError, match="every file in a layer"):
        unit("bohb.utilities")
