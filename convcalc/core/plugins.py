"""Plugins: a user's module adds what convcalc's own files add, through the same decorators.

A plugin is an ordinary module that uses `@convcalc.operator`, `@convcalc.block`, `@convcalc.metric` or
`@convcalc.rule`. Importing it runs its code, so it is never loaded unasked: `--plugin` on the command line, or
`plugins` in convcalc.toml together with `--allow-import`.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import sys
from collections.abc import Sequence

from convcalc.core.errors import ConvcalcError, suggest

GROUP = "convcalc.plugins"
"""The group of entry points by which an installed distribution names its plugins."""

LOADED: dict[str, tuple[str, ...]] = {}
"""The plugins that were loaded, each with the folders that were looked in: a model's own process loads them too."""


class PluginError(ConvcalcError):
    """A plugin cannot be imported, or adds what is there already."""

    kind = "plugin"


def load_plugin(name: str, python_path: Sequence[str] = ()) -> None:
    """Import the plugin `name`: a dotted module, or the name of an entry point of the group `convcalc.plugins`.

    Args:
        name: "mypkg.costs", or an entry point's name.
        python_path: folders that are looked in after everything that is installed.

    Raises PluginError.
    """
    known = entry_points()
    module = known.get(name, name)
    if not all(part.isidentifier() for part in module.split(".")):
        raise PluginError(f"a plugin is a module, like mypkg.costs, not {name!r}", hint=suggest(name, known))
    before = list(sys.path)
    sys.path += [folder for folder in python_path if folder not in sys.path]
    try:
        importlib.import_module(module)
    except ConvcalcError:
        raise
    except (Exception, SystemExit) as error:
        raise PluginError(
            f"the plugin {name} cannot be imported: {type(error).__name__}: {' '.join(str(error).split())[:300]}",
            hint=suggest(name, known, otherwise="name its module, and its folder with --python-path"),
        ) from error
    finally:
        sys.path[:] = before
    LOADED[name] = tuple(python_path)


def entry_points() -> dict[str, str]:
    """The plugins that installed distributions offer: their modules by their names. Nothing is imported."""
    return {point.name: point.value for point in importlib.metadata.entry_points(group=GROUP)}
