"""The recipes of the documentation, run as they stand: every `sh` block of a page, with the files that it shows."""

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from bohb.cli import exits
from tests.cli.manifests import faults
from tests.cli.shell import ROOT, environment, lines, wait_for
from tests.cli.shell import bohb as shell
from tests.cli.slurm import Cluster
from tests.study.conftest import database, server  # noqa: F401 - fixtures

PAGES = ROOT / "docs" / "how-to"
EXAMPLES = ROOT / "docs" / "examples"
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INCLUDED = re.compile(r"^```\{literalinclude\} (\S+)$", re.MULTILINE)


def blocks(page):
    """What a page tells its reader to type, as one script."""
    text = (PAGES / page).read_text()
    found = BLOCK.findall(text)
    assert found
    return "set -eu -o pipefail\n" + "\n".join(found)


def follow(page, folder, **more):
    """Does what a page says in a folder with the files that it shows; returns what was printed."""
    shutil.copytree(EXAMPLES / "command-line", folder, dirs_exist_ok=True)
    variables = environment() | more
    done = subprocess.run(
        ["bash", "-c", blocks(page)], cwd=folder, env=variables, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def status(study, folder):
    return lines(shell("status", study, "--json", folder=folder).stdout)[0]


@pytest.mark.parametrize("page", sorted(path.name for path in PAGES.glob("*.md")))
def test_every_file_that_a_page_shows_is_there(page):
    for name in INCLUDED.findall((PAGES / page).read_text()):
        assert (PAGES / name).is_file()


def test_the_page_of_the_command_line(tmp_path):
    printed = follow("command-line.md", tmp_path)
    assert '{"trial": 0, "config": {' in printed
    assert "trial 0: loss 0.083" in printed
    assert status("study.db", tmp_path)["results"] == 3


MEETING = """#!/bin/sh
if [ -e shared.db ]; then
    touch "here-$PPID"
    until [ "$(ls | grep -c '^here-')" -ge 3 ]; do sleep 0.1; done
fi
exec {python} "$@"
"""


@pytest.mark.slow
def test_a_shell_loop_and_several_terminals(tmp_path):
    """In the shared study no training begins before each of the three terminals has one."""
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "python3").write_text(MEETING.format(python=sys.executable))
    (programs / "python3").chmod(0o755)
    follow("shell.md", tmp_path, PATH=f"{programs}{os.pathsep}{environment()['PATH']}")
    assert status("loop.db", tmp_path)["results"] == 8
    shared = status("shared.db", tmp_path)
    assert 20 <= shared["results"] <= 22
    assert (shared["pending"], shared["failures"]) == ([], 0)
    logs = [(tmp_path / f"{name}.log").read_text() for name in ("first", "second", "third")]
    told = [len(re.findall(r"^trial \d+: loss", log, re.MULTILINE)) for log in logs]
    assert all(told), told


@pytest.mark.slow
def test_a_killed_loop_goes_on_where_it_was(tmp_path):
    """The shell loop of the page, killed with everything it started, and started again."""
    shutil.copytree(EXAMPLES / "command-line", tmp_path, dirs_exist_ok=True)
    shell(
        *["create", "s.db", "--space", "space.yaml", "--min-budget", "1", "--max-budget", "9", "--seed", "0"],
        folder=tmp_path,
    )
    for seconds in (4, 7):
        loop = subprocess.Popen(
            ["sh", "loop.sh", "s.db", "4"], cwd=tmp_path, env=environment(SECONDS_PER_EPOCH="1"), start_new_session=True
        )
        time.sleep(seconds)
        os.killpg(loop.pid, signal.SIGKILL)
        loop.wait()
    subprocess.run(["sh", "loop.sh", "s.db", "4"], cwd=tmp_path, env=environment(), check=True, timeout=600)
    found = status("s.db", tmp_path)
    assert found["results"] == 4
    assert len(found["pending"]) <= 2  # at most one for each kill, and each can be given back
    for trial in found["pending"]:
        shell("release", "s.db", trial, folder=tmp_path)
    assert shell("verify", "s.db", folder=tmp_path)


def missing_rscript():
    if shutil.which("Rscript") is None:
        if os.environ.get("BOHB_REQUIRE_R") == "1":
            pytest.fail(
                "BOHB_REQUIRE_R=1, but Rscript is not installed (apt-get install --no-install-recommends r-base-core)"
            )
        pytest.skip("Rscript is not installed (apt-get install --no-install-recommends r-base-core)")


