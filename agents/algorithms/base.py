"""The interface of an algorithm, and what the algorithms of one family share.

An algorithm is built of a class of Stable-Baselines3 (`stock`) and the arguments that it takes for given settings.
Torch and Stable-Baselines3 are imported inside methods that train, never by the methods that load a checkpoint.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Generic, Literal, TypeVar

from pydantic import Field, model_validator

from wattward.agents.inference.checkpoint import ActionLayout, Manifest, Tensors
from wattward.agents.inference.choosers import Chooser, ModeChooser, RegionChooser
from wattward.agents.inference.networks import (
    ActingNetwork,
    Layer,
    LayerNames,
    Perceptron,
    check_fit,
    n_outputs,
    read_layers,
)
from wattward.configs.schema.agent import AgentSettings, Count, WarmStart
from wattward.configs.schema.base import ConfigError, Share
from wattward.configs.schema.scenario import Scenario

if TYPE_CHECKING:
    import torch
    from stable_baselines3.common.base_class import BaseAlgorithm
    from stable_baselines3.common.callbacks import BaseCallback
    from stable_baselines3.common.vec_env import VecEnv

Settings = TypeVar("Settings", bound=AgentSettings)


class Algorithm(ABC, Generic[Settings]):
    """A learning algorithm: its settings, its model, and the network that acts.

    Attributes:
        name: As settings and checkpoints say it.
        settings: What an agent's file may say.
        flat_layout: What the outputs of a network that sees all regions stand for.
        zip_policy: Module of the policy in a zip that `stock` saved; None where such zips are not read.
    """

    name: ClassVar[str]
    settings: ClassVar[type[AgentSettings]]
    flat_layout: ClassVar[ActionLayout] = "modes"
    zip_policy: ClassVar[str | None] = None

    # settings

    def action_layout(self, settings: Settings) -> ActionLayout:
        """What outputs stand for: modes of each region, joint actions, modes of the one region seen, or shares."""
        return "region" if settings.layout == "region" else self.flat_layout

    def check(self, settings: Settings, scenario: Scenario) -> None:
        """Refuses a scenario that the algorithm cannot be trained on with these settings.

        Raises:
            ConfigError: it cannot.
        """

    def warm_start(self, settings: Settings) -> WarmStart | None:  # noqa: ARG002 - for those that have one
        """The imitation that precedes reinforcement learning, if any."""
        return None

    # training

    @abstractmethod
    def stock(self) -> type[BaseAlgorithm]:
        """The class of Stable-Baselines3 or sb3-contrib."""

    @abstractmethod
    def arguments(self, settings: Settings, num_envs: int, episode_steps: int) -> dict[str, Any]:
        """Arguments of `stock`, without those that all algorithms share.

        Args:
            settings: Of the agent.
            num_envs: Environments, regions counted as environments where they are.
            episode_steps: Steps of the simulator in an episode.

        Raises:
            ConfigError: the numbers do not go together.
        """

    def model(self, settings: Settings, env: VecEnv, seed: int, arguments: dict[str, Any]) -> BaseAlgorithm:  # noqa: ARG002
        """An untrained model; `arguments` are those of this algorithm and those that all algorithms share."""
        return self.stock()("MlpPolicy", env, seed=seed, **arguments)

    def callbacks(self, settings: Settings) -> list[BaseCallback]:  # noqa: ARG002 - for those that have any
        """Callbacks of training, such as schedules that Stable-Baselines3 does not have."""
        return []

    def log_interval(self, settings: Settings) -> int:  # noqa: ARG002 - for those that count otherwise
        """Rollouts, or episodes of an algorithm that learns from a buffer, between two entries in TensorBoard."""
        return 1

    def optimizers(self, model: BaseAlgorithm) -> dict[str, torch.optim.Optimizer]:
        """The optimizers, by the prefix of their tensors' names in a checkpoint."""
        return {"": model.policy.optimizer}

    def learned_numbers(self, model: BaseAlgorithm) -> dict[str, torch.Tensor]:  # noqa: ARG002 - for those that have any
        """Learned tensors that do not belong to the policy, by their names in a checkpoint's optimizer file."""
        return {}

    # acting

    @abstractmethod
    def acting_layers(self, manifest: Manifest) -> LayerNames:
        """Names of the acting network's layers in Stable-Baselines3."""

    def acting_prefixes(self, manifest: Manifest) -> tuple[str, ...]:
        """Prefixes of the names of all tensors that the acting network needs."""
        names = self.acting_layers(manifest)
        return (names.prefix, *(f"{name}." for name in names.last))

    def network(self, manifest: Manifest, tensors: Tensors, path: Path) -> ActingNetwork:
        """The network that acts, computed by NumPy.

        Args:
            manifest: Of the checkpoint.
            tensors: Of the checkpoint.
            path: Of the checkpoint, for messages.

        Raises:
            ConfigError: layers are missing or do not fit the manifest.
        """
        layers = self.outputs(read_layers(self.acting_layers(manifest), tensors, path), n_outputs(manifest))
        network = Perceptron(layers, manifest.activation)
        check_fit(path, manifest, network.n_inputs, network.n_outputs)
        return network

    def outputs(self, layers: list[Layer], number: int) -> list[Layer]:  # noqa: ARG002 - for those that learn others
        """The layers, with the last one reduced to `number` outputs where training needs more of them."""
        return layers

    def chooser(self, manifest: Manifest, network: ActingNetwork) -> Chooser:
        """The rule that turns the network's outputs into a decision."""
        if manifest.action_layout == "region":
            return RegionChooser(network, manifest.observation_size)
        return ModeChooser(network, manifest.n_regions, joint=manifest.action_layout == "joint")


