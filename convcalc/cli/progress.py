"""A bar on stderr, where that is a terminal, for whatever takes longer than half a second."""

from __future__ import annotations

import sys
from typing import Any

PATIENCE = 0.5
"""Seconds that something may take before it says what it is doing."""


class Progress:
    """What is going on, how far it is and how long it has taken; the bar is erased in the end.

    >>> with Progress("counting") as progress:
    ...     for number in range(3):
    ...         progress("layers", done=number, total=3)
    """

    def __init__(self, doing: str) -> None:
        self.doing = doing
        self.bar: Any = None
        self.task: dict[str, Any] = {"description": doing, "total": None, "completed": 0}

    def __enter__(self) -> Progress:
        if sys.stderr.isatty():
            from threading import Timer

            self.timer = Timer(PATIENCE, self._show)
            self.timer.daemon = True
            self.timer.start()
        return self

    def __call__(self, stage: str, *, done: int = 0, total: int | None = None) -> None:
        """Say what begins now, and how many of how many there are, where that is known."""
        from convcalc.report.printable import harmless

        self.task = {"description": f"{self.doing}: {harmless(stage)}", "total": total, "completed": done}
        if self.bar is not None:
            self.bar.update(self.number, **self.task)

    def __exit__(self, *_: object) -> None:
        if sys.stderr.isatty():
            self.timer.cancel()
            self.timer.join()
            if self.bar is not None:
                self.bar.stop()

    def _show(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as Bar

        columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(bar_width=20))
        bar = Bar(*columns, MofNCompleteColumn(), TimeElapsedColumn(), console=Console(stderr=True), transient=True)
        self.number = bar.add_task(**self.task)
        bar.tasks[0].start_time = bar.get_time() - PATIENCE
        bar.start()
        self.bar = bar
