"""What git knows: files as they were at a revision, and every edit since that makes a limit easier to keep.

Git is asked through its plumbing, without a shell, and only for blobs: nothing is checked out.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from convcalc.checks.budget.configuration import (
    FILE,
    PROJECT_FILE,
    Check,
    Configuration,
    Entry,
    imports_of,
    parse_configuration,
)
from convcalc.checks.budget.files import TABLE, Budget, default_lock, has_table
from convcalc.checks.budget.lock import Lock, parse_lock
from convcalc.checks.limits import Limit, Value, limit_keys
from convcalc.checks.toml import ConfigurationError, KeyPath, cut, decode, shown
from convcalc.core.errors import UsageError

_TIMEOUT = 60

_WORDS = ("name", "says", "why", "article")
"""The keys of an entry that nothing is judged by."""


@dataclass(frozen=True, kw_only=True)
class Edit:
    """What was edited since a revision.

    Args:
        name: the check or claim.
        key: what of it was edited.
        message: from what to what.
        path: where it stands now.
        looser: whether it makes a limit easier to keep.
    """

    name: str
    key: str
    message: str
    path: KeyPath = ()
    looser: bool = True


@dataclass(frozen=True, kw_only=True)
class Before:
    """A budget as it was.

    Args:
        path: where it lay, from the repository's root on.
        configuration: what it said.
        lock_path: where its lock lay, likewise.
        lock: what its lock said; an empty one where there was none, or none that can be read.
        lock_problem: why the lock cannot be read.
    """

    path: str
    configuration: Configuration
    lock_path: str
    lock: Lock
    lock_problem: str = ""


class Revision(NamedTuple):
    """A commit of the repository at `root`; `name` is what the user called it."""

    root: Path
    name: str
    commit: str

    def text(self, relative: str) -> str | None:
        """A file's text at this revision; None where it had none. Raises UsageError for a symbolic link."""
        listed = _git(self.root, "ls-tree", "-z", self.commit, "--", f":(literal,top){relative}")
        if not listed:
            return None
        mode, kind, rest = listed.split(b" ", 2)
        if kind != b"blob" or mode == b"120000":
            raise UsageError(f"{relative} is not a plain file at {self.name}", hint="--against needs the file itself")
        blob = rest.partition(b"\t")[0].decode()
        return decode(_git(self.root, "cat-file", "blob", blob), self.called(relative))

    def called(self, relative: str) -> str:
        return f"{relative} at {self.name}"

    def files(self) -> list[str]:
        """Every budget's file at this revision."""
        listed = _git(self.root, "ls-tree", "-r", "-z", "--name-only", self.commit).decode(errors="replace")
        return [path for path in listed.split("\0") if path.rpartition("/")[2] in (FILE, PROJECT_FILE)]


def resolve(root: Path, name: str) -> Revision:
    """The commit that `name` is. Raises UsageError."""
    try:
        commit = _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
    except UsageError as error:
        raise UsageError(
            f"git knows no revision {name!r} here" + (f": {error.message}" if error.message else ""),
            hint=f"fetch it first: git fetch origin {name.removeprefix('origin/')} (in a CI job: a checkout with its "
            "whole history, such as fetch-depth: 0)",
        ) from None
    return Revision(root, name, commit.decode().strip())


def budget_at(revision: Revision, budget: Budget) -> Before | None:
    """The budget at a revision, wherever it lay then; None where there was none.

    Looked for where it lies now, where it would have been found from the same folder, and in files that are
    gone: a budget that moved is not a new one.
    """
    for candidate in dict.fromkeys((budget.shown(budget.path), *_upwards(budget), *_gone(revision))):
        text = _budget_text(revision, candidate)
        if text is None:
            continue
        prefix = TABLE if candidate.rpartition("/")[2] == PROJECT_FILE else ()
        configuration = parse_configuration(text, revision.called(candidate), prefix, budget.plugin)
        lock_path = _beside(candidate, configuration.lock or default_lock(Path(candidate)))
        lock, problem = _lock_at(revision, lock_path)
        return Before(path=candidate, configuration=configuration, lock_path=lock_path, lock=lock, lock_problem=problem)
    return None


