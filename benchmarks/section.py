"""A part of the results that stands by itself: some sentences and a table."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Section:
    """`rows` have as many cells as `head`; the first column is text, the others are figures."""

    title: str
    text: str
    head: list[str]
    rows: list[list[str]] = field(default_factory=list)

    def to_markdown(self) -> str:
        lines = [self.head, ["---", *("--:" for _ in self.head[1:])], *self.rows]
        return f"## {self.title}\n\n{self.text}\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines)
