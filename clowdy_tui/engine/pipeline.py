"""Pipelining: calls that wait in an instance behind the one that runs there, and how many that may be.

A runner that finds its next call waiting goes on with it; one that finds none sleeps, and to be woken costs it and the
gateway more than a short handler does. Only handlers that are over in a moment are called so, and a call that the
runner has not taken can be given to another instance at any time, or be dropped.
"""

from typing import Final

from clowdy_tui.engine import protocol
from clowdy_tui.engine.call import Call
from clowdy_tui.engine.sandboxes.base import Sandbox
from clowdy_tui.engine.sandboxes.mailbox import MESSAGE_BYTES

MOST: Final = 8
"""Calls in one instance, the running one with them."""

_PATIENCE_US: Final = 200
"""How long those before a call may take, all together, as far as is known."""

_OVERHEAD_US: Final = 10
"""What the runner does for each call beside the handler."""

_UNKNOWN_US: Final = 2_000.0
_SHRINKS: Final = 1 / 16
_GROWS: Final = 2
_DOUBTS: Final = 256
_MOST_DOUBTS: Final = 1 << 20


class Pace:
    """How quick a deployment's handler is, by what its runners say, and how many calls an instance may hold by that.

    It is believed to be quick after some dozens of calls and slow after a handful; a processor that is taken away for a
    moment in the middle of one does not count as much. After a stall no call waits for the next 256, after another
    one for 512, and so on, until as many again went well: what is quick nearly always must not hold up those behind it
    again and again.
    """

    __slots__ = ("_doubts", "_next_doubts", "_smooth", "_us", "width")

    def __init__(self) -> None:
        self._us = _UNKNOWN_US
        self._doubts = 0
        self._next_doubts = _DOUBTS
        self._smooth = 0
        """Calls since the last stall, or since the doubts were halved."""
        self.width = 1

    def note(self, handler_us: int) -> None:
        """A handler has taken so long."""
        us = self._us
        self._us = us = min(handler_us, us * _GROWS + 1) if handler_us > us else us + (handler_us - us) * _SHRINKS
        if self._doubts:
            self._doubts -= 1
            self.width = 1
        else:
            self._smooth += 1
            if self._smooth >= self._next_doubts:
                self._smooth = 0
                self._next_doubts = max(_DOUBTS, self._next_doubts // 2)
            self.width = max(1, min(MOST, int(_PATIENCE_US / (us + _OVERHEAD_US))))

    def stalled(self) -> None:
        """Calls had to be taken back from behind one that was not over in a moment."""
        self._smooth = 0
        self._doubts = self._next_doubts
        self._next_doubts = min(_MOST_DOUBTS, 2 * self._next_doubts)
        self.width = 1


class Pipeline:
    """One instance's calls that wait, in the order in which they were put.

    `calls` is its worker's: all that run or wait in it, the first sent first. A large event is held back here until it
    is its call's turn, and what comes after it too: what went into the stream cannot be taken back.
    """

    __slots__ = ("_calls", "_held", "waiting")

    def __init__(self, calls: dict[int, Call]) -> None:
        self._calls = calls
        self._held: dict[int, bytes] = {}
        self.waiting = 0
        """How many wait."""

    def put(self, call: Call, frame: bytes) -> bytes:
        """One more waits; what of its frame is to be written now, which is all or nothing."""
        self.waiting += 1
        if self._held or len(frame) > MESSAGE_BYTES:
            self._held[call.number] = frame
            return b""
        return frame

    def go_on(self, now: float) -> list[bytes]:
        """A call is over: the next one runs, where none does. The frames that are to be written now."""
        first = next(iter(self._calls.values()), None)
        if first is None or not first.waits:
            return []
        first.go_on(now)
        self.waiting -= 1
        frames = []
        for number, frame in list(self._held.items()):
            if len(frame) > MESSAGE_BYTES and number != first.number:
                break
            frames.append(self._held.pop(number))
        return frames

    def take_back(self, sandbox: Sandbox, now: float) -> list[Call]:
        """Those that wait, out of `calls`. What the runner has begun by now goes on, and what it has not taken yet of
        calls that do not wait is its own.
        """
        return self._give_back(sandbox, sandbox.take_back(), now)

    def unstall(self, sandbox: Sandbox, now: float) -> list[Call] | None:
        """As `take_back`, where the running one takes too long. None where the runner has not begun that: then it is
        the sandbox that has no processor, and all stay.
        """
        messages = sandbox.take_back()
        if messages and protocol.called(messages[0]) in {None, next(iter(self._calls))}:
            self._note_begun(messages, now)
            for message in messages:
                sandbox.write(message)
            return None
        return self._give_back(sandbox, messages, now)

    def end(self, sandbox: Sandbox, now: float) -> tuple[list[Call], set[int]]:
        """Those that wait, out of `calls`, of a sandbox that is gone or will be; and the numbers of those among the
        others that it has certainly not begun.
        """
        messages = sandbox.take_back()
        back = self._withdraw(messages, now)
        # What is elsewhere may be any one's of those that run beside each other.
        alone = next(iter(self._calls)) if len(self._calls) == 1 else None
        numbers = {alone if (number := protocol.called(message)) is None else number for message in messages}
        return back, {number for number in numbers if number in self._calls}

    def _give_back(self, sandbox: Sandbox, messages: list[bytes], now: float) -> list[Call]:
        """Withdraw those that wait, and write what is not theirs once more."""
        back = self._withdraw(messages, now)
        for message in messages:
            number = protocol.called(message)
            # What is elsewhere belongs to one that does not wait.
            if number is None or number in self._calls:
                sandbox.write(message)
        return back

    def _withdraw(self, messages: list[bytes], now: float) -> list[Call]:
        """Those that wait, by the messages that the runner has not taken, out of `calls`."""
        self._note_begun(messages, now)
        back = [call for call in self._calls.values() if call.waits]
        for call in back:
            del self._calls[call.number]
            call.queue_us += int((now - call.sent) * 1e6)
        self._held.clear()
        self.waiting = 0
        return back

    def remove(self, call: Call, sandbox: Sandbox, now: float) -> bool:
        """Take one back that nobody wants any more, out of `calls`; False where the runner has begun it by now."""
        found = self._held.pop(call.number, None) is not None
        if not found:
            messages = sandbox.take_back()
            self._note_begun(messages, now)
            for message in messages:
                if protocol.called(message) == call.number:
                    found = True
                else:
                    sandbox.write(message)
        if found:
            del self._calls[call.number]
            self.waiting -= 1
        return found

    def _note_begun(self, messages: list[bytes], now: float) -> None:
        """Those that wait and are not in these messages, which were taken back: the runner has begun them.

        It takes messages meanwhile, one by one: it may have a later one than those that we got.
        """
        numbers = {protocol.called(message) for message in messages} | self._held.keys()
        for call in self._calls.values():
            if call.waits and call.number not in numbers:
                call.go_on(now)
                self.waiting -= 1