def test_r(tmp_path):
    missing_rscript()
    follow("other-languages.md", tmp_path)
    found = status("plane.db", tmp_path)
    assert (found["results"], found["failures"], found["pending"]) == (12, 0, [])


@pytest.mark.slow
def test_the_page_of_other_formats(tmp_path):
    follow("exchange.md", tmp_path)
    old, new = status("old.db", tmp_path), status("new.db", tmp_path)
    assert old["results"] == new["results"] == 20
    assert old["incumbent"]["loss"] == new["incumbent"]["loss"]


@pytest.mark.slow
def test_a_slurm_array_that_is_preempted_and_requeued(tmp_path):
    cluster = Cluster(tmp_path / "cluster", environment(SECONDS_PER_EPOCH="0.8"))
    folder = tmp_path / "home"
    folder.mkdir()
    follow("slurm.md", folder, PATH=cluster.environment["PATH"])
    cluster.environment["STUDY"] = str(folder / "array.db")
    cluster.start()
    draw, codes, failed = random.Random(0), [], 0
    while cluster.running() and len(codes) < 5:
        time.sleep(draw.uniform(1.5, 3.0))
        running = cluster.running()
        code = cluster.preempt(draw.choice(running)) if running else None
        if code is not None:
            codes.append(code)
            assert cluster.left == [], "something outlived the job"
    if cluster.running():
        cluster.fail_node(draw.choice(cluster.running()))
        failed = 1
    assert cluster.wait(300) == [0, 0, 0, 0]
    assert len(codes) >= 3
    assert set(codes) <= {0, exits.TERMINATED}
    assert exits.TERMINATED in codes
    found = status("array.db", folder)
    assert 40 <= found["results"] <= 43
    assert found["failures"] == 0, "preemption is no failure"
    assert len(found["pending"]) <= failed
    assert "given back" in "".join(path.read_text() for path in folder.glob("worker-*.log"))
    shell("verify", "array.db", folder=folder)


def test_the_stand_in_refuses_what_slurm_would_not_read(tmp_path):
    """The control: an option that is not known, and one that sbatch would overlook."""
    cluster = Cluster(tmp_path / "cluster", environment())
    for line in ("#SBATCH --aray=0-3", "#SBATCH -a 0-3"):
        (tmp_path / "job").write_text(f"#!/bin/bash\n{line}\n")
        done = subprocess.run([cluster.programs / "sbatch", "job"], cwd=tmp_path, capture_output=True, timeout=600)
        assert done.returncode != 0


def test_the_stand_in_takes_every_process_of_a_node_that_fails(tmp_path):
    """The control: it knows them all, so that none can outlive a job unseen."""
    cluster = Cluster(tmp_path / "cluster", environment())
    options = "#SBATCH --array=0-0\n#SBATCH --requeue\n#SBATCH --output=log-%a\n"
    command = 'test "$SLURM_RESTART_COUNT" = 1 || srun sleep 3600\n'
    (tmp_path / "job").write_text(f"#!/bin/bash\n{options}{command}")
    subprocess.run([cluster.programs / "sbatch", "job"], cwd=tmp_path, stdout=subprocess.DEVNULL, check=True)
    cluster.start()
    wait_for(lambda: (cluster.spool / "step-0").exists())
    step = int((cluster.spool / "step-0").read_text())
    assert cluster.fail_node(0) == -signal.SIGKILL
    assert step in cluster.left
    assert cluster.wait(600) == [0]


# Kubernetes.


def manifests():
    """All objects of the page, by kind and name."""
    found = {}
    for path in sorted((EXAMPLES / "kubernetes").glob("*.yaml")):
        for one in yaml.safe_load_all(path.read_text()):
            found[one["kind"], one["metadata"]["name"]] = one
    return found


