"""ConvNeXt (Liu et al. 2022). Names as in torchvision, whose dense layers over channels are 1x1 convolutions here."""

from __future__ import annotations

from convcalc.catalogue.layers import add, conv, depthwise, fc, flatten, global_avgpool, ln
from convcalc.catalogue.registry import block
from convcalc.core.graph import Tensor
from convcalc.core.ops.activation import GELU
from convcalc.core.ops.norm import LayerScale


@block("convnext-block", source="Liu et al. 2022, Fig. 4", input="96x56x56")
def convnext_block(x: Tensor) -> Tensor:
    """Depthwise 7x7, layer norm, 1x1 to four times the channels, GELU, 1x1 back; scaled and added."""
    with x.scope("block"):
        y = depthwise(x, 7, bias=True, name="0")
        y = ln(y, name="2")
        y = conv(y, 4 * x.channels, 1, bias=True, name="3").apply(GELU(), name="4")
        y = conv(y, x.channels, 1, bias=True, name="5")
    return add(x, y.apply(LayerScale(), name="layer_scale"))


@block("convnext_tiny", source="Liu et al. 2022, section 3", input="3x224x224")
def convnext_tiny(x: Tensor, classes: int = 1000) -> Tensor:
    """Stages of 3, 3, 9 and 3 blocks, a 2x2 of stride 2 between them."""
    with x.scope("features", sequence=True):
        with x.scope(sequence=True):
            x = ln(conv(x, 96, 4, 4, padding=0, bias=True))
        for channels, depth in ((96, 3), (192, 3), (384, 9), (768, 3)):
            if channels != x.channels:
                with x.scope(sequence=True):
                    x = conv(ln(x), channels, 2, 2, padding=0, bias=True)
            with x.scope():
                for _ in range(depth):
                    with x.scope():
                        x = convnext_block(x)
    x = global_avgpool(x, name="avgpool")
    with x.scope("classifier", sequence=True):
        return fc(flatten(ln(x)), classes)
