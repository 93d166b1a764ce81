"""Callbacks: what a run shows and records. One third party a file, loaded on first use."""

from bohb.callbacks.progress import Progress

__all__ = ["Progress"]
