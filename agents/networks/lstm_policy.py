"""The network of sb3-contrib's recurrent PPO, whose batches of whole sequences go through the LSTM at once.

A batch's sequences begin where an episode or a batch begins, so a state is reset at their first decision only;
sb3-contrib looks for resets at every decision and, where it finds one, goes through the sequence one by one.
"""

from __future__ import annotations

from typing import Any

import torch
from sb3_contrib.ppo_recurrent.policies import MlpLstmPolicy

State = tuple[torch.Tensor, torch.Tensor]


class LstmPolicy(MlpLstmPolicy):
    """Actor and critic, each behind an LSTM of its own; the same numbers as sb3-contrib's, sooner."""

    @staticmethod
    def _process_sequence(
        features: torch.Tensor, lstm_states: State, episode_starts: torch.Tensor, lstm: torch.nn.LSTM
    ) -> Any:  # noqa: ANN401 - sb3-contrib's type forgets that states are two
        """Outputs (B * T, H), and states (1, B, H) after them, of B sequences in rows (B * T, in), one after the other.

        An episode that starts within a sequence is left to sb3-contrib.
        """
        starts = episode_starts.reshape(lstm_states[0].shape[1], -1)
        if torch.any(starts[:, 1:] != 0.0):
            return MlpLstmPolicy._process_sequence(features, lstm_states, episode_starts, lstm)
        going_on = (1.0 - starts[:, 0]).view(1, -1, 1)
        states = going_on * lstm_states[0], going_on * lstm_states[1]
        return MlpLstmPolicy._process_sequence(features, states, torch.zeros_like(episode_starts), lstm)
