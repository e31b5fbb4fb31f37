"""Settings changed: a form, what the gateway says to it, and what came of it."""

from typing import TYPE_CHECKING, Any

from textual.content import Content

from clowdy_tui.client import ApiError, GatewayGone
from clowdy_tui.domain.rules import CorsRules, RateLimit
from clowdy_tui.domain.schemas import FunctionOut, FunctionPatch, KeyCreated, KeyOut, ProjectOut
from clowdy_tui.tui import messages
from clowdy_tui.tui.screens.confirm import Choice, Question, ask_delete
from clowdy_tui.tui.screens.dialog import FormDialog, Values
from clowdy_tui.tui.screens.settings_forms import AddressForm, CaptureForm, CorsForm, KeyForm, LimitsForm, RateForm
from clowdy_tui.tui.text import visible

if TYPE_CHECKING:
    from clowdy_tui.tui.core import Core


async def limits(app: "Core", function: FunctionOut) -> None:
    """A function's limits; instances of the old ones finish their calls and go."""

    async def update(values: Values) -> FunctionOut:
        changes: dict[str, Any] = {**values, "network_enabled": values["network_enabled"] == "on"}
        return await app.client.functions.update(function.id, FunctionPatch.model_validate(changes))

    changed = await app.push_screen_wait(LimitsForm(update, function, app.state.health))
    if changed is not None:
        app.post_message(messages.FunctionFetched(changed))
        app.tell(f"The next call of {changed.name} has the new limits")


async def address(app: "Core", project: ProjectOut) -> None:
    await _change(app, AddressForm(_updater(app, project, dict), project))


async def capture(app: "Core", project: ProjectOut) -> None:
    await _change(app, CaptureForm(_updater(app, project, dict), project))


async def rate(app: "Core", project: ProjectOut) -> None:
    def rules(values: Values) -> dict[str, Any]:
        limit = RateLimit.model_validate(dict(values)) if values["requests"].strip() else None
        return {"rate_limit": limit and limit.model_dump(mode="json")}

    await _change(app, RateForm(_updater(app, project, rules), project))


async def cors(app: "Core", project: ProjectOut) -> None:
    def rules(values: Values) -> dict[str, Any]:
        lists = {name: _split(values[name]) for name in ("origins", "methods", "headers")}
        if not lists["origins"]:
            return {"cors": None}
        rest = {"credentials": values["credentials"] == "yes", "max_age": values["max_age"]}
        return {"cors": CorsRules.model_validate({**lists, **rest}).model_dump(mode="json")}

    await _change(app, CorsForm(_updater(app, project, rules), project))


async def new_key(app: "Core", project: ProjectOut) -> None:
    """A new API key, shown once, to be copied."""

    async def create(values: Values) -> KeyCreated:
        return await app.client.keys.create(project.id, values["name"])

    key = await app.push_screen_wait(KeyForm(create))
    if key is not None:
        app.panes.fetch_all()
        await _show_key(app, key)


async def _show_key(app: "Core", key: KeyCreated) -> None:
    body = Content.assemble(
        "Callers send it as the header ", ("x-api-key", "bold"), ".\nIt is shown here and never again.\n\n",
        (visible(key.key), "bold $accent"),
    )  # fmt: skip
    question = Question(f"The key {key.name}", body, [Choice("copy", "Copy it", "c", "main")])
    question.leaves = "Close"
    if await app.push_screen_wait(question) == "copy":
        app.copy_to_clipboard(key.key)
        app.tell("Copied", "Whoever has it may call the project's routes that ask for a key.")


async def delete_key(app: "Core", project: ProjectOut, key: KeyOut) -> None:
    goes = ["callers who send it are answered with 401 at once", "the project's other keys stay"]
    if await app.push_screen_wait(ask_delete("API key", key.name, *goes)) != "delete":
        return
    try:
        await app.client.keys.delete(project.id, key.id)
    except (ApiError, GatewayGone) as error:
        app.post_message(messages.Failed(f"{key.name} is still there", str(error)))
    else:
        app.tell(f"The key {key.name} is deleted")
    app.panes.fetch_all()


def _updater(app: "Core", project: ProjectOut, read: Any) -> Any:
    async def update(values: Values) -> ProjectOut:
        return await app.client.projects.update(project.id, **read(values))

    return update


async def _change(app: "Core", form: FormDialog[ProjectOut]) -> None:
    changed = await app.push_screen_wait(form)
    if changed is not None:
        app.post_message(messages.ProjectFetched(changed))


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]
