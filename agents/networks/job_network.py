"""Actor and critic that decide per job: one network for every job and every region in which it may run.

The score of running a job in a region is that of a hand-made index plus that of a network; waiting has the score 0. The
index compares what the run costs now with the cheapest later start and with a level that rises with the backlog and
towards the end. Its numbers are learned, too. The network sees the job, the region as an option, and a code of the
region, which depends on the other regions only by mean and maximum. So jobs and regions may be any in number and order.
"""

from __future__ import annotations

from typing import Any

import torch
from gymnasium import spaces
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.torch_layers import FlattenExtractor
from stable_baselines3.common.type_aliases import PyTorchObs, Schedule
from torch import nn
from torch.nn import functional

from wattward.agents.inference.job_features import N_JOB, N_OPTION, N_STATE, OPTION_AT, STATE_AT
from wattward.agents.inference.job_index import AT, INDEX, INDEX_NAMES, MASKED

Observed = dict[str, torch.Tensor]


class JobScores(nn.Module):
    """Scores of running jobs in regions, relative to waiting."""

    def __init__(self, region_numbers: int, widths: tuple[int, int], code: int) -> None:
        """Makes the layers.

        Args:
            region_numbers: Numbers of a region's observation and of the clock.
            widths: Widths of the two layers over jobs and options.
            code: Width of a region's code.
        """
        super().__init__()
        self.index = nn.Parameter(torch.tensor([INDEX[name] for name in INDEX_NAMES]))
        self.region = nn.Linear(region_numbers + N_STATE, code)
        self.around = nn.Linear(3 * code, widths[0])
        self.job, self.option = nn.Linear(N_JOB, widths[0], bias=False), nn.Linear(N_OPTION, widths[0], bias=False)
        self.hidden, self.score = nn.Linear(*widths), nn.Linear(widths[1], 1)
        nn.init.zeros_(self.score.weight)
        nn.init.zeros_(self.score.bias)

    def forward(self, seen: Observed, rows: torch.Tensor) -> torch.Tensor:
        """Returns scores (M, R) of the jobs at M `rows` of the flattened (B * K) rows; masked ones are very low."""
        n_rows = seen["jobs"].shape[1]
        jobs, options = seen["jobs"].flatten(0, 1)[rows], seen["options"].flatten(0, 1)[rows]
        env = torch.div(rows, n_rows, rounding_mode="floor")
        own = torch.relu(self.region(clocked(seen)))
        pooled = torch.cat([own.mean(dim=1), own.amax(dim=1)], dim=1)[:, None].expand(-1, own.shape[1], -1)
        around = self.around(torch.cat([own, pooled], dim=2))
        first = torch.relu(around[env] + self.job(jobs)[:, None] + self.option(options))
        learned: torch.Tensor = self.score(torch.relu(self.hidden(first))).squeeze(2)
        scores = learned + self.index_scores(options, seen["state"][env])
        return scores.masked_fill(options[:, :, OPTION_AT.allowed] == 0.0, MASKED)

    def index_scores(self, options: torch.Tensor, state: torch.Tensor) -> torch.Tensor:
        """Returns the scores (M, R) of the index for options (M, R, N_OPTION) and state (M, N_STATE)."""
        index = self.index
        rise = index[AT.by_backlog] * state[:, STATE_AT.backlog] + index[AT.by_urgent] * state[:, STATE_AT.urgent]
        worth = (index[AT.level] + rise + index[AT.by_end] * state[:, STATE_AT.last_day])[:, None]
        least = torch.maximum(options[:, :, OPTION_AT.best_later] + index[AT.tolerance], worth)
        cost = options[:, :, OPTION_AT.run_price] + index[AT.by_move] * options[:, :, OPTION_AT.move_cost]
        cost = cost - index[AT.by_restart] * options[:, :, OPTION_AT.restart]
        cost = cost + index[AT.by_transit] * options[:, :, OPTION_AT.transit]
        cost = cost + index[AT.by_crowd] * options[:, :, OPTION_AT.crowded]
        return index[AT.sharpness] * (least - cost)


class JobValue(nn.Module):
    """Value of a state, from the mean and maximum of the codes of its regions."""

    def __init__(self, region_numbers: int, width: int) -> None:
        super().__init__()
        self.region = nn.Sequential(nn.Linear(region_numbers + N_STATE, width), nn.ReLU(), nn.Linear(width, width))
        self.value = nn.Sequential(nn.Linear(2 * width, width), nn.ReLU(), nn.Linear(width, 1))

    def forward(self, seen: Observed) -> torch.Tensor:
        """Returns values (B, 1)."""
        codes = torch.relu(self.region(clocked(seen)))
        value: torch.Tensor = self.value(torch.cat([codes.mean(dim=1), codes.amax(dim=1)], dim=1))
        return value


