"""Every operator. Import them from here; a new one is a class in one of these files (see `base`)."""

from convcalc.ops.activation import (
    GELU,
    Dropout,
    Hardsigmoid,
    Hardswish,
    ReLU,
    ReLU6,
    Sigmoid,
    SiLU,
    Softmax,
    Tanh,
)
from convcalc.ops.attention import SqueezeExcitation
from convcalc.ops.base import (
    REGISTRY,
    Axes,
    Composite,
    Formula,
    Input,
    Op,
    Params,
    Shape,
    options,
    spell,
)
from convcalc.ops.convolution import Conv, Deformable, DeformConv, Depthwise, Separable, TransposedConv
from convcalc.ops.dense import Dense, Flatten
from convcalc.ops.join import Add, Cat, Join, Mean, Mul
from convcalc.ops.norm import BatchNorm, GroupNorm, LayerNorm
from convcalc.ops.pooling import AdaptiveAvgPool, AvgPool, GlobalAvgPool, MaxPool
from convcalc.ops.reshape import Identity, Pad, Shuffle, Upsample, UpsampleBilinear

__all__ = [
    "GELU",
    "REGISTRY",
    "AdaptiveAvgPool",
    "Add",
    "AvgPool",
    "Axes",
    "BatchNorm",
    "Cat",
    "Composite",
    "Conv",
    "DeformConv",
    "Deformable",
    "Dense",
    "Depthwise",
    "Dropout",
    "Flatten",
    "Formula",
    "GlobalAvgPool",
    "GroupNorm",
    "Hardsigmoid",
    "Hardswish",
    "Identity",
    "Input",
    "Join",
    "LayerNorm",
    "MaxPool",
    "Mean",
    "Mul",
    "Op",
    "Pad",
    "Params",
    "ReLU",
    "ReLU6",
    "Separable",
    "Shape",
    "Shuffle",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "SqueezeExcitation",
    "Tanh",
    "TransposedConv",
    "Upsample",
    "UpsampleBilinear",
    "options",
    "spell",
]
