"""What stands between the words: tool calls as lines that unfold, questions about permission, proofs, notes."""

import json
from typing import Any, ClassVar, Final

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Button, Static

from clowdy_tui.domain.assistant import Answer, PermissionAsked, Proof, ProofRun
from clowdy_tui.tui.binding import bind, keymap_of, say
from clowdy_tui.tui.chat.messages import DiffWanted, PermissionGiven
from clowdy_tui.tui.screens.dialog import action_button
from clowdy_tui.tui.text import block, duration, shorten, visible
from clowdy_tui.tui.versions.small_diff import SmallDiff
from clowdy_tui.tui.versions.unified import rows_of
from clowdy_tui.tui.widgets.page import Scroller

_MAX_SHOWN: Final = 4_000
_SAID: Final = {
    "yes": ("✓", "allowed", "$success"),
    "always": ("✓", "allowed always", "$success"),
    "no": ("✗", "not allowed", "$error"),
}


class ToolLine(Static, can_focus=True):
    """One tool call: a line, and under it what went in and came out once it is unfolded."""

    BINDINGS: ClassVar[list[BindingType]] = [bind("tool.fold", "fold")]

    def __init__(self, tool: str, args: dict[str, Any]) -> None:
        super().__init__(classes="tool")
        self._tool = tool
        self._args = args
        self._result: Any = None
        self._state = "running"
        self._duration_ms = 0.0
        self.unfolded = False

    def on_mount(self) -> None:
        self._draw()

    def on_resize(self) -> None:
        self._draw()

    def finish(self, result: Any, *, ok: bool, duration_ms: float, ran: bool = True) -> None:
        """It has ended."""
        self._result, self._duration_ms = result, duration_ms
        self._state = "ok" if ok else "failed" if ran else "stopped"
        if self.is_mounted:
            self._draw()

    def stop(self) -> None:
        """It will not end any more."""
        if self._state == "running":
            self._state = "stopped"
            self._draw()

    def on_click(self) -> None:
        self.action_fold()

    def action_fold(self) -> None:
        self.unfolded = not self.unfolded
        self._draw()

    def _draw(self) -> None:
        fold = "▾" if self.unfolded else "▸"
        sign, style = {
            "running": ("…", "$accent"), "ok": ("✓", "$success"), "failed": ("✗", "$error"), "stopped": ("■", "$muted"),
        }[self._state]  # fmt: skip
        time = duration(self._duration_ms) if self._state in ("ok", "failed") else ""
        about = visible(_about(self._args))
        room = max(8, self.size.width - len(self._tool) - len(time) - 8)
        line = Content.assemble(
            (f"{fold} ", "$muted"), (f"{sign} ", style), (visible(self._tool), "bold"), " ",
            (shorten(about, room), "$muted"), (f" {time}" if time else "", "$muted"),
        )  # fmt: skip
        if self.unfolded:
            line = Content("\n").join([line, *self._inside()])
        self.update(line)

    def _inside(self) -> list[Content]:
        parts = [Content.styled("in", "$secondary"), Content(block(_json(self._args)))]
        if self._state in ("ok", "failed"):
            parts += [Content.styled("out", "$secondary"), Content(block(_json(self._result)))]
        return parts


