"""The action interfaces by name, and the search for the interface to which a policy's action belongs."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from wattward.envs.decisions.action import ActionInterface
from wattward.envs.decisions.jobs import JobActions
from wattward.envs.decisions.joint import JointActions
from wattward.envs.decisions.modes import ModeActions
from wattward.envs.decisions.shares import ShareActions

if TYPE_CHECKING:
    from wattward.configs.schema.scenario import Scenario

INTERFACES: dict[str, type[ActionInterface]] = {
    made.name: made for made in (ModeActions, ShareActions, JointActions, JobActions)
}
"""Every interface by its name."""
ActionChoice: TypeAlias = "str | ActionInterface | Callable[[Scenario], ActionInterface]"
"""An interface's name, an interface, or a callable that makes one for a scenario, such as its class."""


def interface_of(action: ActionChoice, scenario: Scenario) -> ActionInterface:
    """The chosen interface, for a scenario.

    Raises:
        ValueError: no interface has that name.
    """
    if isinstance(action, ActionInterface):
        return action
    if not isinstance(action, str):
        return action(scenario)
    if action not in INTERFACES:
        raise ValueError(f"action = {action!r}: must be one of {', '.join(map(repr, INTERFACES))}")
    return INTERFACES[action](scenario)


class Answers:
    """The actions that policies may return: those of the environment's own interface or of any registered one."""

    def __init__(self, own: ActionInterface) -> None:
        """Sets the environment's own interface.

        It is tried first. If no interface recognises an answer, `own` reports the error.
        """
        self._own = own
        self._others: list[ActionInterface] | None = None

    def interface_of(self, answer: object) -> ActionInterface:
        """The first interface that recognises an answer, or the environment's own if there is none."""
        if self._own.recognises(answer):
            return self._own
        if self._others is None:
            self._others = [made(self._own.scenario) for made in INTERFACES.values()]
        return next((other for other in self._others if other.recognises(answer)), self._own)
