"""Broken configurations: what is said of them."""
