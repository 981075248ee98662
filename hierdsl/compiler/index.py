"""The two numbers in an array of node indices that are no node."""

IGNORE_INDEX = -100
"""What stands for "no target" in an index tensor, as in PyTorch."""

UNKNOWN = -1
"""What a look-up gives for a raw value that the label map does not list."""
