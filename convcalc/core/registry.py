"""Entries by their names: operators, blocks, and whatever else is added by being written down.

A decorator adds an entry. Modules dropped into a registry's folders are found by themselves, when a name is
not known yet or all are asked for; a user's own module adds to the same registry by being imported.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import TypeVar

T = TypeVar("T")


class Registry(Mapping[str, T]):
    """What is registered, in the order of the folders' files; a name is taken once.

    `what` is what the entries are, in the plural; the modules of `packages` are written by us.

    >>> planets: Registry[int] = Registry("planets")
    >>> planets.add("earth", 3, __name__)
    >>> planets["earth"], list(planets)
    (3, ['earth'])
    """

    def __init__(self, what: str, *packages: str) -> None:
        self._what = what
        self._entries: dict[str, T] = {}
        self._packages = packages
        self._unread = list(packages)

    def add(self, name: str, entry: T, module: str) -> None:
        """Take in an entry that is written in `module`. Raises ValueError if the name is taken."""
        if not module.startswith(self._packages):
            self.load()  # so that the newcomer is refused, not what was here before it
        if name in self._entries:
            raise ValueError(f"two {self._what} are called {name!r}")
        self._entries[name] = entry

    def read_from(self, package: str) -> None:
        """Look for entries in another package's folder, too."""
        self._packages += (package,)
        self._unread.append(package)

    def load(self) -> None:
        """Import whatever modules of the folders are not imported yet."""
        while self._unread:
            import_folder(self._unread.pop(0))

    def __getitem__(self, name: str) -> T:
        if name not in self._entries:
            self.load()
        return self._entries[name]

    def __iter__(self) -> Iterator[str]:
        self.load()
        return iter(self._entries)

    def __len__(self) -> int:
        self.load()
        return len(self._entries)


def import_folder(package: str) -> None:
    """Import every module of a package, in the order of their names."""
    from pkgutil import iter_modules

    for module in iter_modules(import_module(package).__path__):
        import_module(f"{package}.{module.name}")
