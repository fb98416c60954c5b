"""PPO whose ratios are those of single jobs, and the rollout buffer that keeps their log-probabilities."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3 import PPO
from stable_baselines3.common.buffers import DictRolloutBuffer
from stable_baselines3.common.type_aliases import DictRolloutBufferSamples
from stable_baselines3.common.utils import explained_variance
from stable_baselines3.common.vec_env import VecNormalize
from torch.nn import functional

from wattward.agents.inference.job_features import JOB_FIELDS, LEAST_WORK
from wattward.agents.networks.job_network import JobsPolicy

Indices = NDArray[np.int64]
Observed = dict[str, NDArray[Any]]
OBSERVED = ("context", "regions", "state", "jobs", "options")
"""What the policy reads of an observation."""
WORK = JOB_FIELDS.index("work")
CHUNK = 64
"""Steps whose values are computed at once."""


class JobRolloutBuffer(DictRolloutBuffer):
    """Rollout buffer with one log-probability for each job; batches are gathered directly into tensors."""

    def reset(self) -> None:
        """Empties the buffer."""
        super().reset()
        shape = (self.buffer_size, self.n_envs, self.action_dim)
        self.log_probs, self.own_advantages = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
        self.own_returns = np.zeros(shape, np.float32)

    def credit_jobs(
        self, last: Observed, values: NDArray[np.float32], last_values: NDArray[np.float32], fade: float
    ) -> None:
        """Computes advantages and returns of single jobs by generalised advantage estimation along each job's rows.

        Args:
            last: The observation after the last step of the rollout.
            values: What each job will still earn, (T, B, K).
            last_values: The same after the last step, (B, K).
            fade: Discount times lambda.
        """
        following, advantages = np.zeros_like(last_values), np.zeros_like(last_values)
        following[:], seen = last_values, self.observations
        for t in reversed(range(self.buffer_size)):
            source = last if t + 1 == self.buffer_size else {name: seen[name][t + 1] for name in ("earned", "became")}
            rows = source["became"].astype(np.int64)
            goes_on, at = rows >= 0, np.maximum(rows, 0)
            then = np.where(goes_on, np.take_along_axis(following, at, 1), 0.0)
            faded = np.where(goes_on, np.take_along_axis(advantages, at, 1), 0.0)
            following = values[t]
            advantages = source["earned"] + self.gamma * then - following + fade * faded
            self.own_advantages[t], self.own_returns[t] = advantages, advantages + following

    def get(self, batch_size: int | None = None) -> Generator[DictRolloutBufferSamples, None, None]:  # type: ignore[override]
        """Yields batches; the columns of single jobs are flattened with the others at the first call."""
        if not self.generator_ready:
            for name in ("own_advantages", "own_returns"):
                setattr(self, name, self.swap_and_flatten(getattr(self, name)))
        yield from super().get(batch_size)

    def _get_samples(self, batch_inds: Indices, env: VecNormalize | None = None) -> DictRolloutBufferSamples:  # type: ignore[override]  # noqa: ARG002
        columns = (self.actions, self.values, self.log_probs, self.advantages, self.returns)
        of_states = (1, 3, 4)
        own = {"own_advantages": self.own_advantages, "own_returns": self.own_returns}
        columns_of_rows = {name: self.observations[name] for name in OBSERVED} | own
        taken = [torch.from_numpy(column.take(batch_inds, axis=0)) for column in columns]
        return DictRolloutBufferSamples(
            {name: torch.from_numpy(column.take(batch_inds, axis=0)) for name, column in columns_of_rows.items()},
            *(column.flatten() if place in of_states else column for place, column in enumerate(taken)),
        )


class JobPPO(PPO):
    """PPO with clipped ratios of single jobs (Schulman et al. 2017, arXiv 1707.06347; IPPO: de Witt et al. 2020).

    All jobs of a state share its advantage; a job's own advantage may be added. Rows without a job, and rows whose job
    may only wait, contribute nothing.
    """

    policy: JobsPolicy
    rollout_buffer: JobRolloutBuffer

    own_weight = 0.0
    """Weight of a job's own advantage beside that of the whole; both have the standard deviation 1."""
    own_lambda = 0.95
    """Lambda of a job's own advantage."""
    critic_steps = 0
    """Decisions at the start in which only the critics learn.

    The policy starts from an index, which advantages of untrained critics would spoil.
    """

    def collect_rollouts(self, *args: Any, **kwargs: Any) -> bool:  # noqa: ANN401 - SB3's own
        """Collects a rollout, and credits each job with what it earned."""
        went_on = super().collect_rollouts(*args, **kwargs)
        buffer, last = self.rollout_buffer, self._last_obs
        assert isinstance(last, dict)
        if went_on and self.own_weight:
            seen = buffer.observations
            values = [
                self._own_values({name: seen[name][at : at + CHUNK] for name in OBSERVED})
                for at in range(0, buffer.buffer_size, CHUNK)
            ]
            last_values = self._own_values({name: last[name][None] for name in OBSERVED})[0]
            buffer.credit_jobs(last, np.concatenate(values), last_values, self.gamma * self.own_lambda)
        return went_on

    def _own_values(self, seen: Observed) -> NDArray[np.float32]:
        """What jobs will still earn, (T, B, K), for observations (T, B, ...); 0 in rows without a job."""
        shape = seen["jobs"].shape[:3]
        flat = {name: torch.from_numpy(column.reshape(-1, *column.shape[2:])) for name, column in seen.items()}
        with torch.no_grad():
            rows = present_rows(flat)
            values = torch.zeros(flat["jobs"].shape[:2].numel())
            values[rows] = self.policy.own(flat, rows) * work_of(flat, rows)
        return values.numpy().reshape(shape)

    def train(self) -> None:
        """Makes the gradient steps of one rollout."""
        self.policy.set_training_mode(True)
        self._update_learning_rate(self.policy.optimizer)
        assert callable(self.clip_range)
        clip, logged, going = self.clip_range(self._current_progress_remaining), dict[str, list[float]](), True
        for _ in range(self.n_epochs):
            for batch in self._batches():
                loss, told = self._loss(batch, clip)
                for name, value in told.items():
                    logged.setdefault(name, []).append(value)
                if self.target_kl is not None and told["approx_kl"] > 1.5 * self.target_kl:
                    going = False
                    break
                self._step(loss)
            self._n_updates += 1
            if not going:
                break
        for name, values in logged.items():
            self.logger.record(f"train/{name}", float(np.mean(values)))
        buffer = self.rollout_buffer
        explained = explained_variance(buffer.values.flatten(), buffer.returns.flatten())
        self.logger.record("train/explained_variance", explained)
        self.logger.record("train/n_updates", self._n_updates, exclude="tensorboard")

    def _batches(self) -> Generator[DictRolloutBufferSamples, None, None]:
        yield from self.rollout_buffer.get(self.batch_size)

    def _step(self, loss: torch.Tensor) -> None:
        self.policy.optimizer.zero_grad()
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(self.policy.parameters(), self.max_grad_norm)
        self.policy.optimizer.step()

    def _loss(self, batch: DictRolloutBufferSamples, clip: float) -> tuple[torch.Tensor, dict[str, float]]:
        rows, log_probs, entropy = self.policy.of_jobs(batch.observations, batch.actions)
        advantages = batch.advantages
        if self.normalize_advantage:
            advantages = (advantages - advantages.mean()) / (advantages.std() + 1e-8)
        n_rows = batch.actions.shape[1]
        of_rows = advantages[torch.div(rows, n_rows, rounding_mode="floor")]
        work, own_loss = work_of(batch.observations, rows), torch.zeros(())
        if self.own_weight:
            own = batch.observations["own_advantages"].flatten()[rows] / work.sqrt()
            of_rows = of_rows + self.own_weight * own / (own.std() + 1e-8)
            errors = self.policy.own(batch.observations, rows) - (
                batch.observations["own_returns"].flatten()[rows] / work
            )
            own_loss = (work * errors.square()).sum() / work.sum()
        change = log_probs - batch.old_log_prob.flatten()[rows]
        of_policy = clipped_loss(change, of_rows, clip)
        of_critic = functional.mse_loss(self.policy.predict_values(batch.observations).flatten(), batch.returns)
        of_actor = of_policy - self.ent_coef * entropy.mean()
        loss = self.vf_coef * (of_critic + own_loss)
        if self.num_timesteps > self.critic_steps:
            loss = loss + of_actor
        with torch.no_grad():
            ratio = change.exp()
            told = {
                "policy_gradient_loss": of_policy.item(),
                "value_loss": of_critic.item(),
                "own_value_loss": own_loss.item(),
                "entropy_loss": -entropy.mean().item(),
                "approx_kl": (ratio - 1.0 - change).mean().item(),
                "clip_fraction": ((ratio - 1.0).abs() > clip).float().mean().item(),
                "loss": loss.item(),
            }
        return loss, told


def present_rows(seen: dict[str, torch.Tensor]) -> torch.Tensor:
    """Returns which of the flattened (B * K) rows hold a job, (M,)."""
    return seen["jobs"][:, :, 0].flatten().nonzero().squeeze(1)


def work_of(seen: dict[str, torch.Tensor], rows: torch.Tensor) -> torch.Tensor:
    """Returns the estimated work left of jobs (M,) [hours of a fleet]; at least a hundredth of an hour."""
    return (seen["jobs"].flatten(0, 1)[rows, WORK].exp() - LEAST_WORK).clamp_min(0.01)


def clipped_loss(change: torch.Tensor, advantages: torch.Tensor, clip: float) -> torch.Tensor:
    """Returns PPO's loss, a mean over rows, from changes of log-probabilities (M,) and advantages (M,)."""
    ratio = change.exp()
    return -torch.minimum(advantages * ratio, advantages * ratio.clamp(1.0 - clip, 1.0 + clip)).mean()
