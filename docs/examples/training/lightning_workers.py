"""The search of lightning_digits.py by two workers that share a study: `python lightning_workers.py`."""

from lightning_digits import EPOCHS, SPACE, train

import bohb
from bohb.integrations.lightning import pausable

if __name__ == "__main__":
    study = bohb.Study.open("digits.db", SPACE, bohb.geometric(1, EPOCHS, eta=3), seed=0)
    report = bohb.run(pausable(train), study, workers=2, max_trials=20)
    print(report)
    from_scratch = sum(result.budget for result in study.results if result.trial.id >= 0)
    print(f"epochs trained: {report.spent:g} instead of {from_scratch}")