class OwnValue(nn.Module):
    """What a job that may be ordered will still earn for each GPU-hour that is left of it."""

    def __init__(self, region_numbers: int, width: int) -> None:
        super().__init__()
        self.region = nn.Linear(region_numbers + N_STATE, width)
        self.around, self.job, self.option = (
            nn.Linear(2 * width, width),
            nn.Linear(N_JOB, width, bias=False),
            nn.Linear(2 * N_OPTION, width, bias=False),
        )
        self.hidden, self.value = nn.Linear(width, width), nn.Linear(width, 1)

    def forward(self, seen: Observed, rows: torch.Tensor) -> torch.Tensor:
        """Returns values (M,) of the jobs at M `rows` of the flattened (B * K) rows."""
        jobs, options = seen["jobs"].flatten(0, 1)[rows], seen["options"].flatten(0, 1)[rows]
        env = torch.div(rows, seen["jobs"].shape[1], rounding_mode="floor")
        codes = torch.relu(self.region(clocked(seen)))
        around = self.around(torch.cat([codes.mean(dim=1), codes.amax(dim=1)], dim=1))
        both = torch.cat([options.amin(dim=1), options.amax(dim=1)], dim=1)
        first = torch.relu(around[env] + self.job(jobs) + self.option(both))
        value: torch.Tensor = self.value(torch.relu(self.hidden(first))).squeeze(1)
        return value


def clocked(seen: Observed) -> torch.Tensor:
    """Returns each region's numbers with the clock and the state of all jobs, shape (B, R, numbers)."""
    shared = torch.cat([seen["context"], seen["state"]], dim=1)[:, None].expand(-1, seen["regions"].shape[1], -1)
    return torch.cat([shared, seen["regions"]], dim=2)


class JobsPolicy(ActorCriticPolicy):
    """Actor and critic over the observations of `JobVecEnv`; log-probabilities are those of single jobs, (B, K)."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - SB3's own
        """Takes the arguments of Stable-Baselines3's class; `net_arch` holds the two widths over jobs and options."""
        super().__init__(*args, **{**kwargs, "features_extractor_class": FlattenExtractor})

    def _build(self, lr_schedule: Schedule) -> None:
        seen = self.observation_space
        assert isinstance(seen, spaces.Dict) and isinstance(self.net_arch, list)
        numbers = seen["context"].shape[0] + seen["regions"].shape[1]  # type: ignore[index]
        first, second = self.net_arch
        self.scores, self.critic = JobScores(numbers, (first, second), first), JobValue(numbers, 2 * first)
        self.own = OwnValue(numbers, first)
        self.optimizer = self.optimizer_class(self.parameters(), lr=lr_schedule(1), **self.optimizer_kwargs)  # type: ignore[call-arg]

    def forward(self, obs: Observed, deterministic: bool = False) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:  # type: ignore[override]
        """Returns choices (B, K), values (B, 1) and the choices' log-probabilities (B, K)."""
        rows, log_probs = self.log_probs(obs)
        if deterministic:
            chosen = log_probs.argmax(dim=1)
        else:
            chosen = (log_probs - torch.empty_like(log_probs).exponential_().log()).argmax(dim=1)
        shape = obs["jobs"].shape[:2]
        of_rows = log_probs.gather(1, chosen[:, None]).squeeze(1)
        choices = torch.zeros(shape.numel(), dtype=torch.int64).index_put((rows,), chosen)
        of_all = torch.zeros(shape.numel()).index_put((rows,), of_rows)
        return choices.view(shape), self.critic(obs), of_all.view(shape)

    def of_jobs(self, obs: Observed, actions: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Returns the rows (M,) that hold a job that may run, and their log-probabilities and entropies (M,)."""
        rows, log_probs = self.log_probs(obs)
        chosen = actions.long().flatten()[rows]
        entropy = -(log_probs.exp() * log_probs).sum(dim=1)
        return rows, log_probs.gather(1, chosen[:, None]).squeeze(1), entropy

    def evaluate_actions(
        self, obs: PyTorchObs, actions: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
        """Returns values (B, 1), and log-probabilities and entropies of single jobs (B, K)."""
        assert isinstance(obs, dict)
        rows, of_rows, entropy = self.of_jobs(obs, actions)
        whole = torch.zeros(actions.numel())
        log_probs, entropies = whole.index_put((rows,), of_rows), whole.index_put((rows,), entropy)
        return self.critic(obs), log_probs.view(actions.shape), entropies.view(actions.shape)

    def predict_values(self, obs: PyTorchObs) -> torch.Tensor:
        """Returns values (B, 1)."""
        assert isinstance(obs, dict)
        values: torch.Tensor = self.critic(obs)
        return values

    def _predict(self, observation: PyTorchObs, deterministic: bool = False) -> torch.Tensor:
        assert isinstance(observation, dict)
        return self.forward(observation, deterministic)[0]

    def log_probs(self, seen: Observed) -> tuple[torch.Tensor, torch.Tensor]:
        """Returns the rows (M,) that hold a job, and log-probabilities (M, R + 1), that of waiting first."""
        rows = seen["jobs"][:, :, 0].flatten().nonzero().squeeze(1)
        scores = self.scores(seen, rows)
        return rows, functional.log_softmax(functional.pad(scores, (1, 0)), dim=1)
