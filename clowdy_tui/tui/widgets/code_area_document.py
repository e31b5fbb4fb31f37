"""The text behind an editor: lines, their widths and their syntax, each kept up to date by what an edit changed.

Textual's own document measures, joins and encodes every line at each key; with 10,000 lines that is what one waits for.
It also splits at form feeds and other characters that end no line, and so would change a file by opening it.
"""

from collections.abc import Callable

from rich.cells import cell_len
from textual.document._document import Document, EditResult, Location
from textual.document._wrapped_document import WrappedDocument
from textual.expand_tabs import get_tab_widths
from textual.geometry import Offset, Size, clamp

from clowdy_tui.tui import text as texts
from clowdy_tui.tui.widgets.highlight import Span
from clowdy_tui.tui.widgets.highlight_window import Highlighter


class CodeDocument(Document):
    """Lines of code in a language. `revision` counts the edits.

    `on_edit` is told of each: the rows from the first to the second became those from the first to the third.
    """

    def __init__(self, text: str, language: str = "text") -> None:
        super().__init__("")
        self._newline = "\r\n" if "\r\n" in text else "\r" if "\r" in text and "\n" not in text else "\n"
        self._lines: list[str] = texts.lines_of(text)
        self._tab_width = 4
        self._widths: list[int] = []
        self._text: str | None = None
        self._highlighter = Highlighter(language)
        self._window: tuple[int, int, int] | None = None
        self._spans: list[tuple[Span, ...]] = []
        self.language = language
        self.revision = 0
        self.on_edit: Callable[[int, int, int], None] | None = None

    @property
    def text(self) -> str:
        """The whole text, with the line ends that it came with; joined once for each edit."""
        if self._text is None:
            self._text = self._newline.join(self._lines)
        return self._text

    def get_size(self, tab_width: int) -> Size:
        """The widest line in cells, and the number of lines."""
        if len(self._widths) != len(self._lines) or tab_width != self._tab_width:
            self._tab_width = tab_width
            self._widths = [self._width(line) for line in self._lines]
        return Size(max(self._widths), len(self._lines))

    def _width(self, line: str) -> int:
        return len(line) if line.isascii() and line.isprintable() else cell_len(texts.flat(line, self._tab_width))

    def replace_range(self, start: Location, end: Location, text: str) -> EditResult:
        """Put `text` where `start` to `end` was. Locations past the end count as the end."""
        top, bottom = (self._clamped(location) for location in sorted((start, end)))
        inserted = texts.lines_of(text)
        replaced = self.get_text_range(top, bottom)
        before, after = self._lines[top[0]][: top[1]], self._lines[bottom[0]][bottom[1] :]
        end_location = (top[0] + len(inserted) - 1, len(inserted[-1]) + (len(before) if len(inserted) == 1 else 0))
        inserted[0] = before + inserted[0]
        inserted[-1] += after
        rows = slice(top[0], bottom[0] + 1)
        self._lines[rows] = inserted
        if self._widths:
            self._widths[rows] = [self._width(line) for line in inserted]
        self._text = None
        self.revision += 1
        self._highlighter.edited(top[0])
        if self.on_edit is not None:
            self.on_edit(top[0], bottom[0], top[0] + len(inserted) - 1)
        return EditResult(end_location, replaced)

    def spans(self, first: int, last: int) -> list[tuple[Span, ...]]:
        """The spans of the rows `first` to `last` inclusive; none where the language is not known."""
        window = (self.revision, first, last)
        if window != self._window:
            self._spans = self._highlighter.spans(self._lines, first, last)
            self._window = window
        return self._spans

    def _clamped(self, location: Location) -> Location:
        row, column = location
        if row >= len(self._lines):
            return len(self._lines) - 1, len(self._lines[-1])
        return max(0, row), clamp(column, 0, len(self._lines[max(0, row)]))


class UnwrappedView(WrappedDocument):
    """What Textual's navigator asks of a wrapped document, where nothing is wrapped: nothing to keep up to date."""

    def wrap(self, width: int, tab_width: int | None = None) -> None:
        """Remember the tab width; code is never wrapped."""
        self._width = 0
        if tab_width:
            self._tab_width = tab_width

    def wrap_range(self, start: Location, old_end: Location, new_end: Location) -> None:
        """Nothing to do."""

    @property
    def height(self) -> int:
        """One row a line."""
        return self.document.line_count

    @property
    def lines(self) -> list[list[str]]:
        """Each line as its only section."""
        return [[line] for line in self.document.lines]

    def offset_to_location(self, offset: Offset) -> Location:
        """Where a cell of the unscrolled text is, in rows and characters."""
        x, y = offset
        row = clamp(y, 0, self.document.line_count - 1)
        return row, texts.column_at(self.document.get_line(row), max(0, x), self._tab_width)

    def location_to_offset(self, location: Location) -> Offset:
        """Which cell of the unscrolled text a character begins in."""
        row = clamp(location[0], 0, self.document.line_count - 1)
        return Offset(cell_len(texts.flat(self.document.get_line(row)[: location[1]], self._tab_width)), row)

    def get_target_document_column(self, line_index: int, x_offset: int, y_offset: int) -> int:
        """The character at cell `x_offset` of the line."""
        return self.offset_to_location(Offset(x_offset, line_index))[1]

    def get_sections(self, line_index: int) -> list[str]:
        """The line, whole."""
        return [self.document.get_line(line_index)]

    def get_offsets(self, line_index: int) -> list[int]:
        """No line is broken anywhere."""
        return []

    def get_tab_widths(self, line_index: int) -> list[int]:
        """The cells that each stretch of the line's text up to a tab is followed by."""
        return [width for _, width in get_tab_widths(self.document.get_line(line_index), self._tab_width)]
