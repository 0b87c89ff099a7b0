"""Triton kernels for the weights of all quantized layers, one after the other in a flat tensor.

Imported on a GPU alone (``gpu.py``). The tensor is cut into segments, each of the weights
that share a threshold and scales, and these into chunks of at most ``CHUNK``. A program takes one
chunk or one segment and sums in a fixed order, so that the same input gives the same bits. nan
stays nan, by the same products as in ``gradients.py``.
Tables are int32, one row each: a chunk's segment, begin and end; a segment's count of weights,
first chunk and count of chunks. The measurements of a chunk are float32: largest magnitude, sum of
magnitudes and count of members.
"""

import triton
import triton.language as tl

CHUNK = 2048  # ResNet-20's 18 layers make 139: an H200 has 132 multiprocessors
PARTS = 256  # chunks of a segment that are summed at once
DIGITS = 2048  # values of the widest digit of a float's bits: see count_digits


@triton.jit
def _own_chunk(chunks, CHUNK: tl.constexpr):
    """Return this program's chunk, its segment, places of weights, and which are the chunk's."""
    chunk = tl.program_id(0)
    row = chunks + 3 * chunk
    at = tl.load(row + 1) + tl.arange(0, CHUNK)
    return chunk, tl.load(row), at, at < tl.load(row + 2)


@triton.jit
def measure_chunks(latent, bounds, chunks, measured, BOUNDED: tl.constexpr, CHUNK: tl.constexpr):
    """Write the measurements of each chunk, of magnitudes above the segment's bound if any."""
    chunk, segment, at, member = _own_chunk(chunks, CHUNK)
    magnitude = tl.abs(tl.load(latent + at, mask=member, other=0.0))
    if BOUNDED:
        member = member & (magnitude > tl.load(bounds + segment))
    members = member.to(tl.float32)
    kept = magnitude * members
    total = tl.sum(kept, 0)
    tl.store(measured + 3 * chunk, tl.where(total == total, tl.max(kept, 0), total))  # nan stays
    tl.store(measured + 3 * chunk + 1, total)
    tl.store(measured + 3 * chunk + 2, tl.sum(members, 0))


@triton.jit
def count_digits(
    latent, ranks, chunks, counts, states, number,
    PASS: tl.constexpr, CHUNK: tl.constexpr, DIGITS: tl.constexpr,
):  # fmt: skip
    """Count, by their next digit, the magnitudes of each segment that may be its k-th.

    Bits of floats that are not negative are in the order of the floats. They are three digits, of
    11, 10 and 10 bits; in each pass those that have the digits found so far are counted by the
    next, in ``counts`` [3, segments, DIGITS]. ``states`` [3, segments, 2] hold what is known in a
    pass: these digits, and the place looked for among the magnitudes that have them.
    """
    _, segment, at, member = _own_chunk(chunks, CHUNK)
    bits = tl.abs(tl.load(latent + at, mask=member, other=0.0)).to(tl.int32, bitcast=True)
    digit = bits >> 20
    if PASS > 0:
        known, place = _known_before(ranks, counts, states, segment, number, PASS, DIGITS)
        state = states + 2 * (PASS * number + segment)  # chunks of a segment write the same
        tl.store(state, known)
        tl.store(state + 1, place)
        member = member & ((bits >> (30 - 10 * PASS)) == known)
        digit = (bits >> (20 - 10 * PASS)) & 1023
    row = counts + (PASS * number + segment) * DIGITS
    tl.atomic_add(row + digit, 1, mask=member, sem="relaxed")


@triton.jit
def _known_before(ranks, counts, states, segment, number, PASS: tl.constexpr, DIGITS: tl.constexpr):
    """Return what is known in a pass after the first: digits, and the place among their bearers."""
    known, place = 0, tl.load(ranks + segment) - 1
    if PASS > 1:
        state = states + 2 * ((PASS - 1) * number + segment)
        known, place = tl.load(state), tl.load(state + 1)
    digits = tl.arange(0, DIGITS)
    counted = tl.load(counts + ((PASS - 1) * number + segment) * DIGITS + digits)
    digit = tl.sum((tl.cumsum(counted, 0) <= place).to(tl.int32), 0)
    return known * 1024 + digit, place - tl.sum(tl.where(digits < digit, counted, 0), 0)


