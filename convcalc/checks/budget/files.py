"""Where a budget and its lock lie: discovery from a folder upwards, and paths that stay inside the repository."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from convcalc.checks.budget.configuration import FILE, PROJECT_FILE, Configuration, parse_configuration
from convcalc.checks.models import refuse_plugin
from convcalc.checks.toml import ConfigurationError, cut, load, read_text
from convcalc.core.errors import UsageError

TABLE = ("tool", "convcalc")
"""Where a budget stands in pyproject.toml."""

LOCK = "convcalc.lock"

Plugin = Callable[[str, tuple[str, ...]], object]


@dataclass(frozen=True, kw_only=True)
class Budget:
    """A budget on disk.

    Args:
        configuration: what it says.
        path: where it lies.
        root: the repository: nothing that the file names may lie outside it.
        start: the folder that it was looked for from; None where the file was named.
        plugin: loads plugins, of this budget and of what it was at another revision.
    """

    configuration: Configuration
    path: Path
    root: Path
    start: Path | None = None
    plugin: Plugin = refuse_plugin

    @property
    def folder(self) -> Path:
        return self.path.parent

    @property
    def lock_path(self) -> Path:
        """The lock beside the file, or where the file says. Raises ConfigurationError outside the repository."""
        return self._inside(self.configuration.lock or default_lock(self.path), "lock")

    @property
    def python_path(self) -> tuple[Path, ...]:
        """The folders that models are imported from, the file's own last. Raises ConfigurationError."""
        named = [self._inside(path, "python-path") for path in self.configuration.python_path]
        return (*named, self.folder.resolve())

    def shown(self, path: Path) -> str:
        """A path as reports show it, from the repository's top on: what a forge's annotations need."""
        return _shown(path, self.root)

    def _inside(self, written: str, key: str) -> Path:
        source = self.configuration.source
        return inside(self.folder, self.root, written, key, source.file, source.line((key,)))


def inside(folder: Path, root: Path, written: str, key: str, file: str, line: int | None = None) -> Path:
    """The path that a budget in `folder` means by what is `written`. Raises ConfigurationError outside `root`."""
    path = folder / written
    if "\0" not in written and resolved(path, file, line).is_relative_to(root):
        return path
    hint = "name a path inside it, and no symbolic link that leaves it"
    raise ConfigurationError(f"{key} {cut(written)!r} leads out of the repository", file=file, line=line, hint=hint)


def read_budget(config: str | None, start: Path, plugin: Plugin = refuse_plugin) -> Budget:
    """The budget at `config`, or the first one from `start` upwards. Raises ConfigurationError, UsageError."""
    path = Path(config) if config else discover(start)
    folder = path.absolute().parent
    root = repository_root(folder) or resolved(folder, str(folder))
    if resolved(folder, str(folder)).is_relative_to(root) and not resolved(path, str(path)).is_relative_to(root):
        raise ConfigurationError(
            "the file is a symbolic link that leads out of the repository",
            file=str(path),
            hint="commit the file itself",
        )
    shown = _shown(path.absolute(), root)
    text = read_text(path, shown)
    is_project = path.name == PROJECT_FILE
    if is_project and config and not has_table(text, shown):
        raise ConfigurationError("there is no [tool.convcalc]", file=shown, hint="convcalc init writes a first budget")

    def load_plugin(name: str, python_path: tuple[str, ...]) -> object:
        folders = (inside(folder, root, written, "python-path", shown) for written in (*python_path, "."))
        return plugin(name, tuple(map(str, folders)))

    configuration = parse_configuration(text, shown, TABLE if is_project else (), load_plugin)
    return Budget(
        configuration=configuration,
        path=path.absolute(),
        root=root,
        start=None if config else start.absolute(),
        plugin=load_plugin,
    )


def default_lock(path: Path) -> str:
    """The lock of a budget that names none."""
    return LOCK if path.name in (FILE, PROJECT_FILE) else f"{path.stem}.lock"


def resolved(path: Path, file: str, line: int | None = None) -> Path:
    """A path without links. Raises ConfigurationError where links go in circles, or a name is too long."""
    try:
        return path.resolve()
    except (OSError, RuntimeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "symbolic links go in circles"
        hint = "name a path that leads to a file"
        raise ConfigurationError(f"the path leads nowhere: {reason}", file=file, line=line, hint=hint) from None


def discover(start: Path) -> Path:
    """convcalc.toml, or a pyproject.toml with [tool.convcalc], in `start` or above it in the repository."""
    start = start.absolute()
    root = repository_root(start)
    for folder in (start, *start.parents):
        if os.path.lexists(folder / FILE):
            return folder / FILE
        project = folder / PROJECT_FILE
        if project.is_file() and has_table(read_text(project, str(project)), str(project)):
            return project
        if root is None or resolved(folder, str(folder)) == root:
            break
    raise UsageError(
        f"no {FILE}, and no [tool.convcalc] in {PROJECT_FILE}, here or above in the repository",
        hint="convcalc init writes a first budget; --config names a file elsewhere",
    )


def has_table(text: str, file: str) -> bool:
    """Whether a pyproject.toml holds a budget. A file that does not mention one is not parsed."""
    if TABLE[1] not in text:
        return False
    tool = load(text, file).get("tool", {})
    return isinstance(tool, dict) and "convcalc" in tool


def repository_root(folder: Path) -> Path | None:
    """The nearest folder with a .git, links resolved."""
    whole = resolved(folder, str(folder))
    return next((parent for parent in (whole, *whole.parents) if (parent / ".git").exists()), None)


def _shown(path: Path, root: Path) -> str:
    folder = resolved(path.parent, str(path))
    return (folder.relative_to(root) / path.name).as_posix() if folder.is_relative_to(root) else str(path)
