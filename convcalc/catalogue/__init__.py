"""The catalogue: named blocks and networks, and words for several layers.

A new entry is one function, a new composite one class, in a file of this folder.
"""

from convcalc.catalogue.registry import Block, block, find, get, names
from convcalc.core.operator import REGISTRY

REGISTRY.read_from(__name__)

__all__ = ["Block", "block", "find", "get", "names"]
