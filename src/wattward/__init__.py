"""Wattward sends compute toward watts: when and where deferrable GPU work should run."""

__version__ = "0.1.0"

from wattward.envs.interfaces.registration import register_all

register_all()
