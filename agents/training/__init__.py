"""Parts of training besides the algorithm: environments, callbacks, models that can be restored, and imitation."""
