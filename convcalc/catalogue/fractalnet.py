"""FractalNet (Larsson et al. 2017). Its convolutions have a bias and a batch norm without parameters, as released."""

from __future__ import annotations

from convcalc.catalogue.layers import conv, fc, flatten, maxpool, mean, relu
from convcalc.catalogue.registry import block
from convcalc.core.errors import LimitError
from convcalc.core.graph import Tensor
from convcalc.core.ops.norm import BatchNorm

MAX_COLUMNS = 16
"""A block of C columns has 2^C - 1 convolutions."""


def columns(x: Tensor, channels: int, count: int) -> tuple[Tensor, ...]:
    """What the join after `count` columns joins: f_1 = conv; f_(C+1) = (f_C after f_C) and a conv beside it."""
    short = relu(conv(x, channels, 3, bias=True).apply(BatchNorm(affine=False)))
    if count == 1:
        return (short,)
    middle = mean(*columns(x, channels, count - 1))
    return (*columns(middle, channels, count - 1), short)


def check(count: int) -> None:
    """Raise LimitError where `count` columns make too many layers."""
    if count > MAX_COLUMNS:
        raise LimitError(f"a fractal of {count} columns has 2^{count} - 1 convolutions", hint=f"at most {MAX_COLUMNS}")


@block("fractal-block", source="Larsson et al. 2017, Fig. 1 and section 3", input="64x32x32")
def fractal_block(x: Tensor, channels: int = 64, C: int = 3) -> Tensor:  # noqa: N803 (the paper's letter)
    """C columns of 1, 2, 4, ... convolutions; wherever columns meet, a join takes their mean."""
    check(C)
    return mean(*columns(x, channels, C))


@block("fractalnet", source="Larsson et al. 2017, section 4.1; released for CIFAR-10", input="3x32x32")
def fractalnet(x: Tensor, classes: int = 10, C: int = 3) -> Tensor:  # noqa: N803 (the paper's letter)
    """Five blocks; every column is pooled before the join that closes its block."""
    check(C)
    for number, channels in enumerate((64, 128, 256, 512, 512)):
        with x.scope(f"block{number + 1}"):
            x = mean(*[maxpool(column, 2) for column in columns(x, channels, C)])
    return fc(flatten(x), classes)
