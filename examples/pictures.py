"""Makes the pictures of the terminal in the README: `python examples/pictures.py`, after any change of what is printed.

rich draws what a command prints into an SVG; its text is text, and no font is fetched from anywhere.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import DIMMED_MONOKAI
from rich.text import Text

FOLDER = Path(__file__).parent

PICTURES = {
    "compare.svg": (["compare", "resnet-block", "resnext-block", "--no-confirm"], FOLDER.parent),
    "holes.svg": (["rf", "3x3d2,3x3d2,3x3d2", "--no-confirm"], FOLDER.parent),
    "broken-budget.svg": (["check", "--config", "broken.toml"], FOLDER / "budget"),
}
"""The command line behind each picture, and the folder that it runs in."""

WIDTH = 100


def draw(arguments: list[str], folder: Path) -> str:
    """The SVG of what `convcalc ARGUMENTS` prints on a terminal that shows colours."""
    environment = {**os.environ, "FORCE_COLOR": "1", "COLUMNS": str(WIDTH), "PYTHONIOENCODING": "utf-8"}
    environment.pop("NO_COLOR", None)
    command = [sys.executable, "-m", "convcalc", *arguments]
    printed = subprocess.run(command, capture_output=True, encoding="utf-8", env=environment, cwd=folder, check=False)
    title = " ".join(["convcalc", *(argument for argument in arguments if argument != "--no-confirm")])
    console = Console(record=True, width=WIDTH, file=open(os.devnull, "w"), force_terminal=True)  # noqa: SIM115
    console.print(Text.from_ansi(printed.stdout))
    svg = console.export_svg(title=title, theme=DIMMED_MONOKAI, unique_id=title.split()[1])
    return re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL).replace("Fira Code, monospace", "monospace")


def main() -> None:
    for name, (arguments, folder) in PICTURES.items():
        (FOLDER / name).write_text(draw(arguments, folder), encoding="utf-8")
        print(f"examples/{name}")


if __name__ == "__main__":
    main()
