"""The Argo workflow of the documentation: what Argo publishes as its schema, and its steps run as processes."""

import copy
import shutil
import signal
import subprocess
import time

import pytest
import yaml

from bohb.cli import exits
from tests.cli.shell import ROOT, environment, lines
from tests.cli.shell import bohb as shell
from tests.runner.engines import requires

EXAMPLES = ROOT / "docs" / "examples"
SCHEMA = requires("argo", "hera")


def workflow():
    return yaml.safe_load((EXAMPLES / "argo" / "workflow.yaml").read_text())


def read_back(given):
    """What Argo's published types keep of a manifest; they drop fields that they do not know."""
    from hera.workflows.models import Workflow

    return Workflow.model_validate(given).model_dump(by_alias=True, exclude_none=True, mode="json")


class TestSchema:
    pytestmark = SCHEMA

    def test_the_workflow_is_what_argo_publishes(self):
        assert read_back(workflow()) == workflow()

    @pytest.mark.parametrize(
        ("path", "value"),
        [
            (("spec", "entrypoint"), ["search"]),
            (("spec", "templates", 1, "retryStrategy", "retryPolicies"), "Always"),
            (("spec", "templates", 1, "container", "volumeMounts", 0, "mount"), "/search"),
            (("spec", "templates", 0, "steps", 1, 0, "withSequence", "number"), "4"),
        ],
    )
    def test_a_fault_in_the_workflow_is_found(self, path, value):
        """The control."""
        from pydantic import ValidationError

        changed = copy.deepcopy(workflow())
        place = changed
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = value
        try:
            kept = read_back(changed)
        except ValidationError:
            return
        assert kept != changed


def test_the_workflow_hangs_together():
    """What the schema does not see: templates, volumes, secrets and parameters that are named exist."""
    spec = workflow()["spec"]
    templates = {template["name"]: template for template in spec["templates"]}
    steps = [step for group in templates[spec["entrypoint"]]["steps"] for step in group]
    assert {step["template"] for step in steps} <= templates.keys()
    (worker,) = (template for template in templates.values() if "container" in template)
    (parameter,) = worker["inputs"]["parameters"]
    assert worker["container"]["args"] == [f"exec bohb {{{{inputs.parameters.{parameter['name']}}}}}"]
    assert all([each["name"] for each in step["arguments"]["parameters"]] == ["command"] for step in steps)
    assert [mount["name"] for mount in worker["container"]["volumeMounts"]] == [
        each["name"] for each in spec["volumes"]
    ]
    known = list(yaml.safe_load_all((EXAMPLES / "kubernetes" / "postgres.yaml").read_text()))
    (secret,) = (one for one in known if one["kind"] == "Secret")
    for variable in worker["container"]["env"]:
        reference = variable["valueFrom"]["secretKeyRef"]
        assert reference["name"] == secret["metadata"]["name"]
        assert reference["key"] in secret["stringData"]
    claim = yaml.safe_load((EXAMPLES / "kubernetes" / "claim.yaml").read_text())
    assert spec["volumes"][0]["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]


@pytest.mark.slow
def test_the_steps_as_processes(tmp_path):
    """Step by step, each command as its container runs it; a worker is evicted, and retried as Argo does."""
    for name in ("space.yaml", "train.py"):
        shutil.copy(EXAMPLES / "command-line" / name, tmp_path)
    study = str(tmp_path / "study.db")
    (program,) = (tmp_path / "bin",)
    program.mkdir()
    (program / "bohb").write_text('#!/bin/sh\nexec python3 -m bohb "$@"\n')
    (program / "bohb").chmod(0o755)
    variables = environment(STUDY=study)
    variables["PATH"] = f"{program}:{variables['PATH']}"
    search = workflow()["spec"]["templates"][0]

    def launch(step):
        words = ["sh", "-c", f"exec bohb {step['arguments']['parameters'][0]['value']}"]
        return subprocess.Popen(words, cwd=tmp_path, env=variables, stdout=subprocess.PIPE, text=True)

    for group in search["steps"]:
        for step in group:
            pods = [launch(step) for _ in range(int(step.get("withSequence", {"count": 1})["count"]))]
            if step["name"] == "worker":
                while not lines(shell("status", study, "--json").stdout)[0]["results"]:
                    time.sleep(0.1)
                pods[0].send_signal(signal.SIGTERM)
                pods[0].communicate(timeout=600)
                assert pods[0].returncode in (0, exits.TERMINATED, -signal.SIGTERM)
                pods[0] = launch(step)
            said = [pod.communicate(timeout=600)[0] for pod in pods]
            assert [pod.returncode for pod in pods] == [0] * len(pods)
    assert "loss" in lines(said[0])[0]
    found = lines(shell("status", study, "--json").stdout)[0]
    assert 40 <= found["results"] <= 43
    assert (found["failures"], found["pending"]) == (0, [])
