"""A run as a person at a terminal watches it: phase, bar, rows a second and time left."""

from __future__ import annotations

from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Task as Bar
from rich.text import Text

from schemas.phases import Phase


class _Rate(TextColumn):
    def __init__(self) -> None:
        super().__init__("")

    def render(self, task: Bar) -> Text:
        return Text(f"{task.speed:,.0f} {task.fields['unit']}" if task.speed else "", style="dim")


class Watch:
    """A progress display on standard error; on anything but a terminal, nothing."""

    def __init__(self, console: Console, *, quiet: bool = False) -> None:
        self._console = console
        self._quiet = quiet
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed:,.0f}"),
            _Rate(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=quiet or not console.is_terminal,
        )
        self._shown: tuple[str, TaskID] | None = None

    def __enter__(self) -> Watch:
        """Show the display."""
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the display away."""
        self._bar.stop()

    def progress(self, phase: Phase, done: int, total: int | None, rejected: int = 0) -> None:
        """Show how far a phase is."""
        del rejected  # the report tells them
        self._show(phase.label, done, total)

    def transfer(self, what: str, done: int, size: int) -> None:
        """Show how many bytes of a file were sent or received."""
        self._show(what, done, size, "bytes/s")

    def _show(self, label: str, done: int, total: int | None, unit: str = "rows/s") -> None:
        if self._shown is None or self._shown[0] != label:
            if self._shown is not None:
                self._bar.remove_task(self._shown[1])
            self._shown = (label, self._bar.add_task(label, total=total, unit=unit))
        self._bar.update(self._shown[1], completed=done, total=total)

    def say(self, text: str) -> None:
        """Say where a run is carried out."""
        if not self._quiet:
            self._console.print(text, style="dim", markup=False)
