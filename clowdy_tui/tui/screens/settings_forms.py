"""The forms of the settings: a function's limits, a project's address, rate limit and CORS rules, an API key."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from textual import on
from textual.content import Content
from textual.widgets import Input, Select

from clowdy_tui.domain.schemas import FunctionOut, Health, KeyCreated, ProjectOut
from clowdy_tui.tui.screens.dialog import Field, FormDialog, Values
from clowdy_tui.tui.text import visible
from clowdy_tui.tui.widgets.choices import ChoiceField
from clowdy_tui.tui.widgets.literal_input import LiteralInput

NETWORK_APART: Final = "network on without the host's loopback"
"""What a driver that enforces it says in the gateway's health."""

CAPTURE = {
    "all": "of every call what came in, went out and was printed",
    "errors": "only of calls that failed",
    "none": "of none; only that there was a call, and how it ended",
}
CONCURRENCY = "1, or more where the handler is a coroutine (async def)"
VISIBILITY = {"public": "anybody may call it by its id", "private": "only who has a token may call it by its id"}
YES_NO = (("no", "no"), ("yes", "yes"))


class HintedField(Field):
    """A field that says what belongs into it, whenever it has nothing to complain about."""

    def __init__(self, name: str, title: str, control: Input | Select[str], hint: str = "") -> None:
        super().__init__(name, title, control)
        self._hint = hint

    def on_mount(self) -> None:
        self.hint(self._hint)

    def hint(self, text: str, style: str = "$muted") -> None:
        """Another hint."""
        self._hint, self._style = text, style
        if text and not self.has_class("-wrong"):
            self.remark(Content.styled(visible(text), style))

    def complain(self, message: str) -> None:
        super().complain(message)
        if not message and self._hint:
            self.hint(self._hint, self._style)


def exposes(health: Health | None, *, on: bool) -> tuple[str, str]:
    """What the network switch exposes on this gateway, and the style of saying so."""
    if not on:
        return "it reaches nothing and nobody", "$muted"
    if health is None or health.enforced is None:
        return "it reaches the internet, and perhaps what listens on this machine", "$warning"
    if NETWORK_APART in health.enforced:
        return "it reaches the internet and your network, but not this machine's loopback (127.0.0.1)", "$muted"
    return "▲ it shares this machine's network: the internet, and whatever listens on 127.0.0.1 here", "$warning"


class LimitsForm(FormDialog[FunctionOut]):
    """What a function may use, who may call it, and whether it has a network."""

    def __init__(
        self, submit: Callable[[Values], Awaitable[FunctionOut]], function: FunctionOut, health: Health | None
    ) -> None:
        super().__init__(submit)
        self._function = function
        self._health = health
        self.heading = f"Limits of {function.name}"

    def fields(self) -> Iterable[Field]:
        function = self._function
        for name, title, value, hint in (
            ("memory_mb", "Memory", function.memory_mb, "MiB for each instance, 32 to 4096; over it a call is ended"),
            ("cpus", "CPU", function.cpus, "cores for each instance, 0.1 and up"),
            ("timeout_s", "Timeout", function.timeout_s, "seconds, 0.1 to 900; then the caller gets an answer anyway"),
            (
                "max_instances",
                "Most instances",
                function.max_instances,
                "at once; more calls wait, then get 429",
            ),
            ("min_instances", "Kept warm", function.min_instances, "instances that stay ready while nobody calls"),
            ("concurrency", "Calls at once in one instance", function.concurrency, CONCURRENCY),
        ):
            control = LiteralInput(f"{value:g}", id=name)
            yield HintedField(name, title, control, hint)
        network = ChoiceField(
            [(word, word) for word in ("off", "on")],
            allow_blank=False,
            id="network_enabled",
            value="on" if function.network_enabled else "off",
        )
        yield HintedField("network_enabled", "Network", network)
        visibility = ChoiceField(
            [(word, word) for word in VISIBILITY], allow_blank=False, id="visibility", value=function.visibility
        )
        yield HintedField("visibility", "Visibility", visibility)

    @on(Select.Changed, "#network_enabled")
    def _say_what_it_exposes(self, event: Select.Changed) -> None:
        field = self.field("network_enabled")
        assert isinstance(field, HintedField)
        field.hint(*exposes(self._health, on=event.value == "on"))

    @on(Select.Changed, "#visibility")
    def _say_who_may_call(self, event: Select.Changed) -> None:
        field = self.field("visibility")
        assert isinstance(field, HintedField)
        field.hint(VISIBILITY[str(event.value)] + "; routes have their own rule")


