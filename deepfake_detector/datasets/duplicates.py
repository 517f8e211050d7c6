"""Find items whose pictures look nearly alike though nothing says that they belong together:
re-encoded, resized or re-published copies, and fakes whose original nobody named.

Loose limits chain strangers: at 12 bits 38 % of 3,000 faces of different DFDC videos hang together,
at 8 bits 0.8 %.
"""

from collections.abc import Callable, Iterator
from functools import lru_cache, partial

import numpy as np
import pandas as pd
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching

from deepfake_detector.media.perceptual_hash import shrunk

NEAR = 6  # bits two hashes may differ in
NEAR_CROP = 4  # the same where one is a ready crop: faces alone differ less than whole frames
ALIKE = 0.95  # correlation of the grey values
FRAMES_NEEDED = 3  # of a pair of videos
# of the 16-bit bands of two near hashes one differs in at most one bit, as 4 x 2 > NEAR
BANDS, BAND = (4, 16)
CHUNK = 1 << 18  # pairs of hashes compared at once
CACHED = 8192  # thumbnails of 16 KiB
Picture = Callable[[str, int], np.ndarray]  # of an item's frame: RGB uint8


def near_duplicates(
    frames: pd.DataFrame, index: pd.DataFrame, groups: pd.Series, picture: Picture
) -> list[dict]:
    """Pairs of items of different groups that look alike: rows of tables.NEAR_DUPLICATES, item
    before other, sorted.

    Frames match where their hashes differ in at most NEAR bits (NEAR_CROP where one item is a ready
    crop) and their grey values correlate by ALIKE or more. A pair needs FRAMES_NEEDED matches, or
    as many as its shorter item has frames, each frame used once; no more are looked for. `groups`
    maps items to groups; `picture` is asked for those alone whose hashes are near. Raises KeyError
    for an item that the index or the groups lack.
    """
    table = frames[frames["hash"] != ""].sort_values(["item", "hash", "frame"])
    # A still scene has many frames and few hashes: it is the distinct hashes of each item
    # that are compared.
    start = np.flatnonzero(~table.duplicated(["item", "hash"]))
    stop = np.flatnonzero(~table.duplicated(["item", "hash"], keep="last")) + 1
    item, names = pd.factorize(table["item"].iloc[start])
    value = np.array([int(digits, 16) for digits in table["hash"].iloc[start]], np.uint64)
    numbers = table["frame"].to_list()
    group = pd.factorize(groups.loc[names])[0][item]
    near = np.where(index.set_index("item")["kind"].loc[names] == "face", NEAR_CROP, NEAR)[item]
    needed = np.minimum(np.bincount(item, stop - start), FRAMES_NEEDED).astype(int)

    @lru_cache(CACHED)
    def thumbnail(item: int, frame: int) -> np.ndarray:
        grey = shrunk(picture(names[item], frame)).ravel().astype(np.float32)
        grey -= grey.mean()
        return grey / np.linalg.norm(grey)

    pairs = []
    left, right, distance = _neighbours(value, group, near)
    most = np.minimum((stop - start)[left], (stop - start)[right])
    for rows, need in _by_pair(item[left], item[right], most, needed):
        one, other = item[left[rows[0]]], item[right[rows[0]]]
        matches = sorted(
            (int(distance[row]), mine, yours)
            for row in rows
            for mine in numbers[start[left[row]] : stop[left[row]]]
            for yours in numbers[start[right[row]] : stop[right[row]]]
        )
        match = _confirmed(matches, need, partial(thumbnail, one), partial(thumbnail, other))
        if match:
            pairs.append({"item": names[one], "other": names[other], **match})
    return pairs


