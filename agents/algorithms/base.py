"""The interface of an algorithm, and what the algorithms of one family share.

An algorithm consists of a class of Stable-Baselines3 (`stock`) and the arguments of that class for given settings.
Only methods that train import torch and Stable-Baselines3. Methods that load a checkpoint do not.
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
        name: Name in settings and checkpoints.
        settings: Model of the entries in an agent's file.
        flat_layout: Meaning of the outputs of a network that sees all regions.
        zip_policy: Module of the policy in a zip that `stock` saved; None if such zips cannot be read.
    """

    name: ClassVar[str]
    settings: ClassVar[type[AgentSettings]]
    flat_layout: ClassVar[ActionLayout] = "modes"
    zip_policy: ClassVar[str | None] = None

    # settings

    def action_layout(self, settings: Settings) -> ActionLayout:
        """Returns the meaning of the network's outputs, see `ActionLayout`."""
        return "region" if settings.layout == "region" else self.flat_layout

    def check(self, settings: Settings, scenario: Scenario) -> None:
        """Rejects a scenario on which the algorithm cannot be trained with these settings.

        Raises:
            ConfigError: the algorithm cannot be trained on the scenario.
        """

    def warm_start(self, settings: Settings) -> WarmStart | None:  # noqa: ARG002 - for algorithms that have one
        """Returns the settings of the imitation before reinforcement learning, or None."""
        return None

    # training

    @abstractmethod
    def stock(self) -> type[BaseAlgorithm]:
        """Returns the class of Stable-Baselines3 or sb3-contrib."""

    @abstractmethod
    def arguments(self, settings: Settings, num_envs: int, episode_steps: int) -> dict[str, Any]:
        """Returns the arguments of `stock`, without those that all algorithms share.

        Args:
            settings: Settings of the agent.
            num_envs: Number of environments; regions count as environments if each region is one.
            episode_steps: Number of simulator steps in an episode.

        Raises:
            ConfigError: the numbers contradict each other.
        """

    def model(self, settings: Settings, env: VecEnv, seed: int, arguments: dict[str, Any]) -> BaseAlgorithm:  # noqa: ARG002
        """Makes an untrained model; `arguments` holds the algorithm's own arguments and those that all share."""
        return self.stock()("MlpPolicy", env, seed=seed, **arguments)

    def callbacks(self, settings: Settings) -> list[BaseCallback]:  # noqa: ARG002 - for algorithms that have any
        """Returns additional training callbacks, such as schedules that Stable-Baselines3 does not have."""
        return []

    def log_interval(self, settings: Settings) -> int:  # noqa: ARG002 - for algorithms that count differently
        """Returns the number of rollouts (off-policy: episodes) between two entries in TensorBoard."""
        return 1

    def optimizers(self, model: BaseAlgorithm) -> dict[str, torch.optim.Optimizer]:
        """Returns the optimizers, by the prefix of their tensors' names in a checkpoint."""
        return {"": model.policy.optimizer}

    def learned_numbers(self, model: BaseAlgorithm) -> dict[str, torch.Tensor]:  # noqa: ARG002 - if any
        """Returns learned tensors that do not belong to the policy, by their names in a checkpoint's optimizer file."""
        return {}

    # acting

    @abstractmethod
    def acting_layers(self, manifest: Manifest) -> LayerNames:
        """Returns the names of the acting network's layers in Stable-Baselines3."""

    def acting_prefixes(self, manifest: Manifest) -> tuple[str, ...]:
        """Returns the name prefixes of all tensors that the acting network needs."""
        names = self.acting_layers(manifest)
        return (names.prefix, *(f"{name}." for name in names.last))

    def network(self, manifest: Manifest, tensors: Tensors, path: Path) -> ActingNetwork:
        """Builds the acting network, which is computed with NumPy.

        Args:
            manifest: Manifest of the checkpoint.
            tensors: Tensors of the checkpoint.
            path: Path of the checkpoint, used in error messages.

        Raises:
            ConfigError: layers are missing or do not fit the manifest.
        """
        layers = self.outputs(read_layers(self.acting_layers(manifest), tensors, path), n_outputs(manifest))
        network = Perceptron(layers, manifest.activation)
        check_fit(path, manifest, network.n_inputs, network.n_outputs)
        return network

    def outputs(self, layers: list[Layer], number: int) -> list[Layer]:  # noqa: ARG002 - for algorithms with other outputs
        """Returns the layers; the last one is reduced to `number` outputs if training needs more outputs."""
        return layers

    def chooser(self, manifest: Manifest, network: ActingNetwork) -> Chooser:
        """Returns the rule that turns the network's outputs into a decision."""
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
        """Returns the rollout length and lambda, under the names of Stable-Baselines3.

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
        """Makes an untrained model whose actor prefers RUN and PULL by `run_logit`."""
        model = self.stock()(self.policy(settings), env, seed=seed, **arguments)
        self.set_out(settings, model)
        return model

    def policy(self, settings: OfRollouts) -> Any:  # noqa: ANN401, ARG002 - a name or a class of Stable-Baselines3
        """Returns the policy name or class that is passed to `stock`."""
        return "MlpPolicy"

    def set_out(self, settings: OfRollouts, model: BaseAlgorithm) -> None:
        """Adds `run_logit` to the logits of RUN and PULL."""
        from wattward.envs.decisions.action import Mode

        for mode in (Mode.RUN, Mode.PULL):
            actor_bias(model)[int(mode) :: len(Mode)] += settings.run_logit

    def callbacks(self, settings: OfRollouts) -> list[BaseCallback]:
        """Returns a callback that changes lambda during training if the settings ask for it."""
        from wattward.agents.learners.schedules import MovingLambda

        if settings.gae_lambda_end is None:
            return []
        return [MovingLambda(settings.gae_lambda, settings.gae_lambda_end, settings.total_steps)]

    def acting_layers(self, manifest: Manifest) -> LayerNames:  # noqa: ARG002 - the same for all
        """Returns the actor's hidden layers and its last layer."""
        return LayerNames("mlp_extractor.policy_net.", ("action_net",))


def actor_bias(model: BaseAlgorithm) -> torch.Tensor:
    """Returns the biases (outputs,) of the actor's last layer; writing into this tensor changes the model."""
    import torch

    layer = model.policy.action_net
    assert isinstance(layer, torch.nn.Linear)
    return layer.bias.data


class OffPolicySettings(AgentSettings):
    """Settings of algorithms that learn from a buffer of earlier decisions."""

    batch_size: Count
    buffer_size: Count
    """Capacity of the replay buffer, in steps counted in the same way as `total_steps`."""
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
    """An algorithm that learns from a buffer of earlier decisions."""

    def buffer_arguments(self, settings: OfBuffer) -> dict[str, Any]:
        """Returns sizes of buffer and batches and frequency of gradient steps, under the names of Stable-Baselines3."""
        names = ("batch_size", "buffer_size", "learning_starts", "train_freq", "gradient_steps")
        return {name: getattr(settings, name) for name in names}

    def log_interval(self, settings: OfBuffer) -> int:
        """Returns `num_envs`: all environments end their episodes together and share one entry."""
        return settings.num_envs