def test_the_manifests_are_what_kubernetes_publishes():
    import kubernetes_validate

    for one in manifests().values():
        kubernetes_validate.validate(one, "1.31", strict=True)
    assert list(faults(manifests())) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("Job", "bohb-workers", "spec", "template", "spec", "restartPolicy"), "Always"),
        (("Job", "bohb-workers", "spec", "template", "spec", "restartPolicy"), "OnFailure"),
        (("Job", "bohb-workers", "spec", "template", "spec", "containers", 0, "name"), "Worker_1"),
        (("Job", "bohb-workers", "spec", "template", "spec", "volumes"), []),
        (("Job", "bohb-workers", "spec", "template", "spec", "containers", 0, "env"), []),
        (("Secret", "bohb-study", "stringData"), {}),
        (("StatefulSet", "bohb-postgres", "spec", "serviceName"), "other"),
        (("StatefulSet", "bohb-postgres", "spec", "selector", "matchLabels", "app"), "other"),
    ],
)
def test_a_fault_in_a_manifest_is_found(path, value):
    """The control."""
    objects = manifests()
    place = objects[path[:2]]
    for step in path[2:-1]:
        place = place[step]
    place[path[-1]] = value
    assert list(faults(objects))


def test_an_unknown_field_is_found():
    import kubernetes_validate

    job = manifests()["Job", "bohb-workers"]
    job["spec"]["completion"] = 4
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(job, "1.31", strict=True)


def test_the_image_has_what_the_job_runs():
    """Everything that is copied is there, and the entry point is the program whose arguments the Job gives."""
    text = (EXAMPLES / "kubernetes" / "Dockerfile").read_text()
    (copied,) = re.findall(r"^COPY (.+) \./$", text, re.MULTILINE)
    assert all((EXAMPLES / "command-line" / name).is_file() for name in copied.split())
    assert 'ENTRYPOINT ["bohb"]' in text
    (extras,) = re.findall(r'bohb\[(.+)\]"', text)
    declared = (ROOT / "pyproject.toml").read_text()
    assert all(f"\n{extra} = [" in declared for extra in extras.split(","))
    secret = manifests()["Secret", "bohb-study"]["stringData"]
    assert secret["password"] not in secret["url"], "the arguments of a process show the URL"
    assert f"@{manifests()['Service', 'bohb-postgres']['metadata']['name']}:5432" in secret["url"]


@pytest.mark.slow
def test_the_pods_as_processes_on_a_real_database(tmp_path, database):  # noqa: F811
    """What the containers run, on PostgreSQL: evicted with SIGTERM, lost with SIGKILL, started again by the Job."""
    pod = manifests()["Job", "bohb-workers"]["spec"]
    for name in ("space.yaml", "train.py"):
        shutil.copy(EXAMPLES / "command-line" / name, tmp_path)
    variables = environment(STUDY=database, SECONDS_PER_EPOCH="0.2")

    def words(container):
        return [sys.executable, "-m", "bohb", *(word.replace("$(STUDY)", database) for word in container["args"])]

    (create,), (worker,) = pod["template"]["spec"]["initContainers"], pod["template"]["spec"]["containers"]

    def launch(index):
        subprocess.run(words(create), cwd=tmp_path, env=variables, check=True, timeout=600, stdout=subprocess.DEVNULL)
        with (tmp_path / f"pod-{index}.log").open("a") as log:
            return subprocess.Popen(
                words(worker), cwd=tmp_path, env=variables, stdout=log, stderr=log, start_new_session=True
            )

    pods = {index: launch(index) for index in range(pod["completions"])}
    draw, ended = random.Random(0), []
    for num_results, number in ((8, signal.SIGTERM), (16, signal.SIGKILL), (24, signal.SIGTERM)):
        wait_for(lambda least=num_results: status(database, tmp_path)["results"] >= least)
        index = draw.choice(sorted(pods))
        pods[index].send_signal(number)
        ended.append((number, pods[index].wait(pod["template"]["spec"]["terminationGracePeriodSeconds"])))
        pods[index] = launch(index)
    assert [process.wait(300) for process in pods.values()] == [0] * pod["completions"]
    # -SIGTERM is what a shell and a kubelet call 143: it came before the worker was there to handle it.
    allowed = {signal.SIGKILL: {0, -signal.SIGKILL}, signal.SIGTERM: {0, exits.TERMINATED, -signal.SIGTERM}}
    assert all(code in allowed[number] for number, code in ended), ended
    found = status(database, tmp_path)
    assert found["results"] >= 40
    assert found["failures"] == 0
    assert len(found["pending"]) <= 1
    shell("verify", database, folder=tmp_path)


def test_the_guarantees_name_existing_tests():
    text = (ROOT / "docs" / "guarantees.md").read_text()
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", text)
    assert len(named) >= 12
    for path, test in named:
        assert f"def {test}(" in Path(ROOT, path).read_text(), (path, test)
