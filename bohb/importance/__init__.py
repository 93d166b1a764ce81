"""Which parameters matter: functional analysis of variance (fANOVA) over a random forest.

`forest.py` grows the trees and reads their leaves as boxes, `anova.py` decomposes the variance of what one tree
predicts, and `effects.py` puts both together.

Hutter, Hoos and Leyton-Brown 2014, "An efficient approach for assessing hyperparameter importance".
"""

from bohb.importance.effects import Effect, Importance, importance
from bohb.importance.response import Response, respond

__all__ = ["Effect", "Importance", "Response", "importance", "respond"]
