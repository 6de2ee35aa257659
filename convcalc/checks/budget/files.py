"""Where a budget and its lock lie: discovery from a folder upwards, and paths that stay inside the repository."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from convcalc.checks.budget.configuration import (
    FILE,
    MAX_BYTES,
    PROJECT_FILE,
    Configuration,
    ConfigurationError,
    decode,
    load_toml,
    parse_configuration,
)
from convcalc.core.errors import UsageError

TABLE = ("tool", "convcalc")
"""Where a budget stands in pyproject.toml."""

LOCK = "convcalc.lock"


class Budget(NamedTuple):
    """A budget on disk. `root` is the repository: nothing that the file names may lie outside it."""

    configuration: Configuration
    path: Path
    root: Path

    @property
    def folder(self) -> Path:
        return self.path.parent

    @property
    def lock_path(self) -> Path:
        """The lock beside the file, or where the file says. Raises ConfigurationError outside the repository."""
        default = LOCK if self.path.name in (FILE, PROJECT_FILE) else f"{self.path.stem}.lock"
        return self._inside(self.configuration.lock or default, "lock")

    @property
    def python_path(self) -> tuple[Path, ...]:
        """The folders that models are imported from, the file's own last. Raises ConfigurationError."""
        named = [self._inside(path, "python-path") for path in self.configuration.python_path]
        return (*named, self.folder.resolve())

    def shown(self, path: Path) -> str:
        """A path as reports show it, from the repository's top on: what a forge's annotations need."""
        return _shown(path, self.root)

    def _inside(self, written: str, key: str) -> Path:
        path = self.folder / written
        if "\0" not in written and path.resolve().is_relative_to(self.root):
            return path
        source = self.configuration.source
        raise ConfigurationError(
            f"{key} {written!r} leads out of the repository",
            file=source.file,
            line=source.line((key,)) if getattr(self.configuration, key.replace("-", "_")) else None,
            hint="name a path inside it, and no symbolic link that leaves it",
        )


def read_budget(config: str | None, start: Path) -> Budget:
    """The budget at `config`, or the first one from `start` upwards. Raises ConfigurationError, UsageError."""
    path = Path(config) if config else discover(start)
    folder = path.absolute().parent
    root = repository_root(folder) or folder.resolve()
    if folder.resolve().is_relative_to(root) and not path.resolve().is_relative_to(root):
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
    return Budget(parse_configuration(text, shown, TABLE if is_project else ()), path.absolute(), root)


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
        if root is None or folder.resolve() == root:
            break
    raise UsageError(
        f"no {FILE}, and no [tool.convcalc] in {PROJECT_FILE}, here or above in the repository",
        hint="convcalc init writes a first budget; --config names a file elsewhere",
    )


def has_table(text: str, file: str) -> bool:
    """Whether a pyproject.toml holds a budget. A file that does not mention one is not parsed."""
    if TABLE[1] not in text:
        return False
    tool = load_toml(text, file).get("tool", {})
    return isinstance(tool, dict) and "convcalc" in tool


def repository_root(folder: Path) -> Path | None:
    """The nearest folder with a .git, links resolved."""
    resolved = folder.resolve()
    return next((parent for parent in (resolved, *resolved.parents) if (parent / ".git").exists()), None)


def read_text(path: Path, shown: str) -> str:
    """A file's text. Raises ConfigurationError."""
    try:
        with path.open("rb") as file:
            return decode(file.read(MAX_BYTES + 1), shown)
    except OSError as error:
        raise ConfigurationError(
            f"the file cannot be read: {error.strerror}", file=shown, hint="--config names another file"
        ) from None


def _shown(path: Path, root: Path) -> str:
    folder = path.parent.resolve()
    return (folder.relative_to(root) / path.name).as_posix() if folder.is_relative_to(root) else str(path)
