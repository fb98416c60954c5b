"""Interactive reports of results, each one HTML page."""
