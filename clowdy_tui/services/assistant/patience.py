"""Asking a server that is busy or ill: how long to wait, and when to give up."""

from asyncio import sleep
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import Final

from clowdy_tui.services.assistant.model import Message, ModelClient, ModelError, Reply

LONGEST_WAIT_S: Final = 60.0
_TRIES: Final = 4
_FIRST_PAUSE_S: Final = 1.0

Say = Callable[[str], None]


async def ask_patiently(
    client: ModelClient, messages: Sequence[Message], tools: Sequence[Message], *, say: Say
) -> AsyncGenerator[str | Reply, None]:
    """As `ModelClient.ask`, trying again where that may help: each wait is told to `say` first.

    What had begun to come is never asked for twice: it would come twice.

    Raises:
        ModelError: it stays as it is, or the server wants a longer wait than a person would.
    """
    pause = _FIRST_PAUSE_S
    for attempt in range(1, _TRIES + 1):
        try:
            async with aclosing(client.ask(messages, tools)) as pieces:
                async for piece in pieces:
                    yield piece
            return
        except ModelError as error:
            wait = error.retry_after if error.retry_after is not None else pause
            hopeless = error.begun or error.kind not in {"rate_limit", "server", "broken", "unreachable"}
            if not hopeless and wait > LONGEST_WAIT_S:
                error.detail = f"{error.detail.rstrip('.')}. It wants to be asked again in {-(-wait // 60):.0f} min"
            if hopeless or attempt == _TRIES or wait > LONGEST_WAIT_S:
                raise
            say(f"{error.detail}. Tried again in {wait:.0f} s" if wait >= 1 else f"{error.detail}. Tried again at once")
        await sleep(wait)
        pause *= 2
