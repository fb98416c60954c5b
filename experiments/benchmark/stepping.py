"""Measures steps per second of one and of many environments, beside CartPole, and the time of a reset."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from wattward.envs.decisions.action import Mode
from wattward.envs.model.job_fields import JOB_AT, N_OPTION_NUMBERS
from wattward.experiments.benchmark.timing import (
    NOTHING,
    Effort,
    Measured,
    Meter,
    Sample,
    clocked,
    interleaved,
    ratios,
    spread,
)

CARTPOLE = "CartPole-v1"
CARTPOLE_ACTIONS = 2_000
VECTOR_ACTIONS = 64
Env = gymnasium.Env[Any, Any]


def single(effort: Effort, meter: Meter) -> Measured:
    """Measures one environment with Gymnasium's default wrappers and presampled random actions."""
    ours, cartpole = gymnasium.make(effort.env_id), cartpole_block(effort)
    actions = _sampled(ours, _n_steps(ours))
    blocks: dict[str, Callable[[], tuple[Sample, Sample]]] = {
        "ours": lambda: play_episodes(ours, actions, effort.block_s),
        "cartpole": lambda: (cartpole(), NOTHING),
    }
    done = interleaved(blocks, effort.repeats, meter, "single: steps")
    steps, resets = ([pair[i] for pair in done["ours"]] for i in (0, 1))
    cart = [pair[0] for pair in done["cartpole"]]
    return {
        **spread("steps_per_s", [sample.per_s for sample in steps]),
        **spread("steps_per_cpu_s", [sample.per_cpu_s for sample in steps]),
        **spread("steps_per_s_with_resets", [a.plus(b).per_s for a, b in zip(steps, resets, strict=True)]),
        **spread("cartpole_steps_per_s", [sample.per_s for sample in cart]),
        **spread("cartpole_steps_per_cpu_s", [sample.per_cpu_s for sample in cart]),
        **spread("ratio_to_cartpole", ratios([s.per_s for s in steps], [s.per_s for s in cart])),
    }


def vector(effort: Effort, meter: Meter) -> Measured:
    """Measures many environments in one call, with presampled random actions."""
    load_average = os.getloadavg()[0]
    one, two = (make_batch(effort, effort.bank, threads) for threads in (1, 2))
    drawing, by_job = make_batch(effort, None, 1), make_batch(effort, effort.bank, 1, action="jobs")
    blocks: dict[str, Callable[[], Sample]] = {
        "cartpole": cartpole_block(effort),
        "one": _batch_block(one, effort),
        "two": _batch_block(two, effort),
        "drawing": _batch_block(drawing, effort),
        "running": _batch_block(one, effort, Mode.RUN),
        "orders": _orders_block(by_job, effort),
        "sb3": _sb3_block(effort),
    }
    done = interleaved(blocks, effort.repeats, meter, f"vector: {effort.num_envs} environments")
    for batch in (one, two, drawing, by_job):
        batch.close()
    cpu = {name: [sample.per_cpu_s for sample in samples] for name, samples in done.items()}
    wall = {name: [sample.per_s for sample in samples] for name, samples in done.items()}
    return {
        "num_envs": effort.num_envs,
        "load_average": load_average,
        **spread("steps_per_s", wall["one"]),
        **spread("steps_per_cpu_s", cpu["one"]),
        **spread("ratio_to_cartpole", ratios(cpu["one"], cpu["cartpole"])),
        **spread("two_thread_scaling", ratios(wall["two"], wall["one"])),
        **spread("steps_per_cpu_s_drawing", cpu["drawing"]),
        **spread("steps_per_cpu_s_orders", cpu["orders"]),
        **spread("time_ratio_orders", ratios(cpu["running"], cpu["orders"])),
        **spread("sb3_steps_per_s", wall["sb3"]),
        **spread("sb3_steps_per_cpu_s", cpu["sb3"]),
    }


def reset(effort: Effort, meter: Meter) -> Measured:
    """Measures the time to draw an episode, to load a drawn one into an environment, and to reset an environment."""
    from wattward.envs.world.draw import Drawing
    from wattward.envs.world.splits import episode_seed

    env = gymnasium.make(effort.env_id)
    ours: Any = env.unwrapped
    env.reset(seed=0)
    drawing, draw_ms, load_ms, reset_ms = Drawing(ours.scenario), [], [], []
    drawing.draw(episode_seed("train", 0))
    for episode in meter.each(range(effort.drawn_episodes), "reset: episodes"):
        drawn_s, n_jobs = _timed(partial(drawing.draw, episode_seed("train", episode)))
        draw_ms.append(1e3 * drawn_s / ours.scenario.n_regions)
        load_ms.append(1e3 * _timed(partial(ours.start, drawing.world(n_jobs)))[0])
        reset_ms.append(1e3 * _timed(env.reset)[0])
    return {
        **spread("draw_ms_per_region", draw_ms),
        "draw_ms_per_region": float(np.mean(draw_ms)),
        **spread("load_ms", load_ms),
        **spread("reset_ms", reset_ms),
    }


