"""Activations and dropout: no parameters, one function value for each element."""

from __future__ import annotations

import sys
from typing import Any

from convcalc.core.algebra import prod
from convcalc.core.operator import Op, Shape, operator


class Activation(Op):
    """A function of each element by itself; `torch_name` is its class in torch.nn."""

    torch_name = ""

    def elementwise(self, *inputs: Shape) -> int:
        return prod(inputs[0])

    def module(self, nn: Any, *inputs: Shape) -> Any:
        return getattr(nn, self.torch_name)()


def activation(word: str, torch_name: str, summary: str, *, saves: str) -> type[Activation]:
    """A new activation: its word and the module of torch.nn that it is.

    `saves` is what PyTorch keeps for its gradient, "input" or "output".
    """
    written_in = sys._getframe(1).f_globals["__name__"]
    rules = {"label": word, "word": word, "aten": word, "torch_name": torch_name, "summary": summary, "saves": saves}
    return operator(type(torch_name, (Activation,), {**rules, "__doc__": summary, "__module__": written_in}))


ReLU = activation("relu", "ReLU", "rectified linear unit: max(x, 0)", saves="output")
ReLU6 = activation("relu6", "ReLU6", "rectified linear unit, at most 6: min(max(x, 0), 6)", saves="input")
GELU = activation("gelu", "GELU", "Gaussian error linear unit (Hendrycks and Gimpel 2016)", saves="input")
SiLU = activation("silu", "SiLU", "x * sigmoid(x), also called swish", saves="input")
Hardswish = activation("hardswish", "Hardswish", "x * relu6(x + 3) / 6 (Howard et al. 2019)", saves="input")
Sigmoid = activation("sigmoid", "Sigmoid", "logistic function: 1 / (1 + exp(-x))", saves="output")
Hardsigmoid = activation("hardsigmoid", "Hardsigmoid", "relu6(x + 3) / 6 (Howard et al. 2019)", saves="input")
Tanh = activation("tanh", "Tanh", "hyperbolic tangent", saves="output")


@operator
class Softmax(Op):
    """Softmax over the channels: for each element an exponential, an addition and a division."""

    label = word = "softmax"
    summary = "softmax over the channels"
    saves = "output"

    def elementwise(self, *inputs: Shape) -> int:
        return 3 * prod(inputs[0])

    def module(self, nn: Any, *inputs: Shape) -> Any:
        return nn.Softmax(dim=1)


@operator
class Dropout(Op):
    """Dropout: the identity in inference. Training writes an output of its own and keeps a mask of as many numbers.

    That is PyTorch's way on a CPU; its CUDA kernel keeps the mask as booleans.
    """

    label = word = "dropout"
    summary = "dropout, the identity in inference"
    is_view = True
    is_view_in_training = False

    def kept(self, *inputs: Shape) -> int:
        return prod(inputs[0])

    def module(self, nn: Any, *inputs: Shape) -> Any:
        return nn.Dropout()
