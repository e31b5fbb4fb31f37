"""The assistant's pictures: what it does is done by the real one, what it says comes from a server in a model's place."""

from textual.pilot import Pilot

from clowdy_tui.tui.app import ClowdyApp
from clowdy_tui.tui.chat.cards import PermissionCard
from scripts.screenshots.scenes import Scene, open_, until
from scripts.screenshots.shop import PAY
from tests.model_server import ModelServer, Says

ASKED = "what does @pay do with a currency that it does not know?"
ANSWER = """\
It **fails**: `RATES` has three currencies, and any other one is a `KeyError`.

```python
cents = payment["amount"] * 100 // RATES[payment.get("currency", "EUR")]
```

In the last hour that happened once, with *CHF*. `/mend` tries a fix on that very call.
"""
LINE = '    cents = payment["amount"] * 100 // RATES[payment.get("currency", "EUR")]\n'
MENDED = PAY.replace(
    LINE,
    '    currency = payment.get("currency", "EUR")\n'
    "    if currency not in RATES:\n"
    '        return {"key": key, "refused": f"no rate for {currency}"}\n'
    '    cents = payment["amount"] * 100 // RATES[currency]\n',
)


def chat_scenes(model: ModelServer) -> tuple[Scene, ...]:
    """The scenes in which `model` answers."""

    async def asked(app: ClowdyApp, pilot: Pilot[None]) -> None:
        pay = next(function for function in app.state.functions.values() if function.name == "pay")
        # What another picture left.
        if pay.active_version > 1:
            await app.client.functions.activate(pay.id, 1)
            await until(pilot, lambda: app.state.functions[pay.id].active_version == 1)
        for talk in await app.client.chat.conversations.list(pay.project_id):
            await app.client.chat.conversations.delete(talk.id)
        await open_(app, pilot, "orders")
        await open_(app, pilot, "pay")
        await app.client.invoke(pay.id, {"key": "k-19", "amount": 1450, "currency": "CHF"})
        await until(pilot, lambda: pay.id in app.state.failed)
        await pilot.press("f9")
        chat = app.workbench.chat
        await until(pilot, lambda: chat.is_ready and chat.body.prompt.area.has_focus and app.talking.status)
        if not chat.body.thread.query(".head"):
            # Where there is room the pane has shown the other picture's talk already.
            chat.body.prompt.put("/new")
            await pilot.press("enter")
        await until(pilot, lambda: chat.body.thread.query(".head"))
        model.will(Says("I look at it.", calls=[("get_function", {"function_id": "shop/pay"})]), Says(ANSWER))
        chat.body.prompt.put(ASKED)
        await pilot.press("enter")
        await until(pilot, lambda: not app.talking.working and chat.body.thread.query(".-end"))

    async def asks(app: ClowdyApp, pilot: Pilot[None]) -> None:
        await asked(app, pilot)
        why = "A currency without a rate is refused, and does not raise."
        model.will(Says(calls=[("propose_fix", {"code": MENDED, "why": why})]),
                   Says("It was the currency: now it is *refused by name*."))  # fmt: skip
        app.workbench.chat.body.prompt.put("/mend")
        await pilot.press("enter")
        for kind in ("share", "run", "change"):
            await until(pilot, lambda kind=kind: isinstance(app.focused, PermissionCard) and app.focused.asked.kind == kind)
            if kind != "change":
                await pilot.press("y")

    async def whole_diff(app: ClowdyApp, pilot: Pilot[None]) -> None:
        await asks(app, pilot)
        await pilot.press("d")
        await until(pilot, lambda: app.screen is not app.workbench)

    async def mended(app: ClowdyApp, pilot: Pilot[None]) -> None:
        await asks(app, pilot)
        await pilot.press("y")
        await until(pilot, lambda: not app.talking.working)

    return (
        Scene("chat", asked),
        Scene("chat-asks", asks),
        Scene("chat-asks-diff", whole_diff),
        Scene("chat-mended", mended),
    )
