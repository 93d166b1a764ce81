"""The layers of the package, read from its imports: they run one way, and what is below knows nothing of the world."""

import ast
import importlib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from graphlib import CycleError, TopologicalSorter
from importlib.util import find_spec
from pathlib import Path

import pytest

import bohb

ROOT = Path(bohb.__file__).parent

LAYERS = [
    # Each unit is a package, or a file at the top. A unit imports from lower layers only.
    ["bohb.errors", "bohb.arrays", "bohb._rank_sum", "bohb._text", "bohb._json", "bohb._secrets"],
    ["bohb._checks", "bohb._html", "bohb._plain", "bohb._warning"],
    ["bohb.trials", "bohb.facts", "bohb.budgets", "bohb.objectives", "bohb.space"],
    ["bohb.surrogates", "bohb.record", "bohb._frame"],
    ["bohb.schedules", "bohb.importance"],
    ["bohb.models"],
    ["bohb.optimizer"],
    ["bohb.study"],
    ["bohb.runner", "bohb.exchange", "bohb.frames"],
    ["bohb.callbacks", "bohb.integrations", "bohb.plots"],
    ["bohb.reporting"],
    ["bohb.cli"],
    ["bohb.__main__", "bohb.testing"],
]
CORE = 6
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
    ("bohb.surrogates.threads", "threading"): {"RLock"},  # the limit on BLAS threads is one for the whole process
    ("bohb.surrogates.threads", "os"): {"register_at_fork"},  # a lock must not stay locked in a forked process
    ("bohb._warning", "sys"): {"_getframe"},  # which line is the user's
    ("bohb._warning", "warnings"): {"warn"},
    ("bohb._secrets", "urllib"): {"quote", "unquote"},  # they change texts only
    ("bohb.integrations.sklearn", "joblib"): {"effective_n_jobs"},
    ("bohb.optimizer.outcomes", "os"): {"PathLike", "fsdecode"},
    ("bohb.optimizer.optimizer", "secrets"): {"randbits"},  # a seed is drawn where none is given
}
HOMES = {
    "ConfigSpace": ["bohb.space", "bohb.integrations.carps", "bohb.integrations.ray_space"],  # as the hosts have it
    "scipy": ["bohb.space", "bohb.surrogates", "bohb.models.hpbandster"],
    "statsmodels": ["bohb.surrogates.bandwidths"],
    "threadpoolctl": ["bohb.surrogates.threads"],
    "horovod": ["bohb.runner.executors.horovod", "bohb.runner.ranks.horovod"],
    "torch": ["bohb.runner.executors.torchrun", "bohb.runner.ranks.torchrun"],
    "pytest": ["bohb.testing"],
    "pandas": ["bohb._frame"],
    "plotly": ["bohb.plots.theme"],
    "sklearn": ["bohb.importance.forest", "bohb.integrations.sklearn", "bohb.integrations.sklearn_fits"],
    "optuna": ["bohb.exchange.optuna", "bohb.exchange.optuna_import", "bohb.integrations.optuna"],
    "transformers": ["bohb.integrations.transformers", "bohb.integrations.transformers_callback"],
    "ray": ["bohb.runner.executors.ray", "bohb.integrations.ray_tune", "bohb.integrations.ray_space"],
}
"""The packages or files where a third party may be imported. Any other has one file, above the core."""

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
    """The modules that a node imports: by a statement, or by a string.

    `from package import name` is the submodule if there is one. A string counts if it is the dotted name of a module,
    as in `import_module("bohb.callbacks")`.
    """
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith("bohb."):
        return [node.value] if node.value in files() and node.value != module else []
    if not isinstance(node, ast.ImportFrom):
        return []
    assert node.level == 0, f"expected absolute imports, got a relative one in {module}"
    full = [f"{node.module}.{alias.name}" for alias in node.names]
    return [name if name in files() else str(node.module) for name in full]


def layer(module: str) -> int:
    """The layer of the unit that a module belongs to."""
    return next(number for number, units in enumerate(LAYERS) if unit(module) in units)


def unit(module: str) -> str:
    """The unit that a module belongs to: its package, or itself at the top."""
    found = ".".join(module.split(".")[:2])
    if not any(found in units for units in LAYERS):
        raise AssertionError(f"expected every file in a layer, got {module}; put it into one above, or into its own")
    return found


def modules(*, up_to: int = len(LAYERS)) -> list[str]:
    """The modules but for the front door, which loads everything lazily."""
    return sorted(module for module in files() if module != "bohb" and layer(module) <= up_to)


# --- imports run one way ---------------------------------------------------------------------------------------------


