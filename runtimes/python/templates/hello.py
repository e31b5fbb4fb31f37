"""Says hello. Try GET …/hello/Ada, GET …/hello?name=Ada, or the input {"name": "Ada"}."""

from datetime import UTC, datetime


def handler(event, context):
    event = event if isinstance(event, dict) else {}
    # A request brings its path's parameters and its query; a plain call brings whatever you typed.
    name = event.get("params", {}).get("name") or event.get("query", {}).get("name") or event.get("name") or "world"
    hour = datetime.now(UTC).hour
    greeting = "Good morning" if hour < 12 else "Good afternoon" if hour < 18 else "Good evening"
    print(f"greeting {name} from {context.function_name}, version {context.function_version}")
    return {"message": f"{greeting}, {name}!", "served_by": "Clowdy"}
