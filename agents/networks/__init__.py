"""Torch networks that map observations to decisions during training, and the check for masked modes."""
