"""What the assistant can do: each a call of a service, with the caller's own rights."""

from clowdy_tui.services.assistant.tools import databases, functions, invocations, mending, projects
from clowdy_tui.services.assistant.tools.base import Plan, Services, Tool, Workplace

TOOLS: dict[str, Tool] = {
    tool.name: tool
    for tool in (*functions.TOOLS, *invocations.TOOLS, *projects.TOOLS, *databases.TOOLS, *mending.TOOLS)
}

__all__ = ["TOOLS", "Plan", "Services", "Tool", "Workplace"]
