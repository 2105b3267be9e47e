"""Studies: arms x seeds of choosing, tuning and evaluating, with intervals."""
