"""What is done to the pool: a sandbox killed, a function made warm."""

from typing import TYPE_CHECKING

from textual.content import Content

from clowdy_tui.client import ApiError, GatewayGone
from clowdy_tui.domain.schemas import FunctionOut
from clowdy_tui.tui import messages
from clowdy_tui.tui.screens.confirm import Choice, Question
from clowdy_tui.tui.text import visible

if TYPE_CHECKING:
    from clowdy_tui.tui.core import Core


async def kill(app: "Core", instance_id: str, name: str, *, busy: bool) -> None:
    """End one sandbox; asks first where a call would end with it."""
    if busy:
        body = Content.assemble((visible(name), "bold"), (" is answering a call in it, which would fail.", ""))
        question = Question("Kill a busy sandbox", body, [Choice("kill", "Kill it", "y", "danger")], danger=True)
        if await app.push_screen_wait(question) != "kill":
            return
    try:
        await app.client.kill(instance_id)
    except ApiError as error:
        if error.status != 404:
            app.post_message(messages.Failed("The sandbox is still there", str(error)))
            return
        app.tell("It was gone already")
    except GatewayGone as error:
        app.post_message(messages.Failed("The sandbox is still there", str(error)))
        return
    else:
        app.tell(f"A sandbox of {name} is gone" if name else "A spare sandbox is gone")
    app.panes.fetch_all()


async def warm(app: "Core", function: FunctionOut) -> None:
    """Make an instance ready before somebody calls."""
    app.tell(f"{function.name} warms up …")
    try:
        await app.client.functions.warm(function.id)
    except (ApiError, GatewayGone) as error:
        app.post_message(messages.Failed(f"{function.name} is not warm", str(error)))
    else:
        app.tell(f"{function.name} is warm")
        app.panes.fetch_all()
