"""What takes more than one step with calls and inputs: choose, name, compare. As in `flows`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from clowdy_tui.client import ApiError, GatewayGone
from clowdy_tui.domain.schemas import FunctionOut, InvocationOut, InvokeOut, VersionOut
from clowdy_tui.tui import call_work, messages
from clowdy_tui.tui.call_messages import InputChosen, Picked
from clowdy_tui.tui.input_templates import templates
from clowdy_tui.tui.screens.compare import Answer, CompareDialog
from clowdy_tui.tui.screens.confirm import ask_delete
from clowdy_tui.tui.screens.palette import Entry, Palette
from clowdy_tui.tui.screens.save_input import SaveInput
from clowdy_tui.tui.shell_lines import MASK, curl_of_call
from clowdy_tui.tui.text import shorten, visible

if TYPE_CHECKING:
    from clowdy_tui.domain.schemas import SavedInputOut
    from clowdy_tui.tui.app import ClowdyApp

_SAVE, _DELETE = "save", "delete"

A_WHILE_S = 0.5
"""What is not over by then is said to be under way."""


async def choose_input(app: ClowdyApp, function: FunctionOut) -> None:
    """Put a saved input, or one to begin with, into the console; or save and delete such."""
    try:
        saved = await app.client.inputs.list(function.id)
    except (ApiError, GatewayGone) as error:
        app.post_message(messages.Failed("The saved inputs could not be loaded", str(error)))
        return
    entries = [Entry(visible(one.name), _preview(one.input), Picked(one), "●") for one in saved]
    entries += [
        Entry(visible(template.title), template.about, Picked(template), "◇")
        for template in templates(app.state.routes_to(function.id))
    ]
    entries.append(Entry("Save the input under a name …", "", Picked(_SAVE), "+"))
    if saved:
        entries.append(Entry("Delete a saved input …", "", Picked(_DELETE), "×"))
    picked = await _pick(app, entries, f"An input for {visible(function.name)} …")
    if picked == _SAVE:
        await save_input(app, function)
    elif picked == _DELETE:
        await delete_input(app, function, saved)
    elif picked is not None:
        value, name = (picked.value, "") if hasattr(picked, "value") else (picked.input, picked.name)
        app.post_message(InputChosen(function.id, pretty_text(value), name))


async def save_input(app: ClowdyApp, function: FunctionOut) -> None:
    """Keep the console's input under a name, with the function at the gateway."""
    test = app.workbench.dock.test
    parsed = test.parsed()
    if not parsed.ok:
        app.tell("Not saved: the input is not JSON", parsed.problem, severity="warning")
        return
    name = await app.push_screen_wait(SaveInput(app.client, function.id, parsed.value, test.input_name))
    if name is not None:
        app.post_message(InputChosen(function.id, test.input.text, name))
        app.tell(f"Saved as “{name}”", "Every screen at this gateway has it now.")


async def delete_input(app: ClowdyApp, function: FunctionOut, saved: list[SavedInputOut]) -> None:
    """Delete a saved input."""
    entries = [Entry(visible(one.name), _preview(one.input), Picked(one.name), "×") for one in saved]
    name = await _pick(app, entries, "Delete which …")
    if name is None or await app.push_screen_wait(ask_delete("saved input", name)) != "delete":
        return
    try:
        await app.client.inputs.delete(function.id, name)
    except (ApiError, GatewayGone) as error:
        app.post_message(messages.Failed(f"{name} is still there", str(error)))
    else:
        app.tell(f"{name} is deleted")


async def run_version(app: ClowdyApp, function: FunctionOut, value: Any) -> None:
    """Run the console's input by a version that one chooses."""
    version = await _pick_version(app, function, f"Run which version of {visible(function.name)} …")
    if version is not None:
        app.show_running(function.id)
        await call_work.run_version(app.client, app.post_message, function.id, value, version.version)


