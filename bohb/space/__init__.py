"""The search space. No other package knows the classes and the JSON of ConfigSpace.

`Space` converts configurations to vectors and back. Its `columns` describe these vectors to the surrogates.
"""

from bohb.space.checked import checked_space
from bohb.space.space import Space

__all__ = ["Space", "checked_space"]
