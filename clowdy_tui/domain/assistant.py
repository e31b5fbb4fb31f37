"""What the assistant is asked and what it answers: chat, permissions, conversations.

A turn that streams is a series of server-sent events. Their names are here, and what each carries:

- `turn` {turn_id, conversation_id, model, rounds}: it begins; `rounds` is how often it may ask the model
- `round` {number}: the model is asked
- `text` {text}: a piece of the answer, Markdown
- `tool_call` {call_id, tool, args}: the model wants a tool
- `permission` (`PermissionAsked`): nothing goes on with this call until it is answered
- `permission_answered` {call_id, answer}
- `tool_result` {call_id, tool, ok, result, duration_ms}
- `proof` (`Proof`): a failed call's input was run against a version that may mend it
- `note` {text}: something that the person should know: it waits, what was left out
- `failed` {kind, detail}: it ended early, and why; what came before stays
- `done` (`ChatOut`): it ended
"""

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, Field

from clowdy_tui.domain.errors import ClowdyError
from clowdy_tui.domain.names import ID_PATTERN, INVOCATION_ID_PATTERN
from clowdy_tui.domain.schemas import Incoming, Moment, Name, OutcomeStatus, Outgoing

TURN: Final = "turn"
ROUND: Final = "round"
TEXT: Final = "text"
TOOL_CALL: Final = "tool_call"
PERMISSION: Final = "permission"
PERMISSION_ANSWERED: Final = "permission_answered"
TOOL_RESULT: Final = "tool_result"
PROOF: Final = "proof"
NOTE: Final = "note"
FAILED: Final = "failed"
DONE: Final = "done"

MAX_MESSAGE_CHARS: Final = 100_000

Id = Annotated[str, Field(pattern=ID_PATTERN)]
InvocationId = Annotated[str, Field(pattern=INVOCATION_ID_PATTERN)]
Text = Annotated[str, Field(max_length=MAX_MESSAGE_CHARS)]
Answer = Literal["yes", "no", "always"]
PermissionKind = Literal["share", "run", "change", "delete"]


class NoAssistant(ClowdyError):
    """No key is set, so there is nobody to ask."""

    status, type, title = 503, "no-assistant", "The assistant has no key"


class ChatMessage(Incoming):
    """`system` messages are the gateway's own, and taken from nobody."""

    role: Literal["user", "assistant"]
    content: Text


class ChatContext(Incoming):
    """Where the person is. Everything is looked up as the caller's own; what is not is 404.

    `text` is the open file as it stands in the editor where that is not saved, `selection` what is marked in it.
    `invocation_id` is the call that failed last, `mentions` are functions that the question names.
    """

    function_id: Id | None = None
    path: Annotated[str, Field(max_length=255)] = "function.py"
    text: Annotated[str, Field(max_length=1024 * 1024)] | None = None
    selection: Annotated[str, Field(max_length=1024 * 1024)] | None = None
    invocation_id: InvocationId | None = None
    mentions: Annotated[list[Id], Field(max_length=20, default_factory=list)]


class ChatIn(Incoming):
    """A question. The last message is the user's.

    With `conversation_id` it goes on with what is kept there, and is kept itself; `messages` are then only what is new.
    `mend`: the call that failed and that shall be mended. `auto_approve` answers every question about permission with
    yes, and asks for the scope `approve`; where the answer streams, deleting asks all the same.
    """

    messages: Annotated[list[ChatMessage], Field(min_length=1, max_length=200)]
    auto_approve: bool = False
    conversation_id: Id | None = None
    project_id: Id | None = None
    context: ChatContext | None = None
    mend: InvocationId | None = None


class ToolCallOut(Outgoing):
    """A tool that ran. `ok` is false where `result` says what went wrong, under `error`."""

    tool: str
    args: dict[str, Any]
    result: Any
    ok: bool = True
    duration_ms: float = 0


class PermissionAsked(Outgoing):
    """What a tool would do. `diff` is unified, where code or a list changes; `always`: whether that may be answered."""

    call_id: str
    tool: str
    args: dict[str, Any]
    kind: PermissionKind
    title: str
    detail: str = ""
    diff: str = ""
    always: bool = True


class Usage(Outgoing):
    """Tokens, as the model's server counts them; 0 where it does not say."""

    prompt_tokens: int = 0
    completion_tokens: int = 0


class ChatOut(Outgoing):
    """`tool_calls` ran; `pending` would have changed something and had no permission, so they did not.

    `ended`: `done`, `stopped` (by the caller), `limit` (it may ask the model no more often), or `failed`.
    """

    response: str
    tool_calls: list[ToolCallOut]
    pending: list[PermissionAsked] = Field(default_factory=list)
    conversation_id: str | None = None
    model: str
    ended: Literal["done", "stopped", "limit", "failed"] = "done"
    rounds: int = 0
    usage: Usage = Usage()
    duration_ms: float = 0


class ChatEvent(Outgoing):
    """One server-sent event of a turn; `data` depends on `type`."""

    type: str
    data: dict[str, Any]


class AnswerIn(Incoming):
    """`always`: also for every further call of this tool in this conversation; never for one that deletes."""

    call_id: Annotated[str, Field(max_length=200)]
    answer: Answer


class ChatStatus(Outgoing):
    """Whether there is an assistant; `problem` says what to do where there is none. `server` is whom it asks."""

    available: bool
    problem: str = ""
    model: str
    server: str
    tools: list[str]
    max_rounds: int


class PreviewMessage(Outgoing):
    role: str
    content: str


class ChatPreview(Outgoing):
    """What a question would send, and to whom; secrets are out of it already. `limit` is the most that is sent."""

    server: str
    model: str
    messages: list[PreviewMessage]
    characters: int
    limit: int


class ToolRecord(BaseModel):
    """A tool call as a conversation keeps it. `arguments` is the text that the model sent."""

    id: str
    tool: str
    arguments: str
    result: Any = None
    ok: bool = False
    ran: bool = False
    duration_ms: float = 0


class ProofRun(Outgoing):
    """How a call ended in a trial."""

    version: int
    status: OutcomeStatus
    error: str | None = None
    output: str | None = None
    duration_ms: float = 0


class Proof(Outgoing):
    """The input of a failed call, run by the version that failed and by the one that may mend it, in the same way."""

    invocation_id: str
    function_id: str
    network: bool
    before: ProofRun
    after: ProofRun
    mended: bool


class MessageBody(BaseModel):
    """A message as a conversation keeps it. `note` says how it ended where it did not end well."""

    text: str = ""
    tools: list[ToolRecord] = []
    proofs: list[Proof] = []
    note: str = ""
    usage: Usage = Usage()
    duration_ms: float = 0


class ConversationIn(Incoming):
    """`project_id` null: about functions on their own, or none."""

    title: Name = "New conversation"
    project_id: Id | None = None


class ConversationPatch(Incoming):
    title: Name


class ConversationOut(Outgoing):
    """`always` are the tools that need not ask any more."""

    id: str
    title: str
    project_id: str | None
    always: list[str]
    message_count: int
    created_at: Moment
    updated_at: Moment


class ConversationMessage(MessageBody):
    role: Literal["user", "assistant"]
    created_at: Moment


class ConversationDetail(ConversationOut):
    """A conversation with all of it, oldest first."""

    messages: list[ConversationMessage]
