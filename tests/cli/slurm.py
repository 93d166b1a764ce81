"""A stand-in for a Slurm cluster that does to processes what Slurm does to them.

* `sbatch` reads the `#SBATCH` lines, refuses those it does not know, and queues one batch script for each task.
* `srun` runs its command as a step: a process group of its own, below the batch script, whose status it ends with.
* Preemption sends SIGCONT and SIGTERM to the process groups of the *steps*, not to the batch script; `kill_wait`
  seconds later, SIGKILL goes to every process of the job, whatever group it moved to. The job is then requeued, with
  `SLURM_RESTART_COUNT` one higher (slurm.conf(5), PreemptMode=REQUEUE and KillWait; sbatch(1), --requeue).
* A node that fails takes every process of the job at once, and the job is requeued as well.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

MARK = "STAND_IN_FOR_SLURM"
"""The variable by which the processes of a job are known, with the spool of the cluster."""
KNOWN = {"job-name", "array", "requeue", "open-mode", "output", "time"}

SBATCH = """#!{python}
import json, pathlib, re, sys
(script,) = sys.argv[1:]
text = pathlib.Path(script).read_text()
options = dict(re.findall(r"^#SBATCH --([a-z-]+)(?:=(\\S+))?$", text, re.MULTILINE))
assert len(options) == text.count("#SBATCH"), "a line of #SBATCH that sbatch would not read"
assert set(options) <= {known!r}, options
job = {{"script": text, "options": options, "folder": str(pathlib.Path.cwd())}}
pathlib.Path({spool!r}, "job.json").write_text(json.dumps(job))
print("Submitted batch job 1")
"""

SRUN = """#!{python}
import os, pathlib, subprocess, sys
step = subprocess.Popen(sys.argv[1:], process_group=0)
place = pathlib.Path({spool!r}, "step-" + os.environ["SLURM_ARRAY_TASK_ID"])
place.with_suffix(".new").write_text(str(step.pid))
place.with_suffix(".new").rename(place)  # whoever finds it finds the whole of it
code = step.wait()
place.unlink()
sys.exit(code if code >= 0 else 128 - code)
"""


class Cluster:
    """The queue of one array job.

    Args:
        folder: Where the programs and the spool go.
        environment: What users have in their environment; `programs` is put at the front of its PATH.
        kill_wait: Seconds between SIGTERM and SIGKILL.
    """

    def __init__(self, folder, environment, *, kill_wait=30.0):
        self.spool, self.programs, self.kill_wait = folder / "spool", folder / "bin", kill_wait
        self.spool.mkdir(parents=True)
        self.programs.mkdir()
        for name, text in (("sbatch", SBATCH), ("srun", SRUN)):
            path = self.programs / name
            path.write_text(text.format(python=sys.executable, known=KNOWN, spool=str(self.spool)))
            path.chmod(0o755)
        self.environment = {**environment, "PATH": f"{self.programs}{os.pathsep}{environment['PATH']}"}
        self.tasks, self.restarts = {}, {}

    def start(self):
        """Starts every task of the job that was submitted."""
        self.job = json.loads((self.spool / "job.json").read_text())
        first, last = map(int, self.job["options"]["array"].split("-"))
        for task in range(first, last + 1):
            self.restarts[task] = 0
            self._launch(task)

    def _launch(self, task):
        script = self.spool / f"script-{task}"
        script.write_text(self.job["script"])
        variables = {"SLURM_JOB_ID": "1", "SLURM_ARRAY_JOB_ID": "1", "SLURM_ARRAY_TASK_ID": str(task)}
        variables |= {"SLURM_RESTART_COUNT": str(self.restarts[task]), MARK: str(self.spool)}
        output = Path(self.job["folder"], self.job["options"]["output"].replace("%a", str(task)))
        mode = "a" if self.job["options"].get("open-mode") == "append" else "w"
        with output.open(mode) as file:
            self.tasks[task] = subprocess.Popen(
                ["bash", str(script)],
                cwd=self.job["folder"],
                env={**self.environment, **variables},
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def preempt(self, task):
        """Preempts a running task, and requeues it; returns the status of its batch script."""
        try:
            group = int((self.spool / f"step-{task}").read_text())
            for number in (signal.SIGCONT, signal.SIGTERM):
                os.killpg(group, number)
        except (FileNotFoundError, ProcessLookupError):  # the step has not begun, or has just ended
            return None
        return self._end(task, self.kill_wait)

    def fail_node(self, task):
        """Lets the node of a task fail, and requeues the task elsewhere."""
        return self._end(task, 0.0)

    def _end(self, task, seconds):
        process = self.tasks[task]
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
        self.left = [pid for pid in self._processes(task) if pid != process.pid]
        for pid in self._processes(task):
            with contextlib.suppress(ProcessLookupError):  # it ended by itself at this moment
                os.kill(pid, signal.SIGKILL)
        code = process.wait(600)
        assert "requeue" in self.job["options"]
        self.restarts[task] += 1
        self._launch(task)
        return code

    def _processes(self, task):
        """The live processes of a task, found as a cgroup would: whoever descends from it."""
        marks = {f"{MARK}={self.spool}".encode(), f"SLURM_ARRAY_TASK_ID={task}".encode()}
        found = []
        for place in Path("/proc").glob("[0-9]*"):
            try:
                if marks <= {*(place / "environ").read_bytes().split(b"\0")}:
                    found.append(int(place.name))
            except OSError:
                continue
        return found

    def running(self):
        """The tasks that have not ended."""
        return [task for task, process in self.tasks.items() if process.poll() is None]

    def wait(self, seconds):
        """Waits for the end of all tasks; returns their statuses."""
        until = time.monotonic() + seconds
        while self.running():
            assert time.monotonic() < until, "the job did not end"
            time.sleep(0.1)
        return [process.returncode for process in self.tasks.values()]