class AddressForm(FormDialog[ProjectOut]):
    """A project's name and its address."""

    conflict_field = "slug"

    def __init__(self, submit: Callable[[Values], Awaitable[ProjectOut]], project: ProjectOut) -> None:
        super().__init__(submit)
        self._project = project
        self.heading = f"Project {project.name}"

    def fields(self) -> Iterable[Field]:
        project = self._project
        yield HintedField("name", "Name", LiteralInput(project.name, id="name"))
        hint = "its routes answer below /api/gateway/ and this"
        yield HintedField("slug", "Address", LiteralInput(project.slug, id="slug"), hint)
        yield HintedField("description", "Description", LiteralInput(project.description, id="description"))


class CaptureForm(FormDialog[ProjectOut]):
    """What is kept of a project's calls."""

    heading = "What is kept of calls"

    def __init__(self, submit: Callable[[Values], Awaitable[ProjectOut]], project: ProjectOut) -> None:
        super().__init__(submit)
        self._project = project

    def fields(self) -> Iterable[Field]:
        choices = [(word, word) for word in CAPTURE]
        select = ChoiceField(choices, value=self._project.capture, allow_blank=False, id="capture")
        yield HintedField("capture", "Kept", select)

    @on(Select.Changed, "#capture")
    def _say_what(self, event: Select.Changed) -> None:
        field = self.field("capture")
        assert isinstance(field, HintedField)
        field.hint(CAPTURE[str(event.value)])


class RateForm(FormDialog[ProjectOut]):
    """How many requests a project takes."""

    heading = "Rate limit"

    def __init__(self, submit: Callable[[Values], Awaitable[ProjectOut]], project: ProjectOut) -> None:
        super().__init__(submit)
        self._limit = project.rate_limit

    def fields(self) -> Iterable[Field]:
        limit = self._limit
        requests = LiteralInput(f"{limit.requests}" if limit else "", placeholder="none", id="requests")
        yield HintedField("requests", "Requests", requests, "empty: as many as anybody likes; over it callers get 429")
        seconds = LiteralInput(f"{limit.per_seconds:g}" if limit else "60", id="per_seconds")
        yield HintedField("per_seconds", "In how many seconds", seconds, "0.1 to 86400")
        choices = [("all callers together", "project"), ("each caller's address by itself", "client")]
        by = ChoiceField(choices, value=limit.by if limit else "project", allow_blank=False, id="by")
        yield HintedField("by", "Counts", by)


class CorsForm(FormDialog[ProjectOut]):
    """Which web pages may call a project from a browser."""

    heading = "CORS: web pages that may call from a browser"

    def __init__(self, submit: Callable[[Values], Awaitable[ProjectOut]], project: ProjectOut) -> None:
        super().__init__(submit)
        self._cors = project.cors

    def fields(self) -> Iterable[Field]:
        cors = self._cors
        origins = LiteralInput(", ".join(cors.origins) if cors else "", id="origins", placeholder="https://example.org")
        yield HintedField("origins", "Origins", origins, "with commas; * is any page; empty: no page")
        methods = LiteralInput(", ".join(cors.methods) if cors else "*", id="methods")
        yield HintedField("methods", "Methods", methods)
        headers = LiteralInput(", ".join(cors.headers) if cors else "*", id="headers")
        yield HintedField("headers", "Headers", headers)
        credentials = ChoiceField(
            YES_NO, value="yes" if cors and cors.credentials else "no", allow_blank=False, id="credentials"
        )
        yield HintedField("credentials", "With cookies", credentials, "yes needs origins by name")
        age = LiteralInput(f"{cors.max_age}" if cors else "600", id="max_age")
        yield HintedField("max_age", "Remembered for", age, "seconds that a browser need not ask again, up to 86400")


class KeyForm(FormDialog[KeyCreated]):
    """A new API key."""

    heading = "New API key"
    verb, working = "Create", "Creating …"

    def fields(self) -> Iterable[Field]:
        hint = "who will use it; the key itself is shown once"
        yield HintedField("name", "Name", LiteralInput(placeholder="till", id="name"), hint)
