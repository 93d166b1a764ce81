"""Pictures of a search, as figures of plotly: one picture a file.

Each function takes an optimizer, a study, a snapshot of one, a state, or a frame, and returns a figure that a notebook
shows, and that `figure.write_html` and `figure.write_image` save. `theme.py` says what all of them look like.
"""

from bohb.plots._curves import curves
from bohb.plots._importance import importance
from bohb.plots._lineage import lineage
from bohb.plots._parallel import parallel
from bohb.plots._progress import progress
from bohb.plots._response import response
from bohb.plots._rungs import rungs
from bohb.plots._timeline import timeline

__all__ = ["curves", "importance", "lineage", "parallel", "progress", "response", "rungs", "timeline"]
