"""`import`, `export` and `report`: what they print and how they end. The formats have tests of their own."""

import json
import subprocess
import sys

import pytest

import bohb
from bohb.cli import exits
from bohb.cli.main import main
from tests.cli.shell import environment, make


@pytest.fixture
def study(tmp_path):
    target = make(tmp_path)
    with bohb.Study.open(target) as opened:
        for i in range(5):
            opened.tell(opened.ask(), float("nan") if i == 4 else i)
    return target


def test_import_counts_what_it_read(tmp_path, study, capsys):
    other, words = make(tmp_path, name="other.db", seed=9), ["--hpbandster", str(tmp_path / "run")]
    assert main(["export", study, *words]) == exits.OK
    assert capsys.readouterr().err == "bohb: 5 results written\n"
    assert main(["import", other, *words, "--json"]) == exits.OK
    assert json.loads(capsys.readouterr().out) == {"read": 5, "failures": 1, "new": 5, "left_out": 0}
    with (tmp_path / "run" / "results.json").open("a") as file:
        file.write("[[0, 0")
    assert main(["import", other, *words]) == exits.OK
    printed = capsys.readouterr()
    assert printed.out == "5 results read (1 of them failures), 0 of them new\n"
    assert "results.json line 6" in printed.err


def test_the_results_of_another_study_are_imported(tmp_path, study, capsys):
    target = str(tmp_path / "new.db")
    with bohb.Study.open(study) as old:
        ladder, kept = old.ladder, len([result for result in old.results if result.config["kind"] == "b"])
    with bohb.Study.open(target, {"x": (-1.0, 1.0), "n": (1, 64), "kind": ["b", "c"], "wd": (0.0, 1.0)}, ladder):
        pass
    words = ["import", target, "--from", study]
    assert main([*words, "--fill", "wd=7"]) == exits.USAGE
    assert main([*words, "--fill", "wd"]) == exits.USAGE
    assert main([*words, "--fill", "wd=0", "--fill", "wd=1"]) == exits.USAGE
    assert main(["import", target, "--hpbandster", str(tmp_path), "--fill", "wd=0"]) == exits.USAGE
    assert main(["import", target, "--from", str(tmp_path / "nothing.db")]) == exits.UNAVAILABLE
    capsys.readouterr()
    assert main([*words, "--fill", "wd=0", "--json"]) == exits.OK
    printed = capsys.readouterr()
    counts = {"read": 5, "failures": 1, "new": kept, "known": 0, "left_out": 5 - kept}
    assert json.loads(printed.out) == counts
    assert len(printed.err.splitlines()) == 5 - kept
    assert main([*words, "--fill", "wd=0"]) == exits.OK
    assert f"0 of them new, {kept} known before, {5 - kept} left out" in capsys.readouterr().out
    with bohb.Study.open(target) as new:
        assert [result.config["wd"] for result in new.results] == [0.0] * kept


@pytest.mark.parametrize("option", ["--csv", "--json", "--hpbandster", "--optuna"])
def test_every_format_is_exported(tmp_path, study, option, capsys):
    assert main(["export", study, option, str(tmp_path / "out")]) == exits.OK
    assert (tmp_path / "out").exists()
    assert "5 results written" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--hpbandster", "--optuna"])
def test_an_export_overwrites_nothing(tmp_path, study, option):
    words = ["export", study, option, str(tmp_path / "out")]
    assert main(words) == exits.OK
    assert main(words) == exits.USAGE


def test_the_code_of_an_import_says_what_is_wrong(tmp_path, study):
    words = ["import", study, "--hpbandster", str(tmp_path)]
    assert main(words) == exits.USAGE
    (tmp_path / "configs.json").write_text('[[0, 0, 0], {"x": 0.5, "n": 3, "kind": "b"}, {}]\n')
    (tmp_path / "results.json").write_text("{}\n[]\n")
    assert main(words) == exits.DATA
    (tmp_path / "results.json").write_text('[[0, 0, 0], 2.0, {}, {"loss": 1}, null]\n')
    assert main(words) == exits.USAGE


def test_a_report_is_a_table_on_stdout(study, capsys):
    assert main(["report", study]) == exits.OK
    assert capsys.readouterr().out.startswith("trial,config_id,budget,loss")
    assert main(["report", study, "--json"]) == exits.OK
    assert [json.loads(line)["trial"] for line in capsys.readouterr().out.splitlines()] == [0, 1, 2, 3, 4]


def test_without_optuna_the_command_that_installs_it_is_named(tmp_path, study):
    words = ["export", study, "--optuna", str(tmp_path / "o.log")]
    code = f"import sys; sys.modules['optuna'] = None; from bohb.cli.main import main; sys.exit(main({words!r}))"
    done = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True, timeout=600)
    assert done.returncode == exits.USAGE
    assert 'pip install "bohb[optuna]"' in done.stderr
