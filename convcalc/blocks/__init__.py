"""The catalogue: named blocks and networks. A new entry is one function in one of these files."""

from convcalc.blocks import resnet, vgg  # noqa: F401  (registration)
from convcalc.blocks.catalogue import Block, block, find, get, names

__all__ = ["Block", "block", "find", "get", "names"]
