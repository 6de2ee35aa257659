"""What all tests share: which of them need torch, and which are run only when all the time in the world is there.

`pytest -m "not torch"` is the fast part. `pytest --long` adds thousands of random examples, the largest networks
and repeated proofs; CI asks for it.
"""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("short", deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("long", settings.get_profile("short"), max_examples=500)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="also the long draws, the largest networks, repeated proofs")


def pytest_configure(config: pytest.Config) -> None:
    settings.load_profile("long" if config.getoption("--long") else "short")
    os.environ.pop("COLUMNS", None)  # what is printed depends on it, and workers of pytest-xdist are given one


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what imports torch, and leave out what is long unless it is asked for."""
    for item in items:
        if _needs_torch(item):
            item.add_marker("torch")
    if config.getoption("--long"):
        return
    kept = [item for item in items if item.get_closest_marker("long") is None]
    config.hook.pytest_deselected(items=[item for item in items if item not in set(kept)])
    items[:] = kept


def _needs_torch(item: pytest.Item) -> bool:
    """Whether a test's module, or for a doctest the module that it stands in, has torch."""
    module = getattr(item, "module", None) or getattr(item.parent, "obj", None)
    return hasattr(module, "torch") or "/pytorch/" in item.path.as_posix()
