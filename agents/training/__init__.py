"""What training needs besides the algorithm: environments, callbacks, state that resumes."""