def test_a_file_imports_from_lower_layers_only() -> None:
    """Annotations included: what a file names, it knows."""
    wrong = []
    for module in modules():
        for each in imports(module):
            if each.module.split(".")[0] != "bohb":
                continue
            assert each.module != "bohb", f"{module} imports the front door; import the module itself"
            if unit(each.module) != unit(module) and layer(each.module) >= layer(module):
                wrong.append(f"{module} imports {each.module}")
    assert not wrong


def cycle_of(edges: dict[str, set[str]]) -> list[str]:
    """A cycle in a graph of imports, empty if there is none."""
    try:
        list(TopologicalSorter(edges).static_order())
    except CycleError as error:
        return list(error.args[1])
    return []


def edges(module: str) -> set[str]:
    """Every module that a file imports at run time, at the top, inside a function, or by a string."""
    return {
        each.module
        for each in imports(module)
        if each.module in files() and not each.is_typing and each.module != module
    }


def test_there_is_no_cycle_between_files() -> None:
    """Over all imports, those inside functions and by strings too. The front door is left out: it imports nothing."""
    found = cycle_of({module: edges(module) for module in modules()})
    assert not found, " -> ".join(found)


def test_there_is_no_cycle_between_packages() -> None:
    """Over all imports and annotations."""
    graph: dict[str, set[str]] = {}
    for module in modules():
        mine = unit(module)
        graph.setdefault(mine, set()).update(
            unit(each.module) for each in imports(module) if each.module in files() and unit(each.module) != mine
        )
    found = cycle_of(graph)
    assert not found, " -> ".join(found)


def test_the_front_door_imports_nothing_itself() -> None:
    statements = [node for node in tree("bohb").body if isinstance(node, ast.Import | ast.ImportFrom)]
    assert [name for node in statements for name in names("bohb", node)] == ["importlib", "typing", "typing"]


# --- what is below knows nothing of the world -----------------------------------------------------------------------


def test_the_core_knows_no_files_clocks_threads_processes_or_networks() -> None:
    for module in modules(up_to=CORE):
        for root in {each.module.split(".")[0] for each in imports(module)} & WORLD:
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


def calls(module: str) -> set[str]:
    """The plain names that a file calls."""
    found = (node.func for node in ast.walk(tree(module)) if isinstance(node, ast.Call))
    return {function.id for function in found if isinstance(function, ast.Name)}


def test_the_core_neither_opens_nor_prints_nor_asks() -> None:
    for module in modules(up_to=CORE):
        assert not calls(module) & {"open", "print", "input", "breakpoint"}, module


# --- third parties --------------------------------------------------------------------------------------------------


def third_parties(module: str) -> Iterator[tuple[str, Import]]:
    for each in imports(module):
        root = each.module.split(".")[0]
        if root not in sys.stdlib_module_names and root not in ("bohb", "numpy"):
            yield root, each


def test_third_parties_load_on_first_use() -> None:
    """Numpy is the only one that is imported at the top of a file, but for pytest in the tests for others.

    An adapter may need its host for its classes; nothing of ours imports one.
    """
    for module in files():
        for root, each in third_parties(module):
            if root == "pytest" or unit(module) == "bohb.integrations":
                continue
            assert each.is_typing or not each.is_top, f"{module} imports {each.module} at once"


def test_every_third_party_has_its_home() -> None:
    users: dict[str, set[str]] = {}
    for module in modules():
        for root, each in third_parties(module):
            if not each.is_typing:
                users.setdefault(root, set()).add(module)
    for root, found in users.items():
        if root in HOMES:
            strangers = [module for module in found if not any(is_within(module, home) for home in HOMES[root])]
            assert not strangers, f"{root} is imported in {strangers}"
        else:
            assert len(found) == 1, f"{root} is imported in {sorted(found)}; give it one home"
            assert all(layer(module) > CORE for module in found), f"the core needs {root}"


def is_within(module: str, home: str) -> bool:
    """Whether a module is a file or lies in a package."""
    return module == home or module.startswith(f"{home}.")


def loaded(code: str) -> set[str]:
    """The top-level packages that a fresh interpreter holds after some code."""
    script = f"import sys\n{code}\nprint(*sorted({{name.split('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


HEAVY = {"ConfigSpace", "scipy", "statsmodels", "pandas", "sklearn", "matplotlib", "torch", "rich", "plotly"}


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


