"""Ratios of two variants."""

import statistics


def ratio(figures, name, one, other):
    """How many times as much one variant takes as another, or nothing.

    The median of the ratios within each round: a machine that becomes slower does so for both.
    """
    pairs = zip(*(figures.get(variant, {}).get(name, []) for variant in (one, other)), strict=True)
    ratios = [one / other for one, other in pairs]
    return statistics.median(ratios) if ratios else None
