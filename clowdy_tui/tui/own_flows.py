"""What is done to what a project owns: variables set, a list of packages saved, a database made and removed."""

from typing import TYPE_CHECKING

from textual.content import Content

from clowdy_tui.client import ApiError, GatewayGone
from clowdy_tui.domain.databases import DatabaseOut, ProviderName, ProvisionIn
from clowdy_tui.domain.dotenv import DotenvOut
from clowdy_tui.domain.packages import RequirementsOut
from clowdy_tui.domain.schemas import FunctionPatch, ProjectOut, VariableOut
from clowdy_tui.tui import messages
from clowdy_tui.tui.screens.confirm import Choice, Question, ask_delete
from clowdy_tui.tui.screens.dialog import Values
from clowdy_tui.tui.screens.text_form import TextForm
from clowdy_tui.tui.screens.variable_form import VariableForm
from clowdy_tui.tui.text import count, visible

if TYPE_CHECKING:
    from clowdy_tui.tui.core import Core

_DOTENV = "Lines like KEY=value, as a .env file has them. Each is set as a secret; variables that are not here stay."
_PACKAGES = (
    "One package a line, as a requirements.txt has them: names, versions, extras, markers, hashes.\n"
    "Options, paths and addresses are not taken."
)


async def set_variable(app: "Core", project: ProjectOut, variable: VariableOut | None = None) -> None:
    """A new variable, or another value for one."""

    async def submit(values: Values) -> VariableOut:
        is_secret = values["kind"] == "secret"
        return await app.client.variables.set(project.id, values["key"].strip(), values["value"], is_secret=is_secret)

    done = await app.push_screen_wait(VariableForm(submit, variable))
    if done is not None:
        app.tell(f"{done.key} is set", "Calls that begin now have it")
        app.panes.fetch_all()


async def paste_variables(app: "Core", project: ProjectOut) -> None:
    """Variables out of the text of a `.env` file."""

    async def submit(text: str) -> DotenvOut:
        return await app.client.variables.import_dotenv(project.id, text)

    form = TextForm(submit, heading=f"Paste a .env file into {project.name}", about=_DOTENV, verb="Set them")
    done = await app.push_screen_wait(form)
    if done is not None:
        same = f"{len(done.unchanged)} were so before" if done.unchanged else ""
        app.tell(f"{count(len(done.set), 'variable')} set", same)
        app.panes.fetch_all()


async def delete_variable(app: "Core", project: ProjectOut, key: str) -> None:
    goes = ["the project's functions do not find it any more"]
    if await app.push_screen_wait(ask_delete("variable", key, *goes)) == "delete":
        try:
            await app.client.variables.delete(project.id, key)
        except (ApiError, GatewayGone) as error:
            app.post_message(messages.Failed(f"{key} is still there", str(error)))
        else:
            app.tell(f"{key} is deleted")
            app.panes.fetch_all()


async def edit_packages(app: "Core", project: ProjectOut) -> None:
    """Write a project's list of packages; it is built in the background."""
    try:
        before = await app.client.packages.get(project.id)
    except (ApiError, GatewayGone) as error:
        app.post_message(messages.Failed("The list of packages could not be loaded", str(error)))
        return

    async def submit(text: str) -> RequirementsOut:
        return await app.client.packages.set(project.id, text, wait=False)

    # A list that failed is the one to be mended.
    text = before.wanted_txt if before.wanted_txt is not None else before.requirements_txt
    form = TextForm(submit, heading=f"Packages of {project.name}", about=_PACKAGES, text=text, verb="Save and build")
    done = await app.push_screen_wait(form)
    if done is not None:
        # The pane shows a build by itself, over which a notice would lie.
        if done.status != "building":
            app.tell("The packages are as the list says")
        elif app.state.pane_kind != "packages":
            app.tell("The packages are being built")
        app.panes.fetch_all()


async def upgrade_packages(app: "Core", project: ProjectOut) -> None:
    """Build the list once more, of the newest versions that it allows."""
    try:
        before = await app.client.packages.get(project.id)
        await app.client.packages.set(project.id, before.requirements_txt, wait=False, upgrade=True)
    except (ApiError, GatewayGone) as error:
        app.post_message(messages.Failed("The packages stay as they are", str(error)))
    else:
        app.tell("Newer versions are looked for")
        app.panes.fetch_all()


async def stop_build(app: "Core", project: ProjectOut) -> None:
    try:
        await app.client.packages.stop(project.id)
    except (ApiError, GatewayGone) as error:
        app.post_message(messages.Failed("No build was stopped", str(error)))
    # The pane says so.
    app.panes.fetch_all()


