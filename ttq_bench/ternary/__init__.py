"""The ternary core: thresholds, gradients, quantizers, conversion, statistics.

Symbols of the paper: w~ = ``latent``, W_p = ``positive_scale``, W_n = ``negative_scale``,
Delta = ``threshold``. Import from the modules: ``methods`` and ``thresholds`` need no torch, so
that a suite file is checked without waiting for it.
"""
