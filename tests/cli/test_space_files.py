"""How a space is read from a file: every form, every trap, and nothing executed that is data."""

import subprocess
import sys

import ConfigSpace
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bohb.cli import plain_yaml
from bohb.cli.space_files import read_space
from bohb.errors import BohbError, SettingError, SpaceError
from bohb.space import Space
from tests.cli.shell import environment

SHORT = """
# a comment
lr: {range: [1e-5, 1e-1], log: true}
units: {range: [16, 512], log: true, default: 32}
optimizer: [sgd, adam, no]
activation: {choices: [relu, tanh], weights: [3, 1]}
depth: {ordered: [1, 2, 4, 8]}
batch: 128
momentum: {range: [0.0, 0.99], when: {optimizer: sgd}}
nesterov: {choices: [true, false], when: {optimizer: [sgd, no], depth: 8}}
forbid:
  - {optimizer: adam, depth: 8}
  - {batch: 128, units: [17, 18]}
"""


def write(folder, text, name="space.yaml"):
    (folder / name).write_text(text)
    return str(folder / name)


def test_the_short_form_means_what_it_says(tmp_path):
    space = read_space(write(tmp_path, SHORT))
    lr, units = space["lr"], space["units"]
    assert isinstance(lr, ConfigSpace.UniformFloatHyperparameter)
    assert (lr.lower, lr.upper, lr.log) == (1e-5, 1e-1, True)
    assert isinstance(units, ConfigSpace.UniformIntegerHyperparameter)
    assert (units.lower, units.upper, units.log, units.default_value) == (16, 512, True, 32)
    assert list(space["optimizer"].choices) == ["sgd", "adam", "no"]  # not False
    assert space["activation"].probabilities == pytest.approx([0.75, 0.25])
    assert list(space["depth"].sequence) == [1, 2, 4, 8]
    assert space["batch"].value == 128
    assert list(space["nesterov"].choices) == [True, False]
    assert len(space.conditions) == 2
    assert len(space.forbidden_clauses) == 2
    inner = Space(space)
    inner.encode({"lr": 1e-3, "units": 32, "optimizer": "adam", "activation": "relu", "depth": 1, "batch": 128})
    with pytest.raises(BohbError, match="momentum"):
        inner.encode({"lr": 1e-3, "units": 32, "optimizer": "sgd", "activation": "relu", "depth": 1, "batch": 128})
    with pytest.raises(BohbError, match="allowed"):
        inner.encode({"lr": 1e-3, "units": 32, "optimizer": "adam", "activation": "relu", "depth": 8, "batch": 128})


@given(st.integers(0, 2**40))
def test_integers_of_yaml_are_numbers_in_every_base(number):
    """As in YAML 1.2; what only other versions know stays a text."""
    text = f"[{number}, 0{number}, {number:#x}, {number:#X}, 0x{number:X}, {number:#o}, +{number}, -{number}]"
    assert plain_yaml.read(text, "") == [number] * 3 + [f"{number:#X}"] + 3 * [number] + [-number]
    assert plain_yaml.read("[1_000, 12:30, 0b11, 0o9, .Infinity]", "") == ["1_000", "12:30", "0b11", "0o9", ".Infinity"]


@pytest.mark.parametrize(("text", "ending"), [('{"a": [1, 2]}', "json"), ("a: [1, 2]", "yaml")])
def test_a_mark_of_the_byte_order_is_no_text(tmp_path, text, ending):
    path = tmp_path / f"space.{ending}"
    path.write_text(text, encoding="utf-8-sig")
    assert list(read_space(str(path))) == ["a"]


def test_json_may_hold_the_short_form_too(tmp_path):
    space = read_space(write(tmp_path, '{"lr": {"range": [1e-5, 1.0], "log": true}}', "space.json"))
    assert space["lr"].upper == 1.0


@pytest.mark.parametrize("ending", ["json", "yaml"])
def test_configspace_reads_back_what_it_wrote(tmp_path, ending):
    space = read_space(write(tmp_path, SHORT))
    getattr(space, f"to_{ending}")(tmp_path / f"own.{ending}")
    again = read_space(str(tmp_path / f"own.{ending}"))
    assert again.to_json() == Space(space).to_json()


