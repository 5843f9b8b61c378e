"""What numbers over networks and images say: intervals, dimensions, indices, correlations. Nothing is fitted."""
