"""Where the person is, as text for the model: bounded, and only of what is the person's own."""

from typing import Final

from clowdy_tui.domain.assistant import ChatContext
from clowdy_tui.domain.schemas import FunctionOut
from clowdy_tui.services.assistant.model import as_json
from clowdy_tui.services.assistant.prompt import MENDING
from clowdy_tui.services.assistant.tools.base import Workplace, cut
from clowdy_tui.services.assistant.tools.invocations import described

MAX_CONTEXT_CHARS: Final = 24_000
_MAX_CODE: Final = 12_000
_MAX_SELECTION: Final = 4_000
_MAX_MENTIONED: Final = 4_000


async def describe_place(place: Workplace, where: ChatContext) -> str:
    """The open function with its unsaved text, the selection, the last failure, what is mentioned.

    Raises:
        NotFound: something in it is not the actor's, or not there.
    """
    parts: list[str] = []
    if where.function_id is not None:
        function = await place.services.functions.get(place.actor, where.function_id)
        parts += _open_file(function, where)
    if where.selection:
        parts.append(f"Selected in it:\n{_fenced(cut(where.selection, _MAX_SELECTION))}")
    if where.invocation_id is not None:
        call = await place.services.invocations.get(place.actor, where.invocation_id)
        # Nobody is asked here: what it carried goes along where that was allowed before.
        known = described(call, shared=place.permissions.is_shared())
        parts.append(
            f"The last call of it that failed (get_invocation tells more): {cut(as_json(known), _MAX_SELECTION)}"
        )
    for id_ in dict.fromkeys(where.mentions):
        function = await place.services.functions.get(place.actor, id_)
        parts.append(f"Mentioned: {_title(function)}\n{_fenced(cut(function.code, _MAX_MENTIONED))}")
    return cut("\n\n".join(parts), MAX_CONTEXT_CHARS)


async def describe_failure(place: Workplace, invocation_id: str) -> str:
    """A call that shall be mended, with the code that failed; what it carried only after a yes.

    Raises:
        NotFound: no such call, or its function is gone.
    """
    call = await place.services.invocations.get(place.actor, invocation_id)
    function = await place.services.functions.get(place.actor, call.function_id)
    failed = await place.services.functions.version(place.actor, function.id, call.version)
    known = described(call, shared=await place.may_share())
    title = f"{_title(function)}. The call was of version {call.version}."
    return f"{MENDING}\n\n{title}\n{_fenced(cut(failed.code, _MAX_CODE))}\n\nThe call: {as_json(known)}"


def _open_file(function: FunctionOut, where: ChatContext) -> list[str]:
    saved = function.code if where.path == "function.py" else function.files.get(where.path, "")
    text = saved if where.text is None else where.text
    state = "as it stands in the editor, not saved" if text != saved else "saved"
    return [f"Open: {_title(function)}, file {where.path}, {state}\n{_fenced(cut(text, _MAX_CODE))}"]


def _title(function: FunctionOut) -> str:
    network = "on" if function.network_enabled else "off"
    return (
        f"function {function.name} (id {function.id}, version {function.active_version}, {function.status}, "
        f"network {network})"
    )


def _fenced(text: str) -> str:
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}python\n{text}\n{fence}"
