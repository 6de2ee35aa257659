"""Words that stand for several layers: separable and deformable convolution, squeeze-and-excitation.

A new composite is one class with `expand` in a file of this folder.
"""

from __future__ import annotations

from convcalc.core.algebra import at_least, prod
from convcalc.core.errors import ShapeError
from convcalc.core.graph import Composite, Tensor
from convcalc.core.operator import Op, each_axis, operator, option, positive, rank, spell
from convcalc.core.ops.activation import ReLU, Sigmoid
from convcalc.core.ops.convolution import Conv, DeformConv, Depthwise, Kernel
from convcalc.core.ops.join import Mul
from convcalc.core.ops.pooling import GlobalAvgPool

RELU: Op = ReLU()
SIGMOID: Op = Sigmoid()


@operator
class Separable(Composite, Kernel):
    """Depthwise separable convolution (Howard et al. 2017, section 3.1): depthwise, then 1x1.

    By hand, `sep3x3c64` from 32 channels: 3*3*32 + 32*64 = 2,336 weights. Stride, padding and dilation
    are the depthwise layer's; a bias is the pointwise layer's, as in Keras' SeparableConv2D.
    """

    label = "separable"
    word = "sep"
    summary = "depthwise separable convolution: depthwise, then 1x1"

    bias: bool = option("b", default=False, flag=True)

    def expand(self, x: Tensor) -> Tensor:
        channels = x.channels if self.channels is None else self.channels
        y = x.apply(Depthwise(self.kernel, None, self.stride, self.padding, self.dilation), name="depthwise")
        return y.apply(Conv((1,), channels, bias=self.bias), name="pointwise")


@operator
class Deformable(Composite, Kernel):
    """Deformable convolution with its offset convolution (Dai et al. 2017; `v2`: Zhu et al. 2019).

    By hand, `dconv3x3` on 64 channels: 3*3*64*64 weights, and an offset convolution of 3*3*64*18
    weights and 18 biases (x and y for each of 9 places): 47,250. `v2` has 27, a mask with each place.
    """

    label = "deformable"
    word = "dconv"
    summary = "deformable convolution with its offset convolution; v2 adds the mask"

    groups: int = option("g", default=1)
    bias: bool = option("b", default=False, flag=True)
    version: int = option("v", default=1)

    def expand(self, x: Tensor) -> Tensor:
        if rank(x.shape) != 2:
            raise ShapeError(f"deformable convolution is 2-D, its input {spell(x.shape)} is not")
        if self.version not in (1, 2):
            raise ShapeError(f"deformable convolution has versions 1 and 2, not {self.version}")
        kernel = each_axis(self.kernel, x.shape, "kernel")
        offsets = (3 if self.version == 2 else 2) * prod(kernel)
        sampling = (self.stride, self.padding, self.dilation)
        y = x.apply(Conv(kernel, offsets, *sampling, bias=True), name="offset")
        return x.apply(DeformConv(kernel, self.channels, *sampling, self.groups, self.bias), y, name="deform")


@operator
class SqueezeExcitation(Composite):
    """Squeeze-and-excitation (Hu et al. 2018, Fig. 1): global average, C/r, relu, C, sigmoid, product.

    By hand, `se16` on 256 channels: 256*16 + 16 + 16*256 + 256 = 8,464 parameters.
    """

    label = "se"
    word = "se"
    summary = "squeeze-excitation; the number is its reduction"

    reduction: int = option("", default=16)

    def expand(self, x: Tensor) -> Tensor:
        positive("the reduction", self.reduction)
        squeezed = x.channels // self.reduction
        if not at_least(squeezed, 1):
            raise ShapeError(f"a reduction of {self.reduction} leaves nothing of {x.channels} channels")
        return excite(x, squeezed)


def excite(x: Tensor, squeezed: int, activation: Op = RELU, gate: Op = SIGMOID) -> Tensor:
    """`x` weighed by channel: global average, `squeezed` channels, `activation`, all channels, `gate`, product."""
    y = x.apply(GlobalAvgPool(), name="avgpool")
    y = y.apply(Conv((1,), squeezed, bias=True), name="fc1").apply(activation, name="activation")
    y = y.apply(Conv((1,), x.channels, bias=True), name="fc2").apply(gate, name="scale_activation")
    return x.apply(Mul(), y, name="mul")
