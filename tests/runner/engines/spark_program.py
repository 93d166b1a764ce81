"""A search on a Spark cluster, for tests that kill its driver: `spark_program.py STUDY FOLDER NUM_RESULTS`."""

import sys

from pyspark.sql import SparkSession

import bohb
from bohb.runner import SparkExecutor

study_path, folder, wanted = sys.argv[1], sys.argv[2], int(sys.argv[3])


def objective(trial):
    import os
    import time
    from pathlib import Path

    mark = Path(folder, f"{trial.id}.{os.getpid()}")
    mark.touch()
    time.sleep(0.5)
    return 0.5


if __name__ == "__main__":
    builder = SparkSession.builder.master("local-cluster[1,2,512]").config("spark.executor.memory", "512m")
    session = builder.config("spark.ui.enabled", "false").getOrCreate()
    study = bohb.Study.open(study_path, {"x": (0.0, 1.0)}, [1, 3, 9], seed=0, preset="hyperband")
    left = wanted - len(study.results)
    with SparkExecutor(session, workers=2) as executor:
        print(bohb.run(objective, study, executor=executor, max_trials=left, progress=False))
    session.stop()
