"""Every option and every file that a command reads, with anything in it: no traceback, and no exit code of a bug."""

import io
from contextlib import redirect_stderr, redirect_stdout

import pytest

from bohb.cli import exits
from bohb.cli.main import main

TEXTS = {
    "empty": "",
    "number": "1",
    "negative": "-1",
    "zero": "0",
    "digits": "9" * 5000,
    "large": "1e400",
    "small": "1e-400",
    "nan": "nan",
    "underscore": "1_000",
    "other digits": "\u0663",
    "surrogate": "\ud800",
    "null byte": "a\0b",
    "open brackets": "[" * 100_000,
    "open braces": "{" * 50_000,
    "deep list": "[" * 1000 + "]" * 1000,
    "deep object": '{"a":' * 500 + "1" + "}" * 500,
    "huge member": '{"x":%s}' % ("9" * 5000),
    "infinite member": '{"x":1e999}',
    "nan member": '{"x":NaN}',
    "surrogate member": '{"x":"\\ud800"}',
    "name twice": '{"x":1,"x":2}',
    "list": "[1]",
    "null": "null",
    "folder": ".",
    "device": "/dev/zero",
    "long": "x" * 10_000,
    "dash": "-",
    "commas": "1," * 3000,
}
PLACE = None
"""Where the text comes in a call."""
CALLS = [
    ["create", PLACE, "--space", "space.json", "--budgets", "1,3"],
    ["create", "a.db", "--space", PLACE, "--budgets", "1,3"],
    ["create", "b.db", "--space", "space.json", "--budgets", PLACE],
    ["create", "c.db", "--space", "space.json", "--min-budget", PLACE, "--max-budget", "9"],
    ["create", "d.db", "--space", "space.json", "--min-budget", "1", "--max-budget", "9", "--eta", PLACE],
    ["create", "e.db", "--space", "space.json", "--budgets", "1,3", "--seed", PLACE],
    ["create", "f.db", "--space", "space.json", "--budgets", "1,3", "--preset", PLACE],
    ["ask", "s.db", "--lease", PLACE],
    ["tell", "s.db", PLACE, "--loss", "1"],
    ["tell", "s.db", "0", "--loss", PLACE],
    ["tell", "s.db", "1", "--loss", "1", "--info", PLACE],
    ["tell", "s.db", "2", "--loss", "1", "--checkpoint", PLACE],
    ["fail", "s.db", "3", PLACE],
    ["enqueue", "s.db", "--config", PLACE],
    ["enqueue", "s.db", "--config", '{"x": 0.0}', "--budget", PLACE],
    ["observe", "s.db", "--config", PLACE, "--budget", "1", "--loss", "1"],
    ["observe", "s.db", "--config", '{"x": 0.0}', "--budget", "1", "--loss", PLACE],
    ["heartbeat", "s.db", PLACE],
    ["release", "s.db", PLACE],
    ["explain", "s.db", PLACE],
    ["plan", "s.db", "--workers", PLACE],
    ["plan", "s.db", "--cycles", PLACE],
    ["status", PLACE],
    ["verify", PLACE],
    ["export", "s.db", "--csv", PLACE],
    ["export", "s.db", "--json", PLACE],
    ["export", "s.db", "--hpbandster", PLACE],
    ["import", "s.db", "--hpbandster", PLACE],
    ["run", "s.db", PLACE, "--max-trials", "1"],
    ["run", "s.db", "--max-trials", "1", "--workers", PLACE, "--", "true"],
    ["run", "s.db", "--max-trials", "1", "--lease", PLACE, "--", "true"],
    ["run", "s.db", "--max-trials", "1", "--retries", PLACE, "--", "true"],
    ["run", "s.db", "--max-trials", "1", "--", PLACE],
]

BODIES = {
    "empty": b"",
    "no text": b"\xff\xfe\x00",
    "deep": b"[" * 100_000,
    "digits": b"9" * 5000,
    "null": b"null",
    "list": b"[1]",
    "huge member": b'{"x":' + b"9" * 5000 + b"}",
    "huge end": b'{"x":{"float":[0,' + b"9" * 400 + b"]}}",
    "list for an id": b'[[[0],0,0],{"x":1},{}]',
    "object for an id": b'[[{},0,0],{"x":1},{}]',
    "odd id": b'[["a",null,true],{"x":"\\ud800"},{}]',
    "number for a configuration": b'[[0,0,0],1,{},{"loss":1},null]',
    "text for a loss": b'[[0,0,0],"1",{},{"loss":"1"},null]',
    "list for a loss": b'[[0,0,0],1,{},{"loss":[1]},{}]',
    "huge loss": b'[[0,0,0],1,{},{"loss":' + b"9" * 400 + b"},{}]",
    "infinite loss": b'[[0,0,0],1,{},{"loss":1e400},{}]',
    "nan": b'[[0,0,0],1,{},{"loss":NaN},{}]',
    "anchor": b'{"x": &a [*a]}',
    "tag": b"x: !!python/object:os.system []",
    "open list": b"x: [0, 1",
    "date": b"x: 2001-01-01\n",
    "key that is a list": b"? [a]\n: 1\n",
    "condition of nothing": b'{"x": {"int": [0, 1], "when": {"y": 1}}}',
    "byte order mark": b'\xef\xbb\xbf{"x":1}',
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a space, and a study that has some pending trials."""
    path = tmp_path_factory.mktemp("fuzz")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(path)
        (path / "space.json").write_text('{"x": [0.0, 1.0]}')
        call(["create", "s.db", "--space", "space.json", "--budgets", "1,3", "--preset", "fast"])
        for _ in range(4):
            call(["ask", "s.db"])
        yield path


def call(words):
    """Run a command; return its code, and what it printed to stderr."""
    stderr = io.StringIO()
    with redirect_stdout(io.StringIO()), redirect_stderr(stderr):
        try:
            code = main(words)
        except SystemExit as end:
            code = end.code
    return code, stderr.getvalue()


@pytest.mark.parametrize("words", CALLS, ids=lambda words: " ".join(word or "PLACE" for word in words))
def test_no_option_ends_with_a_bug(folder, words):
    for text in TEXTS.values():
        code, said = call([text if word is PLACE else word for word in words])
        assert code != exits.BUG, said[-500:]
        assert "Traceback" not in said


@pytest.mark.parametrize("name", ["space.json", "space.yaml", "configs.json", "results.json"])
def test_no_file_ends_with_a_bug(folder, name):
    place = folder / "read"
    place.mkdir(exist_ok=True)
    whole = {"configs.json": b'[[0,0,0],{"x":0.0},{}]\n', "results.json": b'[[0,0,0],1,{},{"loss":1},null]\n'}
    for number, body in enumerate(BODIES.values()):
        for other, lines in whole.items():
            (place / other).write_bytes(lines)
        (place / name).write_bytes(body + b"\n" + whole.get(name, b""))
        create = ["create", f"{name}{number}.db", "--space", str(place / name), "--budgets", "1,3"]
        code, said = call(["import", "s.db", "--hpbandster", str(place)] if name in whole else create)
        assert code != exits.BUG, said[-500:]
