"""Several screens on one gateway, and a gateway that goes away: nothing typed is ever lost."""

import re
from datetime import timedelta

import pytest

from clowdy_tui.domain.schemas import LogLine
from clowdy_tui.tui.messages import FunctionFetched
from clowdy_tui.tui.screens.conflict import ConflictDialog
from clowdy_tui.tui.state import Link
from tests.tui.driving import open_function, screen, shown, shows, type_text, until
from tests.tui.fake import PAY, example, problem

LINE = LogLine(stream="stdout", text="said", at_us=1)
THEIRS = PAY.replace("paid", "received")
WORDS = re.compile(r"received|pay is now version 3")


async def test_a_save_makes_a_version() -> None:
    fake = example()
    async with screen(fake) as (app, pilot):
        function_id = await open_function(app, pilot, "pay")
        await type_text(pilot, "# mine\n")
        await shows(pilot, "unsaved")
        await pilot.press("ctrl+s")
        await shows(pilot, "pay is now version 3")
        assert fake.all_functions[function_id].code == "# mine\n" + PAY
        assert app.state.unsaved == set()
        await pilot.press("ctrl+s")
        await shows(pilot, "no new version")


async def test_what_others_save_shows_up_in_a_clean_file() -> None:
    fake = example()
    async with screen(fake) as (app, pilot):
        function_id = await open_function(app, pilot, "pay")
        fake.save_elsewhere(function_id, THEIRS)
        # Together: what is told goes after four seconds, which a busy machine may need for the file alone.
        await until(pilot, lambda: {"received", "pay is now version 3"} <= {*WORDS.findall(shown(app))})
        assert app.state.unsaved == set()
        # An answer that was overtaken on its way changes nothing any more.
        newest = app.state.functions[function_id]
        older = newest.model_copy(update={"code": PAY, "updated_at": newest.updated_at - timedelta(seconds=1)})
        app.post_message(FunctionFetched(older))
        await until(pilot, lambda: not app._message_queue.qsize())
        assert app.state.functions[function_id] == newest
        assert "received" in shown(app)


async def test_what_others_make_and_delete_shows_up_without_a_key() -> None:
    fake = example()
    async with screen(fake) as (app, pilot):
        function_id = await open_function(app, pilot, "pay")
        await fake.projects.create("garden")
        await shows(pilot, "▾ garden")
        await fake.functions.delete(function_id)
        await until(pilot, lambda: app.state.open_function is None)
        assert "● pay" not in shown(app)


async def test_a_dirty_file_is_marked_and_its_save_shows_the_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = example()
    async with screen(fake) as (app, pilot):
        told: list[str] = []
        tell = app.tell
        monkeypatch.setattr(app, "tell", lambda title, *text, **how: (told.append(title), tell(title, *text, **how)))
        function_id = await open_function(app, pilot, "pay")
        await type_text(pilot, "# mine\n")
        fake.save_elsewhere(function_id, THEIRS)
        await shows(pilot, "pay was saved elsewhere")
        assert "# mine" in shown(app)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, ConflictDialog))
        await shows(pilot, '+    return {"received": event["amount"]}')
        # Enter does what destroys nothing.
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is app.workbench)
        assert "# mine" in shown(app)
        assert fake.all_functions[function_id].code == THEIRS
        # Once more, and over it: what was typed becomes the next version.
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, ConflictDialog))
        await pilot.press("o")
        await until(pilot, lambda: fake.all_functions[function_id].active_version == 4)
        assert fake.all_functions[function_id].code == "# mine\n" + PAY
        await until(pilot, lambda: app.state.unsaved == set())
        assert told.count("pay was saved elsewhere") == 1, "a save is more than one event"


async def test_theirs_can_be_taken_and_undo_brings_mine_back() -> None:
    fake = example()
    async with screen(fake) as (app, pilot):
        function_id = await open_function(app, pilot, "pay")
        await type_text(pilot, "# mine\n")
        fake.save_elsewhere(function_id, THEIRS)
        await shows(pilot, "saved elsewhere")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, ConflictDialog))
        await pilot.press("t")
        await shows(pilot, "received")
        await until(pilot, lambda: app.state.unsaved == set())
        await pilot.press("ctrl+z")
        await shows(pilot, "# mine")


