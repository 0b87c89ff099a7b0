"""The ternary core: methods, thresholds, gradients, quantizers, conversion, statistics.

w~ = ``latent``, W_p = ``positive_scale``, W_n = ``negative_scale``, Delta = ``threshold``. Import
from the modules: ``methods``, ``strategies`` and ``thresholds`` need no torch.
"""
