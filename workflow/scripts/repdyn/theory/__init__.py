"""The effective theory: exact solution, fixed point, loss; altered equations; regimes. No data and no networks."""

from repdyn.theory.effective import (
    conserved,
    exact,
    exact_with_gradient,
    fixed_point,
    loss_curve,
    mean_error,
    right_hand_side,
)

__all__ = ["conserved", "exact", "exact_with_gradient", "fixed_point", "loss_curve", "mean_error", "right_hand_side"]
