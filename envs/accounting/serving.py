"""Energy per token as a function of the load of the serving GPU, from published measurements.

Throughput saturates with the number b of concurrent requests: T(b) = T_most b / (b + b_half). Power rises with
throughput: P(T) = P_low + (P_high - P_low) (T / T_best)^k. The fits hold up to T_best, the highest measured throughput,
and extrapolate beyond it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from wattward.configs.schema.tokens import ServingFit
from wattward.envs.model.types import Floats


def throughput_tok_per_s(fit: ServingFit, requests: ArrayLike) -> Floats:
    """Tokens per second of a GPU with this many concurrent requests, any shape."""
    batch = np.asarray(requests, dtype=np.float64)
    throughput: Floats = fit.most_tok_per_s_per_gpu * batch / (batch + fit.half_batch)
    return throughput


def power_w(fit: ServingFit, tok_per_s: ArrayLike) -> Floats:
    """Power of a GPU [W] at a throughput [tokens/s], any shape; `power_low_w_per_gpu` at throughput 0."""
    load = np.asarray(tok_per_s, dtype=np.float64) / fit.best_tok_per_s_per_gpu
    rise_w = fit.power_high_w_per_gpu - fit.power_low_w_per_gpu
    power: Floats = fit.power_low_w_per_gpu + rise_w * load**fit.power_exponent
    return power


def energy_j_per_tok(fit: ServingFit, requests: ArrayLike) -> Floats:
    """Energy per token [J] on a GPU with this many concurrent requests, any shape.

    Raises:
        ValueError: requests are not above 0.
    """
    if not np.all(np.asarray(requests, dtype=np.float64) > 0.0):
        raise ValueError(f"requests = {requests!r}: must be above 0")
    throughput = throughput_tok_per_s(fit, requests)
    energy: Floats = power_w(fit, throughput) / throughput
    return energy
