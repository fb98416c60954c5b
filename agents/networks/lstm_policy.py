"""The network of sb3-contrib's recurrent PPO, which passes whole sequences through the LSTM in one call.

The sequences of a batch start where an episode or the batch starts, so the state is reset at their first decision only.
sb3-contrib looks for resets at every decision. If it finds one, it passes the decisions through the LSTM one by one.
"""

from __future__ import annotations

from typing import Any

import torch
from sb3_contrib.ppo_recurrent.policies import MlpLstmPolicy

State = tuple[torch.Tensor, torch.Tensor]


class LstmPolicy(MlpLstmPolicy):
    """Actor and critic, each behind its own LSTM. Gives the same numbers as sb3-contrib's policy, but faster."""

    @staticmethod
    def _process_sequence(
        features: torch.Tensor, lstm_states: State, episode_starts: torch.Tensor, lstm: torch.nn.LSTM
    ) -> Any:  # noqa: ANN401 - sb3-contrib's type does not say that there are two states
        """Returns outputs (B * T, H) and the final states (1, B, H) of B sequences.

        The features (B * T, in) hold the sequences one after the other. If an episode starts within a sequence,
        sb3-contrib's own method is used.
        """
        starts = episode_starts.reshape(lstm_states[0].shape[1], -1)
        if torch.any(starts[:, 1:] != 0.0):
            return MlpLstmPolicy._process_sequence(features, lstm_states, episode_starts, lstm)
        going_on = (1.0 - starts[:, 0]).view(1, -1, 1)
        states = going_on * lstm_states[0], going_on * lstm_states[1]
        return MlpLstmPolicy._process_sequence(features, states, torch.zeros_like(episode_starts), lstm)
