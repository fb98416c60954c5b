"""Tunes the parameters of the index by CMA-ES on training episodes, and selects them on validation episodes.

runs/SCENARIO/TunedIndex/seed-N/ holds `tuning.json`, with the settings, the losses of all candidates and the validation
scores, and `parameters.yaml`, the best parameters so far. A run goes on by asking for the same candidates again, whose
losses are known, so that nothing is played twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import yaml
from numpy.typing import NDArray
from tqdm import tqdm

from wattward.baselines.bound.bound import bound
from wattward.baselines.index.parameters import limits, load_parameters, numbers_of, parameters_of
from wattward.baselines.index.play import IndexPlayer
from wattward.configs.digests import digest
from wattward.configs.files import read_json, write_json, write_text
from wattward.configs.loading.worlds import load_scenario
from wattward.configs.schema.base import ConfigError
from wattward.configs.schema.index import IndexParameters
from wattward.configs.schema.scenario import Scenario
from wattward.envs.model.params import make_params
from wattward.envs.world.draw import draw
from wattward.envs.world.splits import WORLDS_VERSION, episode_seed

if TYPE_CHECKING:
    from cmaes import CMA

Floats = NDArray[np.float64]
METHOD = "TunedIndex"
BOUNDED = 2
"""Training episodes whose hindsight bound says what there is to save, so that scenarios weigh alike."""


@dataclass(frozen=True)
class Budget:
    """How long and on what to tune.

    Attributes:
        generations: Most generations of the search.
        population: Candidates in a generation.
        episodes: Training episodes of each scenario.
        batch: Of these, how many a generation plays; all its candidates play the same.
        validation: Validation episodes of each scenario.
        every: Generations between two validations.
        patience: Validations without a new best after which the search ends.
        sigma: First standard deviation of the search, as a share of each parameter's range.
    """

    generations: int = 150
    population: int = 16
    episodes: int = 32
    batch: int = 12
    validation: int = 16
    every: int = 5
    patience: int = 10
    sigma: float = 0.08


@dataclass
class History:
    """What a run has found so far."""

    about: str
    losses: list[list[float]] = field(default_factory=list)
    validation: list[float] = field(default_factory=list)
    best: float = -np.inf


class Course:
    """The episodes of one scenario on which candidates are compared."""

    def __init__(self, scenario: Scenario, budget: Budget, progress: bool) -> None:
        """Draws the episodes, and finds out what there is to save."""
        self._train = IndexPlayer(scenario, "train", range(budget.episodes), progress=progress)
        self._validation = IndexPlayer(scenario, "validation", range(budget.validation), progress=progress)
        params, bounded = make_params(scenario), range(min(BOUNDED, budget.episodes))
        worlds = [draw(scenario, episode_seed("train", episode)) for episode in bounded]
        bounds = np.array([float(bound(params, world).total_cost) for world in worlds])
        self._scale = max(0.005, float(np.mean(1.0 - bounds / self._train.on_arrival_cost[: len(bounds)])))

    def score(self, numbers: Floats, slots: Sequence[int]) -> float:
        """Mean saving on training episodes, as a share of the mean saving that the bound allows."""
        return float(self._train.savings(numbers, slots).mean()) / self._scale

    def validated(self, numbers: Floats) -> float:
        """The same on all validation episodes."""
        return float(self._validation.savings(numbers).mean()) / self._scale


def tune(
    scenarios: Sequence[str],
    seed: int,
    *,
    name: str,
    budget: Budget,
    out: Path = Path("runs"),
    start: str | Path | None = None,
    resume: bool = False,
    progress: bool = True,
) -> Path:
    """Tunes the index for one scenario or several at once, and returns the file of the best parameters.

    Args:
        scenarios: Names or files of scenarios; the score is the mean over them.
        seed: Seed of the search.
        name: Name of the run among those of its method.
        budget: How long and on what to tune.
        out: Folder of all runs.
        start: Parameters from which the search begins: a shipped set or a file; by default those of no tuning.
        resume: Whether to go on with a run that was interrupted.
        progress: Whether to show progress bars.

    Raises:
        ConfigError: a name is unknown, or an earlier run is in the folder.
    """
    worlds = [load_scenario(scenario) for scenario in scenarios]
    first = numbers_of(_start(start))
    folder = out / name / METHOD / f"seed-{seed}"
    played = {key: value for key, value in asdict(budget).items() if key not in ("generations", "patience")}
    about = digest([world.model_dump_json() for world in worlds], WORLDS_VERSION, seed, played, first.tolist())
    history = _history(folder, about, resume)
    courses = [Course(world, budget, progress) for world in worlds]
    search = _Search(first, seed, budget)
    with tqdm(total=budget.generations, desc=f"tuning {name}", disable=not progress, leave=False) as bar:
        for generation in range(budget.generations):
            _generation(search, courses, history, generation)
            if (generation + 1) % budget.every == 0:
                _validate(search, courses, history, folder, (generation + 1) // budget.every)
            bar.update()
            bar.set_postfix(best=f"{history.best:.4f}")
            if _is_over(history.validation, budget.patience):
                break
    return folder / "parameters.yaml"


def _start(start: str | Path | None) -> IndexParameters:
    return IndexParameters() if start is None else load_parameters(start)


def _history(folder: Path, about: str, resume: bool) -> History:
    path = folder / "tuning.json"
    if not path.exists():
        return History(about)
    if not resume:
        raise ConfigError(
            f"{folder}: holds an earlier run; --resume goes on with it, another --out or --seed begins anew"
        )
    kept = read_json(path)
    if not isinstance(kept, dict) or kept.get("about") != about:
        raise ConfigError(f"{folder}: holds a run of other scenarios or settings; it cannot go on with these")
    return History(**kept)


class _Search:
    """CMA-ES in the unit cube; candidates of a generation play the same episodes."""

    def __init__(self, first: Floats, seed: int, budget: Budget) -> None:
        from cmaes import CMA

        self._least, most = limits().T
        self._range, self._budget = most - self._least, budget
        unit = np.tile([0.0, 1.0], (first.size, 1))
        self._cma: CMA = CMA(
            mean=(first - self._least) / self._range,
            sigma=budget.sigma,
            bounds=unit,
            seed=seed,
            population_size=budget.population,
        )
        self._rng = np.random.default_rng(seed)

    def candidates(self) -> list[Floats]:
        """The next candidates, in the unit cube."""
        return [self._cma.ask() for _ in range(self._budget.population)]

    def slots(self) -> list[int]:
        """The episodes of a generation."""
        batch = min(self._budget.batch, self._budget.episodes)
        return [int(slot) for slot in self._rng.permutation(self._budget.episodes)[:batch]]

    def numbers(self, point: Floats) -> Floats:
        """The parameters at a point of the unit cube."""
        numbers: Floats = self._least + self._range * np.clip(point, 0.0, 1.0)
        return numbers

    def tell(self, points: list[Floats], losses: list[float]) -> None:
        """Takes the losses of all candidates."""
        self._cma.tell(list(zip(points, losses, strict=True)))

    @property
    def centre(self) -> Floats:
        """The parameters at the centre of the search."""
        return self.numbers(self._cma.mean)


def _generation(search: _Search, courses: list[Course], history: History, generation: int) -> None:
    points, slots = search.candidates(), search.slots()
    if generation >= len(history.losses):
        all_numbers = [search.numbers(point) for point in points]
        history.losses.append(
            [-float(np.mean([course.score(numbers, slots) for course in courses])) for numbers in all_numbers]
        )
    search.tell(points, history.losses[generation])


def _validate(search: _Search, courses: list[Course], history: History, folder: Path, count: int) -> None:
    if count > len(history.validation):
        numbers = search.centre
        history.validation.append(float(np.mean([course.validated(numbers) for course in courses])))
        if history.validation[-1] > history.best:
            history.best = history.validation[-1]
            found = {name: round(value, 6) for name, value in parameters_of(numbers).model_dump().items()}
            write_text(folder / "parameters.yaml", yaml.safe_dump(found, sort_keys=False))
        write_json(folder / "tuning.json", asdict(history))


def _is_over(validation: list[float], patience: int) -> bool:
    """Whether the last `patience` validations brought no new best."""
    return len(validation) > patience and int(np.argmax(validation)) < len(validation) - patience