def play(env: Env, actions: Sequence[Any], seconds: float) -> Sample:
    """Repeats the actions for about `seconds` and resets the environment when an episode ends."""
    env.reset(seed=0)
    end = time.perf_counter() + seconds

    def run() -> int:
        steps = 0
        while steps == 0 or time.perf_counter() < end:
            for action in actions:
                _, _, terminated, truncated, _ = env.step(action)
                if terminated or truncated:
                    env.reset()
            steps += len(actions)
        return steps

    return clocked(run)


def play_episodes(env: Env, actions: Sequence[Any], seconds: float) -> tuple[Sample, Sample]:
    """Plays whole episodes for about `seconds`; returns the steps without resets, and the resets, with no steps."""

    def begin() -> int:
        env.reset()
        return 0

    def run() -> int:
        steps = 0
        for action in actions:
            _, _, terminated, truncated, _ = env.step(action)
            steps += 1
            if terminated or truncated:
                break
        return steps

    stepped, resets = NOTHING, NOTHING
    while stepped.wall_s < seconds:
        resets = resets.plus(clocked(begin))
        stepped = stepped.plus(clocked(run))
    return stepped, resets


def cartpole_block(effort: Effort) -> Callable[[], Sample]:
    """Plays CartPole with Gymnasium's default wrappers. Resets count, because its episodes have about 20 steps."""
    env = gymnasium.make(CARTPOLE)
    actions = _sampled(env, CARTPOLE_ACTIONS)
    return lambda: play(env, actions, effort.block_s)


def make_batch(
    effort: Effort, bank: int | None, threads: int, num_envs: int | None = None, action: str = "modes"
) -> Any:  # noqa: ANN401 - a VectorEnv
    """Makes the vector environment. `bank` episodes are drawn in advance and shared; None draws each episode anew."""
    own: dict[str, Any] = {"threads": threads, "bank": bank, "action": action}
    return gymnasium.make_vec(
        effort.env_id, num_envs or effort.num_envs, vectorization_mode="vector_entry_point", **own
    )


def drive(step: Callable[[NDArray[Any]], Any], actions: Sequence[NDArray[Any]], calls: int) -> Sample:
    """Calls `step` `calls` times with actions (B, ...) in turn. The step of every environment counts."""

    def run() -> int:
        for call in range(calls):
            step(actions[call % len(actions)])
        return calls * len(actions[0])

    return clocked(run)


def _batch_block(
    batch: Any,  # noqa: ANN401 - a VectorEnv
    effort: Effort,
    mode: Mode | None = None,
) -> Callable[[], Sample]:
    """Plays an episode and one more call, so every environment ends one episode and begins the next.

    Actions are random, or the same mode everywhere.
    """
    batch.reset(seed=0)
    batch.action_space.seed(0)
    sampled = [batch.action_space.sample() for _ in range(VECTOR_ACTIONS)]
    actions = sampled if mode is None else [np.full_like(sampled[0], mode)]
    calls = _n_steps(gymnasium.make(effort.env_id)) + 1
    return lambda: drive(batch.step, actions, calls)


def _orders_block(batch: Any, effort: Effort) -> Callable[[], Sample]:  # noqa: ANN401 - a VectorEnv
    """Plays an episode and one more call, in which every job is ordered to run where it is.

    So the same jobs run as under RUN. Only the calls of `step` are timed, not the choice of orders.
    """
    calls, n_regions = _n_steps(gymnasium.make(effort.env_id)) + 1, batch.single_action_space.nvec[0] - 1
    first = batch.single_observation_space["jobs"].shape[1] - n_regions * N_OPTION_NUMBERS + JOB_AT.here
    here = [first + r * N_OPTION_NUMBERS for r in range(n_regions)]
    numbers = np.arange(1, n_regions + 1)

    def run() -> Sample:
        seen, done = batch.reset(seed=0)[0], NOTHING
        for _ in range(calls):
            action = (seen["jobs"][:, :, here] @ numbers).astype(np.int64)
            began, cpu = time.perf_counter(), time.process_time()
            seen = batch.step(action)[0]
            done = done.plus(Sample(len(action), time.perf_counter() - began, time.process_time() - cpu))
        return done

    return run


def _sb3_block(effort: Effort) -> Callable[[], Sample]:
    """Plays an episode. At its last step every environment begins the next one."""
    from wattward.envs.interfaces.sb3_env import FleetVecEnv

    scenario = _scenario(gymnasium.make(effort.env_id))
    batch = FleetVecEnv(scenario, effort.num_envs, seed=0, reward="cost", bank=effort.bank)
    rng = np.random.default_rng(0)
    actions = [rng.integers(0, 4, (effort.num_envs, scenario.n_regions)) for _ in range(VECTOR_ACTIONS)]
    batch.reset()
    return lambda: drive(batch.step, actions, int(scenario.n_steps))


def _sampled(env: Env, n: int) -> list[Any]:
    env.action_space.seed(0)
    return [env.action_space.sample() for _ in range(n)]


def _scenario(env: Env) -> Any:  # noqa: ANN401 - ClusterEnv's scenario
    unwrapped: Any = env.unwrapped
    return unwrapped.scenario


def _n_steps(env: Env) -> int:
    return int(_scenario(env).n_steps)


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result