@triton.jit
def settle_segments(
    measured, segments, ranks, counts, states, fraction, thresholds, divisors, means,
    RULE: tl.constexpr, MEASURED: tl.constexpr, NORMALISED: tl.constexpr,
    PARTS: tl.constexpr, DIGITS: tl.constexpr,
):  # fmt: skip
    """Find each segment's threshold by its rule, its divisor and the mean magnitude of members.

    There are means where chunks were ``MEASURED``, divisors where ``NORMALISED`` asks for them.
    All but the rule ``constant_sparsity`` and the rule without a name need chunks measured.
    """
    segment = tl.program_id(0)
    count = tl.load(segments + 3 * segment)
    largest, total, divisor = 0.0, 0.0, 1.0
    if MEASURED:
        first = tl.load(segments + 3 * segment + 1)
        parts = tl.load(segments + 3 * segment + 2)
        members = 0.0
        for start in range(0, parts, PARTS):
            part = start + tl.arange(0, PARTS)
            known = part < parts
            row = measured + 3 * (first + part)
            largest = tl.maximum(largest, tl.max(tl.load(row, mask=known, other=0.0), 0))
            total += tl.sum(tl.load(row + 1, mask=known, other=0.0), 0)
            members += tl.sum(tl.load(row + 2, mask=known, other=0.0), 0)
        largest = tl.where(total == total, largest, total)  # nan stays
        tl.store(means + segment, total / tl.maximum(members, 1.0))
    if NORMALISED:
        divisor = tl.where(largest > 0, largest, 1.0)
        tl.store(divisors + segment, divisor)
    if RULE == "max_fraction":
        if NORMALISED:  # what was divided by itself
            largest = tl.where(largest > 0, 1.0, largest)
        tl.store(thresholds + segment, largest * fraction)
    if RULE == "mean_fraction":
        tl.store(thresholds + segment, total / divisor / count * fraction)
    if RULE == "constant_sparsity":
        number = tl.num_programs(0)
        bits = _known_before(ranks, counts, states, segment, number, 3, DIGITS)[0]
        magnitude = bits.to(tl.float32, bitcast=True)
        if NORMALISED:  # quotients by one number are in the order of what was divided
            magnitude = tl.div_rn(magnitude, divisor)
        tl.store(thresholds + segment, tl.where(tl.load(ranks + segment) > 0, magnitude, 0.0))


@triton.jit
def _value(latent, inside, divisor, NORMALISED: tl.constexpr):
    """Return the latent weights as the codes see them."""
    value = tl.load(latent, mask=inside, other=0.0)
    if NORMALISED:
        value = tl.div_rn(value, tl.load(divisor))
    return value


@triton.jit
def _sets(value, threshold, BINARY: tl.constexpr):
    """Return where values are beyond the threshold and beyond its negative: 1, else 0."""
    if BINARY:
        positive = (value >= 0).to(tl.float32)
        negative = 1 - positive
    else:
        bound = tl.load(threshold)
        positive = (value > bound).to(tl.float32)
        negative = (value < -bound).to(tl.float32)
    return positive, negative


@triton.jit
def quantize_chunks(
    latent, thresholds, divisors, positive_scales, negative_scales, chunks, weights,
    BINARY: tl.constexpr, NORMALISED: tl.constexpr, CHUNK: tl.constexpr,
):  # fmt: skip
    """Write +W_p, 0 or -W_n for each latent weight (Eq. 6); without zeros where ``BINARY``."""
    _, segment, at, inside = _own_chunk(chunks, CHUNK)
    value = _value(latent + at, inside, divisors + segment, NORMALISED)
    positive, negative = _sets(value, thresholds + segment, BINARY)
    weight = positive * tl.load(positive_scales + segment)
    weight += negative * -tl.load(negative_scales + segment)
    weight = tl.where(tl.abs(value) < float("inf"), weight, float("nan"))  # no comparison holds
    tl.store(weights + at, weight, mask=inside)


