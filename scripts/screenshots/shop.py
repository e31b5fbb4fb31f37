"""The example on the pictures: a small shop, with what was called in it."""

import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from types import SimpleNamespace

import httpx

from clowdy_tui.client import Clowdy
from clowdy_tui.domain import names
from clowdy_tui.domain.databases import ProvisionIn
from clowdy_tui.domain.schemas import FunctionIn, FunctionPatch, RouteIn

ORDERS = '''\
"""Orders: what was bought, by whom, and what it comes to."""

import json
from decimal import Decimal

PRICES = {"tea": Decimal("3.20"), "cake": Decimal("4.50"), "mug": Decimal("12.00")}
DELIVERY = Decimal("2.90")
orders: dict[str, dict] = {}


class UnknownItem(ValueError):
    """Somebody asked for what is not on the shelf."""


def total(items: list[str], *, delivered: bool = False) -> Decimal:
    missing = [item for item in items if item not in PRICES]
    if missing:
        raise UnknownItem(f"not on the shelf: {', '.join(missing)}")
    # Orders over 20 are delivered for nothing.
    goods = sum((PRICES[item] for item in items), Decimal(0))
    return goods + (DELIVERY if delivered and goods < 20 else 0)


def handler(event, context):
    order = event.get("body") or event
    if isinstance(order, str):
        order = json.loads(order)
    number = str(order.get("id") or event.get("params", {}).get("id", "?"))
    order = orders.setdefault(number, order)
    items = order.get("items", ["tea"])
    print(f"order {number}: {', '.join(items)} for {order.get('customer', 'a guest')}")
    due = total(items, delivered=order.get("delivered", False))
    print(f"order {number}: {due} due")
    return {
        "order": number,
        "items": [{"name": item, "price": str(PRICES[item])} for item in items],
        "total": str(due),
        "paid": False,
    }
'''

PAY = '''\
"""Takes the money, once: a second try with the same key is answered with the first one's receipt."""

RATES = {"EUR": 100, "USD": 108, "GBP": 86}
receipts: dict[str, dict] = {}


def handler(event, context):
    payment = event.get("body") or event
    key = payment["key"]
    if key in receipts:
        print(f"payment {key}: seen before")
        return receipts[key]
    cents = payment["amount"] * 100 // RATES[payment.get("currency", "EUR")]
    receipts[key] = {"key": key, "cents": cents, "by": context.function_name}
    print(f"payment {key}: {cents} cents")
    return receipts[key]
'''

STOCK = '''\
"""How much of everything is left; warns of what runs low."""

import sys

SHELF = {"tea": 48, "cake": 3, "mug": 12}


def handler(event, context):
    for name, left in SHELF.items():
        if left < 5:
            print(f"{name}: only {left} left", file=sys.stderr)
    return SHELF
'''

INVOICE = '''\
"""An invoice as text."""


def handler(event, context):
    print(f"invoice {event['number']} for {event['customer']}")
    return f"Invoice {event['number']}: {event['total']} due within 14 days"
'''

CONTACT = '''\
"""Takes the contact form."""


async def handler(event, context):
    print("message from", event.get("email", "nobody"))
    return {"thanks": True}
'''

PACKAGES = """\
requests>=2.32
pillow~=11.0
jinja2
qrcode  # on the parcel
"""

PING = "def handler(event, context):\n    return 'pong'\n"


