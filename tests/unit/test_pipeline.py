"""Pipelining without a sandbox: how many calls may wait, and which of them are still ours."""

import pytest

from clowdy_tui.engine import protocol
from clowdy_tui.engine.call import Call
from clowdy_tui.engine.deployment import Deployment
from clowdy_tui.engine.pipeline import MOST, Pace, Pipeline
from clowdy_tui.engine.sandboxes.mailbox import MESSAGE_BYTES

DEPLOYMENT = Deployment(
    function_id="f00000000001",
    function_name="probe",
    owner="local",
    version=1,
    files={"function.py": ""},
    timeout_s=10.0,
)
LARGE = b'"' + b"x" * MESSAGE_BYTES + b'"'


class Sandbox:
    """Keeps what is written, until it is taken or taken back."""

    def __init__(self) -> None:
        self.messages: list[bytes] = []
        self.takes_meanwhile = 0
        """The call whose message the runner takes while they are taken back, one by one."""

    def write(self, data: bytes, *, soon: bool = False) -> None:
        self.messages.append(data)

    def take_back(self) -> list[bytes]:
        taken, self.messages = self.messages, []
        return [message for message in taken if protocol.called(message) != self.takes_meanwhile]


class Instance:
    """A worker's half of it: one call runs, the others wait."""

    def __init__(self) -> None:
        self.calls: dict[int, Call] = {}
        self.pipeline = Pipeline(self.calls)
        self.sandbox = Sandbox()

    def send(self, number: int, event: bytes = b"1", *, now: float = 0.0) -> Call:
        call = Call(DEPLOYMENT, event, f"{number:016x}", None, None, lambda _: None, lambda *_: None)
        waits = bool(self.calls)
        call.begin(None, number, now, cold=False, waits=waits)  # type: ignore[arg-type]
        self.calls[number] = call
        frame = protocol.call_frame(number, 10_000, call.invocation_id, event)
        if frame := self.pipeline.put(call, frame) if waits else frame:
            # What is large goes by the stream, and its length by the mailbox.
            self.sandbox.write(frame if len(frame) <= MESSAGE_BYTES else bytes(4))
        return call

    def runs(self) -> int | None:
        """The runner takes its next message: which call that is; None where nothing has come."""
        return protocol.called(self.sandbox.messages.pop(0)) if self.sandbox.messages else None

    def over(self, number: int, now: float) -> None:
        del self.calls[number]
        for frame in self.pipeline.go_on(now):
            self.sandbox.write(frame)

    def take_back(self, now: float = 1.0) -> list[int]:
        return [call.number for call in self.pipeline.take_back(self.sandbox, now)]  # type: ignore[arg-type]

    def unstall(self) -> list[int] | None:
        back = self.pipeline.unstall(self.sandbox, 1.0)  # type: ignore[arg-type]
        return None if back is None else [call.number for call in back]

    def remove(self, call: Call) -> bool:
        return self.pipeline.remove(call, self.sandbox, 1.0)  # type: ignore[arg-type]

    def end(self) -> tuple[list[int], set[int]]:
        back, unbegun = self.pipeline.end(self.sandbox, 1.0)  # type: ignore[arg-type]
        return [call.number for call in back], unbegun


class TestPace:
    def quick(self) -> Pace:
        pace = Pace()
        for _ in range(200):
            pace.note(5)
        return pace

    def test_nothing_waits_before_the_handler_is_known_to_be_quick(self) -> None:
        pace = Pace()
        widths = []
        for _ in range(200):
            widths.append(pace.width)
            pace.note(5)
        assert widths[:30] == [1] * 30
        assert widths == sorted(widths)
        assert pace.width == MOST

    @pytest.mark.parametrize(("handler_us", "width"), [(14, 8), (29, 5), (89, 2), (200, 1), (5_000, 1)])
    def test_the_longer_it_takes_the_fewer_wait(self, handler_us: int, width: int) -> None:
        pace = Pace()
        for _ in range(500):
            pace.note(handler_us)
        assert pace.width == width

    def test_a_handler_that_gets_slow_is_believed_soon(self) -> None:
        pace = self.quick()
        for _ in range(6):
            pace.note(20_000)
        assert pace.width == 1

    def test_one_that_lost_its_processor_for_a_moment_counts_little(self) -> None:
        pace = self.quick()
        pace.note(4_000)
        assert pace.width == MOST

    def test_after_each_stall_it_is_doubted_for_longer(self) -> None:
        pace = self.quick()
        lengths = []
        for _ in range(3):
            pace.stalled()
            length = 0
            while pace.width == 1:
                pace.note(5)
                length += 1
            lengths.append(length)
        assert lengths == [257, 513, 1025]

    def test_doubts_fade_where_all_goes_well(self) -> None:
        pace = self.quick()
        for _ in range(10):
            pace.stalled()
        for _ in range(1_000_000):
            pace.note(5)
        pace.stalled()
        for _ in range(257):
            pace.note(5)
        assert pace.width == MOST


