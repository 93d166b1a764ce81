"""What can be searched: the space, and the only package that knows ConfigSpace.

`Space` turns configurations into vectors and back. `columns.py` describes these vectors to whatever predicts from them.
"""

from bohb.space.space import Space

__all__ = ["Space"]
