"""What is kept of an answer that goes by in pieces."""

from clowdy_tui.engine.streaming import Flow, Receiver, as_json_text


class Kept:
    """Hands a stream on as it comes, and keeps its first `most` bytes for the invocation's record."""

    __slots__ = ("_left", "_pieces", "_receiver")

    def __init__(self, receiver: Receiver, most: int) -> None:
        self._receiver = receiver
        self._left = most
        self._pieces: list[bytes] = []

    def begin(self, head: bytes, flow: Flow, *, binary: bool) -> None:
        self._receiver.begin(head, flow, binary=binary)

    def feed(self, data: bytes) -> None:
        if self._left > 0:
            self._pieces.append(data[: self._left])
            self._left -= len(data)
        self._receiver.feed(data)

    def kept(self) -> bytes:
        """With its quotes a text that was cut is longer than what a record holds, which marks it as cut."""
        return as_json_text(b"".join(self._pieces))
