"""How the pages are to be read; what columns mean stands beside their tables."""

from ttq_bench.analysis.margins import MARGIN

# test_coverage_of_layers.py has the simulation.
MISSES = "whose upper end misses in up to 8 % of simulated cases, its lower end in up to 5 %"
FEW_LAYERS = " (A1 different in up to 5 %, where layers are few)"
HOW_TO_READ = f"""\
- A *setting* is a data set, a model and a protocol. No sentence or table mixes settings; one that
  counts them says so. Evidence from other data or another schedule than the claim's is *proxy
  evidence*: its verdict is shown and does not count for the claim, which is *not run*.
- A verdict is read off the interval: *supported* when the whole 95 % interval lies where the claim
  says, *contradicted* when it lies wholly elsewhere, else *undecided*. Each errs to one side in
  2.5 % of cases{FEW_LAYERS}.
- Undecided *by rule* is a claim whose runs lack what it needs (each method at its own best
  learning rate; a constant rate), and one whose verdict changes with another reading of the same
  records: S2 with a tolerance from half to twice its own, A1 with the raw size of ρ and, where
  the scales start unequal, with that at the end.
- Intervals are Student's t over seeds, 95 %; that of the systematic size of ρ is by the jackknife
  over seeds, {MISSES}.
- Errors are those of the last epoch: nothing was chosen on test images. Other readings (best
  validation epoch, moving average, minimum over test) are in [accuracy.csv](tables/accuracy.csv).
- Where a layer feeds batch normalisation (BN), only the ratio of the two scales has an effect, so
  asymmetry is read off ρ = ln(W_p/W_n), never off |W_p - W_n|; ρ = 0.05 is a ratio of 1.05. Other
  layers are judged apart.
- The paper does not say whether its full-precision networks were trained on for the budget of
  TTQ. T1 compares with those that were; the errors before that are under *minus its start*.
"""
OF_CLAIMS = """\
Sources: [P] is the paper, [M] recalled and not verified, [B] the critique of 2019, [Q] a question
asked here. A difference in points is the error of the other arm minus that of TTQ: above zero TTQ
is better. *p* is that of the two-sided t test against the nearest end of the claim's bound,
adjusted for all judged rows of its table (Holm): at 5 % and above a verdict stands *alone*, and not
after correction for the number of claims. Seeds needed are those that find the claim's margin, or
the printed difference, in 80 % of cases; of a claim between two bounds those whose interval fits
there in 80 % of cases, if the truth is in the middle.
"""
OF_SCALES = f"""\
ρ is ln(W_p/W_n): zero where both scales are equal. The mean of |ρ|, the *raw size*, is never below
its noise. The *systematic size* is what all seeds share: the change of ρ in a layer counts with the
sign that it has in the *other* seeds, so noise alone gives zero on average. Where noise hides signs
it is too small; its interval (jackknife over seeds) allows for the signs that seeds share. *Noise
alone* is what noise would make of the raw size. A layer is *above* {MARGIN:g} when its mean |ρ|
over seeds is shown to be, *below* when that is shown (t tests, corrected for the number of layers).
Where the scales do not start equal (*at the start*), both sizes, the noise and the signs are those
of the change of ρ since the start; mean ρ, layers and the claim *B1 close* take ρ at the end. Where
layers feed no batch normalisation the common size of their scales, √(W_p·W_n), acts too, and has a
column of its own.
"""
OF_LAYERS = f"""\
A layer is *different* when its mean |ρ| over seeds (*size of ρ*) is above {MARGIN:g}, *equal* when
it is below, *systematic* when its mean ρ differs from zero: t tests over seeds, each corrected for
the number of layers (Holm). An exact test of the signs alone needs six seeds or more. *Same sign*
counts the seeds with the commoner sign of ρ, *r* is Pearson's between ρ and ln(n₊/n₋), the counts
of positive and negative weights, over seeds, *noise* is the standard deviation of ρ between seeds
and that between the last epochs of one run, drift under a falling rate included.
Controls and other strengths of a delta strategy: [asymmetry.csv](tables/asymmetry.csv).
"""
OF_ERRORS = """\
Test error at the last epoch, mean over n seeds with its 95 % interval. *Minus its start* and *minus
same budget* are paired: each network against the very full-precision weights it was fine-tuned
from, as they were, and after the same further training without quantization. *Epochs* are those of
full precision + those of fine-tuning. *Codes flipped* is the share of quantized weights whose code
changes in an epoch, *paper* the printed error.
"""
