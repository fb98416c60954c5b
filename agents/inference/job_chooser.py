"""Gives orders to jobs by the scores of a network, from outlooks and with NumPy and compiled code only."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wattward.agents.inference.choosers import OutlookChooser
from wattward.agents.inference.job_features import JobInputs, Scale, job_inputs
from wattward.agents.inference.job_network import JobNetwork
from wattward.envs.model.observation import N_CLOCK
from wattward.envs.policy.job_rows import JobEncoder
from wattward.envs.policy.orders import STAY, Orders

if TYPE_CHECKING:
    from wattward.agents.inference.checkpoint import Manifest
    from wattward.agents.inference.networks import Requirements, Seen
    from wattward.envs.policy.outlook import Outlook


class JobObserver:
    """Turns the outlooks of an episode into the inputs of a network that decides per job."""

    def __init__(self, outlook: Outlook) -> None:
        """Prepares for an episode; `outlook` is any of it."""
        self._encode, hours = JobEncoder(outlook), outlook.n_steps * outlook.step_h
        n_classes = len(outlook.scenario.job_classes)
        gpus = (outlook.fleet_gpus.copy(), outlook.params.rigid_limit_gpus[0].copy())
        self._scale = Scale(n_classes, self._encode.n_blocks, outlook.step_h, hours, *gpus)

    def __call__(self, outlook: Outlook) -> tuple[NDArray[np.int64], dict[str, NDArray[np.float32]]]:
        """Returns the places (K,) of the jobs that may be ordered, and the inputs by name, without a batch axis."""
        places, rows, mask = self._encode(outlook)
        context = outlook.observation[:N_CLOCK]
        regions = outlook.observation[N_CLOCK:].reshape(outlook.n_regions, -1)
        made = job_inputs(context[None], regions[None], rows[None], mask[None], self._scale)
        inputs = {name: column[0] for name, column in made._asdict().items()}
        return places, {"context": context, "regions": regions, **inputs}


class JobChooser(OutlookChooser):
    """Gives each job the choice with the highest score: to wait, which has the score 0, or to run in a region."""

    def __init__(self, network: JobNetwork) -> None:
        self._network = network
        self._observe: JobObserver | None = None

    def begin(self, outlook: Outlook) -> None:
        """Prepares for an episode; `outlook` is that of its first step."""
        self._observe = JobObserver(outlook)

    def orders(self, outlook: Outlook) -> Orders:
        """Returns orders for all jobs of an outlook."""
        assert self._observe is not None, "begin was not called"
        run_in = np.full(len(outlook.jobs.number), STAY, np.int64)
        places, seen = self._observe(outlook)
        if places.size:
            inputs = JobInputs(seen["state"], seen["jobs"], seen["options"])
            scores = self._network.scores(seen["context"], seen["regions"], inputs)
            best = scores.argmax(axis=1)
            run_in[places] = np.where(scores[np.arange(best.size), best] > 0.0, best, STAY)
        return Orders(run_in)

    def requirements(self, manifest: Manifest, seen: Seen) -> Requirements:
        """Returns the requirements of the network."""
        return self._network.requirements(manifest, seen)
