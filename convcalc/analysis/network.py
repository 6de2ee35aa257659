"""`Network`: a graph with everything that can be asked of it, each computed when it is asked for, and once.

Reports, budgets, claims, comparisons and commands take a Network and nothing else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from convcalc.analysis.counts import Layer, all_parameters, by_module, count_layers, kinds
from convcalc.analysis.memory import Memory, activations, buffers
from convcalc.core.errors import ConfirmError, LimitError, suggest
from convcalc.core.graph import Graph
from convcalc.core.operator import Formula, Params

if TYPE_CHECKING:
    from convcalc.analysis.proof import Confirmation
    from convcalc.analysis.receptive_field import Field

Prove = Callable[["Network", str, Callable[[str], None]], "Confirmation"]
"""Proves a network's numbers on a device; it is told where to say what it is doing."""


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Network:
    """A network that was asked for.

    Args:
        graph: its layers in order, with their shapes.
        text: what it is called: the text, entry or model that it was loaded from.
        defaulted: which part of the input nobody named: "", "default", or "56x56 default".
        notes: what must be said beside the numbers.
        classes: the classes of a traced model's modules by their paths.
        buffers: how many values a traced model has that are not parameters.
        prove: how its numbers are proved where the language cannot say it (a traced model).
        ungrouped: the same single layer with one group, where several were asked for.
    """

    graph: Graph
    text: str = ""
    defaulted: str = ""
    notes: tuple[str, ...] = ()
    classes: Mapping[str, str] = field(default_factory=dict)
    buffers: int | None = None
    prove: Prove | None = None
    ungrouped: Network | None = None

    # Counts

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        """Every layer in order, with its numbers."""
        return count_layers(self.graph)

    def __getitem__(self, name: str) -> Layer:
        """The layer called `name`. Raises KeyError with the nearest name."""
        if name not in self._by_name:
            raise KeyError(f"no layer is called {name!r}: {suggest(name, self._by_name)}")
        return self._by_name[name]

    @cached_property
    def _by_name(self) -> dict[str, Layer]:
        return {layer.name: layer for layer in self.layers}

    def by_module(self, depth: int | None) -> tuple[Layer, ...]:
        """The layers grouped by module, `depth` names deep; every layer by itself for None."""
        return self.layers if depth is None else by_module(self.layers, depth, self.classes)

    @cached_property
    def kinds(self) -> dict[str, int]:
        """How many layers of each kind there are."""
        return kinds(self.layers)

    @cached_property
    def parameters(self) -> Params:
        """Parameters by what they are: weights, biases, normalisation; frozen ones apart."""
        return all_parameters(self.layers)

    @property
    def params(self) -> int:
        """Trainable parameters."""
        return self.parameters.total

    @property
    def weights(self) -> int:
        """Trainable parameters without biases and normalisation."""
        return self.parameters.weights

    @cached_property
    def macs(self) -> int:
        """Multiply-accumulates of convolutions, dense layers and matrix products."""
        return sum([layer.macs for layer in self.layers])

    @property
    def flops(self) -> int:
        """2 x MACs."""
        return 2 * self.macs

    @cached_property
    def elementwise(self) -> int:
        """All other arithmetic."""
        return sum([layer.elementwise for layer in self.layers])

    @cached_property
    def memory(self) -> Memory:
        """Elements of parameters, buffers and activations, for a batch of 1."""
        passed = activations(self.graph)
        return Memory(
            params=self.params + self.parameters.frozen,
            activations=passed.written,
            peak=passed.peak,
            training=passed.kept,
            buffers=buffers(self.graph) if self.buffers is None else self.buffers,
        )

    @cached_property
    def uncounted(self) -> dict[str, int]:
        """Operators whose counts are not known, with the number of their calls."""
        return dict(Counter(layer.spec for layer in self.layers if not layer.op.counted))

    @property
    def complete(self) -> bool:
        """Whether every operator was counted; if not, the totals are lower bounds."""
        return not self.uncounted

    def formula(self, layer: Layer) -> Formula:
        """The arithmetic of one layer as text with the numbers in it."""
        return self.graph.nodes[layer.node].op.formula(*self.graph.input_shapes_of(layer.node))

    # The receptive field

    @cached_property
    def _followed(self) -> tuple[tuple[Field, ...], str]:
        from convcalc.analysis.receptive_field import receptive_fields  # what asks for no field starts sooner

        try:
            return tuple(receptive_fields(self.graph)), ""
        except LimitError as error:
            return (), error.message

    @property
    def fields(self) -> tuple[Field, ...]:
        """The receptive field of every node on the first input; empty where `receptive_field_note` says why."""
        return self._followed[0]

    @property
    def receptive_field_note(self) -> str:
        """Why the receptive fields could not be followed, if they could not."""
        return self._followed[1]

    @property
    def receptive_field(self) -> Field:
        """The output's receptive field. Raises LimitError where it could not be followed."""
        if not self.fields:
            raise LimitError(self.receptive_field_note)
        return self.fields[self.graph.outputs[0]]

    @cached_property
    def spatial(self) -> int | None:
        """The last node on the way to the output whose field is not global, where the output's is."""
        from convcalc.analysis.receptive_field import spatial_end

        return spatial_end(self.graph, self.fields) if self.fields else None

    @property
    def spatial_field(self) -> Field:
        """The output's receptive field; where it is global, that of the last layer before (if there is one).

        Raises LimitError where it could not be followed.
        """
        return self.receptive_field if self.spatial is None else self.fields[self.spatial]

    # What it is asked as a whole

    def metric(self, name: str) -> Any:
        """The number called `name`: an int, a Fraction, or a tuple of one int for each axis.

        Raises UsageError if no metric is called so, NoNumberError where this network has no such number.
        """
        from convcalc.analysis.metrics import find_metric

        return find_metric(name).value(self)

    def to_dict(self, dtype: str | None = None) -> dict[str, Any]:
        """The JSON document of the output contract; with `dtype` ("float16") memory in bytes, too."""
        from convcalc.report.build.document import model_document

        return model_document(self, dtype=dtype)

    def confirm(self, device: str = "cpu", progress: Callable[[str], None] | None = None) -> Confirmation:
        """Prove the numbers on the real PyTorch module. Raises ConfirmError where that cannot be done.

        Args:
            device: "cpu", "cuda" or "auto".
            progress: told each stage as it begins.
        """
        tell = progress or (lambda stage: None)
        if self.prove is not None:
            proof = self.prove(self, device, tell)
        else:
            from convcalc.pytorch.verify.confirm import confirm

            proof = confirm(self, device=device, progress=tell)
        if proof.missing:
            raise ConfirmError(f"the proof does not check {' and '.join(proof.missing)}: it proves nothing")
        return proof

    def __str__(self) -> str:
        """The table of `convcalc summary`."""
        from convcalc.report.build.layers import summary_report
        from convcalc.report.write.plain import plain

        return plain(summary_report(self)).rstrip("\n")

    def __repr__(self) -> str:
        shape = "x".join(map(str, self.graph.input_shapes[0]))
        name = self.text if len(self.text) <= 60 else f"{self.text[:57]}..."
        return (
            f"<Network {name!r} over {shape}: {len(self.layers):,} layers, "
            f"{self.params:,} params, {self.macs:,} MACs{'' if self.complete else ', incomplete'}>"
        )

    def _repr_html_(self) -> str:
        """The table for a notebook."""
        from convcalc.report.build.layers import summary_report
        from convcalc.report.write.html import html

        return html(summary_report(self))
