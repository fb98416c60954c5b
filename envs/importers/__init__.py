"""Other people's files as recordings: one kind a module, all of them through existing readers."""
