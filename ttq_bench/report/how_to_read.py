"""How the summary is to be read: where verdicts, intervals and columns come from."""

from ttq_bench.analysis.asymmetry import MARGIN

HOW_TO_READ = f"""\
## How to read this

- A verdict is read off the interval alone: *supported* when the whole 95 % interval lies where
  the claim says, *contradicted* when it lies wholly elsewhere, else *undecided*. Each errs to one
  side in 2.5 % of cases; there is no correction for the number of claims. Evidence from other
  data or another schedule is a *stand-in*: its verdict is shown and does not count for the claim,
  which is *not run*.
- [P] is the paper, [M] recalled and not verified, [B] the critique of 2019, [Q] a question asked
  here. A difference in points is the error of the other arm minus that of TTQ: above zero TTQ is
  better.
- Intervals are Student's t over seeds, 95 %. *Minus its start* and *minus same budget* are
  paired: each network against the very full-precision weights it was fine-tuned from, as they
  were, and after the same further training without quantization. *Epochs* are those of full
  precision + those of fine-tuning.
- Errors are those of the last epoch: nothing was chosen on test images. Other readings (best
  validation epoch, moving average, minimum over test) are in [accuracy.csv](tables/accuracy.csv).
- Where a layer feeds batch normalisation (BN), only the ratio of the two scales has an effect, so
  asymmetry is read off ρ = ln(W_p/W_n), never off |W_p - W_n|; ρ = 0.05 is a ratio of 1.05.
- A layer is *different* when its mean |ρ| over seeds is above {MARGIN:g}, *equal* when it is
  below, *systematic* when its mean ρ differs from zero: t tests over seeds, each corrected for
  the number of layers (Holm). The verdict on a network is that on the growth of the mean of |ρ|
  over its layers since the start. An exact test of the signs alone needs six seeds or more.
- In the tables of layers, *same sign* counts the seeds with the commoner sign of ρ, *r* is
  Pearson's between ρ and ln(n₊/n₋) over seeds, *noise* is the standard deviation of ρ between
  seeds and that between the last epochs of one run, drift under a falling rate included.
- The paper does not say whether its full-precision networks were trained on for the budget of
  TTQ. T1 compares with those that were; the errors before that are under *minus its start*.
"""