def test_every_list_of_names_is_sorted_and_true() -> None:
    for module in files():
        hosts = {root for root, _ in third_parties(module)} if module.startswith("bohb.integrations.") else set()
        if any(find_spec(host) is None for host in hosts):
            continue  # an adapter whose host is not installed here
        loaded_module = importlib.import_module(module)
        listed = list(getattr(loaded_module, "__all__", []))
        assert listed == sorted(set(listed)), module
        assert all(hasattr(loaded_module, name) for name in listed), module


# --- what is nowhere to be found ------------------------------------------------------------------------------------


def test_no_code_is_run_from_data() -> None:
    """No eval, exec or compile; no pickle, but between the runner and processes that it started, never from a file."""
    pickles = {"pickle", "cPickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"}
    for module in files():
        assert not calls(module) & {"eval", "exec", "compile", "__import__"}, module
        for each in imports(module):
            if each.module.split(".")[0] in pickles and not each.is_typing:
                if used(module, each.module) <= HARMLESS.get((module, each.module), set()):
                    continue
                assert module.startswith("bohb.runner"), f"{module} imports {each.module}"
                assert not used(module, each.module) & {"load", "Unpickler"}, f"{module} reads pickles from a file"


def test_no_exception_is_caught_unnamed() -> None:
    for module in files():
        handlers = [node for node in ast.walk(tree(module)) if isinstance(node, ast.ExceptHandler)]
        assert all(handler.type is not None for handler in handlers), module


def test_there_is_no_global_random_state() -> None:
    for module in files():
        for node in ast.walk(tree(module)):
            if isinstance(node, ast.Attribute) and ast.unparse(node.value) in ("np.random", "numpy.random"):
                assert node.attr in GENERATORS, f"np.random.{node.attr} in {module}"
            if isinstance(node, ast.ImportFrom) and node.module == "numpy.random":
                assert {alias.name for alias in node.names} <= GENERATORS, module


def shared_names(trees: dict[str, ast.Module]) -> dict[str, list[str]]:
    """The public classes of one name in several files, and the constants of one name with several values."""
    classes: dict[str, list[str]] = {}
    constants: dict[str, set[str]] = {}
    for module, parsed in trees.items():
        for node in parsed.body:
            target = node.targets[0] if isinstance(node, ast.Assign) else None
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                classes.setdefault(node.name, []).append(module)
            if isinstance(target, ast.Name) and target.id.isupper() and target.id not in ("T", "_HOMES", "_HOME_OF"):
                constants.setdefault(target.id.lstrip("_"), set()).add(ast.unparse(node.value))
    named = [*classes.items(), *((name, sorted(values)) for name, values in constants.items())]
    return {name: found for name, found in named if len(found) > 1}


def test_a_name_means_one_thing() -> None:
    """A reader who meets the name of a class or of a constant finds one definition; each host has its own callback."""
    assert not shared_names({module: tree(module) for module in files()}).keys() - {"BOHBCallback"}


# --- the test can fail ----------------------------------------------------------------------------------------------


def test_the_reading_of_imports_sees_every_kind() -> None:
    source = ast.parse(
        "import os.path, json as j\n"
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    from ConfigSpace import Float\n"
        "try:\n    import torch\nexcept ImportError:\n    pass\n"
        "class A:\n    def f(self):\n        from bohb import errors\n"
        "        return import_module('bohb.callbacks')\n"
    )
    assert list(walk("here", source, is_top=True, is_typing=False)) == [
        Import("os.path", is_top=True, is_typing=False),
        Import("json", is_top=True, is_typing=False),
        Import("typing", is_top=True, is_typing=False),
        Import("ConfigSpace", is_top=True, is_typing=True),
        Import("torch", is_top=True, is_typing=False),
        Import("bohb.errors", is_top=False, is_typing=False),
        Import("bohb.callbacks", is_top=False, is_typing=False),
    ]
    assert layer("bohb.runner.loop") > layer("bohb.optimizer") > layer("bohb.models.paper") > layer("bohb.space")
    with pytest.raises(AssertionError, match="every file in a layer"):
        unit("bohb.utilities")


def test_a_name_of_two_things_is_found() -> None:
    one, other = ast.parse("class Job: pass\nLIMIT = 1"), ast.parse("class Job: pass\nLIMIT = 2")
    assert shared_names({"a": one, "b": other}) == {"Job": ["a", "b"], "LIMIT": ["1", "2"]}
    assert not shared_names({"a": one, "b": ast.parse("class Trial: pass\nLIMIT = 1")})


def test_a_cycle_is_found() -> None:
    assert cycle_of({"a": {"b"}, "b": {"c"}, "c": {"a"}})
    assert not cycle_of({"a": {"b"}, "b": {"c"}})