async def compare_input(app: ClowdyApp, function: FunctionOut, value: Any) -> None:
    """Run the console's input by the active version and by another, and show both answers."""
    version = await _pick_version(
        app, function, f"Compare version {function.active_version} with …", function.active_version
    )
    if version is None:
        return
    try:
        with _telling(app, function, function.active_version, version.version):
            mine = await app.client.invoke(function.id, value)
            other = await app.client.invoke(function.id, value, version=version.version)
    except (ApiError, GatewayGone) as error:
        app.post_message(messages.Failed("The answers could not be compared", str(error)))
        return
    app.show(CompareDialog(function.name, Answer.of_run(mine), Answer.of_run(other)))


async def compare_call(app: ClowdyApp, function: FunctionOut, call: InvocationOut) -> None:
    """Run a past call's input by another version, and show its answer beside the one that was given then."""
    version = await _pick_version(app, function, f"Run the call of version {call.version} again by …", call.version)
    if version is None:
        return
    try:
        with _telling(app, function, call.version, version.version):
            whole = await app.client.invocations.get(call.id)
            other = await app.client.invocations.replay(call.id, version=version.version)
            if whole.output_truncated or (whole.output is None and whole.status.value == "success"):
                # What it answered was not kept whole: it is asked once more.
                first = Answer.of_run(await app.client.invocations.replay(call.id, version=call.version))
            else:
                first = Answer.of_call(whole)
    except (ApiError, GatewayGone) as error:
        app.post_message(messages.Failed("The call could not be run again", str(error)))
        return
    _tell_masked(app, other)
    app.show(CompareDialog(function.name, first, Answer.of_run(other)))


async def copy_curl(app: ClowdyApp, function: FunctionOut, call: InvocationOut) -> None:
    """A call that was made, as a line for a shell; what the log hides of it has to be put in by hand."""
    try:
        whole = await app.client.invocations.get(call.id)
        project = app.state.projects.get(function.project_id or "")
        line = curl_of_call(whole, function, project, app.state.session.url if app.state.session else "")
    except (ApiError, GatewayGone) as error:
        app.post_message(messages.Failed("The call could not be loaded", str(error)))
    except ValueError as error:
        app.tell("Not copied", str(error), severity="warning")
    else:
        app.copy_to_clipboard(line)
        hidden = "\nWhat reads **** is not in the log: put it in yourself." if MASK in line else ""
        app.tell("Copied", line + hidden)


def pretty_text(value: Any) -> str:
    """A value as it stands in the console."""
    return json.dumps(value, indent=2, ensure_ascii=False)


def _tell_masked(app: ClowdyApp, out: InvokeOut) -> None:
    masked = getattr(out, "masked", None)
    if masked:
        app.tell("Not quite the same input", f"The log does not keep {', '.join(masked)}: the function got **** there.",
                 severity="warning")  # fmt: skip


@contextmanager
def _telling(app: ClowdyApp, function: FunctionOut, one: int, other: int) -> Iterator[None]:
    """Say what is under way, where it takes a while."""
    said = f"Version {one} and version {other}: what they answer comes side by side."
    timer = app.after(A_WHILE_S, lambda: app.tell(f"Comparing {function.name} …", said))
    try:
        yield
    finally:
        timer.stop()


async def _pick_version(
    app: ClowdyApp, function: FunctionOut, question: str, than: int | None = None
) -> VersionOut | None:
    """One of its versions; `than` is listed last, for another one is wanted."""
    try:
        versions = await app.client.functions.versions(function.id)
    except (ApiError, GatewayGone) as error:
        app.post_message(messages.Failed("The versions could not be loaded", str(error)))
        return None
    entries = []
    for version in sorted(versions, key=lambda version: version.version == than):
        when = f"{version.created_at.astimezone():%Y-%m-%d %H:%M}"
        about = " · ".join(part for part in (version.message, version.created_by, when) if part)
        entries.append(
            Entry(f"v{version.version}", shorten(visible(about), 60), Picked(version), "●" if version.active else " ")
        )
    picked: VersionOut | None = await _pick(app, entries, question)
    return picked


async def _pick(app: ClowdyApp, entries: list[Entry], question: str) -> Any:
    chosen = await app.push_screen_wait(Palette(entries, question))
    return chosen.value if isinstance(chosen, Picked) else None


def _preview(value: Any) -> str:
    return shorten(visible(json.dumps(value, ensure_ascii=False)), 48)
