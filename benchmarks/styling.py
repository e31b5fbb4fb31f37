"""What styling the workbench takes: again as it is, and after a class of its screen that some pane looks at."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from statistics import median

from textual.css.stylesheet import Stylesheet

from benchmarks.section import Section
from clowdy_tui import resources
from clowdy_tui.tui.app import ClowdyApp
from clowdy_tui.tui.session import ScreenOptions, Session
from clowdy_tui.tui.state import Link

SIZE = (120, 36)
TIMES = 20
SHOWN = "-chat-open"


def measure(*, rounds: int, say: Callable[[str], None]) -> Section:
    """By Clowdy's stylesheet and by Textual's own, on the same widgets, in turn. CPU of this thread."""
    return asyncio.run(_measure(rounds, say))


async def _measure(rounds: int, say: Callable[[str], None]) -> Section:
    app = ClowdyApp(connect=_nowhere, themes=[resources.folder("themes")], options=ScreenOptions(ssh=True))
    section = Section("Styling", "", ["", "ms", "Textual's, ms", "× of it"])
    async with app.run_test(size=SIZE) as pilot:
        while app.state.link is not Link.FAILED:
            await pilot.pause(0.01)
        plain = Stylesheet(variables=app.get_css_variables())
        plain.source = dict(app.stylesheet.source)
        plain.parse()
        sheets: tuple[Stylesheet, ...] = (app.stylesheet, plain)
        widgets = len(list(app.workbench.walk_children(with_self=True)))
        section.text = (
            f"CPU time of styling the workbench, {widgets} widgets at {SIZE[0]}×{SIZE[1]}, milliseconds, medians of "
            "rounds in turn: by the app's stylesheet, which keeps its answers, and by Textual's, which keeps none."
        )
        for what, work in (("as it is", _again), ("after a class that shows or hides a pane", _with_a_class)):
            took: list[list[float]] = [[] for _ in sheets]
            for _ in range(rounds):
                for sheet, samples in zip(sheets, took, strict=True):
                    samples.append(_cost_ms(partial(work, app, sheet)))
            ours, theirs = map(median, took)
            say(f"styling, {what}: {ours:.2f} ms, Textual's {theirs:.2f}")
            section.rows.append([what, f"{ours:.2f}", f"{theirs:.2f}", f"{ours / theirs:.2f}"])
    return section


@asynccontextmanager
async def _nowhere() -> AsyncIterator[Session]:
    raise ConnectionRefusedError("there is no gateway here")
    yield


def _again(app: ClowdyApp, sheet: Stylesheet) -> None:
    sheet.update(app.workbench)


def _with_a_class(app: ClowdyApp, sheet: Stylesheet) -> None:
    app.workbench.set_class(not app.workbench.has_class(SHOWN), SHOWN, update=False)
    sheet.update(app.workbench)


def _cost_ms(work: Callable[[], None]) -> float:
    begun = time.thread_time()
    for _ in range(TIMES):
        work()
    return (time.thread_time() - begun) / TIMES * 1000
