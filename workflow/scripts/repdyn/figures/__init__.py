"""The figures, one module each; this file stays empty so that an edit of one re-makes that one only."""