def test_a_python_object(tmp_path, monkeypatch):
    (tmp_path / "my_space.py").write_text("from my_parts import low\nspace = {'x': (low, 1.0)}\n")
    (tmp_path / "my_parts.py").write_text("low = 0.25\n")
    monkeypatch.setattr(sys, "path", [*sys.path])
    assert read_space(f"{tmp_path}/my_space.py:space") == {"x": (0.25, 1.0)}
    assert read_space("my_space:space") == {"x": (0.25, 1.0)}
    for place in ("my_space:other", "my_nothing:space", f"{tmp_path}/none.py:space", f"{tmp_path}/my_space.py", ":x"):
        with pytest.raises(SettingError):
            read_space(place)


def test_a_file_named_like_another_module_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "json.py").write_text("space = {}\n")
    with pytest.raises(SettingError, match="rename"):
        read_space(f"{tmp_path}/json.py:space")


BAD = {
    "lr: {range: [1]}": "two numbers",
    "lr: {range: [a, b]}": "two numbers",
    "lr: {range: [0, 1], log: yes}": "true or false",
    "lr: {range: [0, 1], log: true}": "positive",
    "lr: {range: [1, 0]}": "lr",
    "lr: {rnge: [0, 1]}": "one of these kinds",
    "lr: {range: [0, 1], choices: [1]}": "one of these kinds",
    "lr: {choices: []}": "at least one value",
    "lr: (1e-5, 1e-1, log)": "not executed",
    "lr: {int: [16, 500], step: 16}": "end at 496",
    "1: [1, 2]": "quote it",
    "a: [1, 2]\nb: {range: [0, 1], when: {c: 1}}": "names of parameters",
    "a: [1, 2]\nb: {range: [0, 1], when: {a: 3}}": "3",
    "a: [1, 2]\nforbid: [{b: 1}]": "names of parameters",
    "a: [1, 2]\na: [3, 4]": "twice",
    "a: &x [1, 2]\nb: *x": "alias",
    "- 1": "mapping",
    "a: [1": "YAML",
    "a: !!python/object/apply:os.system [touch hacked]": "YAML",
    "a: !!python/name:os.system": "YAML",
    "a: !!int b": "YAML",
    "[a]: 1": "YAML",
    "lr: {range: [0, .inf]}": "two numbers",
    "a: [.inf, 1.0]": "got inf for 'a'",
    "a: [-.INF, 1.0]": "got -inf for 'a'",
    "a: [.nan, 1.0]": "got nan for 'a'",
}


@pytest.mark.parametrize("text", BAD)
def test_an_invalid_file_is_an_error(tmp_path, text, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SpaceError, match=BAD[text]):
        Space(read_space(write(tmp_path, text)))
    assert not (tmp_path / "hacked").exists()


def test_a_bomb_of_aliases_is_refused_at_once(tmp_path):
    text = "a: &a [1, 1]\n" + "".join(f"{y}: &{y} [*{x}, *{x}]\n" for x, y in zip("abcdefgh", "bcdefghi", strict=True))
    with pytest.raises(SpaceError, match="alias"):
        read_space(write(tmp_path, text))


@pytest.mark.parametrize("text", ["{", "[" * 100_000, '{"hyperparameters": [1]}', '{"hyperparameters": []}'])
def test_damaged_json(tmp_path, text):
    with pytest.raises(SpaceError):
        Space(read_space(write(tmp_path, text, "space.json")))


@pytest.mark.parametrize(("module", "words"), [("yaml", ["create", "s.db", "--space", "s.yaml", "--budgets", "1"])])
def test_a_missing_package_is_named(tmp_path, module, words):
    write(tmp_path, SHORT, "s.yaml")
    code = f"import sys; sys.modules[{module!r}] = None; from bohb.cli.main import main; sys.exit(main({words!r}))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 2
    assert f'pip install "bohb[{module}]"' in done.stderr