class OnPolicySettings(AgentSettings):
    """Settings of algorithms that learn from rollouts of the current policy."""

    n_steps: Count | Literal["episode"] = "episode"
    """Decisions of each environment between two updates; `episode` means the whole episode."""
    gae_lambda: Share = 0.95
    gae_lambda_end: Annotated[Share | None, Field(exclude_if=lambda end: end is None)] = None
    """Final value, reached linearly at `total_steps`. Without it the value stays constant."""
    run_logit: float = 0.0
    """Added to the initial logits of RUN and PULL, so that the untrained policy finishes most work in time."""


OfRollouts = TypeVar("OfRollouts", bound=OnPolicySettings)


class OnPolicy(Algorithm[OfRollouts]):
    """An actor and a critic that learn from rollouts of the current policy."""

    def rollout_arguments(
        self, settings: OfRollouts, num_envs: int, episode_steps: int, batch_size: int | None = None
    ) -> dict[str, Any]:
        """Length of a rollout and lambda, under the names of Stable-Baselines3.

        Raises:
            ConfigError: a rollout is not a whole number of batches of `batch_size`.
        """
        n_steps = -(-episode_steps // settings.action_repeat) if settings.n_steps == "episode" else settings.n_steps
        if batch_size is not None and (n_steps * num_envs) % batch_size:
            raise ConfigError(
                f"batch_size = {batch_size}: must divide the {n_steps * num_envs} decisions of a rollout "
                f"({n_steps} steps of {num_envs} environments)"
            )
        return {"n_steps": n_steps, "gae_lambda": settings.gae_lambda}

    def model(self, settings: OfRollouts, env: VecEnv, seed: int, arguments: dict[str, Any]) -> BaseAlgorithm:
        """An untrained model whose actor prefers RUN and PULL as `run_logit` says."""
        model = self.stock()(self.policy(settings), env, seed=seed, **arguments)
        self.set_out(settings, model)
        return model

    def policy(self, settings: OfRollouts) -> Any:  # noqa: ANN401, ARG002 - a name or a class of Stable-Baselines3
        """The policy that `stock` is given."""
        return "MlpPolicy"

    def set_out(self, settings: OfRollouts, model: BaseAlgorithm) -> None:
        """Adds `run_logit` to the logits of RUN and PULL."""
        from wattward.envs.decisions.action import Mode

        for mode in (Mode.RUN, Mode.PULL):
            actor_bias(model)[int(mode) :: len(Mode)] += settings.run_logit

    def callbacks(self, settings: OfRollouts) -> list[BaseCallback]:
        """Moves lambda where the settings say so."""
        from wattward.agents.learners.schedules import MovingLambda

        if settings.gae_lambda_end is None:
            return []
        return [MovingLambda(settings.gae_lambda, settings.gae_lambda_end, settings.total_steps)]

    def acting_layers(self, manifest: Manifest) -> LayerNames:  # noqa: ARG002 - the same for all
        """The actor's hidden layers and its last one."""
        return LayerNames("mlp_extractor.policy_net.", ("action_net",))


def actor_bias(model: BaseAlgorithm) -> torch.Tensor:
    """Biases of the actor's last layer, (outputs,); what is written into them is the model's."""
    import torch

    layer = model.policy.action_net
    assert isinstance(layer, torch.nn.Linear)
    return layer.bias.data


class OffPolicySettings(AgentSettings):
    """Settings of algorithms that learn from a buffer of earlier decisions."""

    batch_size: Count
    buffer_size: Count
    """Capacity of the replay buffer, in steps as `total_steps`."""
    learning_starts: Annotated[int, Field(ge=0)]
    train_freq: Count
    """Decisions of each environment between two rounds of gradient steps."""
    gradient_steps: Count

    @model_validator(mode="after")
    def _buffer_holds_a_start(self) -> OffPolicySettings:
        if self.buffer_size < max(self.batch_size, self.num_envs):
            raise ValueError(
                f"buffer_size {self.buffer_size} must hold a batch ({self.batch_size}) and num_envs ({self.num_envs})"
            )
        return self


OfBuffer = TypeVar("OfBuffer", bound=OffPolicySettings)


class OffPolicy(Algorithm[OfBuffer]):
    """A learner from a buffer of earlier decisions."""

    def buffer_arguments(self, settings: OfBuffer) -> dict[str, Any]:
        """Sizes of buffer and batches, and how often gradient steps follow, under the names of Stable-Baselines3."""
        names = ("batch_size", "buffer_size", "learning_starts", "train_freq", "gradient_steps")
        return {name: getattr(settings, name) for name in names}

    def log_interval(self, settings: OfBuffer) -> int:
        """All environments end their episodes together: one entry for all of them."""
        return settings.num_envs
