"""The proof: a network's real module is run, and its witnesses' numbers are laid beside ours.

There is one way for texts, whose module is built here, and for traced models, which bring their own. `counts`
holds the witnesses of shapes, parameters and MACs, `gradients` those of the receptive field. Nothing here changes
torch's global state; torch's and fvcore's warnings are kept in for the time of a proof.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from convcalc.analysis.network import Network
from convcalc.analysis.proof import Check, Confirmation
from convcalc.core.operator import Shape
from convcalc.pytorch.build import BuiltModule, build
from convcalc.pytorch.device import allocate, check_memory, device_of
from convcalc.pytorch.verify.counts import Subject, count_checks
from convcalc.pytorch.verify.gradients import reach_checks

BYTES = 4
"""Of one element: modules are run in float32."""

NO_OTHER_WITNESS = "elementwise arithmetic and memory (no other tool counts them)"


def confirm(
    network: Network, *, device: str = "cpu", progress: Callable[[str], None] = lambda stage: None
) -> Confirmation:
    """Prove the numbers of a text or catalogue entry on its PyTorch module.

    `device` is "cpu", "cuda" (or another of torch's) or "auto"; `progress` is told each stage as it begins.
    Raises ConfirmError where the module does not fit the memory or there is no such device.

    >>> from convcalc import load
    >>> confirm(load("3x3,3x3", input=(4, 9, 9))).ok
    True
    """

    def subject(place: torch.device) -> Subject:
        with torch.device("meta"):
            module = build(network.graph)
        inputs = tuple([torch.zeros(1, *shape, device=place) for shape in network.graph.input_shapes])
        allocate(module, place)
        outputs = [(1, *network.graph.shapes[output]) for output in network.graph.outputs]
        return Subject(network=network, module=module.eval(), inputs=inputs, layers=module.layers, outputs=outputs)

    return _prove(network, subject, device, progress)


def confirm_model(
    network: Network,
    make: Callable[[], tuple[nn.Module, Sequence[Tensor]]],
    outputs: Sequence[Shape],
    *,
    device: str = "cpu",
    progress: Callable[[str], None] = lambda stage: None,
) -> Confirmation:
    """Prove the numbers of a traced model on the model itself. Raises ConfirmError.

    Args:
        network: what tracing it gave.
        make: gives a copy of the model that may be changed, and what it is called with.
        outputs: the shapes that it gave when it was traced, batch included.
        device: "cpu", "cuda" or "auto".
        progress: told each stage as it begins.
    """

    def subject(place: torch.device) -> Subject:
        model, tensors = make()
        inputs = tuple([tensor.to(place) for tensor in tensors])
        module = allocate(model, place).eval()
        return Subject(network=network, module=module, inputs=inputs, layers={}, outputs=outputs)

    return _prove(network, subject, device, progress)


def _prove(
    network: Network, make: Callable[[torch.device], Subject], device: str, progress: Callable[[str], None]
) -> Confirmation:
    place = device_of(device)
    check_memory(_bytes(network), place)
    with _quiet(), torch.inference_mode(False):
        progress("building the module")
        subject = make(place)
        progress("running the module")
        checks, uncovered = count_checks(subject)
        reached, unreached = _reach(subject, checks, progress)
    version = torch.__version__.partition("+")[0]
    return Confirmation(str(place), version, (*checks, *reached), (*uncovered, *unreached, NO_OTHER_WITNESS))


def _bytes(network: Network) -> int:
    """Of weights and buffers, and of the live activations with as much again to work in."""
    held = network.memory.params + network.memory.buffers
    return BYTES * (held + 2 * network.memory.peak)


def _reach(
    subject: Subject, checks: Sequence[Check], progress: Callable[[str], None]
) -> tuple[Sequence[Check], Sequence[str]]:
    """The checks of the receptive field, where the shapes agree and the layers are modules."""
    if not isinstance(subject.module, BuiltModule):
        return [], ["the receptive field (its proof needs a network of the language)"]
    if not all(check.ok for check in checks if check.what == "output"):
        return [], ["the receptive field (the shapes disagree)"]
    progress("following gradients")
    return reach_checks(subject.module, subject.device)


@contextmanager
def _quiet() -> Iterator[None]:
    """Python warnings off for a while: torch and fvcore warn about their own insides."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
