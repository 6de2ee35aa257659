"""Experiments on real modules for what counting does not show: equal functions, dependence, time (see `timing`).

`TorchLaboratory` is what `convcalc.checks.claims` calls a laboratory. Two networks are compared with the
weights of one copied to the other, in float64.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from convcalc.core.errors import ConfirmError, UsageError
from convcalc.core.graph import Graph
from convcalc.pytorch.build import BuiltModule, build
from convcalc.pytorch.device import device_of
from convcalc.pytorch.timing import quartiles

SEED = 0
BATCH = 2


class _Match(NamedTuple):
    """Tensors of two networks that hold the same weights: joined along `axis`, each side is the same tensor."""

    ours: list[Tensor]
    theirs: list[Tensor]
    axis: int


class TorchLaboratory:
    """Runs experiments on `device` ("cpu", "cuda" or "auto"); `progress` is told each one as it begins.

    Raises ConfirmError where there is no such device or the memory does not suffice.
    """

    def __init__(self, device: str = "cpu", progress: Callable[[str], None] | None = None) -> None:
        self.device = device_of(device)
        self._tell = progress or (lambda stage: None)
        self._times: dict[tuple[int, ...], tuple[tuple[Graph, ...], list[list[float]]]] = {}

    def difference(self, one: Graph, other: Graph) -> float:
        """The largest difference of the outputs. Raises UsageError where the weights have no counterparts."""
        self._tell("comparing outputs")
        ours, theirs, inputs = self._alike(one, other)
        with torch.no_grad():
            return _largest(_outputs(ours, inputs), _outputs(theirs, inputs))

    def gradient_difference(self, one: Graph, other: Graph) -> float:
        """The largest difference of the gradients by the inputs and by every weight, of one random loss."""
        self._tell("comparing gradients")
        ours, theirs, inputs = self._alike(one, other)
        our_inputs, their_inputs = ([x.clone().requires_grad_() for x in inputs] for _ in range(2))
        our_output, their_output = _outputs(ours, our_inputs), _outputs(theirs, their_inputs)
        loss = _noise(our_output.shape).to(self.device)
        torch.autograd.backward([(our_output * loss).sum(), (their_output * loss).sum()])
        differences = [_largest(_grad(a), _grad(b)) for a, b in zip(our_inputs, their_inputs, strict=True)]
        for match in _matches(ours, theirs, parameters_only=True):
            ours_joined = torch.cat([_grad(tensor) for tensor in match.ours], match.axis)
            theirs_joined = torch.cat([_grad(tensor) for tensor in match.theirs], match.axis)
            differences.append(_largest(ours_joined, theirs_joined))
        return max(differences)

    def groups_reached(self, graph: Graph, groups: int) -> list[int]:
        """The fewest and the most channel groups of the first input that one output channel depends on.

        By gradients in float64 with positive weights, so that nothing cancels. Raises UsageError where
        the groups do not divide the channels.
        """
        channels = graph.input_shapes[0][0]
        if groups < 1 or channels % groups:
            raise UsageError(f"{groups} groups do not divide {channels} channels", hint="name a divisor")
        self._tell("following channels")
        network = _positive(build(graph).double().to(self.device).eval())
        inputs = [torch.ones(1, *shape, dtype=torch.float64, device=self.device) for shape in graph.input_shapes]
        inputs[0].requires_grad_()
        output = _outputs(network, inputs)
        reached = []
        for channel in range(output.shape[1]):
            (gradient,) = torch.autograd.grad(output[:, channel].sum(), inputs[0], retain_graph=True)
            by_group = gradient.reshape(groups, -1).abs().sum(1)
            reached.append(int((by_group > 0).sum()))
        return [min(reached), max(reached)]

    def milliseconds(self, *graphs: Graph) -> list[list[float]]:
        """Lower quartile, median and upper quartile of a forward pass of each network, in float32, batch 1.

        The same networks are measured once: every question about them is answered from one run.
        """
        key = tuple(map(id, graphs))
        if key not in self._times:
            self._tell("taking times")
            self._times[key] = (graphs, quartiles(graphs, self.device))
        return self._times[key][1]

    def _alike(self, one: Graph, other: Graph) -> tuple[BuiltModule, BuiltModule, list[Tensor]]:
        """Both networks with the same random weights, and random inputs."""
        if one.input_shapes != other.input_shapes or one.output_shape != other.output_shape:
            raise UsageError("only networks of one input and output shape are compared", hint="see convcalc compare")
        try:
            ours, theirs = (build(graph).double().to(self.device).eval() for graph in (one, other))
            _randomise(ours)
            _copy(ours, theirs)
            return ours, theirs, [_noise((BATCH, *shape)).to(self.device) for shape in one.input_shapes]
        except (torch.OutOfMemoryError, MemoryError) as error:
            raise ConfirmError(f"the modules do not fit the memory of {self.device}: {error}") from error


def _randomise(network: BuiltModule) -> None:
    """Weights that keep the scale of what passes through; scales and variances between 0.5 and 1.5."""
    generator = torch.Generator().manual_seed(SEED)
    with torch.no_grad():
        for name, tensor in _floating(network):
            values = torch.rand(tensor.shape, generator=generator, dtype=torch.float64)
            if tensor.dim() > 1:
                fan_in = tensor[0].numel()
                values = (2 * values - 1) * (3 / fan_in) ** 0.5
            elif name.rpartition(".")[2] in ("weight", "running_var"):
                values = values + 0.5
            tensor.copy_(values)


def _positive(network: BuiltModule) -> BuiltModule:
    """The network with positive weights and means of zero: no two ways through it cancel."""
    with torch.no_grad():
        for name, tensor in _floating(network):
            tensor.fill_(0.0 if name.endswith("running_mean") else 1.0)
    return network


def _copy(source: BuiltModule, target: BuiltModule) -> None:
    """Give `target` the weights of `source`. Raises UsageError where they have no counterparts."""
    with torch.no_grad():
        for ours, theirs, axis in _matches(source, target):
            sizes = [tensor.shape[axis] for tensor in theirs]
            for tensor, part in zip(theirs, torch.split(torch.cat(ours, axis), sizes, axis), strict=True):
                tensor.copy_(part)


def _matches(ours: BuiltModule, theirs: BuiltModule, *, parameters_only: bool = False) -> Iterator[_Match]:
    """The tensors of two networks that hold the same weights.

    Layers correspond if as many layers with weights lie before them; several side by side (paths) are
    one that is cut: by output channels, or, where their outputs are summed, by input channels.
    """
    our_stages, their_stages = _stages(ours), _stages(theirs)
    if our_stages.keys() != their_stages.keys():
        raise _unlike(ours, theirs)
    held = _parameters if parameters_only else _floating
    for stage, our_modules in our_stages.items():
        our_tensors = [dict(held(module)) for module in our_modules]
        their_tensors = [dict(held(module)) for module in their_stages[stage]]
        if len({tuple(tensors) for tensors in (*our_tensors, *their_tensors)}) != 1:
            raise _unlike(ours, theirs)
        for name in our_tensors[0]:
            sides = [tensors[name] for tensors in our_tensors], [tensors[name] for tensors in their_tensors]
            axis = _axis(*sides)
            if axis is None:
                raise _unlike(ours, theirs)
            yield _Match(*sides, axis)


def _axis(ours: Sequence[Tensor], theirs: Sequence[Tensor]) -> int | None:
    """Along which axis both sides join to tensors of one shape; None if along none."""
    axes = range(min(2, ours[0].dim()))
    return next((axis for axis in axes if _joined(ours, axis) == _joined(theirs, axis) is not None), None)


def _joined(tensors: Sequence[Tensor], axis: int) -> tuple[int, ...] | None:
    """The shape of the tensors joined along `axis`; None where the other axes differ."""
    others = {(*tensor.shape[:axis], *tensor.shape[axis + 1 :]) for tensor in tensors}
    if len(others) != 1:
        return None
    size = sum(tensor.shape[axis] for tensor in tensors)
    shape = tensors[0].shape
    return (*shape[:axis], size, *shape[axis + 1 :])


def _stages(network: BuiltModule) -> dict[tuple[int, str], list[nn.Module]]:
    """The layers with weights, by how many such layers lie on the longest way to them, and by kind."""
    graph, layers = network.graph, network.layers
    depths = [0] * len(graph.nodes)
    stages: dict[tuple[int, str], list[nn.Module]] = {}
    for index in range(len(graph.nodes)):
        op, inputs, name = graph.nodes[index]
        depths[index] = max((depths[i] for i in inputs), default=0)
        module = layers.get(name)
        if module is not None and next(module.parameters(), None) is not None:
            depths[index] += 1
            stages.setdefault((depths[index], op.label), []).append(module)
    return stages


def _floating(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Parameters and statistics, without counters."""
    for name, tensor in module.state_dict(keep_vars=True).items():
        if tensor.is_floating_point():
            yield name, tensor


def _parameters(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """What gradients are taken by."""
    yield from module.named_parameters()


def _outputs(network: BuiltModule, inputs: Sequence[Tensor]) -> Tensor:
    output = network(*inputs)
    return output if isinstance(output, Tensor) else output[0]


def _noise(shape: Sequence[int]) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(SEED + 1), dtype=torch.float64)


def _grad(tensor: Tensor) -> Tensor:
    return torch.zeros_like(tensor) if tensor.grad is None else tensor.grad


def _largest(one: Tensor, other: Tensor) -> float:
    return float((one - other).abs().max())


def _unlike(ours: BuiltModule, theirs: BuiltModule) -> UsageError:
    count = [sum(map(len, _stages(network).values())) for network in (ours, theirs)]
    return UsageError(
        f"the weights of {count[0]} and {count[1]} layers have no counterparts in each other",
        hint="two forms of one block are compared: as many layers in a row, the same weights in all",
    )