def edits(revision: Revision, budget: Budget, before: Before) -> Iterator[Edit]:
    """Every edit of a definition, a limit or a lock since a revision."""
    yield from _moved(before, budget)
    if before.configuration.plugins != budget.configuration.plugins:
        message = f"plugins changed {list(before.configuration.plugins)} -> {list(budget.configuration.plugins)}"
        yield Edit(name="budget", key="plugins", message=message, path=("plugins",))
    for path in _gone(revision):
        if path != before.path:
            yield Edit(name="budget", key="removed", message=f"{path} removed since {revision.name}")
    now = {entry.name: entry for entry in budget.configuration.entries}
    for old in before.configuration.entries:
        if old.name in now:
            yield from _edited(old, now[old.name])
        else:
            limits = f", with its {len(old.limits)} limits" if old.limits else ""
            yield Edit(name=old.name, key="removed", message=f"removed since {revision.name}{limits}")
    known = {entry.name for entry in before.configuration.entries}
    for name, entry in now.items():
        if name not in known:
            message = f"new since {revision.name}"
            yield Edit(name=name, key="new", message=message, path=entry.path, looser=False)


def rebased(before: Before, now: Lock | None, entries: tuple[Entry, ...], *, locked: bool) -> Iterator[Edit]:
    """Every number of the lock that was edited since `before`. Growth is still compared with the old one."""
    growing = {
        (entry.name, limit.metric.name)
        for entry in (*before.configuration.entries, *entries)
        for limit in entry.limits
        if limit.operator.key == "growth"
    }
    for name, old in before.lock.baselines.items():
        new = now.baselines.get(name) if now else None
        if new is None:
            message = f"its baseline was removed; compared with that of {before.lock.file}"
            yield Edit(name=name, key="lock", message=message, looser=any(name == grows for grows, _ in growing))
            continue
        for metric in sorted({*old.values, *new.values}):
            was, now_ = old.values.get(metric), new.values.get(metric)
            if was != now_:
                message = f"baseline changed, {metric} {was} -> {now_}; compared with the old one"
                looser = (locked or (name, metric) in growing) and not _is_smaller(was, now_)
                yield Edit(name=name, key="lock", message=message, looser=looser)
    known = {entry.name for entry in before.configuration.entries}
    for name in now.baselines if now else ():
        if name not in before.lock.baselines:
            looser = name in known and any(name == grows for grows, _ in growing)
            yield Edit(name=name, key="lock", message="its baseline is new in this change", looser=looser)


def skipped(before: Before, entries: tuple[Entry, ...]) -> Iterator[Edit]:
    """What --specs-only leaves out of what it did not leave out at the revision."""
    judged = {entry.name for entry in before.configuration.entries if not imports_of(entry)}
    for entry in entries:
        if entry.name in judged and imports_of(entry):
            message = "it imports a model now, so --specs-only leaves it out"
            yield Edit(name=entry.name, key="spec", message=message, path=entry.path)


def _upwards(budget: Budget) -> Iterator[str]:
    """Where a budget would be found from the folder that this one was looked for from; else beside this one."""
    folder = Path(budget.shown(budget.start / FILE)).parent if budget.start else None
    folders = (folder, *folder.parents) if folder else (Path(budget.shown(budget.path)).parent,)
    for parent in folders:
        yield from (_beside((parent / FILE).as_posix(), name) for name in (FILE, PROJECT_FILE))


def _gone(revision: Revision) -> Iterator[str]:
    """The budgets of a revision that are gone, or hidden by a link to elsewhere."""
    for path in revision.files():
        place = revision.root / path
        is_there = os.path.isfile(place) and os.path.realpath(place) == str(place)
        if not is_there and _budget_text(revision, path) is not None:
            yield path


def _budget_text(revision: Revision, path: str) -> str | None:
    """A file's text at a revision, if it holds a budget."""
    text = revision.text(path)
    is_project = path.rpartition("/")[2] == PROJECT_FILE
    if text is None or (is_project and not has_table(text, revision.called(path))):
        return None
    return text


def _beside(file: str, written: str) -> str:
    """A path as a file's own folder means it, from the repository's root on."""
    parts: list[str] = []
    for part in (Path(file).parent / written).as_posix().split("/"):
        if part == "..":
            parts = parts[:-1]
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)


