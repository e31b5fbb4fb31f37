"""The assistant's pane, on a real gateway, with a server that speaks the protocol in the model's place."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual.content import Content
from textual.pilot import Pilot
from textual.widgets import OptionList, Static

from clowdy_tui.client import Clowdy
from clowdy_tui.domain.assistant import ChatEvent
from clowdy_tui.domain.schemas import FunctionIn, VariableIn
from clowdy_tui.gateway.app import Gateway, GatewayConfig
from clowdy_tui.services.actor import LOCAL
from clowdy_tui.services.assistant.config import AssistantConfig
from clowdy_tui.services.platform import Platform, PlatformConfig
from clowdy_tui.tui.app import ClowdyApp
from clowdy_tui.tui.chat.cards import PermissionCard, ProofCard, ToolLine
from clowdy_tui.tui.chat.fence import AnswerText, ChatFence
from clowdy_tui.tui.chat.table import laid_out
from clowdy_tui.tui.messages import Loaded
from clowdy_tui.tui.screens.diff import DiffDialog
from clowdy_tui.tui.screens.invocation import InvocationDialog
from clowdy_tui.tui.session import Connect, Session
from clowdy_tui.tui.work import load
from tests.model_server import ModelServer, Refuses, Says, model_server
from tests.tui.driving import NARROW, NORMAL, open_function, press_mouse, screen, shown, shows, spot, type_text, until

pytestmark = pytest.mark.slow

CODE = "def handler(event, context):\n    return 1 / event\n"
TABLE = """\
| function | called so far | what it does |
|---|---|---|
| share | 12 times | splits the **total** among all who came |
"""
MENDED = "def handler(event, context):\n    return 1 / event if event else None\n"


@pytest.fixture
def data_dir(prepared_dir: Path) -> Path:
    return prepared_dir


@pytest.fixture
async def model() -> AsyncIterator[ModelServer]:
    async with model_server() as server:
        yield server


def hosting(data_dir: Path, assistant: AssistantConfig, platforms: list[Platform] | None = None) -> Connect:
    @asynccontextmanager
    async def connect() -> AsyncIterator[Session]:
        platform = await Platform.open(
            PlatformConfig(data_dir=data_dir, driver="bubblewrap", assistant=assistant, spares=0)
        )
        if platforms is not None:
            platforms.append(platform)
        try:
            if not await platform.projects.list(LOCAL):
                from clowdy_tui.domain.schemas import ProjectIn

                project = await platform.projects.create(LOCAL, ProjectIn(name="shop"))
                await platform.functions.create(LOCAL, FunctionIn(name="share", code=CODE, project_id=project.id))
                await platform.functions.create(LOCAL, FunctionIn(name="other", code=CODE, project_id=project.id))
                await platform.environment.set(LOCAL, project.id, VariableIn(key="GEHEIM", value="pl4nted-secret"))
            async with (
                Gateway(platform, GatewayConfig(host="127.0.0.1", port=0)) as gateway,
                Clowdy(socket=gateway.socket_path) as client,
            ):
                yield Session(client=client, hosted=True, url=gateway.url)
        finally:
            await platform.close()

    return connect


@asynccontextmanager
async def talking(
    data_dir: Path, model: ModelServer, size: tuple[int, int] = NORMAL, *, open_: str = "share"
) -> AsyncIterator[tuple[ClowdyApp, Pilot[None]]]:
    """The app with a function open and the focus in the prompt."""
    async with screen(connect=hosting(data_dir, AssistantConfig(base_url=model.url)), size=size) as (app, pilot):
        if open_:
            await open_function(app, pilot, open_)
        await pilot.press("f9")
        await ready(app, pilot)
        yield app, pilot


async def ready(app: ClowdyApp, pilot: Pilot[None]) -> None:
    chat = app.workbench.chat
    await until(pilot, lambda: chat.is_ready and chat.body.prompt.area.has_focus and app.talking.status is not None)


async def ask(app: ClowdyApp, pilot: Pilot[None], text: str) -> None:
    await type_text(pilot, text)
    await pilot.press("enter")


async def answered(app: ClowdyApp, pilot: Pilot[None]) -> None:
    await until(pilot, lambda: not app.talking.working and app.workbench.chat.body.thread.query(".-end,.-failed"))


def said(app: ClowdyApp) -> str:
    """All that stands in the talk, however it is broken into lines."""
    return "\n".join(str(widget.render()) for widget in app.workbench.chat.body.thread.query(Static))


async def says(app: ClowdyApp, pilot: Pilot[None], text: str) -> None:
    await until(pilot, lambda: text in said(app))


def texts(app: ClowdyApp) -> list[str]:
    return [answer.source for answer in app.workbench.chat.body.thread.query(AnswerText)]


def test_a_table_stands_in_columns_where_there_is_room_and_row_by_row_where_not() -> None:
    heads, rows = [Content("name"), Content("what it does")], [[Content("漢"), Content("adds up")], [Content("b")]]
    assert [line.plain for line in laid_out(heads, rows, 18)] == [
        "name  what it does", "──────────────────", "漢    adds up     ", "b                 ",
    ]  # fmt: skip
    assert [line.plain.rstrip() for line in laid_out(heads, rows, 17)] == [
        "name      漢", "what it   adds up", "does", "─" * 17, "name      b", "what it", "does",
    ]  # fmt: skip


@pytest.mark.parametrize("size", [NARROW, NORMAL], ids=["80x24", "120x36"])
async def test_an_answer_streams_with_tools_that_unfold(
    data_dir: Path, model: ModelServer, size: tuple[int, int]
) -> None:
    hold = asyncio.Event()
    async with talking(data_dir, model, size) as (app, pilot):
        model.will(
            Says("I **look**.", calls=[("get_function", {"function_id": "shop/share"})]),
            Says(f"It divides.\n\n{TABLE}\n```python\nprint('x')\n```\n", hold=hold),
        )
        await ask(app, pilot, "what is it?")
        await shows(pilot, "It divides.")
        assert "esc stops" in shown(app)
        assert "writing 2/16" in shown(app)
        hold.set()
        await answered(app, pilot)
        assert texts(app) == ["I **look**.", f"It divides.\n\n{TABLE}\n```python\nprint('x')\n```\n"]
        assert "**" not in shown(app)
        assert re.search(r"function +share +│", shown(app))
        assert re.search(r"what it does +splits the ", shown(app))
        assert "2 rounds · 22 + 14 tokens" in said(app)
        (line,) = app.workbench.chat.body.thread.query(ToolLine)
        assert "✓ get_function shop/sh" in said(app)
        line.focus()
        await pilot.press("enter")
        await until(pilot, lambda: "active_version" in str(line.render()))
        await pilot.press("enter")
        await until(pilot, lambda: "active_version" not in str(line.render()))


async def test_a_new_line_by_keys_that_every_terminal_sends(data_dir: Path, model: ModelServer) -> None:
    async with talking(data_dir, model) as (app, pilot):
        area = app.workbench.chat.body.prompt.area
        await pilot.press("a", "ctrl+t", "b", "backslash", "enter", "c", "alt+enter", "d")
        assert area.text == "a\nb\nc\nd"
        # Where something is typed the word is meant, and not the file.
        await pilot.press("e", "ctrl+w", "d")
        assert (area.text, app.state.open_count) == ("a\nb\nc\nd", 1)
        model.will(Says("Yes."))
        await pilot.press("enter")
        await answered(app, pilot)
        assert model.asked[0]["messages"][-1]["content"].endswith("a\nb\nc\nd")
        assert area.text == ""


async def test_up_brings_back_what_was_asked(data_dir: Path, model: ModelServer) -> None:
    async with talking(data_dir, model) as (app, pilot):
        for text in ("first", "second"):
            model.will(Says("Yes."))
            await ask(app, pilot, text)
            await answered(app, pilot)
        area = app.workbench.chat.body.prompt.area
        await pilot.press("up")
        assert area.text == "second"
        await pilot.press("up", "up")
        assert area.text == "first"
        await pilot.press("down")
        assert area.text == "second"
        await pilot.press("down")
        assert area.text == ""
        await type_text(pilot, "draft")
        await pilot.press("up")
        assert area.text == "draft", "what is typed is not lost to the history"


async def test_mentions_and_commands_complete(data_dir: Path, model: ModelServer) -> None:
    async with talking(data_dir, model) as (app, pilot):
        prompt = app.workbench.chat.body.prompt
        await type_text(pilot, "why is @oth")
        await until(pilot, lambda: prompt.is_choosing)
        assert prompt.query_one("#choices", OptionList).option_count == 1
        await pilot.press("tab")
        assert prompt.area.text == "why is @shop/other "
        model.will(Says("Because."))
        await type_text(pilot, "slow?")
        await pilot.press("enter")
        await answered(app, pilot)
        assert "Mentioned: function other" in model.asked[0]["messages"][-1]["content"]
        await type_text(pilot, "/ne")
        await until(pilot, lambda: prompt.is_choosing)
        await pilot.press("enter")
        await shows(pilot, "Ask the assistant")
        assert app.talking.conversation is None
        await ask(app, pilot, "/nonsense")
        await shows(pilot, "There is no command /nonsense")


async def test_a_card_waits_for_y(data_dir: Path, model: ModelServer) -> None:
    long = MENDED + "# and so on\n" * 40
    async with talking(data_dir, model, NARROW) as (app, pilot):
        function_id = app.state.open_function or ""
        model.will(Says(calls=[("update_function", {"function_id": function_id, "code": long})]), Says("Done."))
        await ask(app, pilot, "mend")
        await until(pilot, lambda: isinstance(app.focused, PermissionCard))
        # However long it is: what is asked and what can be answered stay in sight.
        for text in ("? Change share", "+     return 1 / event if", "Yes  y   No  n   Always  a", "↑↓ more"):
            await shows(pilot, text)
        await pilot.press(*"j" * 20)
        await until(pilot, lambda: shown(app).count("+ # and so on") == 9)
        for text in ("? Change share", "Yes  y   No  n   Always  a"):
            await shows(pilot, text)
        # The whole diff, by the key and by a click; the card has the focus again after both.
        for by_key in (True, False):
            if by_key:
                await pilot.press("d")
            else:
                press_mouse(app, spot(app, "# and so on"))
            await until(pilot, lambda: isinstance(app.screen, DiffDialog))
            await pilot.press("d")
            await until(pilot, lambda: app.screen is app.workbench and isinstance(app.focused, PermissionCard))
        assert app.state.functions[function_id].active_version == 1
        await pilot.press("y")
        await until(pilot, lambda: app.state.functions[function_id].active_version == 2)
        await answered(app, pilot)
        assert "✓ allowed: Change share" in said(app)
        await until(pilot, lambda: app.workbench.tabs.area is not None and app.workbench.tabs.area.text == long)
        assert app.workbench.chat.body.prompt.area.has_focus


async def test_n_by_the_mouse_does_nothing_and_delete_offers_no_always(data_dir: Path, model: ModelServer) -> None:
    async with talking(data_dir, model) as (app, pilot):
        function_id = app.state.open_function or ""
        model.will(Says(calls=[("delete_function", {"function_id": function_id})]), Says("As you wish."))
        await ask(app, pilot, "delete it")
        await until(pilot, lambda: isinstance(app.focused, PermissionCard))
        assert not app.workbench.chat.body.thread.query("#always")
        await pilot.press("a")
        await pilot.click("#no")
        await answered(app, pilot)
        assert "✗ not allowed: Delete share" in said(app)
        assert function_id in app.state.functions


async def test_who_is_elsewhere_is_told_that_something_is_asked(data_dir: Path, model: ModelServer) -> None:
    async with talking(data_dir, model) as (app, pilot):
        hold = asyncio.Event()
        model.will(Says("Hm.", calls=[("create_project", {"name": "new"})], hold=hold), Says("Done."))
        await ask(app, pilot, "go")
        await pilot.press("f3")
        await until(pilot, lambda: app.state.region == "editor")
        hold.set()
        await shows(pilot, "The assistant asks")
        assert app.state.region == "editor", "no key that is typed there may answer"
        card = app.workbench.chat.body.thread.open_card
        await pilot.press("f9")
        await until(pilot, lambda: app.focused is card)
        await pilot.press("a")
        await answered(app, pilot)
        assert "new" in [project.name for project in app.state.projects.values()]
        # Nor may one that is meant for the next question.
        hold.clear()
        function_id = app.state.open_function or ""
        model.will(Says("Hm.", calls=[("delete_function", {"function_id": function_id})], hold=hold), Says("Done."))
        await ask(app, pilot, "go")
        await type_text(pilot, "wh")
        hold.set()
        await shows(pilot, "asks: enter goes there")
        await type_text(pilot, "y")
        assert app.workbench.chat.body.prompt.area.text == "why"
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.focused, PermissionCard))
        await pilot.press("n")
        await answered(app, pilot)
        assert (app.workbench.chat.body.prompt.area.text, function_id in app.state.functions) == ("why", True)


async def test_escape_stops_and_the_talk_goes_on(data_dir: Path, model: ModelServer) -> None:
    async with talking(data_dir, model) as (app, pilot):
        model.will(Says("Half of", hold=asyncio.Event()))
        await ask(app, pilot, "go")
        await shows(pilot, "Half of")
        await pilot.press("escape")
        await answered(app, pilot)
        assert "stopped · 1 round" in said(app)
        model.will(Says("Whole."))
        await ask(app, pilot, "on")
        await shows(pilot, "Whole.")
        assert app.state.region == "chat"


async def test_code_goes_to_the_clipboard_and_into_the_editor(data_dir: Path, model: ModelServer) -> None:
    async with talking(data_dir, model) as (app, pilot):
        model.will(Says(f"So:\n\n```python\n{MENDED}```\n\nand\n\n```python\nx = 1\n```\n"))
        await ask(app, pilot, "code")
        await answered(app, pilot)
        first, second = app.workbench.chat.body.thread.query(ChatFence)
        first.focus()
        await pilot.press("y")
        assert app.clipboard.strip() == MENDED.strip()
        await pilot.press("e")
        area = app.workbench.tabs.area
        assert area is not None
        await until(pilot, lambda: area.text.strip() == MENDED.strip() and app.state.region == "editor")
        assert app.state.unsaved
        await pilot.press("ctrl+z")
        assert area.text == CODE
        await pilot.press("ctrl+home")
        await pilot.press("f9")
        await ask(app, pilot, "/insert")
        await until(pilot, lambda: area.text == "x = 1\n" + CODE or area.text == "x = 1" + CODE)
        # The first line of a block comes in pieces.
        thread = app.workbench.chat.body.thread
        for piece in ("```jav", "ascript\nx = 2\n"):
            await thread.take(ChatEvent(type="text", data={"text": piece}))
            await says(app, pilot, piece.partition("\n")[0].strip("`"))
        assert "javascript  copy" in said(app)
        assert second.code.strip() == "x = 1"


async def test_what_the_model_says_is_shown_as_it_is(data_dir: Path, model: ModelServer) -> None:
    evil = "[@click=app.exit]press[/] \x1b[31mred\x1b[0m [/nope] ok"
    async with talking(data_dir, model) as (app, pilot):
        model.will(Says(evil, calls=[("get_function", {"function_id": "[/x] \x1b[2J"})]), Says("Done."))
        await ask(app, pilot, "[bold]hi[/]")
        await answered(app, pilot)
        text = shown(app)
        assert "[bold]hi[/]" in text
        assert "[@click=app.exit]" in text
        assert "\x1b" not in text
        assert "␛" in text


async def test_conversations_are_kept_by_project(data_dir: Path, model: ModelServer, tmp_path: Path) -> None:
    async with talking(data_dir, model) as (app, pilot):
        model.will(Says("Remembered."))
        await ask(app, pilot, "keep this")
        await answered(app, pilot)
        await shows(pilot, "AI chat · keep this")
        await ask(app, pilot, "/rename Things")
        await shows(pilot, "AI chat · Things")
        path = tmp_path / "talk.md"
        await ask(app, pilot, f"/export {path}")
        await until(pilot, path.exists)
        assert "Remembered." in path.read_text()
        await ask(app, pilot, f"/export {path}")
        await until(pilot, lambda: any("is there already" in each.message for each in app._notifications))
        # It lies over what comes next for as long as an error is shown.
        app.clear_notifications()
        await ask(app, pilot, "/new")
        await shows(pilot, "Ask the assistant")
        await ask(app, pilot, "/list")
        await until(pilot, lambda: app.screen is not app.workbench)
        await shows(pilot, "Things")
        await pilot.press("down", "enter")
        await until(pilot, lambda: texts(app) == ["Remembered."])
    async with talking(data_dir, model) as (app, pilot):
        await until(pilot, lambda: texts(app) == ["Remembered."])
        await pilot.press("up")
        assert app.workbench.chat.body.prompt.area.text == "keep this"
        await pilot.press("down")
        await ask(app, pilot, "/delete")
        await until(pilot, lambda: app.screen is not app.workbench)
        await pilot.press("y")
        await shows(pilot, "Ask the assistant")
        assert app.talking.conversation is None


async def test_sent_shows_what_would_go_and_no_secret(data_dir: Path, model: ModelServer) -> None:
    async with talking(data_dir, model) as (app, pilot):
        await pilot.press("f3")
        await type_text(pilot, "# pl4nted-secret\n")
        await until(pilot, lambda: app.state.unsaved)
        await pilot.press("f9")
        await ask(app, pilot, "/sent and this?")
        await until(pilot, lambda: app.screen is not app.workbench)
        await pilot.press("end")
        await shows(pilot, "and this?")
        assert "«hidden: GEHEIM»" in shown(app)
        assert "pl4nted" not in shown(app)
        assert model.asked == []


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (Refuses(401, "bad key"), "does not take the key"),
        (Says("", finish="stop"), "answered nothing"),
        (Says("Begun", breaks=True), "broke off"),
        (Refuses(429, "tomorrow", {"retry-after": "3600"}), "takes no more"),
    ],
    ids=["key", "nothing", "cut", "rate"],
)
async def test_faults_are_a_line_and_the_talk_goes_on(
    data_dir: Path, model: ModelServer, reply: Any, words: str
) -> None:
    async with talking(data_dir, model) as (app, pilot):
        model.will(reply, reply)
        await ask(app, pilot, "hi")
        await says(app, pilot, words)
        await answered(app, pilot)
        model.will(Says("Here."))
        await ask(app, pilot, "again")
        await shows(pilot, "Here.")


async def test_without_a_key_it_says_how_to_get_and_set_one(data_dir: Path) -> None:
    async with screen(connect=hosting(data_dir, AssistantConfig())) as (app, pilot):
        await open_function(app, pilot, "share")
        await pilot.press("f9")
        await shows(pilot, "console.groq.com/keys")
        assert "groq_api_key: gsk_…" in shown(app)
        await ask(app, pilot, "hello")
        await shows(pilot, "The assistant has no key")
        assert app.workbench.chat.body.prompt.area.text == "hello", "what was typed stays"


async def test_mend_it_from_a_failed_call(data_dir: Path, model: ModelServer) -> None:
    async with talking(data_dir, model) as (app, pilot):
        function_id = app.state.open_function or ""
        await ask(app, pilot, "/mend")
        await shows(pilot, "No call of share has failed")
        result = await app.client.invoke(function_id, 0)
        assert not result.success
        await until(pilot, lambda: function_id in app.state.failed)
        app.push_screen(InvocationDialog(await app.client.invocations.get(result.invocation_id), "share"))
        await shows(pilot, "Mend it")
        model.will(Says(calls=[("propose_fix", {"code": MENDED, "why": "0 has no inverse"})]), Says("It was the zero."))
        await pilot.press("m")
        for kind in ("share", "run", "change"):
            await until(
                pilot, lambda kind=kind: isinstance(app.focused, PermissionCard) and app.focused.asked.kind == kind
            )
            assert app.state.functions[function_id].active_version == 1
            await pilot.press("y")
        await answered(app, pilot)
        (proof,) = app.workbench.chat.body.thread.query(ProofCard)
        assert re.search(r"before ✗ v1 \S+ ms ZeroDivisionError.*\nafter  ✓ v2 \S+ ms null", str(proof.render()))
        await until(pilot, lambda: app.state.functions[function_id].active_version == 2)
        assert function_id not in app.state.failed
        # A screen that is opened now knows of the call; this one, that it is mended.
        said: list[Any] = []
        await load(app.client, said.append)
        (loaded,) = said
        assert isinstance(loaded, Loaded)
        assert loaded.snapshot.failed == {function_id: result.invocation_id}
        app.state.take(loaded.snapshot)
        assert function_id not in app.state.failed


async def test_a_gateway_that_goes_away_leaves_what_was_said(data_dir: Path, model: ModelServer) -> None:
    platforms: list[Platform] = []
    connect = hosting(data_dir, AssistantConfig(base_url=model.url), platforms)
    async with screen(connect=connect) as (app, pilot):
        await open_function(app, pilot, "share")
        await pilot.press("f9")
        await ready(app, pilot)
        model.will(Says("So far", hold=asyncio.Event()))
        await ask(app, pilot, "go")
        await shows(pilot, "So far")
        await app.client.close()
        await until(pilot, lambda: not app.talking.working)
        assert "So far" in shown(app)
