"""U-Net (Ronneberger et al. 2015)."""

from __future__ import annotations

from convcalc.catalogue.layers import cat, conv, conv_relu, maxpool, relu
from convcalc.catalogue.registry import block
from convcalc.core.graph import Tensor
from convcalc.core.ops.convolution import TransposedConv
from convcalc.core.ops.reshape import Pad


def double(x: Tensor, channels: int, padding: int) -> Tensor:
    """Two 3x3 convolutions."""
    return conv_relu(conv_relu(x, channels, 3, padding=padding), channels, 3, padding=padding)


def cropped(x: Tensor, like: Tensor) -> Tensor:
    """The middle of `x`, as large as `like` (with zeros around it where it is smaller)."""
    over = [mine - theirs for mine, theirs in zip(x.shape[1:], like.shape[1:], strict=True)]
    if not any(over):
        return x
    before = tuple(-(size // 2) for size in over)
    return x.apply(Pad(before, tuple(-size - b for size, b in zip(over, before, strict=True))), name="crop")


@block("unet", source="Ronneberger et al. 2015, Fig. 1", input="1x572x572")
def unet(x: Tensor, classes: int = 2, channels: int = 64, depth: int = 4, padding: int = 0) -> Tensor:
    """Contracting and expanding path; unpadded as in the paper (padding=1 keeps the size)."""
    skips = []
    for level in range(depth):
        with x.scope(f"down{level + 1}"):
            skips.append(double(x, channels * 2**level, padding))
            x = maxpool(skips[-1], 2)
    with x.scope("bottom"):
        x = double(x, channels * 2**depth, padding)
    for level, skip in reversed(list(enumerate(skips))):
        with x.scope(f"up{level + 1}"):
            x = relu(x.apply(TransposedConv(2, x.channels // 2, 2, 0, bias=True)))
            x = double(cat(cropped(skip, x), x), channels * 2**level, padding)
    return conv(x, classes, 1, bias=True, name="head")
