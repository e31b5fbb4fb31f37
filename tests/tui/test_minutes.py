"""The bars of the dashboard: they fill the room, and no call is lost where several minutes share one."""

import pytest

from clowdy_tui.tui.widgets.minutes import Minute, Minutes, _shared
from tests.tui.widget_host import Host


@pytest.mark.parametrize(
    ("number", "room", "bars"), [(60, 72, 60), (60, 60, 60), (60, 59, 30), (180, 74, 60), (1, 9, 1)]
)
def test_minutes_share_a_bar_where_there_are_more_than_cells(number: int, room: int, bars: int) -> None:
    minutes = [Minute(index, index % 7) for index in range(number)]
    shared = _shared(minutes, room)
    assert len(shared) == bars <= room
    assert sum(bar.calls for bar in shared) == sum(minute.calls for minute in minutes)
    assert sum(bar.errors for bar in shared) == sum(minute.errors for minute in minutes)
    # The newest is last, and has as many minutes as all others.
    assert shared[-1].calls == sum(minute.calls for minute in minutes[-max(1, -(-number // room)) :])


@pytest.mark.parametrize(("number", "ago"), [(60, "60 min ago"), (180, "3 h ago")])
async def test_the_bars_begin_beside_their_scale_and_end_at_the_right(number: int, ago: str) -> None:
    chart = Minutes()
    async with Host(chart).run_test(size=(84, 6)) as pilot:
        chart.show([Minute(12, index == number - 9) for index in range(number)])
        await pilot.pause()
        lines = [chart.render_line(y).text for y in range(4)]
        assert lines[0].startswith(f"{max(bar.calls for bar in _shared([Minute(12)] * number, 80))} █")
        assert lines[0].endswith("█")
        assert lines[3].lstrip().startswith(ago)
        assert lines[3].endswith("now")
        assert lines[3].count("✗") == 1
