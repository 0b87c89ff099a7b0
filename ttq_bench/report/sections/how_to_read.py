"""How the summary is to be read: where verdicts, intervals and columns come from."""

from ttq_bench.analysis.margins import MARGIN

# test_coverage_of_layers.py has the simulation.
FEW_LAYERS = " (A1 different in up to 5 %, where layers are few)"
HOW_TO_READ = f"""\
## How to read this

- A *setting* is a data set, a model and a protocol. No sentence or table mixes settings; one that
  counts them says so. Evidence from other data or another schedule than the claim's is *proxy
  evidence*: its verdict is shown and does not count for the claim, which is *not run*.
- A verdict is read off the interval: *supported* when the whole 95 % interval lies where the claim
  says, *contradicted* when it lies wholly elsewhere, else *undecided*. Each errs to one side in
  2.5 % of cases{FEW_LAYERS}. *p* is that of the two-sided t test against the nearest end of the
  claim's bound, adjusted for all judged rows of its table (Holm): at 5 % and above a verdict stands
  *alone*, and not after correction for the number of claims.
- Undecided *by rule* is a claim whose runs lack what it needs (each method at its own best
  learning rate; a constant rate), and one whose verdict changes with another reading of the same
  records: S2 with a tolerance from half to twice its own, A1 with the raw size of ρ.
- Seeds needed are those for the claim's margin, or the printed difference.
- [P] is the paper, [M] recalled and not verified, [B] the critique of 2019, [Q] a question asked
  here. A difference in points is the error of the other arm minus that of TTQ: above zero TTQ is
  better.
- Intervals are Student's t over seeds, 95 %. *Minus its start* and *minus same budget* are
  paired: each network against the very full-precision weights it was fine-tuned from, as they
  were, and after the same further training without quantization. *Epochs* are those of full
  precision + those of fine-tuning.
- Errors are those of the last epoch: nothing was chosen on test images. Other readings (best
  validation epoch, moving average, minimum over test) are in [accuracy.csv](tables/accuracy.csv).
  *Codes flipped* is the share of quantized weights whose code changes in an epoch.
- Where a layer feeds batch normalisation (BN), only the ratio of the two scales has an effect, so
  asymmetry is read off ρ = ln(W_p/W_n), never off |W_p - W_n|; ρ = 0.05 is a ratio of 1.05. Other
  layers are judged apart.
- The mean of |ρ| is never below its noise. The *systematic size* is what all seeds share: the
  change of ρ in a layer counts with the sign that it has in the *other* seeds, so noise alone gives
  zero on average. Where noise hides signs it is too small; its interval (jackknife over seeds)
  allows for the signs that seeds share. Beside it: the raw size, what *noise alone* would give.
- A layer is *different* when its mean |ρ| over seeds is above {MARGIN:g}, *equal* when it is
  below, *systematic* when its mean ρ differs from zero: t tests over seeds, each corrected for
  the number of layers (Holm). An exact test of the signs alone needs six seeds or more.
- In the tables of layers, *same sign* counts the seeds with the commoner sign of ρ, *r* is
  Pearson's between ρ and ln(n₊/n₋) over seeds, *noise* is the standard deviation of ρ between
  seeds and that between the last epochs of one run, drift under a falling rate included.
- The paper does not say whether its full-precision networks were trained on for the budget of
  TTQ. T1 compares with those that were; the errors before that are under *minus its start*.
"""