async def seed(client: Clowdy) -> Mapping[str, str]:
    """Make it all; the functions' ids by their names."""
    site = await client.projects.create("site", "the pages beside the shop")
    shop = await client.projects.create("shop", "what the till talks to")
    ids = {}
    for name, code, project in (
        ("uptime_ping", PING, None),
        ("contact_form", CONTACT, site),
        ("sitemap", PING, site),
        ("stock_check", STOCK, shop),
        ("refund", PAY, shop),
        ("pay", PAY, shop),
        ("orders", "def handler(event, context):\n    return {}\n", shop),
        ("invoice", INVOICE, shop),
    ):
        made = await client.functions.create(FunctionIn(name=name, code=code, project_id=project and project.id))
        ids[name] = made.id
    for number, code in enumerate((ORDERS.replace("DELIVERY", "POSTAGE"), ORDERS), 1):
        await client.functions.update(ids["orders"], FunctionPatch(code=code, base_version=number))
    await client.functions.update(ids["refund"], FunctionPatch(status="inactive"))
    for method, path, name, about in (
        ("GET", "/orders/:id", "orders", "an order again"),
        ("POST", "/orders", "orders", "from the till"),
        ("POST", "/pay", "pay", "from the card reader"),
        ("GET", "/stock", "stock_check", "for the shop's window"),
    ):
        route = {"function_id": ids[name], "method": method, "path": path, "description": about}
        await client.routes.create(shop.id, RouteIn.model_validate(route))
    restock = {"function_id": ids["stock_check"], "method": "PUT", "path": "/stock/:item", "auth": "api_key",
               "description": "from the warehouse"}  # fmt: skip
    await client.routes.create(shop.id, RouteIn.model_validate(restock))
    for name in ("warehouse", "till"):
        await client.keys.create(shop.id, name)
    for key, value, is_secret in (
        ("CURRENCY", "EUR", False),
        ("MAIL_FROM", "orders@shop.example.org", False),
        ("PAYMENT_KEY", "sk_test_51Qy7", True),
        ("WAREHOUSE_TOKEN", "wh-3f9c0a", True),
    ):
        await client.variables.set(shop.id, key, value, is_secret=is_secret)
    rules = {"rate_limit": {"requests": 600, "per_seconds": 60, "by": "client"},
             "cors": {"origins": ["https://shop.example.org"], "credentials": True}}  # fmt: skip
    await client.projects.update(shop.id, **rules)
    await client.functions.update(ids["refund"], FunctionPatch(network_enabled=True, timeout_s=10))
    await client.functions.update(ids["orders"], FunctionPatch(memory_mb=256, cpus=1, min_instances=1))
    contact = {"function_id": ids["contact_form"], "method": "POST", "path": "/contact"}
    await client.routes.create(site.id, RouteIn.model_validate(contact))
    await client.packages.set(shop.id, PACKAGES, wait=True)
    if any(provider.name == "local" and provider.available for provider in (await client.databases.get(shop.id)).providers):
        await client.databases.provision(shop.id, ProvisionIn(provider="local"), wait=True)
    return ids


_NUMBERS = count(1017)
"""Of orders and payments."""


async def call(
    client: Clowdy,
    url: str,
    ids: Mapping[str, str],
    which: slice = slice(None),
    *,
    failing: bool = True,
    between: Callable[[], object] = lambda: None,
) -> None:
    """What a minute in the shop looks like, or a part of it, most of it by the gateway's public door at `url`.

    `between` is called after each call.
    """
    async with httpx.AsyncClient(base_url=f"{url}/api/gateway", trust_env=False) as http:
        first = next(_NUMBERS)

        def order(customer: str, *items: str) -> Callable[[], Awaitable[object]]:
            body = {"id": next(_NUMBERS), "customer": customer, "items": items}
            return lambda: http.post("/shop/orders", json=body)

        ordered = order("Ada", "tea", "cake")
        paid = {"key": f"k-{first}", "amount": 770}
        all_: list[Callable[[], Awaitable[object]]] = [
            lambda: client.invoke(ids["invoice"], {"number": first, "customer": "Mei", "total": "12.60"}),
            lambda: http.get("/shop/stock"),
            ordered,
            lambda: http.get(f"/shop/orders/{first + 1}"),
            order("Grace", "mug"),
            *([order("Alan", "tea", "coffee")] if failing else []),
            lambda: http.post("/shop/pay", json=paid),
            order("Edsger", "tea"),
            lambda: http.post("/shop/pay", json=paid),
            lambda: http.get("/shop/stock"),
            lambda: http.post("/shop/pay", json={"key": f"k-{first + 2}", "amount": 1200, "currency": "GBP"}),
            lambda: http.post("/site/contact", json={"email": "lin@example.org"}),
            order("Barbara", "cake", "cake", "tea"),
            lambda: client.invoke(ids["pay"], {"key": f"k-{first + 3}", "amount": 1200, "currency": "GBP"}),
            lambda: client.invoke(ids["uptime_ping"]),
        ]
        for one in all_[which]:
            await one()
            between()


async def pass_an_hour(client: Clowdy, url: str, ids: Mapping[str, str]) -> None:
    """The hour before now, minute by minute: some busier than others, a failure now and then."""
    # What asked for the seed had ids, too, which later ones would have to be greater than.
    names._last_invocation_id = 0
    for ago in range(59, 0, -1):
        begin, many = ago * 5 % 7, 2 + ago * ago % 9 + (6 if 18 < ago < 31 else 0)
        with _minutes_ago(ago) as wait:
            await call(
                client, url, ids, slice(begin, begin + many), failing=ago in (44, 27, 9), between=lambda: wait(3.4)
            )


@contextmanager
def _minutes_ago(minutes: float) -> Iterator[Callable[[float], None]]:
    """Calls that are made in here were made then: their ids are the time. Yields what lets seconds go by."""
    behind = minutes * 60e9

    def wait(seconds: float) -> None:
        nonlocal behind
        behind -= seconds * 1e9

    names.time = SimpleNamespace(time_ns=lambda: time.time_ns() - int(behind))  # type: ignore[attr-defined]
    try:
        yield wait
    finally:
        names.time = time  # type: ignore[attr-defined]
