"""What can be searched: the space, and the only package that knows ConfigSpace.

`Space` converts configurations to vectors and back. Its `columns` describe these vectors to the surrogates.
"""

from bohb.space.space import Space

__all__ = ["Space"]
