"""Importers: read files in their publishers' formats and store them as recordings."""