async def make_database(app: "Core", project: ProjectOut) -> None:
    """Make a database: by the one provider that can, or by the one that is chosen."""
    try:
        found = await app.client.databases.get(project.id)
    except (ApiError, GatewayGone) as error:
        app.post_message(messages.Failed("The database could not be looked at", str(error)))
        return
    if found.has_database:
        app.tell("The project has a database", severity="warning")
        return
    able = [one for one in found.providers if one.available]
    if not able:
        problems = "\n".join(f"{one.name}: {one.problem}" for one in found.providers)
        app.post_message(messages.Failed("No database can be made here", problems))
        return
    chosen: ProviderName | None = able[0].name
    if len(able) > 1:
        chosen = await _choose_provider(app, project)
    if chosen is None:
        return
    network: bool | None = False
    if next(one for one in able if one.name == chosen).needs_network:
        network = await _ask_network(app)
    if network is None:
        return
    wanted = ProvisionIn(provider=chosen, enable_network=network)
    try:
        await app.client.databases.provision(project.id, wanted, wait=False)
    except (ApiError, GatewayGone) as error:
        app.post_message(messages.Failed("The database could not be made", str(error)))
    app.panes.fetch_all()


async def _choose_provider(app: "Core", project: ProjectOut) -> ProviderName | None:
    body = Content.assemble(
        "Where shall the database of ", (visible(project.name), "bold"), " be?\n",
        ("\nOn this machine: functions reach it with their network off.", "$muted"),
        ("\nAt Neon: over the network, with your key.", "$muted"),
    )  # fmt: skip
    choices = [Choice("local", "On this machine", "l", "main"), Choice("neon", "At Neon", "n")]
    answer = await app.push_screen_wait(Question("Make a database", body, choices))
    return "local" if answer == "local" else "neon" if answer == "neon" else None


async def _ask_network(app: "Core") -> bool | None:
    """Whether functions shall get the network; None where the person would rather not go on."""
    body = Content.assemble(
        "Functions reach a database at Neon over the network.\n",
        ("Shall it be switched on for all functions of the project? They can then reach anything.", "$muted"),
    )
    choices = [Choice("on", "Switch it on", "y", "main"), Choice("off", "Leave it", "n")]
    answer = await app.push_screen_wait(Question("The network", body, choices))
    return None if answer is None else answer == "on"


async def enable_network(app: "Core", project: ProjectOut) -> None:
    """Switch the network on for the functions that cannot reach the project's database."""
    try:
        found = await app.client.databases.get(project.id)
    except (ApiError, GatewayGone) as error:
        app.post_message(messages.Failed("The database could not be looked at", str(error)))
        return
    cut_off = found.functions_without_network
    without = [one for one in app.state.functions_of(project.id) if one.name in cut_off]
    if not without:
        app.tell("Every function reaches the database", "Nothing had to be switched on")
        return
    if not await _ask_network(app):
        return
    try:
        for function in without:
            await app.client.functions.update(function.id, FunctionPatch(network_enabled=True))
    except (ApiError, GatewayGone) as error:
        app.post_message(messages.Failed("Not all functions have the network", str(error)))
    else:
        app.tell(f"{count(len(without), 'function')} can reach the network now")
    app.panes.fetch_all()


async def copy_address(app: "Core", project: ProjectOut) -> None:
    """The database's address with its password, to the clipboard: as a program on this machine uses it."""
    try:
        found = await app.client.databases.wake(project.id, reveal=True)
    except (ApiError, GatewayGone) as error:
        app.post_message(messages.Failed("The address could not be had", str(error)))
        return
    app.copy_to_clipboard(found.local_url or found.database_url or "")
    app.tell("The address is in the clipboard, with its password", _masked(found))
    app.panes.fetch_all()


async def remove_database(app: "Core", project: ProjectOut) -> None:
    """Remove a project's database; a dump of it is kept where that is wanted."""
    body = Content.assemble(
        "The database of ", (visible(project.name), "bold"), " goes with all that is in it.\n",
        ("\nA dump is a file beside Clowdy's data, which ", "$muted"), ("clowdy db restore", "$accent"),
        (" puts back.", "$muted"),
    )  # fmt: skip
    choices = [
        Choice("keep", "Dump and remove", "k", "main"),
        Choice("delete", "Remove for good", "y", "danger"),
    ]
    answer = await app.push_screen_wait(Question("Remove the database", body, choices, danger=True))
    if answer not in {"keep", "delete"}:
        return
    app.tell("The database is being removed …")
    try:
        gone = await app.client.databases.deprovision(project.id, keep_dump=answer == "keep")
    except (ApiError, GatewayGone) as error:
        app.post_message(messages.Failed("The database is still there", str(error)))
    else:
        app.tell("The database is gone", f"Its dump is {gone.dump}" if gone.dump else "")
    app.panes.fetch_all()


def _masked(found: DatabaseOut) -> str:
    url = found.local_url or found.database_url or ""
    head, _, rest = url.partition("://")
    return f"{head}://…{rest[rest.rfind('@') :]}" if rest else ""
