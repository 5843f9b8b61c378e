"""How figures look: style, and curves with their theory. No statistics and no fits: tables hold the numbers."""
