"""Registries: a folder's modules are found by themselves, a name is taken once, a user's module adds to the same."""

from __future__ import annotations

from pathlib import Path

import pytest

import convcalc.catalogue
import convcalc.core.ops
from convcalc import Network, parse
from convcalc.catalogue import get
from convcalc.catalogue.registry import Block
from convcalc.core.operator import REGISTRY, Op
from convcalc.core.registry import Registry
from convcalc.language.unparse import unparse

FOLDER = {
    "__init__.py": "from convcalc.core.registry import Registry\nPLANETS = Registry('planets', __name__)\n",
    "inner.py": "from {package} import PLANETS\nPLANETS.add('venus', 2, __name__)\nPLANETS.add('earth', 3, __name__)\n",
    "outer.py": "from {package} import PLANETS\nPLANETS.add('saturn', 6, __name__)\n",
}


@pytest.fixture
def planets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Registry[int]:
    """A registry over a folder of its own, nothing imported yet."""
    package = f"planets_{request.node.name}"
    (tmp_path / package).mkdir()
    for name, text in FOLDER.items():
        (tmp_path / package / name).write_text(text.replace("{package}", package))
    monkeypatch.syspath_prepend(str(tmp_path))
    registry: Registry[int] = __import__(package).PLANETS
    return registry


def test_a_module_in_the_folder_is_found(planets: Registry[int]) -> None:
    assert planets["saturn"] == 6
    assert "pluto" not in planets
    assert list(planets) == ["venus", "earth", "saturn"]
    assert len(planets) == 3


def test_a_newcomer_is_refused_even_before_the_folder_is_read(planets: Registry[int]) -> None:
    with pytest.raises(ValueError, match="two planets are called 'earth'"):
        planets.add("earth", 33, "a.users.module")
    planets.add("vulcan", 0, "a.users.module")
    assert planets["vulcan"] == 0


def test_another_folder_adds_to_a_registry(planets: Registry[int]) -> None:
    more: Registry[int] = Registry("planets")
    assert not len(more)
    more.read_from(type(planets).__module__.rpartition(".")[0] + ".ops")  # any folder: its modules are imported
    assert "pluto" not in more


@pytest.mark.parametrize("package", [convcalc.core.ops, convcalc.catalogue], ids=lambda package: package.__name__)
def test_every_file_of_our_folders_is_read(package: object) -> None:
    """No list by hand: what lies in the folder is loaded once all entries are asked for."""
    import sys

    list(REGISTRY)
    folder = Path(package.__path__[0])  # type: ignore[attr-defined]
    names = {f"{package.__name__}.{file.stem}" for file in folder.glob("[!_]*.py")}  # type: ignore[attr-defined]
    assert names <= set(sys.modules)
    assert names


@pytest.fixture
def users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user's module with an operator, an activation, a composite and a block; forgotten after the test."""
    (tmp_path / "users_layers.py").write_text(
        '''
from convcalc.catalogue import block
from convcalc.core.graph import Composite
from convcalc.core.operator import Op, operator, option
from convcalc.core.ops.activation import activation
from convcalc.core.ops.convolution import Conv

Mish = activation("mish", "Mish", "x * tanh(softplus(x))", saves="input")

@operator
class Halve(Op):
    """Every second channel."""
    label = word = "halve"
    summary = "every second channel"
    by: int = option("", default=2)
    def shape(self, *inputs):
        return (inputs[0][0] // self.by, *inputs[0][1:])

@operator
class Twice(Composite):
    """Two convolutions."""
    label = word = "twice"
    summary = "two 3x3"
    def expand(self, x):
        return x.apply(Conv(3)).apply(Conv(3))

@block("users-block", source="a user", input="8x5x5")
def users_block(x, channels=8):
    """A user's own."""
    return x.apply(Conv(1, channels)).apply(Mish())
'''
    )
    list(REGISTRY)
    from convcalc.catalogue import registry

    monkeypatch.setattr(REGISTRY, "_entries", dict(REGISTRY._entries))
    monkeypatch.setattr(registry._BLOCKS, "_entries", dict(registry._BLOCKS._entries))
    monkeypatch.setattr(Op, "classes", dict(Op.classes))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(__import__("sys").modules, "users_layers", raising=False)
    __import__("users_layers")


@pytest.mark.usefixtures("users")
def test_a_users_module_adds_words_and_blocks() -> None:
    graph = parse("halve, mish, twice, halve4", (8, 5, 5))
    assert graph.output_shape == (1, 5, 5)
    # Two 3x3 from 4 to 4 channels.
    assert Network(graph=graph).params == 2 * 9 * 4 * 4
    assert unparse(graph) == "halve, mish, 3x3c4*2, halve4"
    entry = get("users-block")
    assert isinstance(entry, Block)
    assert entry.family == "users_layers"
    assert parse("users-block(channels=4)").output_shape == (4, 5, 5)


@pytest.mark.usefixtures("users")
def test_a_users_operator_goes_from_process_to_process() -> None:
    from convcalc.sandbox.codec import dump_graph, load_graph

    graph = parse("halve4, mish", (8, 5, 5))
    assert load_graph(dump_graph(graph)) == graph