class TestPipeline:
    def test_a_call_that_waits_begins_when_the_one_before_it_is_over(self) -> None:
        instance = Instance()
        first, second = instance.send(1), instance.send(2)
        assert (first.deadline, second.deadline) == (10.0, float("inf"))
        assert instance.pipeline.waiting == 1
        instance.over(1, now=3.0)
        assert (second.began, second.deadline, second.queue_us) == (3.0, 13.0, 3_000_000)
        assert not second.waits
        assert instance.pipeline.waiting == 0

    def test_what_has_not_begun_comes_back_and_the_rest_goes_on(self) -> None:
        instance = Instance()
        for number in range(1, 5):
            instance.send(number)
        # The first one's answer is on its way, the second has been begun.
        assert [instance.runs(), instance.runs()] == [1, 2]
        assert instance.take_back(now=2.0) == [3, 4]
        assert [(call.number, call.waits) for call in instance.calls.values()] == [(1, False), (2, False)]
        assert instance.pipeline.waiting == 0
        assert instance.runs() is None

    def test_what_is_taken_back_leaves_the_runner_what_does_not_wait(self) -> None:
        instance = Instance()
        # Sent before it was known that they run one after the other.
        for number in (1, 2, 3):
            instance.send(number).waits = False
        instance.send(4)
        assert instance.runs() == 1
        assert instance.take_back() == [4]
        assert [instance.runs(), instance.runs(), instance.runs()] == [2, 3, None]

    def test_at_the_end_it_is_told_which_of_the_running_ones_has_not_begun(self) -> None:
        instance = Instance()
        instance.send(1)
        instance.send(2)
        assert instance.end() == ([2], {1})
        assert list(instance.calls) == [1]

    def test_a_large_event_of_several_that_run_is_nobodys_for_certain(self) -> None:
        instance = Instance()
        instance.send(1)
        assert instance.runs() == 1
        instance.calls[2] = Call(DEPLOYMENT, LARGE, "2", None, None, lambda _: None, lambda *_: None)
        instance.calls[2].begin(None, 2, 0.0, cold=False, waits=False)  # type: ignore[arg-type]
        instance.sandbox.write(bytes(4))
        assert instance.end() == ([], set())

    def test_where_the_sandbox_has_no_processor_nothing_is_moved(self) -> None:
        instance = Instance()
        for number in (1, 2, 3):
            instance.send(number)
        assert instance.unstall() is None
        assert [instance.runs() for _ in range(3)] == [1, 2, 3]
        assert instance.pipeline.waiting == 2

    def test_a_stalled_one_gives_back_those_behind_it(self) -> None:
        instance = Instance()
        for number in (1, 2, 3):
            instance.send(number)
        assert instance.runs() == 1
        assert instance.unstall() == [2, 3]

    def test_one_that_the_runner_takes_while_all_are_put_back_has_begun(self) -> None:
        instance = Instance()
        _, second, third = [instance.send(number) for number in (1, 2, 3)]
        instance.sandbox.takes_meanwhile = 2
        assert instance.unstall() is None
        assert (second.waits, second.began, third.waits, instance.pipeline.waiting) == (False, 1.0, True, 1)
        # Its answer comes before that of the one which began first.
        instance.over(2, now=2.0)
        assert [instance.runs(), instance.runs()] == [1, 3]
        assert third.waits
        instance.over(1, now=3.0)
        assert (third.waits, instance.pipeline.waiting) == (False, 0)

    def test_one_that_the_runner_takes_while_another_is_taken_out_has_begun(self) -> None:
        instance = Instance()
        _, unwanted, third, last = [instance.send(number) for number in (1, 2, 3, 4)]
        assert instance.runs() == 1
        instance.sandbox.takes_meanwhile = 3
        assert instance.remove(unwanted)
        assert (third.waits, last.waits, instance.pipeline.waiting) == (False, True, 1)
        assert [instance.runs(), instance.runs()] == [4, None]

    def test_a_large_event_waits_on_our_side_with_all_behind_it(self) -> None:
        instance = Instance()
        instance.send(1)
        instance.send(2)
        instance.send(3, LARGE)
        instance.send(4)
        assert [instance.runs(), instance.runs(), instance.runs()] == [1, 2, None]
        instance.over(1, now=1.0)
        assert instance.sandbox.messages == []
        instance.over(2, now=2.0)
        assert [len(message) > MESSAGE_BYTES for message in instance.sandbox.messages] == [True, False]
        assert [instance.runs(), instance.runs()] == [3, 4]

    def test_a_large_event_comes_back_as_the_others_do(self) -> None:
        instance = Instance()
        instance.send(1, LARGE)
        instance.send(2, LARGE)
        instance.send(3)
        assert instance.end() == ([2, 3], {1})

    @pytest.mark.parametrize("event", [b"1", LARGE])
    def test_one_that_nobody_wants_is_taken_out_from_among_the_others(self, event: bytes) -> None:
        instance = Instance()
        instance.send(1)
        unwanted = instance.send(2, event)
        instance.send(3)
        assert instance.remove(unwanted)
        assert list(instance.calls) == [1, 3]
        assert instance.runs() == 1
        instance.over(1, now=1.0)
        assert instance.runs() == 3

    def test_one_that_has_begun_cannot_be_taken_out(self) -> None:
        instance = Instance()
        instance.send(1)
        unwanted = instance.send(2)
        assert [instance.runs(), instance.runs()] == [1, 2]
        assert not instance.remove(unwanted)
        assert list(instance.calls) == [1, 2]


def test_which_call_frames_ask_for() -> None:
    frame = protocol.call_frame(7, 1000, "0" * 16, b"{}")
    assert protocol.called(frame) == 7
    assert protocol.called(protocol.load_frame({"files": {}}) + frame) == 7
    assert protocol.called(protocol.load_frame({"files": {}})) is None
    assert protocol.called(bytes(4)) is None