class PermissionCard(Vertical, can_focus=True):
    """What a tool would do; nothing of it is done before the answer. Folds to a line when it is answered."""

    BINDINGS: ClassVar[list[BindingType]] = [
        bind("permission.yes", "answer('yes')"),
        bind("permission.no", "answer('no')"),
        bind("permission.always", "answer('always')"),
        bind("permission.diff", "show_diff"),
        bind("permission.down", "scroll_what(1)"),
        bind("permission.up", "scroll_what(-1)"),
    ]

    def __init__(self, asked: PermissionAsked) -> None:
        super().__init__(classes=f"permission -{asked.kind}")
        self.asked = asked
        self.answered: Answer | None = None

    def compose(self) -> ComposeResult:
        sign = "!" if self.asked.kind == "delete" else "?"
        yield Static(
            Content.assemble((f"{sign} ", "bold $warning"), (visible(self.asked.title), "bold")), classes="title"
        )
        # All of it can be read, between a title and answers that stay in sight.
        with Scroller(classes="what"):
            if self.asked.detail:
                yield Static(Content(block(self.asked.detail)), classes="detail")
            if self.asked.diff:
                yield SmallDiff(rows_of(self.asked.diff), classes="diff")
        with Horizontal(classes="answers"):
            danger, keys = self.asked.kind == "delete", keymap_of(self)
            variant = "danger" if danger else "main"
            yield action_button("Yes", keys.word_for("permission.yes"), id="yes", variant=variant)
            yield action_button("No", keys.word_for("permission.no"), id="no")
            if self.asked.always and self.asked.kind != "share":
                yield action_button("Always", keys.word_for("permission.always"), id="always")

    def on_resize(self) -> None:
        self.call_after_refresh(self._say_whether_more)

    def _say_whether_more(self) -> None:
        hidden = any(what.max_scroll_y for what in self.query(".what"))
        ways = ["{permission.up}{permission.down} more"] if hidden else []
        if self.asked.diff:
            ways.append("{permission.diff} whole diff")
        self.border_subtitle = Content(say(self, " · ".join(ways)))

    def action_answer(self, answer: Answer) -> None:
        if answer == "always" and not (self.asked.always and self.asked.kind != "share"):
            return
        if self.answered is None:
            self.post_message(PermissionGiven(self.asked.call_id, answer))

    def action_show_diff(self) -> None:
        """Show all of the diff, with room for it."""
        if self.asked.diff and self.answered is None:
            self.post_message(DiffWanted(self.asked.title, self.asked.diff))

    def on_click(self, event: events.Click) -> None:
        """A click into the diff shows all of it."""
        if isinstance(event.widget, SmallDiff):
            self.action_show_diff()

    def action_scroll_what(self, by: int) -> None:
        for what in self.query(".what"):
            what.scroll_relative(y=by * 3, animate=False)

    @on(Button.Pressed)
    def _press(self, event: Button.Pressed) -> None:
        event.stop()
        answer: Answer = {"yes": "yes", "always": "always"}.get(event.button.id or "", "no")  # type: ignore[assignment]
        self.action_answer(answer)

    async def settle(self, answer: Answer | None) -> None:
        """It was answered, or cannot be any more."""
        self.answered = answer or "no"
        sign, words, style = _SAID[answer] if answer else ("■", "stopped", "$muted")
        self.can_focus = False
        await self.remove_children()
        title = visible(self.asked.title)
        await self.mount(Static(Content.assemble((f"{sign} ", style), (f"{words}: ", style), (title, "$muted"))))
        self.add_class("-settled")


class ProofCard(Static):
    """The input that failed, run by the version before and by the one after."""

    def __init__(self, proof: Proof) -> None:
        super().__init__(classes="proof")
        self._proof = proof

    def on_mount(self) -> None:
        proof = self._proof
        head = ("Mended: ", "bold $success") if proof.mended else ("Not mended: ", "bold $error")
        net = "network on" if proof.network else "network off"
        self.update(
            Content("\n").join([
                Content.assemble(head, (f"the input that failed, {net}", "$muted")),
                _run_line("before", proof.before),
                _run_line("after ", proof.after),
            ])
        )  # fmt: skip


def _run_line(label: str, run: ProofRun) -> Content:
    good = run.status.value == "success"
    sign, style = ("✓", "$success") if good else ("✗", "$error")
    said = run.output if good else run.error
    text = block(said or run.status.value).partition("\n")[0][:300]
    # Before what may be long: behind it the unit would stand alone in a line of its own.
    took = (f"{duration(run.duration_ms)} ", "$muted")
    return Content.assemble(
        (f"{label} ", "$muted"), (f"{sign} ", style), (f"v{run.version} ", "bold"), took, (text, style)
    )


class Remark(Static):
    """A line beside the words: `kind` is `note` or `failed`."""

    SIGNS: ClassVar[dict[str, str]] = {"note": "· ", "failed": "✗ "}

    def __init__(self, text: str, kind: str = "note") -> None:
        super().__init__(Content(f"{self.SIGNS[kind]}{block(text)}"), classes=f"remark -{kind}")


class Question(Static):
    """What the person asked."""

    def __init__(self, text: str) -> None:
        super().__init__(Content(block(text)), classes="question")


def _about(args: dict[str, Any]) -> str:
    """The arguments in a few words: what is short, and not the code."""
    return " ".join(
        text
        for value in args.values()
        if isinstance(value, str | int | float) and len(text := str(value)) < 60 and "\n" not in text
    )


def _json(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, indent=1, ensure_ascii=False)
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}\n… ({len(text) - _MAX_SHOWN:,} more characters)"
