"""The code editor: Textual's TextArea with its expensive parts replaced and what programmers expect added.

Only what a key changed is painted again. The stock widget renders every visible line after each key, and walks the
whole document for several of them; at 10,000 lines that blocks the loop which a gateway may share.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Literal

from rich.style import Style
from textual import events
from textual.actions import SkipAction
from textual.binding import BindingType
from textual.cache import LRUCache
from textual.document._document import Location, Selection
from textual.document._document_navigator import DocumentNavigator
from textual.geometry import Offset, Region, Size
from textual.reactive import Reactive, reactive
from textual.strip import Strip
from textual.widgets import TextArea

from clowdy_tui.tui.binding import bind
from clowdy_tui.tui.widgets.code_area_brackets import matching_bracket
from clowdy_tui.tui.widgets.code_area_document import CodeDocument, UnwrappedView
from clowdy_tui.tui.widgets.code_area_indent import commented, indented, new_line
from clowdy_tui.tui.widgets.code_area_marks import SIGNS, Hit, Marks, Problem
from clowdy_tui.tui.widgets.code_area_paint import LineLook, Palette, paint
from clowdy_tui.tui.widgets.highlight import LANGUAGES, TEXT, Language, syntax_styles
from clowdy_tui.tui.widgets.text_keys import area_keys, run_own

_MARKS = ("hit", "current", "error", "warning")


class CodeArea(TextArea, inherit_bindings=False):
    """An editor for one file. `before_key` is asked whether a key is meant for somebody else.

    `language` is one of `highlight.language_of`'s; anything else is plain text."""

    DEFAULT_CSS: ClassVar[str] = Path(__file__).with_suffix(".tcss").read_text(encoding="utf-8")

    BINDINGS: ClassVar[list[BindingType]] = [
        *area_keys(),
        bind("text.top", "cursor_document_start"),
        bind("text.end", "cursor_document_end"),
        bind("text.select_top", "cursor_document_start(True)"),
        bind("text.select_end", "cursor_document_end(True)"),
        bind("text.dedent", "dedent"),
    ]

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"code-area--{kind}" for kind in _MARKS}

    # Moving the cursor repaints the lines that look different, not all of them.
    selection: Reactive[Selection] = reactive(Selection(), init=False, always_update=True, repaint=False)

    # Neither does a line that got longer or another one: the widget stays where it is.
    virtual_size: Reactive[Size] = reactive(Size(0, 0), layout=False, repaint=False)

    document: CodeDocument

    def __init__(
        self,
        text: str = "",
        *,
        language: str = "text",
        read_only: bool = False,
        show_line_numbers: bool = True,
        tab_behavior: Literal["focus", "indent"] = "indent",
        blink: bool = True,
        id: str | None = None,  # noqa: A002 - Textual's own word
        classes: str | None = None,
    ) -> None:
        self._code_language = LANGUAGES.get(language, TEXT)
        self._overrides: dict[str, str] = {}
        self._palette: Palette | None = None
        self._looks: dict[int, LineLook] = {}
        self._strips: LRUCache[LineLook, Strip] = LRUCache(1024)
        self._repaint_due = False
        self.before_key: Callable[[events.Key], bool] | None = None
        self.put_revision = -1
        """The document's revision as `replace_text` left it: nobody typed what stands before the cursor then."""
        self.marks = Marks()
        super().__init__(
            text,
            soft_wrap=False,
            tab_behavior=tab_behavior,
            read_only=read_only,
            show_line_numbers=show_line_numbers,
            max_checkpoints=5_000,
            id=id,
            classes=classes,
        )
        self.set_reactive(TextArea.cursor_blink, blink)

    @property
    def code_language(self) -> Language:
        """What the text is highlighted as."""
        return self._code_language

    @property
    def line(self) -> int:
        """The cursor's line, from 1."""
        return self.cursor_location[0] + 1

    @property
    def column(self) -> int:
        """The cursor's column in characters, from 1."""
        return self.cursor_location[1] + 1

    def set_code_language(self, language: str) -> None:
        """Highlight as another language; text, cursor and history stay."""
        known = LANGUAGES.get(language, TEXT)
        if known != self._code_language:
            self._code_language = known
            cursor = self.selection
            self._set_document(self.text, None)
            self.selection = cursor

    def set_syntax_colors(self, colors: Mapping[str, str]) -> None:
        """Colours by name (`keyword`, `string`, …) that go before the theme's."""
        self._overrides = dict(colors)
        self.notify_style_update()
        self.refresh()

    def replace_text(self, text: str) -> None:
        """Put other text in place of all of it, as one step that can be undone; cursor and scroll stay."""
        cursor, offset = self.selection, self.scroll_offset
        self.replace(text, self.document.start, self.document.end, maintain_selection_offset=False)
        self.history.checkpoint()
        self.put_revision = self.document.revision
        self.selection = cursor
        self.scroll_to(offset.x, offset.y, animate=False, force=True)

    def show_hits(self, hits: Sequence[Hit], current: Hit | None = None) -> None:
        """Mark what was found; none where there are none."""
        self.marks.set_hits(hits, current)
        self._repaint_later()

    def show_problems(self, problems: Sequence[Problem]) -> None:
        """Mark what is wrong, with a sign beside the line's number."""
        self.marks.set_problems(problems)
        self._repaint_later()

    def select_hit(self, hit: Hit) -> None:
        """Select it, and bring it into sight."""
        self.selection = Selection(*hit)
        self.scroll_cursor_visible(center=not self._is_in_sight(hit.start[0]))

    def _is_in_sight(self, row: int) -> bool:
        top = self.scroll_offset.y
        return top <= row < top + self.size.height

    # What TextArea calls at its own moments.

    def _set_document(self, text: str, language: str | None) -> None:
        document = CodeDocument(text, self.code_language.name)
        self.marks = Marks()
        document.on_edit = self.marks.edited
        self.document = document
        self.indent_width = self.code_language.indent
        self.wrapped_document = UnwrappedView(document, tab_width=self.indent_width)
        self.navigator = DocumentNavigator(self.wrapped_document)
        self._build_highlight_map()
        self.move_cursor((0, 0))
        self._rewrap_and_refresh_virtual_size()

    def _build_highlight_map(self) -> None:
        self._repaint_later()

    def _watch_selection(self, previous_selection: Selection, selection: Selection) -> None:
        super()._watch_selection(previous_selection, selection)
        self._repaint_later()

    def find_matching_bracket(self, bracket: str, search_from: Location) -> Location | None:
        """Where the partner of the bracket at `search_from` is, if it is one and has one not too far away."""
        return matching_bracket(self.document.lines, search_from)

    def scroll_cursor_visible(self, center: bool = False, animate: bool = False) -> Offset:
        """Bring the cursor into sight, once there is a place to bring it to."""
        if not self.size:
            return Offset()
        return super().scroll_cursor_visible(center, animate)

    def on_resize(self) -> None:
        """What was in sight may not be any more."""
        self.scroll_cursor_visible()

    def notify_style_update(self) -> None:
        """Forget what was painted with the old styles."""
        self._palette = None
        super().notify_style_update()

    def _repaint_later(self) -> None:
        # Several keys that came together are painted, and the text is parsed, once.
        if self.is_mounted and not self._repaint_due:
            self._repaint_due = True
            self.call_later(self._repaint_changed)

    def _repaint_changed(self) -> None:
        self._repaint_due = False
        top = self.scroll_offset.y
        rows = [row for row in range(top, top + self.size.height) if row in self._looks]
        for row, look in zip(rows, self._looks_of(rows), strict=True):
            if look != self._looks[row]:
                self.refresh_lines(row)

    def render_lines(self, crop: Region) -> list[Strip]:
        """Resolve the styles once, then render the lines of `crop`."""
        self._theme.apply_css(self)
        theme = self._theme
        none = Style.null()
        palette = Palette(
            base=theme.base_style or none,
            gutter=theme.gutter_style or none,
            cursor_gutter=theme.cursor_line_gutter_style or none,
            cursor_line=theme.cursor_line_style or none,
            cursor=theme.cursor_style or none,
            # Code keeps its colours under these.
            selection=_background(theme.selection_style),
            bracket=_background(theme.bracket_matching_style) + Style(bold=True),
            syntax=self._palette.syntax if self._palette else syntax_styles(self.app, self._overrides),
            marks={kind: self.get_component_rich_style(f"code-area--{kind}", partial=True) for kind in _MARKS},
        )
        if palette != self._palette:
            self._palette = palette
            self._strips.clear()
        return super(TextArea, self).render_lines(crop)

    def render_line(self, y: int) -> Strip:
        """One line of the widget, from the cache where it looks as it did."""
        row = self.scroll_offset.y + y
        look = next(self._looks_of([row]))
        self._looks[row] = look
        if len(self._looks) > 4 * max(1, self.size.height):
            top = self.scroll_offset.y
            self._looks = {row: self._looks[row] for row in range(top, top + self.size.height) if row in self._looks}
        assert self._palette is not None
        strip = self._strips.get(look)
        if strip is None:
            strip = self._strips[look] = paint(look, self._palette)
        return strip

    def _looks_of(self, rows: Iterable[int]) -> Iterator[LineLook]:
        """How the rows should look now."""
        document = self.document
        count = document.line_count
        left, top = self.scroll_offset
        width, height = self.size
        spans = document.spans(top, top + height)
        tab_size = self.indent_width
        digits = self.gutter_width - 2 if self.show_line_numbers else 0
        start, end = sorted(self.selection)
        cursor_row, cursor_column = self.selection.end
        shows_cursor = self._has_cursor and self._draw_cursor
        # In a form the line is only marked while one is typing there.
        marks_line = self.highlight_cursor_line and (self.has_focus or self.tab_behavior == "indent")
        partner = self._matching_bracket_location if self.match_cursor_bracket and start == end else None
        matched = (self.selection.end, partner) if partner is not None else ()
        for row in rows:
            if row >= count:
                yield LineLook("", "", (), False, None, None, (), 0, width, tab_size)
                continue
            selection = None
            if start != end and start[0] <= row <= end[0]:
                selection = (start[1] if row == start[0] else 0, end[1] if row == end[0] else -1)
            problem = self.marks.problem_at(row) if digits else None
            yield LineLook(
                text=document.get_line(row),
                number=f"{row + 1:>{digits}}  " if digits else "",
                spans=spans[row - top] if 0 <= row - top < len(spans) else (),
                current=marks_line and row == cursor_row,
                cursor=cursor_column if shows_cursor and row == cursor_row else None,
                selection=selection,
                brackets=tuple(column for at, column in matched if at == row),
                left=left,
                width=width,
                tab_size=tab_size,
                marks=self.marks.of(row),
                sign=SIGNS[problem.severity] if problem else "",
                sign_kind=problem.severity if problem else "",
            )

    # Keys.

    async def _on_key(self, event: events.Key) -> None:
        if self.before_key is not None and self.before_key(event):
            event.stop()
            event.prevent_default()
            return
        if await run_own(self, event) or self.read_only:
            return
        if event.key == "escape":
            # TextArea would move the focus; whoever holds the editor decides what escape means.
            event.prevent_default()
        elif event.key == "enter" or (event.key == "tab" and self.tab_behavior == "indent"):
            event.stop()
            event.prevent_default()
            self._restart_blink()
            if event.key == "tab":
                self.action_indent()
            else:
                self._break_line()

    def _break_line(self) -> None:
        start, end = sorted(self.selection)
        before = self.document.get_line(start[0])[: start[1]]
        after = self.document.get_line(end[0])[end[1] :]
        opened, closed = new_line(before, after, self._code_language.name, self.indent_width)
        self.replace(opened + closed, start, end, maintain_selection_offset=False)
        if closed:
            self.move_cursor((start[0] + 1, len(opened) - 1))

    def action_cursor_document_start(self, select: bool = False) -> None:
        self.move_cursor((0, 0), select=select)

    def action_cursor_document_end(self, select: bool = False) -> None:
        self.move_cursor(self.document.end, select=select)

    def action_delete_left(self) -> None:
        """Delete to the left: in front of a line's first character, back to the stop before."""
        row, column = self.selection.end
        before = self.document.get_line(row)[:column]
        if not self.read_only and self.selection.is_empty and before and before.strip(" ") == "":
            back = column - (column - 1) // self.indent_width * self.indent_width
            self._delete_via_keyboard((row, column - back), (row, column))
            return
        super().action_delete_left()

    def action_indent(self) -> None:
        """Indent the selected lines; with no selection, fill up to the next stop."""
        start, end = sorted(self.selection)
        if start[0] == end[0]:
            unit = "\t" if self.indent_type == "tabs" else " " * self._find_columns_to_next_tab_stop()
            self._replace_via_keyboard(unit, start, end)
            return
        self._change_lines(lambda lines: indented(lines, self.indent_width))

    def action_dedent(self) -> None:
        """Take one step of indentation off the selected lines, or the cursor's."""
        if self.tab_behavior == "focus" or self.read_only:
            raise SkipAction
        self._change_lines(lambda lines: indented(lines, -self.indent_width))

    def action_toggle_comment(self) -> None:
        """Comment the selected lines out, or in again where all of them are."""
        mark, end = self._code_language.comment, self._code_language.comment_end
        if mark and not self.read_only:
            self._change_lines(lambda lines: commented(lines, mark, end))

    def _change_lines(self, change: Callable[[list[str]], list[str]]) -> None:
        """Replace the selected lines by what `change` makes of them, in one step; what was selected stays so."""
        anchor, cursor = self.selection
        first, last = sorted((anchor, cursor))
        bottom = last[0] - 1 if last[0] > first[0] and last[1] == 0 else last[0]
        old = [self.document.get_line(row) for row in range(first[0], bottom + 1)]
        new = change(old)
        if new == old:
            return
        self.replace("\n".join(new), (first[0], 0), (bottom, len(old[-1])), maintain_selection_offset=False)

        def moved(location: Location) -> Location:
            row, column = location
            if not first[0] <= row <= bottom:
                return location
            before, after = old[row - first[0]], new[row - first[0]]
            if column <= len(before) - len(before.lstrip()) and anchor != cursor:
                return row, min(column, len(after))
            return row, max(0, column + len(after) - len(before))

        self.selection = Selection(moved(anchor), moved(cursor))


def _background(style: Style | None) -> Style:
    return Style(bgcolor=style.bgcolor) if style else Style.null()
