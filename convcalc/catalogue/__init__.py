"""The catalogue: named blocks and networks. A new entry is one function in one of these files."""

from convcalc.catalogue import (  # noqa: F401  (registration)
    articles,
    classic,
    convnext,
    convolutions,
    densenet,
    fractalnet,
    inception,
    mobilenet,
    nasnet,
    resnet,
    resnext,
    senet,
    shufflenet,
    squeezenet,
    unet,
    vgg,
    xception,
)
from convcalc.catalogue.registry import Block, block, find, get, names

__all__ = ["Block", "block", "find", "get", "names"]
