"""The thin line under the editor: language, saved or not, version, and where the cursor is."""

from pathlib import Path
from typing import ClassVar

from textual.content import Content
from textual.widget import Widget

from clowdy_tui.tui.text import count, shorten, visible
from clowdy_tui.tui.widgets.code_area_marks import SIGNS, Problem


class EditorStatus(Widget):
    """One line. What does not fit goes from the left."""

    DEFAULT_CSS: ClassVar[str] = Path(__file__).with_suffix(".tcss").read_text(encoding="utf-8")
    ALLOW_SELECT = False

    def __init__(self) -> None:
        super().__init__()
        self._left: list[tuple[str, str]] = []
        self._place = (1, 1)

    def show(
        self,
        *,
        language: str,
        version: int,
        dirty: bool,
        elsewhere: int | None,
        line: int,
        column: int,
        problem: Problem | None = None,
        problems: int = 0,
    ) -> None:
        """What to say. `elsewhere` is the version that somebody else made meanwhile, `problem` that of the line."""
        saved = ("● unsaved", "$warning") if dirty else ("saved", "$muted")
        left = [(language, "$muted"), saved, (f"v{version}", "$muted")]
        if elsewhere is not None:
            left.append((f"! changed elsewhere: v{elsewhere}", "bold $warning"))
        if problem is not None:
            code = f" {problem.code}" if problem.code else ""
            left = [(f"{SIGNS[problem.severity]}{code} {visible(problem.message)}", f"${problem.severity}")]
        elif problems:
            left.append((count(problems, "problem"), "$warning"))
        if (left, (line, column)) != (self._left, self._place):
            self._left, self._place = left, (line, column)
            self.refresh()

    def render(self) -> Content:
        """The line."""
        width = self.content_size.width
        line, column = self._place
        place = f"Ln {line}, Col {column}" if width >= 44 else f"{line}:{column}"
        parts = list(self._left)
        while len(parts) > 1 and sum(len(text) + 3 for text, _ in parts) + len(place) > width:
            del parts[0]
        room = width - len(place) - 2
        left = Content(" · ").join(Content.styled(shorten(text, room), style) for text, style in parts)
        gap = max(1, width - left.cell_length - len(place))
        return Content.assemble(left, " " * gap, (place, "$muted"))
