"""What is measured on two points A and B: distances of representations, and how the output stands to the target.

H = |h_A - h_B|^2   for every hidden layer            dh  = h_A - h_B
Y = |yhat_A - yhat_B|^2                               dyh = yhat_A - yhat_B
w = Y - <y_A - y_B, yhat_A - yhat_B>                  (van Rossem & Saxe 2024, section 3)
m = |mean over A, B of (yhat - y)|^2
L = 1/2 MSE                                           mean over points and output components
"""

import numpy as np

LONG_NAMES = {
    "H": "|h_A - h_B|^2",
    "Y": "|yhat_A - yhat_B|^2",
    "w": "Y - <y_A - y_B, yhat_A - yhat_B>",
    "mean_error": "|mean(yhat - y)|^2",
    "loss": "1/2 mean squared error",
}


def described(name: str) -> dict[str, str]:
    """Attributes of an observable in a file."""
    return {"long_name": LONG_NAMES[name]}


def output_observables(outputs: np.ndarray, targets: np.ndarray) -> dict[str, np.ndarray]:
    """Y, w, mean_error and loss from recorded outputs.

    outputs: (..., 2, out_dim); targets: (2, out_dim). Each result has the leading shape of `outputs`.
    """
    outputs = outputs.astype(np.float64)
    dyh = outputs[..., 0, :] - outputs[..., 1, :]
    dy = targets[0] - targets[1]
    error = outputs - targets
    Y = (dyh**2).sum(-1)
    return {
        "Y": Y,
        "w": Y - dyh @ dy,
        "mean_error": (error.mean(-2) ** 2).sum(-1),
        "loss": 0.5 * (error**2).mean((-2, -1)),
    }