async def test_a_lost_gateway_is_shown_and_survived() -> None:
    fake = example()
    async with screen(fake) as (app, pilot):
        function_id = await open_function(app, pilot, "pay")
        await type_text(pilot, "# mine\n")
        fake.gone = True
        fake.publish("connection.lost", detail="No gateway answers")
        await shows(pilot, "connection lost")
        await pilot.press("ctrl+s")
        await shows(pilot, "gateway is lost; it is")
        await type_text(pilot, "# more\n")
        fake.gone = False
        fake.publish("connection.restored")
        fake.publish("hello", id="2-0", version="0.1.0")
        await until(pilot, lambda: app.state.link is Link.ONLINE)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: fake.all_functions[function_id].code == "# mine\n# more\n" + PAY)


async def test_what_was_called_while_the_gateway_was_gone_comes_into_the_log() -> None:
    fake = example()
    async with screen(fake) as (app, pilot):
        function_id = await open_function(app, pilot, "pay")
        buffer = app.workbench.dock.logs.buffer
        fake.publish("connection.lost", detail="No gateway answers")
        await until(pilot, lambda: app.state.link is Link.LOST)
        missed = fake.add_call(fake.all_functions[function_id], id="f" * 15 + "1", logs=[LINE])
        for number in range(60):
            fake.add_call(fake.all_functions[function_id], id=f"{'f' * 15}1{number:02}")
        fake.publish("connection.restored")
        fake.publish("hello", id="2-0", version="0.1.0")
        # What happens while the rest is fetched comes before it.
        later = {"invocation_id": "f" * 15 + "2", "function_id": function_id, "function_name": "pay"}
        fake.publish("invocation.started", **later)
        await until(pilot, lambda: {missed.id, later["invocation_id"]} <= {line.call.id for line in buffer.lines})
        assert [line.text for line in buffer.lines if line.call.id == missed.id] == ["", "said"]
        # Its own events, where they come all the same, say it no second time.
        told = {"invocation_id": missed.id, "function_id": function_id}
        fake.publish("invocation.log", **told, lines=[LINE.model_dump()])
        fake.publish("invocation.log", **later, lines=[LINE.model_dump()])
        await until(pilot, lambda: [line.text for line in buffer.lines].count("said") == 2)
        await pilot.press("f8", "ctrl+l")
        await until(pilot, lambda: not buffer.lines)
        fake.add_project("garden")
        fake.publish("hello", id="2-9", version="0.1.0")
        await shows(pilot, "garden")
        assert not buffer.lines, "what was cleared stays away"


async def test_a_refused_save_keeps_what_was_typed() -> None:
    fake = example()
    async with screen(fake) as (app, pilot):
        await open_function(app, pilot, "pay")
        await type_text(pilot, "# mine\n")
        fake.refuse = problem(413, "The code is larger than 1 MiB")
        await pilot.press("ctrl+s")
        await shows(pilot, "The code is larger than 1 MiB")
        assert app.state.unsaved
        assert "# mine" in shown(app)


async def test_a_run_shows_its_answer_and_its_log_comes_by_itself() -> None:
    fake = example()
    fake.answer = {"total": "7.70"}
    async with screen(fake) as (app, pilot):
        await open_function(app, pilot, "orders")
        await pilot.press("f5")
        await shows(pilot, '"total": "7.70"')
        await shows(pilot, "order 1: 2 items")
        await pilot.press("f8")
        await shows(pilot, "order 1: 2 items")


async def test_a_run_with_unsaved_changes_says_what_it_runs() -> None:
    async with screen() as (app, pilot):
        await open_function(app, pilot, "orders")
        await type_text(pilot, "x")
        await pilot.press("f5")
        await shows(pilot, "Runs version 7, as it was saved")


async def test_an_inactive_function_says_why_it_does_not_run_and_can_be_switched_on() -> None:
    fake = example()
    async with screen(fake) as (app, pilot):
        function_id = await open_function(app, pilot, "refund")
        await pilot.press("f5")
        await shows(pilot, "refund is inactive; activate it to run it")
        await pilot.press("f12", "x")
        await until(pilot, lambda: app.state.functions[function_id].status == "active")


async def test_a_file_whose_function_is_deleted_elsewhere_keeps_what_was_typed() -> None:
    fake = example()
    async with screen(fake) as (app, pilot):
        function_id = await open_function(app, pilot, "pay")
        await type_text(pilot, "# mine\n")
        await fake.functions.delete(function_id)
        await shows(pilot, "pay.py was deleted")
        assert "# mine" in shown(app)
        await pilot.press("ctrl+s")
        await shows(pilot, "New function")
        await type_text(pilot, "pay again")
        await pilot.press("enter")
        await until(pilot, lambda: not app.state.unsaved)
        made = next(function for function in fake.all_functions.values() if function.name == "pay again")
        assert made.code == "# mine\n" + PAY