def _lock_at(revision: Revision, path: str) -> tuple[Lock, str]:
    """A revision's lock, and why it cannot be read, if it cannot."""
    text = revision.text(path)
    called = revision.called(path)
    try:
        return parse_lock(text or "", called) if text is not None else Lock(file=called, baselines={}), ""
    except ConfigurationError as error:
        return Lock(file=called, baselines={}), error.message


def _moved(before: Before, budget: Budget) -> Iterator[Edit]:
    """A budget may move, as its entries are compared; a lock that moves leaves its numbers behind."""
    for what, was, path in (("budget", before.path, budget.path), ("lock", before.lock_path, budget.lock_path)):
        now = budget.shown(path)
        if was != now:
            looser = what == "lock"
            yield Edit(name=what, key="moved", message=f"it moved, {was} -> {now}", path=("lock",), looser=looser)
    if before.lock_problem:
        message = f"{before.lock.file} cannot be read, so its numbers are not compared: {before.lock_problem}"
        yield Edit(name="lock", key="lock", message=message)


def _edited(old: Entry, new: Entry) -> Iterator[Edit]:
    """What was edited in one entry."""
    if isinstance(old, Check) != isinstance(new, Check):
        yield Edit(name=old.name, key="kind", message="a check became a claim, or a claim a check", path=new.path)
        return
    was, now = _definition(old), _definition(new)
    for key in dict.fromkeys((*was, *now)):
        if was.get(key) != now.get(key):
            message = f"{key} changed {_plain(was.get(key))} -> {_plain(now.get(key))}"
            yield Edit(name=old.name, key=key, message=message, path=(*new.path, key))
    yield from _limits_edited(old, new)


def _definition(entry: Entry) -> dict[str, Any]:
    """The keys that say what is judged, without its limits."""
    left_out = {*_WORDS, *limit_keys(entry.table)}
    return {key: value for key, value in entry.table.values.items() if key not in left_out}


def _limits_edited(old: Entry, new: Entry) -> Iterator[Edit]:
    before = {limit.identity: limit for limit in old.limits}
    after = {limit.identity: limit for limit in new.limits}
    for what, limit in before.items():
        kept = after.get(what)
        if kept is None:
            message = f"{_called(limit)} {limit.bound} removed"
            yield Edit(name=old.name, key=limit.written, message=message, path=new.path)
        elif kept.bound != limit.bound:
            message = f"{_called(limit)}: limit changed {limit.bound} -> {kept.bound}"
            looser = kept.operator.is_looser(limit.bound, kept.bound)
            yield Edit(name=old.name, key=limit.written, message=message, path=kept.path, looser=looser)
    for what, limit in after.items():
        if what not in before:
            message = f"{_called(limit)} {limit.bound} is new"
            yield Edit(name=old.name, key=limit.written, message=message, path=limit.path, looser=False)


def _called(limit: Limit) -> str:
    return f"{limit.written} {limit.operator.key}"


def _is_smaller(was: Value | None, now: Value | None) -> bool:
    """Whether a baseline was lowered in every axis: growth is then harder to keep."""
    if was is None or now is None or len(was.numbers) != len(now.numbers):
        return False
    return all(new <= old for old, new in zip(was.numbers, now.numbers, strict=True))


def _plain(value: Any) -> str:
    if value is None:
        return "none"
    return cut(", ".join(map(str, value))) if isinstance(value, list) else value if value else shown(value)


def _git(root: Path, *arguments: str) -> bytes:
    """What git prints. Raises UsageError with git's own words."""
    try:
        done = subprocess.run(
            ("git", "-C", str(root), *arguments),
            capture_output=True,
            timeout=_TIMEOUT,
            check=True,
            stdin=subprocess.DEVNULL,
        )
    except FileNotFoundError:
        raise UsageError("git is not installed", hint="--against needs it") from None
    except subprocess.TimeoutExpired:
        raise UsageError(f"git took longer than {_TIMEOUT} s") from None
    except (subprocess.CalledProcessError, ValueError) as error:
        words = (
            error.stderr.decode(errors="replace").strip() if isinstance(error, subprocess.CalledProcessError) else ""
        )
        raise UsageError(words) from None
    return done.stdout
