"""One file an architecture: NAME.py holds `build`, and NAME is what the `model` column of a settings table says."""
