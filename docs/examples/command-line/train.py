"""A training script for the command line: it reads a trial from stdin and prints the loss.

It fits a logistic regression, and resumes from the checkpoint that the trial names. The checkpoint is written under
another name and then renamed, so that a script that is killed leaves a whole one or none. On SIGTERM it saves what it
has. Then the trial is given back, and whoever gets it next, on any node, goes on from there.
"""

import json
import math
import os
import random
import signal
import sys
import time
from pathlib import Path

trial = json.load(sys.stdin)
config = trial["config"]
state = {"epochs": 0, "weights": [0.0] * 5, "speed": [0.0] * 5}
place = Path("checkpoints") / f"{trial['trial']}.json"
unfinished = Path("checkpoints") / f"unfinished-{trial['config_id']}-{trial['budget']}.json"
saved = unfinished if unfinished.exists() else trial["checkpoint"]
if saved is not None:
    state = json.loads(Path(saved).read_text())

is_preempted = []
signal.signal(signal.SIGTERM, lambda *_: is_preempted.append(True))
print(f"config {trial['config_id']} from epoch {state['epochs']} to {trial['budget']}", file=sys.stderr)

draw = random.Random(0)
points = [[1.0, *(draw.gauss(0, 1) for _ in range(4))] for _ in range(200)]
labels = [1.0 if p[1] - 2 * p[2] + p[3] * p[4] + draw.gauss(0, 0.5) > 0 else 0.0 for p in points]


def predict(point):
    score = sum(w * x for w, x in zip(state["weights"], point, strict=True))
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, score))))


def save(path):
    path.parent.mkdir(exist_ok=True)
    path.with_suffix(".new").write_text(json.dumps(state))
    path.with_suffix(".new").rename(path)


while state["epochs"] < trial["budget"]:
    for point, label in zip(points[:150], labels[:150], strict=True):
        error = predict(point) - label
        for i, x in enumerate(point):
            slope = error * x + config["decay"] * state["weights"][i]
            state["speed"][i] = config.get("momentum", 0.0) * state["speed"][i] - config["rate"] * slope
            state["weights"][i] += state["speed"][i]
    time.sleep(float(os.environ.get("SECONDS_PER_EPOCH", "0")))
    state["epochs"] += 1
    if is_preempted and state["epochs"] < trial["budget"]:
        save(unfinished)
        sys.exit("preempted")

chances = [predict(point) for point in points[150:]]
loss = -sum(math.log(max(c if y else 1 - c, 1e-12)) for c, y in zip(chances, labels[150:], strict=True)) / len(chances)

save(place)
unfinished.unlink(missing_ok=True)
if "--loss-only" in sys.argv:
    print(loss)
else:
    print(json.dumps({"loss": loss, "checkpoint": str(place), "info": {"weights": state["weights"]}}))
