"""What all tests share: `pytest --thorough` draws thousands of random examples instead of dozens."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("quick", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("thorough", settings.get_profile("quick"), max_examples=3000)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--thorough", action="store_true", help="thousands of random examples, networks at full size")


def pytest_configure(config: pytest.Config) -> None:
    settings.load_profile("thorough" if config.getoption("--thorough") else "quick")


@pytest.fixture
def thorough(request: pytest.FixtureRequest) -> bool:
    """Whether `--thorough` was asked for."""
    return bool(request.config.getoption("--thorough"))
