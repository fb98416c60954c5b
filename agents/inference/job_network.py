"""The network that decides per job, computed with NumPy; `wattward.agents.networks.job_network` trains it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from wattward.agents.inference.checkpoint import Manifest, Tensors
from wattward.agents.inference.job_features import N_JOB, N_OPTION, N_STATE, OPTION_AT, STATE_AT, JobInputs
from wattward.agents.inference.job_index import AT, INDEX, MASKED, PREFIX
from wattward.agents.inference.networks import FlatNetwork, Numbers, Requirements, Seen
from wattward.configs.schema.base import ConfigError
from wattward.envs.model.observation import N_CLOCK


class JobLayers(NamedTuple):
    """The tensors of `wattward.agents.networks.job_network.JobScores`; weights are (in, out)."""

    of_index: Numbers
    region: tuple[Numbers, Numbers]
    own: Numbers
    pooled: Numbers
    around: Numbers
    job: Numbers
    option: Numbers
    hidden: tuple[Numbers, Numbers]
    score: tuple[Numbers, Numbers]


class JobNetwork(FlatNetwork):
    """Scores of running jobs in regions, relative to waiting, for any number of jobs and regions."""

    def __init__(self, layers: JobLayers) -> None:
        self._layers = layers

    @property
    def n_inputs(self) -> int:
        """Numbers of a region with the clock and the state of all jobs."""
        return int(self._layers.region[0].shape[0])

    def requirements(self, manifest: Manifest, seen: Seen) -> Requirements:
        """Requires that no stores are ordered, and the same numbers of a region; any number of regions is possible."""
        trained = (manifest.observation_size - N_CLOCK) // manifest.n_regions
        given = (seen.size - N_CLOCK) // seen.n_regions
        return ("stores to order", 0, seen.n_orders), ("observed numbers a region", trained, given)

    def __call__(self, x: Numbers) -> Numbers:  # noqa: ARG002 - the protocol's
        """Not possible: the inputs are more than one array, see `scores`.

        Raises:
            TypeError: always.
        """
        raise TypeError("a network that decides per job needs JobInputs")

    def scores(self, context: Numbers, regions: Numbers, seen: JobInputs) -> Numbers:
        """Returns scores (K, R) of the jobs of one environment; those of masked options are very low.

        Args:
            context: The clock, shape (numbers,).
            regions: Numbers of the regions, shape (R, numbers).
            seen: Inputs of one environment, without the axis of environments.
        """
        layers, state, options = self._layers, seen.state, seen.options
        shared, (weight, bias) = np.concatenate([context, state]), layers.region
        codes = np.maximum(regions @ weight[shared.size :] + (shared @ weight[: shared.size] + bias), 0.0)
        pooled = np.concatenate([codes.mean(axis=0), codes.max(axis=0)])
        around = codes @ layers.own + (pooled @ layers.pooled + layers.around)
        n_jobs, n_regions = options.shape[:2]
        first = (options.reshape(n_jobs * n_regions, -1) @ layers.option).reshape(n_jobs, n_regions, -1)
        first += around
        first += (seen.jobs @ layers.job)[:, None]
        hidden = np.maximum(first, 0.0, out=first).reshape(n_jobs * n_regions, -1) @ layers.hidden[0]
        hidden += layers.hidden[1]
        scores: Numbers = np.maximum(hidden, 0.0, out=hidden) @ layers.score[0][:, 0] + layers.score[1]
        scores = scores.reshape(n_jobs, n_regions)
        scores += self._of_index(options, state)
        scores[options[:, :, OPTION_AT.allowed] == 0.0] = MASKED
        return scores

    def _of_index(self, options: Numbers, state: Numbers) -> Numbers:
        index = self._layers.of_index
        worth = index[AT.level] + index[AT.by_backlog] * state[STATE_AT.backlog]
        worth += index[AT.by_urgent] * state[STATE_AT.urgent] + index[AT.by_end] * state[STATE_AT.last_day]
        scores: Numbers = np.maximum(options[:, :, OPTION_AT.best_later] + index[AT.tolerance], worth)
        scores -= options @ self._weights(index)
        scores *= index[AT.sharpness]
        return scores

    @staticmethod
    def _weights(index: Numbers) -> Numbers:
        """The weights of an option's numbers in its cost."""
        weights = np.zeros(N_OPTION, np.float32)
        weights[OPTION_AT.run_price], weights[OPTION_AT.move_cost] = 1.0, index[AT.by_move]
        weights[OPTION_AT.restart], weights[OPTION_AT.transit] = -index[AT.by_restart], index[AT.by_transit]
        weights[OPTION_AT.crowded] = index[AT.by_crowd]
        return weights


def read_job_network(manifest: Manifest, tensors: Tensors, path: Path) -> JobNetwork:
    """Reads the network from a checkpoint's tensors; `path` is used in error messages.

    Raises:
        ConfigError: a tensor is missing or has a wrong shape.
    """
    first, second = (int(width) for width in manifest.settings["net_arch"])
    numbers = (manifest.observation_size - N_CLOCK) // manifest.n_regions + N_CLOCK + N_STATE
    shapes: dict[str, tuple[int, ...]] = {
        "index": (len(INDEX),),
        "region.weight": (first, numbers),
        "region.bias": (first,),
        "around.weight": (first, 3 * first),
        "around.bias": (first,),
        "job.weight": (first, N_JOB),
        "option.weight": (first, N_OPTION),
        "hidden.weight": (second, first),
        "hidden.bias": (second,),
        "score.weight": (1, second),
        "score.bias": (1,),
    }
    for name, shape in shapes.items():
        found = tensors.get(PREFIX + name)
        if found is None:
            raise ConfigError(f"{path}: tensor {PREFIX + name!r} is missing")
        if found.shape != shape:
            raise ConfigError(f"{path}: tensor {PREFIX + name!r} has shape {found.shape}, the manifest needs {shape}")
    part = {name: np.ascontiguousarray(tensors[PREFIX + name].astype(np.float32).T) for name in shapes}
    around = part["around.weight"]
    return JobNetwork(
        JobLayers(
            part["index"],
            (part["region.weight"], part["region.bias"]),
            around[:first],
            around[first:],
            part["around.bias"],
            part["job.weight"],
            part["option.weight"],
            (part["hidden.weight"], part["hidden.bias"]),
            (part["score.weight"], part["score.bias"]),
        )
    )
