"""How figures are told: medians with their quartiles."""

import statistics


def cell(values, digits=1):
    """"5.0 (4.8–5.3)"; one value alone, and nothing of none."""
    if len(values) < 2:
        return "".join(f"{value:.{digits}f}" for value in values)
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return f"{middle:.{digits}f} ({low:.{digits}f}–{high:.{digits}f})"
