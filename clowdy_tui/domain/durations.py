"""Durations sorted into buckets, so that percentiles of a million calls cost as much as those of ten.

A bucket is never wider than an eighth of the durations in it: a percentile read from it is right to some percent.
"""

from collections.abc import Mapping
from typing import Final

_EXACT: Final = 16


def bucket_of(duration_us: int) -> int:
    """The bucket of a duration in microseconds: exact below 16, then eight to each doubling."""
    if duration_us < _EXACT:
        return max(duration_us, 0)
    bits = duration_us.bit_length()
    return (bits << 3) | ((duration_us >> (bits - 4)) & 7)


def lower_bound(bucket: int) -> int:
    """The shortest duration in a bucket, in microseconds."""
    if bucket < _EXACT:
        return bucket
    return (8 | (bucket & 7)) << ((bucket >> 3) - 4)


def upper_bound(bucket: int) -> int:
    """The first duration that is too long for a bucket."""
    return bucket + 1 if bucket < _EXACT else lower_bound(bucket) + (1 << ((bucket >> 3) - 4))


def percentile_ms(buckets: Mapping[int, int], share: float) -> float:
    """The duration that this share (0 to 1) of the calls does not exceed, in milliseconds; 0 where there are none."""
    total = sum(buckets.values())
    if not total:
        return 0.0
    wanted, seen = share * total, 0
    last = 0
    for bucket in sorted(buckets):
        count, last = buckets[bucket], bucket
        if count and seen + count >= wanted:
            low, high = lower_bound(bucket), upper_bound(bucket) - 1
            return round((low + (high - low) * max(wanted - seen, 0) / count) / 1000, 3)
        seen += count
    return (upper_bound(last) - 1) / 1000
