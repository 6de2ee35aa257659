"""Activations and dropout: no parameters, one function value for each element."""

from __future__ import annotations

from typing import Any

from convcalc.core.algebra import prod
from convcalc.core.operator import Op, Shape, operator


class _Activation(Op):
    """A function of each element by itself; `torch_name` is its class in torch.nn."""

    torch_name = ""
    saves = "output"

    def elementwise(self, *inputs: Shape) -> int:
        return prod(inputs[0])

    def module(self, nn: Any, *inputs: Shape) -> Any:
        return getattr(nn, self.torch_name)()


@operator
class ReLU(_Activation):
    """max(x, 0)."""

    label = word = "relu"
    summary = "rectified linear unit"
    torch_name = "ReLU"


@operator
class ReLU6(_Activation):
    """min(max(x, 0), 6)."""

    label = word = "relu6"
    summary = "rectified linear unit, at most 6"
    torch_name = "ReLU6"


@operator
class GELU(_Activation):
    """Gaussian error linear unit (Hendrycks and Gimpel 2016)."""

    label = word = "gelu"
    summary = "Gaussian error linear unit"
    torch_name = "GELU"
    saves = "input"


@operator
class SiLU(_Activation):
    """x * sigmoid(x), also called swish."""

    label = word = "silu"
    summary = "x * sigmoid(x), also called swish"
    torch_name = "SiLU"
    saves = "input"


@operator
class Hardswish(_Activation):
    """x * relu6(x + 3) / 6 (Howard et al. 2019)."""

    label = word = "hardswish"
    summary = "x * relu6(x + 3) / 6"
    torch_name = "Hardswish"
    saves = "input"


@operator
class Sigmoid(_Activation):
    """1 / (1 + exp(-x))."""

    label = word = "sigmoid"
    summary = "logistic function"
    torch_name = "Sigmoid"


@operator
class Hardsigmoid(_Activation):
    """relu6(x + 3) / 6 (Howard et al. 2019)."""

    label = word = "hardsigmoid"
    summary = "relu6(x + 3) / 6"
    torch_name = "Hardsigmoid"
    saves = "input"


@operator
class Tanh(_Activation):
    """Hyperbolic tangent."""

    label = word = "tanh"
    summary = "hyperbolic tangent"
    torch_name = "Tanh"


@operator
class Softmax(_Activation):
    """Softmax over the channels: for each element an exponential, an addition and a division."""

    label = word = "softmax"
    summary = "softmax over the channels"

    def elementwise(self, *inputs: Shape) -> int:
        return 3 * prod(inputs[0])

    def module(self, nn: Any, *inputs: Shape) -> Any:
        return nn.Softmax(dim=1)


@operator
class Dropout(Op):
    """Dropout: the identity in inference; training keeps its mask, counted as its output."""

    label = word = "dropout"
    summary = "dropout, the identity in inference"
    is_view = True
    saves = "output"

    def module(self, nn: Any, *inputs: Shape) -> Any:
        return nn.Dropout()
