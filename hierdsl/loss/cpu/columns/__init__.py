"""The loss over pixels that lie side by side in memory: see `hierdsl.loss.cpu.columns.loop`."""

from hierdsl.loss.cpu.columns.loop import columns

__all__ = ["columns"]
