"""What can be typed after a slash."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SlashCommand:
    """`takes` names what may follow it."""

    name: str
    description: str
    takes: str = ""


COMMANDS: tuple[SlashCommand, ...] = (
    SlashCommand("new", "Begin a new conversation"),
    SlashCommand("list", "Choose another conversation of this project"),
    SlashCommand("rename", "Give this conversation another title", "title"),
    SlashCommand("delete", "Delete this conversation"),
    SlashCommand("export", "Save this conversation as Markdown", "file"),
    SlashCommand("sent", "Show what the next question would send"),
    SlashCommand("mend", "Mend the last call that failed"),
    SlashCommand("copy", "Copy the last code block"),
    SlashCommand("insert", "Put the last code block into the editor"),
    SlashCommand("stop", "Stop the assistant"),
    SlashCommand("help", "What can be done here"),
)


def parse(text: str) -> tuple[str, str] | None:
    """A command's name and what follows it; None for a question. A name that is not known comes back as it is."""
    if not text.startswith("/") or text.startswith("//"):
        return None
    name, _, rest = text[1:].partition(" ")
    return name.strip().lower(), rest.strip()