@triton.jit
def differentiate_chunks(
    gradient, latent, thresholds, divisors, positive_scales, negative_scales, chunks, segments,
    latent_gradient, sums,
    RULE: tl.constexpr, BINARY: tl.constexpr, NORMALISED: tl.constexpr, CHUNK: tl.constexpr,
):  # fmt: skip
    """Write the gradient of latent weights, and each chunk's sums and counts over both sets."""
    chunk, segment, at, inside = _own_chunk(chunks, CHUNK)
    value = _value(latent + at, inside, divisors + segment, NORMALISED)
    positive, negative = _sets(value, thresholds + segment, BINARY)
    incoming = tl.load(gradient + at, mask=inside, other=0.0).to(tl.float32)
    on_positive, on_negative = incoming * positive, incoming * negative
    outgoing = incoming
    if RULE == "scaled":  # exact: each term is zero or the whole gradient
        outgoing = incoming - on_positive - on_negative
        outgoing += on_positive * tl.load(positive_scales + segment)
        outgoing += on_negative * tl.load(negative_scales + segment)
    if RULE == "clipped_sign":
        near = (tl.abs(value) <= 1).to(tl.float32) * tl.load(positive_scales + segment)
        outgoing = incoming * (near + 1.0 / tl.load(segments + 3 * segment))
    if NORMALISED:
        outgoing = tl.div_rn(outgoing, tl.load(divisors + segment))
    tl.store(latent_gradient + at, outgoing, mask=inside)
    members = inside.to(tl.float32)
    tl.store(sums + 4 * chunk, tl.sum(on_positive, 0))
    tl.store(sums + 4 * chunk + 1, tl.sum(on_negative, 0))
    tl.store(sums + 4 * chunk + 2, tl.sum(positive * members, 0))
    tl.store(sums + 4 * chunk + 3, tl.sum(negative * members, 0))


@triton.jit
def gather_segments(sums, segments, gradients, sign, MEAN: tl.constexpr, PARTS: tl.constexpr):
    """Write the gradients of W_p and, ``sign`` times its sum, of W_n [2, segments] (Eq. 7)."""
    segment = tl.program_id(0)
    first = tl.load(segments + 3 * segment + 1)
    parts = tl.load(segments + 3 * segment + 2)
    for side in tl.static_range(2):
        total, count = 0.0, 0.0
        for start in range(0, parts, PARTS):
            part = start + tl.arange(0, PARTS)
            known = part < parts
            row = sums + 4 * (first + part) + side
            total += tl.sum(tl.load(row, mask=known, other=0.0), 0)
            count += tl.sum(tl.load(row + 2, mask=known, other=0.0), 0)
        if MEAN:
            total = total / tl.maximum(count, 1.0)
        if side == 1:
            total = total * sign
        tl.store(gradients + side * tl.num_programs(0) + segment, total)


@triton.jit
def watch_pairs(values, gradients, before, sums, pairs, BLOCK: tl.constexpr):
    """Add to ``sums`` [3, N] what ``GaugeWatch`` says of scales [2, N]; keep them as ``before``."""
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = at < pairs
    positive = tl.load(values + at, mask=inside)
    negative = tl.load(values + pairs + at, mask=inside)
    first = positive * tl.load(gradients + at, mask=inside)
    second = negative * tl.load(gradients + pairs + at, mask=inside)
    moved_first = positive - tl.load(before + at, mask=inside)
    moved_second = negative - tl.load(before + pairs + at, mask=inside)
    length = moved_first * moved_first + moved_second * moved_second
    row = sums + at
    tl.store(row, tl.load(row, mask=inside) + tl.abs(first + second), mask=inside)
    row += pairs
    size = tl.abs(first) + tl.abs(second)
    tl.store(row, tl.load(row, mask=inside) + size, mask=inside)
    row += pairs
    tl.store(row, tl.load(row, mask=inside) + length, mask=inside)
    tl.store(before + at, positive, mask=inside)
    tl.store(before + pairs + at, negative, mask=inside)
