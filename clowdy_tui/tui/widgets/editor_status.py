"""The thin line under the editor: language, saved or not, version, and where the cursor is."""

from pathlib import Path
from typing import ClassVar

from textual.content import Content
from textual.widget import Widget


class EditorStatus(Widget):
    """One line. What does not fit goes from the left."""

    DEFAULT_CSS: ClassVar[str] = Path(__file__).with_suffix(".tcss").read_text(encoding="utf-8")
    ALLOW_SELECT = False

    def __init__(self) -> None:
        super().__init__()
        self._left: list[tuple[str, str]] = []
        self._place = (1, 1)

    def show(self, *, language: str, version: int, dirty: bool, elsewhere: int | None, line: int, column: int) -> None:
        """What to say. `elsewhere` is the version that somebody else made meanwhile."""
        saved = ("● unsaved", "$warning") if dirty else ("saved", "$muted")
        left = [(language, "$muted"), saved, (f"v{version}", "$muted")]
        if elsewhere is not None:
            left.append((f"! changed elsewhere: v{elsewhere}", "bold $warning"))
        if (left, (line, column)) != (self._left, self._place):
            self._left, self._place = left, (line, column)
            self.refresh()

    def render(self) -> Content:
        """The line."""
        width = self.content_size.width
        line, column = self._place
        place = f"Ln {line}, Col {column}" if width >= 44 else f"{line}:{column}"
        parts = list(self._left)
        while parts and sum(len(text) + 3 for text, _ in parts) + len(place) > width:
            del parts[0]
        left = Content(" · ").join(Content.styled(text, style) for text, style in parts)
        gap = max(1, width - left.cell_length - len(place))
        return Content.assemble(left, " " * gap, (place, "$muted"))
