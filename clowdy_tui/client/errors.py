"""The two ways in which a call to the gateway fails: it refused, or nobody answered."""

from clowdy_tui.domain.schemas import Problem


class ApiError(Exception):
    """The gateway answered with a problem: `problem` has `status`, `type`, `detail`, `errors` and any extra field."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail)
        self.problem = problem

    @property
    def status(self) -> int:
        return self.problem.status

    @property
    def detail(self) -> str:
        """What is wrong, for the person."""
        return self.problem.detail


class GatewayGone(Exception):
    """Nobody answers where the gateway should be, or it went away in the middle of a call."""
