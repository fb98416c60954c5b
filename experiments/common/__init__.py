"""What all experiments share: files, provenance, tables, plots."""
