"""How far traced counts agree with other people's, model by model: `python tests/benchmarks/agreement.py --help`.

torchvision: parameters and MACs against the published `num_params` and `_ops` (GMACs, to three decimals).
timm: parameters against `sum(p.numel())` and MACs against torch's FlopCounterMode, both on the meta device.
Prints a Markdown table of every disagreement and a summary; `--all` lists every model.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

import torch
from torch.utils.flop_counter import FlopCounterMode

import convcalc
from convcalc.pytorch.tracing.trace import InputSpec, NoWeights, record

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import foreign

FRAMES = 16
"""Frames of a clip in torchvision's published counts of video models."""

AS_PUBLISHED: dict[str, dict[str, object]] = {"googlenet": {"aux_logits": False, "init_weights": False}}
"""Published without the auxiliary heads. Those of FCN and DeepLab are in their published counts."""


class Result(NamedTuple):
    """One model: our counts, the witness's, and the seconds that each took."""

    name: str
    params: tuple[int, int]
    macs: tuple[float, float]
    uncounted: dict[str, int]
    seconds: tuple[float, float]
    problem: str = ""

    @property
    def agrees(self) -> bool:
        return not self.problem and self.params[0] == self.params[1] and self.macs[0] == self.macs[1]


def measured(model: torch.nn.Module, inputs: list[InputSpec]) -> tuple[convcalc.Summary, float]:
    """Our counts, and the seconds that tracing and counting took."""
    start = time.perf_counter()
    summary = convcalc.Network(graph=record(model, inputs).graph)
    return summary, time.perf_counter() - start


def witnessed(model: torch.nn.Module, shape: tuple[int, ...]) -> tuple[int, float]:
    """torch's count of MACs in a forward on the meta device, and its seconds."""
    x = torch.empty(1, *shape, device="meta")
    model = model.to("meta").requires_grad_(False)  # the counter's hooks stumble over a parameter given as input
    start = time.perf_counter()
    torch.backends.mha.set_fastpath_enabled(False)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(x)
    return counter.get_total_flops() // 2, time.perf_counter() - start


def light(make: Callable[..., torch.nn.Module], **options: object) -> torch.nn.Module:
    """A model without weights; with them where its constructor reads them."""
    try:
        with NoWeights():
            return make(**options).eval()
    except Exception:
        return make(**options).eval()


def torchvision_results(names: Iterable[str]) -> Iterator[Result]:
    """Every classification, segmentation and video model, against its published numbers."""
    import torchvision

    for name in names:
        weights = min(torchvision.models.get_model_weights(name), key=lambda weights: max(_size(weights)))
        size = _size(weights)
        side = (size[0], size[-1])
        shape: tuple[int, ...] = (3, *side)
        if ".video." in weights.__module__:
            shape = (3, FRAMES, *side)
        options = AS_PUBLISHED.get(name, {})
        if ".segmentation." in weights.__module__:
            shape, options = (3, 520, 520), {"weights_backbone": None, "aux_loss": not name.startswith("lraspp")}
            options = {option: value for option, value in options.items() if value is not False}
        model = light(torchvision.models.get_model, name=name, weights=None, **options)
        summary, seconds = measured(model, [InputSpec(shape)])
        macs, theirs = witnessed(model, shape)
        published = weights.meta["_ops"]
        yield Result(
            f"{name} at {'x'.join(map(str, shape))}",
            (summary.params, weights.meta["num_params"]),
            (round(summary.macs / 1e9, 3), published),
            summary.uncounted,
            (seconds, theirs),
            "" if macs == summary.macs else f"torch counts {macs:,}, we {summary.macs:,}",
        )


def _size(weights: Any) -> Sequence[int]:
    """Height and width that published weights are for; a model without an own size takes the smallest."""
    transforms = weights.transforms()
    return getattr(transforms, "crop_size", None) or getattr(transforms, "resize_size", None) or [224]


def timm_results(names: Iterable[str]) -> Iterator[Result]:
    """timm models against `sum(p.numel())` and torch's counter on the meta device."""
    import timm

    for name in names:
        try:
            model = light(timm.create_model, model_name=name, pretrained=False)
            configuration = cast("dict[str, Any]", model.pretrained_cfg)
            shape = tuple(configuration.get("input_size", (3, 224, 224)))
            summary, seconds = measured(model, [InputSpec(shape)])
            params = sum(p.numel() for p in model.parameters())
            counted = summary.params + summary.parameters.frozen
            macs, theirs = witnessed(model, shape)
        except Exception as error:
            yield Result(
                name, (0, 0), (0, 0), {}, (0, 0), f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
            )
            continue
        yield Result(name, (counted, params), (summary.macs, macs), summary.uncounted, (seconds, theirs))


def timm_sample(each: int) -> list[str]:
    """Up to `each` models of every family, the smallest names first."""
    import timm

    families: dict[str, list[str]] = defaultdict(list)
    for name in timm.list_models():
        families[timm.models.model_entrypoint(name).__module__].append(name)
    return [name for names in families.values() for name in sorted(names, key=lambda n: (len(n), n))[:each]]


def show(results: Iterable[Result], every: bool) -> None:
    """A Markdown table, and the summary below it."""
    print("| model | params | theirs | MACs | theirs | not counted | ratio of time |")
    print("| --- | ---: | ---: | ---: | ---: | --- | ---: |")
    done = []
    for result in results:
        done.append(result)
        if every or not result.agrees or result.uncounted:
            ratio = result.seconds[0] / result.seconds[1] if result.seconds[1] else 0
            said = result.problem or ", ".join(result.uncounted)
            print(
                f"| {result.name} | {result.params[0]} | {result.params[1]} | {result.macs[0]} | {result.macs[1]} "
                f"| {said} | {ratio:.2f} |",
                flush=True,
            )
    agreeing = sum(result.agrees for result in done)
    incomplete = sum(bool(result.uncounted) for result in done)
    times = [sum(result.seconds[i] for result in done) for i in (0, 1)]
    print(f"\n{agreeing} of {len(done)} models agree in parameters and MACs; {incomplete} have operators not counted.")
    ratio = times[0] / max(times[1], 1e-9)
    print(f"Tracing and counting took {times[0]:.0f} s, torch's counter {times[1]:.0f} s: {ratio:.2f} times as long.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("library", choices=("torchvision", "timm"))
    parser.add_argument("--each", type=int, default=5, help="timm models of each family")
    parser.add_argument("--all", action="store_true", help="list every model, not only disagreements")
    parser.add_argument("names", nargs="*", help="only these models")
    options = parser.parse_intermixed_args()
    warnings.simplefilter("ignore")
    foreign.torchvision_models()
    if options.library == "timm":
        show(timm_results(options.names or timm_sample(options.each)), options.all)
    else:
        show(torchvision_results(options.names or torchvision_names()), options.all)


def torchvision_names() -> list[str]:
    """Every classification, segmentation and video model; quantized ones have no trainable parameters."""
    import torchvision

    names = torchvision.models.list_models()
    kinds = (".detection.", ".optical_flow.", ".quantization.")
    modules = {name: torchvision.models.get_model_builder(name).__module__ + "." for name in names}
    return [name for name in names if not any(kind in modules[name] for kind in kinds)]


if __name__ == "__main__":
    main()
