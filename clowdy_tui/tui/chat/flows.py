"""What asks in dialogs for the chat pane: which conversation, and whether to delete one."""

from typing import TYPE_CHECKING

from clowdy_tui.client import ApiError, GatewayGone
from clowdy_tui.domain.assistant import ConversationOut
from clowdy_tui.tui import messages
from clowdy_tui.tui.chat import work
from clowdy_tui.tui.chat.messages import ConversationFetched
from clowdy_tui.tui.screens.confirm import ask_delete
from clowdy_tui.tui.screens.palette import Entry, Palette
from clowdy_tui.tui.text import count, visible

if TYPE_CHECKING:
    from clowdy_tui.tui.core import Core


async def choose_conversation(app: "Core", project_id: str | None) -> None:
    """Another conversation of this project, or a new one."""
    try:
        listed = await app.client.chat.conversations.list(project_id)
    except (ApiError, GatewayGone) as error:
        app.post_message(messages.Failed("The conversations could not be loaded", str(error)))
        return
    entries = [Entry("New conversation", "", ConversationFetched(project_id, None), "+")]
    fitting = [each for each in listed if each.project_id == project_id]
    for each in sorted(fitting, key=lambda each: each.updated_at, reverse=True):
        when = each.updated_at.astimezone().strftime("%Y-%m-%d %H:%M")
        tail = f"{count(each.message_count, 'message')} · {when}"
        entries.append(Entry(visible(each.title), tail, _Chosen(each.id), "›"))
    chosen = await app.push_screen_wait(Palette(entries, "Go to conversation …"))
    if isinstance(chosen, _Chosen):
        await work.fetch(app.client, app.post_message, chosen.conversation_id)
    elif chosen is not None:
        app.post_message(chosen)


class _Chosen(ConversationFetched):
    """Which one, before it is fetched."""

    def __init__(self, conversation_id: str) -> None:
        super().__init__(None, None)
        self.conversation_id = conversation_id


async def delete_conversation(app: "Core", conversation: ConversationOut) -> None:
    goes = count(conversation.message_count, "message") if conversation.message_count else "all that was said in it"
    if await app.push_screen_wait(ask_delete("conversation", conversation.title, goes)) == "delete":
        await work.delete(app.client, app.post_message, conversation.id)
