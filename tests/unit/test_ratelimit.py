import pytest

from clowdy_tui.domain.rules import RateLimit
from clowdy_tui.services.project_rules import make_rules
from clowdy_tui.services.ratelimit import MAX_CLIENTS, Limiter, retry_after


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def limiter(requests: int, seconds: float, by: str = "client") -> tuple[Limiter, Clock]:
    clock = Clock()
    rule = RateLimit.model_validate({"requests": requests, "per_seconds": seconds, "by": by})
    return Limiter(rule, clock), clock


def test_an_allowance_is_spent_and_comes_back_evenly() -> None:
    limit, clock = limiter(3, 6)
    assert [limit.take("a") for _ in range(3)] == [0, 0, 0]
    assert limit.take("a") == pytest.approx(2)
    assert limit.take("a") == pytest.approx(2), "a refused request costs nothing"
    clock.now += 2
    assert limit.take("a") == 0
    assert limit.take("a") == pytest.approx(2)
    clock.now += 60
    assert [limit.take("a") for _ in range(4)] == [0, 0, 0, pytest.approx(2)]


@pytest.mark.parametrize("requests", [1, 7, 1000])
def test_over_any_stretch_no_more_than_twice_the_allowance(requests: int) -> None:
    limit, clock = limiter(requests, 1)
    taken = 0
    for _ in range(4000):
        taken += limit.take("a") == 0
        clock.now += 0.00025
    assert requests <= taken <= 2 * requests


def test_each_client_has_its_own_unless_the_project_has_one_for_all() -> None:
    limit, _ = limiter(1, 10)
    assert [limit.take(address) > 0 for address in ("1.2.3.4", "1.2.3.5", "1.2.3.4")] == [False, False, True]
    together, _ = limiter(1, 10, "project")
    assert [together.take(address) > 0 for address in ("1.2.3.4", "1.2.3.5")] == [False, True]


def test_a_network_of_ipv6_is_one_client() -> None:
    limit, _ = limiter(1, 10)
    assert limit.take("2001:db8:1:2::1") == 0
    assert limit.take("2001:db8:1:2:ffff::9") > 0
    assert limit.take("2001:db8:1:3::1") == 0
    assert limit.take("::ffff:1.2.3.4") == 0
    assert limit.take("1.2.3.4") > 0
    assert limit.take("fe80::1%eth0") == 0
    assert limit.take("not: an address") == 0


def test_memory_stays_bounded_however_many_come() -> None:
    limit, _ = limiter(1, 10)
    for number in range(MAX_CLIENTS + 500):
        limit.take(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
    assert len(limit) == MAX_CLIENTS


def test_retry_after_is_whole_seconds_and_never_too_few() -> None:
    assert [retry_after(value) for value in (0.01, 1.0, 1.2)] == ["1", "1", "2"]


def test_a_change_of_something_else_keeps_what_was_counted() -> None:
    rule = {"requests": 1, "per_seconds": 10.0, "by": "project"}
    first = make_rules({"rate_limit": rule}, None)
    assert first is not None
    again = make_rules({"rate_limit": rule, "cors": {"origins": ["*"]}}, first)
    assert again is not None
    assert again.limiter is first.limiter
    other = make_rules({"rate_limit": rule | {"requests": 2}}, first)
    assert other is not None
    assert other.limiter is not first.limiter
    assert make_rules({"rate_limit": None, "cors": None, "capture": "all"}, first) is None