def _neighbours(value: np.ndarray, group: np.ndarray, near: np.ndarray) -> tuple[np.ndarray, ...]:
    """Positions left < right of hashes of different groups, and the bits they differ in, where both
    `near` allow them."""
    chunks = [(np.empty(0, int), np.empty(0, int), np.empty(0, np.uint8))]
    for band in range(BANDS):
        bits = _bands(value)[:, band].astype(int)
        order = np.lexsort((group, bits))
        ordered = value[order]
        for one, other in _sharing(bits[order], group[order]):
            differ = ordered[one] ^ ordered[other]
            close = np.flatnonzero(np.bitwise_count(differ) <= NEAR)
            one, other, differ = order[one[close]], order[other[close]], differ[close]
            distance = np.bitwise_count(differ)
            # from an earlier band
            known = (np.bitwise_count(_bands(differ)[:, :band]) <= 1).any(axis=1)
            fits = ~known & (distance <= np.minimum(near[one], near[other]))
            chunks.append(
                (np.minimum(one, other)[fits], np.maximum(one, other)[fits], distance[fits])
            )
    return tuple(np.concatenate(parts) for parts in zip(*chunks, strict=True))


def _bands(value: np.ndarray) -> np.ndarray:
    return value.view(np.uint16).reshape(-1, BANDS)


def _sharing(bits: np.ndarray, group: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Every pair of positions, once, whose `bits` differ in one at most and whose groups differ;
    sorted by both."""
    keys = bits * len(group) + group
    bounds = np.searchsorted(bits, np.arange((1 << BAND) + 1))
    for flip in (0, *(1 << bit for bit in range(BAND))):
        rows = np.flatnonzero(bits & flip == 0)
        sought = bits[rows] | flip
        same = sought * len(group) + group[rows]  # those in between are of the row's own group
        yield from _ranges(rows, np.searchsorted(keys, same, "right"), bounds[sought + 1])
        if flip:
            yield from _ranges(rows, bounds[sought], np.searchsorted(keys, same, "left"))


def _ranges(
    rows: np.ndarray, first: np.ndarray, last: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Each row with each position from its `first` to before its `last`, about CHUNK of them at a
    time."""
    size = last - first
    cuts = np.searchsorted(size.cumsum(), np.arange(CHUNK, size.sum(), CHUNK))
    for row, begin, count in zip(
        *(np.split(values, cuts) for values in (rows, first, size)), strict=True
    ):
        yield (
            np.repeat(row, count),
            np.repeat(begin - count.cumsum() + count, count) + np.arange(count.sum()),
        )


def _by_pair(
    one: np.ndarray, other: np.ndarray, most: np.ndarray, needed: np.ndarray
) -> Iterator[tuple]:
    """The rows of each pair of items, in order, and the matches it needs; `most` is how many a row
    can bring."""
    order = np.lexsort((other, one))
    one, other = one[order], other[order]
    start = np.flatnonzero(np.diff(one, prepend=-1) | np.diff(other, prepend=-1))
    need = np.minimum(needed[one[start]], needed[other[start]])
    enough = np.add.reduceat(most[order], start) >= need
    for begin, end, matches in zip(
        start[enough], np.append(start[1:], len(order))[enough], need[enough], strict=True
    ):
        yield order[begin:end], int(matches)


def _confirmed(
    matches: list[tuple[int, int, int]], need: int, ours: Callable, theirs: Callable
) -> dict | None:
    """The matches (distance, mine, yours; sorted) whose thumbnails correlate, summed up; None where
    there are not `need` of them with each frame used once."""
    if min(len({mine for _, mine, _ in matches}), len({yours for *_, yours in matches})) < need:
        return None
    correlations: dict[int, float] = {}
    distances: dict[int, int] = {}
    for distance, mine, yours in matches:
        if (
            mine not in correlations
            and yours not in distances
            and (correlation := float(ours(mine) @ theirs(yours))) >= ALIKE
        ):
            correlations[mine], distances[yours] = correlation, distance
        if len(correlations) == need:
            break
    if len(correlations) < need:  # the nearest may have taken a frame that another one needs
        alike = [(mine, yours) for _, mine, yours in matches if ours(mine) @ theirs(yours) >= ALIKE]
        if not alike or _most_at_once(alike) < need:
            return None
    return {
        "frames": need,
        "distance": min(distances.values()),
        "correlation": max(correlations.values()),
    }


def _most_at_once(pairs: list[tuple[int, int]]) -> int:
    """How many of these pairs of frames can be had with each frame used once."""
    mine, yours = (np.unique(side, return_inverse=True)[1] for side in zip(*pairs, strict=True))
    matched = maximum_bipartite_matching(csr_array((np.ones(len(pairs)), (mine, yours))), "column")
    return int((matched >= 0).sum())
