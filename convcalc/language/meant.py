"""What people write that is not in the language, and how the language says what they most likely mean.

Asked only after a text was refused, so a rule may be generous: it gives a hint, never a reading.
"""

from __future__ import annotations

import re
from collections.abc import Callable

_LAYERS = {
    "convtranspose": "tconv4x4c64s2p1",
    "conv": "3x3c64",
    "linear": "fc10",
    "dense": "fc10",
    "batchnorm": "bn",
    "layernorm": "ln",
    "groupnorm": "gn32",
    "adaptiveavgpool": "gap",
    "globalaveragepooling": "gap",
    "maxpool": "maxpool3x3s2p1",
    "avgpool": "avgpool2x2",
    "averagepool": "avgpool2x2",
    "upsample": "up2",
    "identity": "id",
    "concat": "cat(1x1 | 3x3)",
    "sequential": "3x3c64, bn, relu",
    "relu6": "relu6",
    "relu": "relu",
    "gelu": "gelu",
    "silu": "silu",
    "sigmoid": "sigmoid",
    "tanh": "tanh",
    "softmax": "softmax",
    "dropout": "dropout",
    "flatten": "flatten",
}
"""Layers as frameworks call them, the longer name first where one begins with another."""

_KERNEL = r"(\d+x\d+|\d+)"

Hint = Callable[[re.Match[str]], str]


def _convolution(match: re.Match[str]) -> str:
    _, channels, kernel = match.groups()
    size = kernel if "x" in kernel else f"{kernel}x{kernel}"
    return f"write {size}c{channels}: the kernel, then c and the output channels; --input says what comes in"


def _layer(match: re.Match[str]) -> str:
    name = match[1].lower()
    word = next((word for known, word in _LAYERS.items() if name.startswith(known)), "gap")
    return f"write {word}: layers stand without brackets, their options after them"


def _file(match: re.Match[str]) -> str:
    folder, _, rest = match[1].partition("/") if match[1].startswith("src/") else ("", "", match[1])
    module = rest.strip("./").replace("/", ".")
    path = f" --python-path {folder}" if folder else ""
    return f"a model is package.module:attribute, so {module}:{match[2] or 'Net'}{path}"


def _input(match: re.Match[str]) -> str:
    sizes = re.findall(r"\d+", match[0])
    sizes = sizes[1:] if len(sizes) > 3 and sizes[0] == "1" else sizes
    if len(sizes) == 1:
        return f"an input is --input 3x{sizes[0]}x{sizes[0]}; a kernel of that size is {sizes[0]}x{sizes[0]}"
    return f"an input is --input {'x'.join(sizes)}; a network is its layers, for example 3x3c64s2,3x3"


_AN_INPUT = "|".join(
    (
        r"^\s*\d+(?:\s*,\s*\d+){2,3}\s*$",  # 3,224,224
        r"^\s*\d{2,5}\s*$",  # 224
        r"^\s*\d+(?:x\d{2,})+\s*$",  # 3x224x224
        r"^\s*\d{2,}(?:x\d+){2}\s*$",  # 224x224x3
        r"^\s*\d+x\d+x\d{2,}x\d+\s*$",  # 1x3x224x224
    )
)

_RULES: tuple[tuple[str, Hint], ...] = (
    (r"\[\s*" + _KERNEL + r"\s*,\s*(\d+)\s*\]\s*[x*]\s*(\d+)", lambda m: f"write ({m[1]}c{m[2]})*{m[3]}"),
    (r"\[\s*" + _KERNEL + r"\s*,\s*(\d+)\s*\]", lambda m: f"write {m[1]}c{m[2]}"),
    (r"\((?P<items>[^()]*)\)\s*x\s*(\d+)", lambda m: f"write ({m['items']})*{m[2]}"),
    (
        r"^\s*(?:\w+\.)*conv\dd\(\s*(\d+)\s*,\s*(\d+)\s*,\s*(?:kernel_size\s*=\s*)?\(?" + _KERNEL,
        _convolution,
    ),
    (r"^\s*((?:[\w.-]+/)*[\w-]+)\.py(?::(\w+))?", _file),
    (
        r"^\s*[\w./-]+\.(?:pt|pth|pt2|onnx|ckpt|h5|safetensors|bin)\s*$",
        lambda m: "weights alone do not say what the network is: name the code that makes it, package.module:attribute",
    ),
    (r"^\s*(?:(?:torch|nn|keras|layers|tf)\.)*((?:" + "|".join(_LAYERS) + r")\w*)\s*\(", _layer),
    (
        r"^\s*([a-z_]\w*(?:\.\w+)*)\.(\w+)\s*(?:\(.*\))?\s*$",
        lambda m: f"a model is package.module:attribute, so {m[1]}:{m[2]}",
    ),
    (r"^\s*conv[_ ]?" + _KERNEL + r"\b", lambda m: f"a convolution is its kernel alone: {m[1]}, or {m[1]}c64"),
    (_KERNEL + r"\s*conv\b", lambda m: f"a convolution is its kernel alone: {m[1]}, or {m[1]}c64"),
    (_KERNEL + r"\s*max[\s-]*pool\w*", lambda m: f"write maxpool{m[1]}s2p1"),
    (_KERNEL + r"\s*(?:average|avg)[\s-]*pool\w*", lambda m: f"write avgpool{m[1]}s2p1"),
    (_KERNEL + r"\s*/\s*(\d+)", lambda m: f"a stride is an option: {m[1]}s{m[2]}"),
    (_KERNEL + r"\s*,\s*(\d+)\s*,\s*(?:stride|/)\s*=?\s*(\d+)", lambda m: f"write {m[1]}c{m[2]}s{m[3]}"),
    (r"(\w*\d+x\d+)\s*,\s*(\d{2,})\b(?!x)", lambda m: f"channels are an option: {m[1]}c{m[2]}"),
    (_AN_INPUT, _input),
    (r"stride\s*=?\s*(\d+)", lambda m: f"a stride is an option of its layer: 3x3s{m[1]}"),
    (r"(?<![\w)])(\d+)\s*\*\s*\1\b", lambda m: f"a kernel is {m[1]}x{m[1]}; a repetition is ({m[1]})*{m[1]}"),
    (r"(\w+)\s*\+\s*(\w+)", lambda m: f"a sum of branches is add({m[1]} | {m[2]})"),
    (r"->|=>|→", lambda m: "layers that follow each other stand between commas"),
    (r"^\s*((?:conv|linear|dense|sequential|(?:batch|layer|group)norm|global|concat)\w*)", _layer),
)  # fmt: skip


def input_meant(text: str) -> str:
    """A hint where a whole text is the shape of an input; empty where it is not.

    >>> input_meant("3x224x224")
    'an input is --input 3x224x224; a network is its layers, for example 3x3c64s2,3x3'
    """
    match = re.search(_AN_INPUT, text[:200])
    return _input(match) if match else ""


def meant(text: str) -> str:
    """A hint at what a refused text most likely means; empty where nothing comes to mind.

    >>> meant("[3x3, 64] x 3"), meant("conv3x3")
    ('write (3x3c64)*3', 'a convolution is its kernel alone: 3x3, or 3x3c64')
    """
    for pattern, hint in _RULES:
        match = re.search(pattern, text[:200], re.IGNORECASE)
        if match:
            return hint(match)
    return ""
