"""The action interfaces by name, and which of them a policy's answer belongs to."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from wattward.envs.decisions.action import ActionInterface
from wattward.envs.decisions.joint import JointActions
from wattward.envs.decisions.modes import ModeActions
from wattward.envs.decisions.shares import ShareActions

if TYPE_CHECKING:
    from wattward.configs.schema.scenario import Scenario

INTERFACES: dict[str, type[ActionInterface]] = {made.name: made for made in (ModeActions, ShareActions, JointActions)}
"""Every interface by its name."""
ActionChoice: TypeAlias = "str | ActionInterface | Callable[[Scenario], ActionInterface]"
"""An interface's name, an interface, or what makes one for a scenario, such as its class."""


def interface_of(action: ActionChoice, scenario: Scenario) -> ActionInterface:
    """The interface that is meant, for a scenario.

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
    """What policies may answer: an action of the environment's own interface, or of any other that is registered."""

    def __init__(self, own: ActionInterface) -> None:
        """`own` is asked first, and says what is wrong with an answer that nobody recognises."""
        self._own = own
        self._others: list[ActionInterface] | None = None

    def interface_of(self, answer: object) -> ActionInterface:
        """The interface that an answer belongs to."""
        if self._own.recognises(answer):
            return self._own
        if self._others is None:
            self._others = [made(self._own.scenario) for made in INTERFACES.values()]
        return next((other for other in self._others if other.recognises(answer)), self._own)
