"""The versions of a function: who made which when, what it changed, and the way back to it."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from textual import on, work
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Button, OptionList, Static
from textual.widgets.option_list import Option

from clowdy_tui.domain.schemas import FunctionOut, VersionOut
from clowdy_tui.tui.binding import bind
from clowdy_tui.tui.screens.dialog import Dialog, action_button
from clowdy_tui.tui.text import shorten, visible
from clowdy_tui.tui.versions.diff_view import DiffView
from clowdy_tui.tui.versions.diffing import Bundle, bundle_of, changed_lines, differing
from clowdy_tui.tui.widgets.choices import ChoiceList

Against = Literal["before", "active", "editor"]
BREAKPOINTS: list[tuple[int, str]] | None = [(0, "-stacked"), (110, "-beside")]
AGAINST: tuple[Against, ...] = ("before", "active", "editor")


@dataclass(frozen=True, slots=True)
class Chosen:
    """What is to be done with a version: `activate` it, or `restore` its files into the editor."""

    what: Literal["activate", "restore"]
    version: VersionOut


class VersionsScreen(Dialog[Chosen]):
    """Empty until `take` brings the versions. `editor` holds the files as they stand in the editor."""

    DEFAULT_CSS: ClassVar[str] = Path(__file__).with_suffix(".tcss").read_text(encoding="utf-8")
    CSS_PATH = "../screens/dialog.tcss"
    HORIZONTAL_BREAKPOINTS = BREAKPOINTS
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("versions.activate", "choose('activate')"),
        bind("versions.restore", "choose('restore')"),
        bind("versions.compare", "compare"),
        bind("versions.leave", "cancel"),
    ]

    def __init__(self, function: FunctionOut, editor: Bundle | None) -> None:
        super().__init__()
        self.heading = f"Versions of {function.name}"
        self._function = function
        self._editor = editor
        self._versions: list[VersionOut] = []
        self._sizes: dict[int, tuple[int, int]] = {}
        self._against: Against = "before"

    def compose_box(self) -> Iterable[Widget]:
        with Horizontal(id="versions"):
            yield ChoiceList(id="list")
            with Vertical(id="difference"):
                yield Static("Loading …", id="about", markup=False)
                yield DiffView(id="view")
        with Horizontal(id="buttons"):
            yield action_button("Activate", self.key("versions.activate"), id="activate", variant="main")
            yield action_button("Restore", self.key("versions.restore"), id="restore")
            yield action_button("Compare", self.key("versions.compare"), id="compare")
            yield action_button("Close", self.key("dialog.leave"), id="close")

    def on_mount(self) -> None:
        self.query_one("#box").add_class("-whole")
        self.query_one("#list").focus()

    def take(self, versions: Sequence[VersionOut]) -> None:
        """Show these, newest first, with the active one chosen."""
        self._versions = list(versions)
        self._draw_list()
        options = self.query_one("#list", OptionList)
        options.highlighted = next((index for index, version in enumerate(versions) if version.active), 0)
        self._count()

    def fail(self, problem: str) -> None:
        """Say why there is nothing to show, and nothing to do."""
        for one in self.query("#list, #view, #activate, #restore, #compare"):
            one.display = False
        self.query_one("#about", Static).update(Content.styled(f"✗ {visible(problem)}", "$error"))

    def on_resize(self) -> None:
        if self._versions:
            self._draw_list()

    def action_choose(self, what: Literal["activate", "restore"]) -> None:
        version = self._chosen
        if version is None:
            return
        if what == "activate" and version.active:
            self.notify(f"Version {version.version} is the active one already", markup=False)
            return
        self.dismiss(Chosen(what, version))

    def action_compare(self) -> None:
        """With the version before, with the active one, with what stands in the editor."""
        ways = [way for way in AGAINST if way != "editor" or self._editor is not None]
        self._against = ways[(ways.index(self._against) + 1) % len(ways)]
        self._compare()

    @on(Button.Pressed)
    def _press(self, event: Button.Pressed) -> None:
        event.stop()
        match event.button.id:
            case "activate":
                self.action_choose("activate")
            case "restore":
                self.action_choose("restore")
            case "compare":
                self.action_compare()
            case _:
                self.action_cancel()

    @on(OptionList.OptionHighlighted, "#list")
    def _highlight(self) -> None:
        self._compare()

    @on(OptionList.OptionSelected, "#list")
    def _select(self) -> None:
        self.query_one(DiffView).focus()

    @property
    def _chosen(self) -> VersionOut | None:
        index = self.query_one("#list", OptionList).highlighted
        return self._versions[index] if index is not None and index < len(self._versions) else None

    @work(exclusive=True, group="compare")
    async def _compare(self) -> None:
        version = self._chosen
        if version is None:
            return
        old, new, about = self._sides(version)
        rows = await asyncio.to_thread(differing, old, new)
        self.query_one("#about", Static).update(about)
        self.query_one(DiffView).show(rows)

    def _sides(self, version: VersionOut) -> tuple[Bundle, Bundle, Content]:
        mine = bundle_of(version)
        number = f"v{version.version}"
        match self._against:
            case "editor":
                assert self._editor is not None
                return mine, self._editor, _about(number, "what stands in the editor")
            case "active":
                active = next((other for other in self._versions if other.active), version)
                return mine, bundle_of(active), _about(number, f"v{active.version}, the active one")
        before = self._before(version)
        if before is None:
            return {}, mine, _about("nothing", f"{number}, the first")
        return bundle_of(before), mine, _about(f"v{before.version}", number)

    def _before(self, version: VersionOut) -> VersionOut | None:
        return next((other for other in self._versions if other.version < version.version), None)

    @work(exclusive=True, group="count")
    async def _count(self) -> None:
        # From the newest on, one after the other: whoever looks at the list sees the first ones at once.
        for index, version in enumerate(self._versions):
            before = self._before(version)
            old = bundle_of(before) if before else {}
            self._sizes[version.version] = await asyncio.to_thread(changed_lines, old, bundle_of(version))
            self.query_one("#list", OptionList).replace_option_prompt_at_index(index, self._row(version))

    def _draw_list(self) -> None:
        options = self.query_one("#list", OptionList)
        if options.option_count != len(self._versions):
            options.set_options(Option(self._row(version)) for version in self._versions)
            return
        for index, version in enumerate(self._versions):
            options.replace_option_prompt_at_index(index, self._row(version))

    def _row(self, version: VersionOut) -> Content:
        width = max(20, self.query_one("#list", OptionList).scrollable_content_region.width - 3)
        when = version.created_at.astimezone().strftime("%d %b %H:%M")
        sign = "●" if version.active else " "
        head = Content.assemble((f"{sign} ", "$success"), (f"v{version.version}", "bold"))
        if version.active:
            head = head + Content.styled(" active", "$success")
        sizes = self._sizes.get(version.version)
        came, went = (f"+{sizes[0]}", f" -{sizes[1]}") if sizes else ("…", "")
        gap = max(1, width - head.cell_length - len(came) - len(went))
        first = Content.assemble(head, " " * gap, (came, "$success"), (went, "$error"))
        who = f"  {when} · {visible(version.created_by)}"
        if version.message:
            who += f" · {visible(version.message)}"
        return first + Content.styled("\n" + shorten(who, width), "$muted")


def _about(old: str, new: str) -> Content:
    return Content.assemble("From ", (old, "bold"), " to ", (new, "bold"))
