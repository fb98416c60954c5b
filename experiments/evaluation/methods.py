"""Methods to compare: rules by name, trained policies by checkpoint folder, and policies of other packages."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from wattward.configs.digests import digest, folder_digest
from wattward.configs.schema.base import ConfigError
from wattward.envs.policy.protocol import Policy, sees_everything
from wattward.experiments.common.provenance import PACKAGE
from wattward.experiments.evaluation import submissions

PARAMETERS = ".yaml"
"""End of the name of a file with parameters of the index."""


@dataclass(frozen=True)
class Method:
    """One method with one training seed; a checkpoint has a `path`, and a policy of another package has a `factory`."""

    name: str
    path: Path | None = None
    train_seed: int | None = None
    content: str = ""
    trust_pickle: bool = False
    factory: str | None = None

    @property
    def is_diagnostic(self) -> bool:
        """Whether the method sees the future and must therefore not be ranked; only built-in methods may do so."""
        return not (self.learned or self.factory) and sees_everything(self.policy())

    @property
    def learned(self) -> bool:
        """Whether the method comes from a checkpoint."""
        return self.path is not None

    def policy(self) -> Policy:
        """Makes a new instance of the policy.

        Raises:
            ConfigError: the checkpoint or the factory cannot be used.
        """
        if self.factory is not None:
            return submissions.make(self.factory)
        if self.path is not None:
            from wattward.agents.inference.policy import load_policy

            return load_policy(self.path, trust_pickle=self.trust_pickle)
        from wattward.baselines import registry

        return registry.make(self.name)


def policy_seed(who: Method, episode: int, seed: int) -> np.random.SeedSequence:
    """Returns the seed of a method's randomness in one episode; it does not depend on the other methods."""
    return np.random.SeedSequence([seed, episode, int(digest(who.name, who.train_seed), 16)])


def method(text: str, *, trust_pickle: bool = False) -> Method:
    """Finds a method and makes its policy once to check that it works.

    Args:
        text: Name of a rule, file of parameters of the index (.yaml), checkpoint folder, Stable-Baselines3 zip, name of
            an installed package's entry point, or MODULE:FACTORY.
        trust_pickle: Whether a zip may be loaded, which can run arbitrary code.

    Raises:
        ConfigError: there is no such method, in which case the message lists similar names, or it cannot be used.
    """
    path = _checkpoint_path(text)
    if path is not None:
        return _from_checkpoint(path, trust_pickle)
    if ":" in text:
        return submitted(text)
    if text in submissions.installed():
        return submitted(submissions.installed()[text], text)
    if text.endswith(PARAMETERS):
        from wattward.baselines import registry

        registry.make(text)
        return Method(text, content=digest(Path(text).read_bytes()))
    if "/" in text:
        raise ConfigError(f"{text}: no such checkpoint folder, and no rule has this name")
    from wattward.baselines import registry

    registry.make(text)
    return Method(text)


def submitted(where: str, name: str | None = None) -> Method:
    """Makes a method from a policy of another package.

    Args:
        where: MODULE:FACTORY; the factory takes no arguments and returns a policy.
        name: Name of the method; the policy's own name by default.

    Raises:
        ConfigError: the policy cannot be made, declares that it sees the future, or has the name of a built-in rule.
    """
    from wattward.baselines import registry

    made = submissions.make(where)
    if sees_everything(made):
        raise ConfigError(f"method {where}: says that it sees everything; a method sees what may be known")
    called = made.name if name is None else name
    if called in registry.names():
        raise ConfigError(f"method {where}: the name {called!r} is that of a rule; must be another")
    return Method(called, content=submissions.content_of(where), factory=where)


def checkpoint(name: str, folder: str) -> Method:
    """Makes a learned method from a checkpoint, under the name that a suite gives it.

    Raises:
        ConfigError: the folder is missing or its checkpoint cannot be used.
    """
    path = _checkpoint_path(folder)
    if path is None:
        raise ConfigError(f"checkpoints.{name}: folder {folder!r} does not exist, here or among the shipped agents")
    return replace(_from_checkpoint(path), name=name)


def _checkpoint_path(text: str) -> Path | None:
    if text.endswith(".zip") and Path(text).is_file():
        return Path(text)
    candidates = [Path(text), PACKAGE / "agents" / text]
    return next((path for path in candidates if path.is_dir()), None)


def _from_checkpoint(path: Path, trust_pickle: bool = False) -> Method:
    from wattward.agents.inference.policy import load_policy

    made = load_policy(path, trust_pickle=trust_pickle)
    content = folder_digest(path) if path.is_dir() else digest(path.read_bytes())
    return Method(made.name, path, made.manifest.seed, content, trust_pickle)
