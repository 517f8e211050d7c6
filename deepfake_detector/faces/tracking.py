"""Faces of successive frames as tracks: the same number, the same person."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from scipy.optimize import linear_sum_assignment

from deepfake_detector.faces.appearance import distances, look
from deepfake_detector.faces.face import Face
from deepfake_detector.faces.shots import Scene, shots

REACH = 1.0  # within a shot a face moves at most this many box sides between two sampled frames
GROWTH = 2.0  # and grows or shrinks at most by this factor
# Distances of looks, measured on 39 clips of FaceForensics++ and DFDC: of two thirds of a clip one
# person is 0.39 apart at most and 0.24 in most, two people 0.43 or more. 0.30 to 0.39 did as well
# as this.
ALIKE = 0.36  # no farther apart: one person, wherever and whenever
# Neighbouring frames of one person are 0.60 apart at most, 0.44 in 99 of 100. With 0.50 one in
# eight rows of six people, shown one after another at one place, had a track through half of it.
UNLIKE = 0.46  # farther apart: two people, even at the same place of one shot
# One face of a shot missing and one new: somebody who moved and turned, if no farther apart.
MOVED = 0.44
PLACE = 0.1  # what a distance of REACH weighs against one of looks
RECENT = 8  # faces of a track that the next one is compared with
MOST_JOINED = 64  # tracks that are compared with one another; a crowd must not take for ever
IMPOSSIBLE = 1e6


@dataclass(frozen=True)
class View:
    """What is kept of a frame to follow people through a clip.

    `faces` are in shares of the picture's longer side, so that a clip whose resolution changes goes
    on; `looks` has a row for each.
    """

    faces: tuple[Face, ...]
    looks: np.ndarray
    scene: Scene


def view(image: np.ndarray, faces: Sequence[Face]) -> View:
    """The view of an RGB uint8 picture and of the faces found in it, in its pixels."""
    longest = max(image.shape[:2])
    shares = tuple(
        replace(
            face,
            x=face.x / longest,
            y=face.y / longest,
            width=face.width / longest,
            height=face.height / longest,
        )
        for face in faces
    )
    return View(shares, np.array([look(image, face) for face in faces]), Scene(image))


@dataclass
class _Track:
    members: list[tuple[int, int]] = field(default_factory=list)  # frame, place in it
    looks: list[np.ndarray] = field(default_factory=list)
    last: dict[int, Face] = field(default_factory=dict)  # shot -> where it was seen last in it


def follow(views: Sequence[View], dominant: str = "area") -> list[list[int]]:
    """Track numbers for the faces of successive frames: the same number, the same person.

    Within a shot a face goes on with the track that it is nearest to in place and looks (Hungarian
    method); one that looks like another person begins a track, wherever it is, unless it alone is
    new and one person alone is missing, whom it may be after a turn of the head. Then tracks that
    are never in one frame are joined where their looks say that they are one person: across cuts
    and across the picture. Track 0 is the dominant one: with the largest sum of box areas over the
    clip, as shares of the picture (`dominant` is `area`), or in most frames and of these with the
    largest sum (`frames`).
    """
    shot_of = shots([seen.scene for seen in views])
    tracks: list[_Track] = []
    for number, (seen, shot) in enumerate(zip(views, shot_of, strict=True)):
        matched = _match(tracks, seen, shot, number)
        for place, face in enumerate(seen.faces):
            if place not in matched:
                tracks.append(_Track())
            track = matched.get(place, tracks[-1])
            track.members.append((number, place))
            track.looks.append(seen.looks[place])
            track.last[shot] = face
    return _numbered(_joined(tracks), views, dominant)


def _match(tracks: list[_Track], seen: View, shot: int, number: int) -> dict[int, _Track]:
    """Place of a face in the frame `number` -> the track that it goes on with."""
    in_shot = [track for track in tracks if shot in track.last]
    if not in_shot or not seen.faces:
        return {}
    apart = np.column_stack(
        [distances(seen.looks, np.array(track.looks[-RECENT:])).min(1) for track in in_shot]
    )
    away = np.array(
        [[_distance(face, track.last[shot]) for track in in_shot] for face in seen.faces]
    )
    possible = (apart <= ALIKE) | ((away <= REACH) & (apart <= UNLIKE))
    cost = np.where(possible, apart + PLACE * np.minimum(away, REACH), IMPOSSIBLE)
    matched = {
        int(place): int(track)
        for place, track in zip(*linear_sum_assignment(cost), strict=True)
        if possible[place, track]
    }
    new = [place for place in range(len(seen.faces)) if place not in matched]
    missing = [
        place
        for place, track in enumerate(in_shot)
        if track.members[-1][0] == number - 1 and place not in matched.values()
    ]
    if len(new) == len(missing) == 1 and apart[new[0], missing[0]] <= MOVED:
        matched[new[0]] = missing[0]
    return {place: in_shot[track] for place, track in matched.items()}


def _joined(tracks: list[_Track]) -> list[_Track]:
    """Tracks with those of one person joined: the nearest in looks first, never two that share a
    frame."""
    ordered = sorted(tracks, key=lambda track: (-len(track.members), track.members))
    people, rest = ordered[:MOST_JOINED], ordered[MOST_JOINED:]
    apart = np.array([[_apart(one, other) for other in people] for one in people])
    while len(people) > 1 and apart.min() <= ALIKE:
        first, second = sorted(map(int, np.unravel_index(apart.argmin(), apart.shape)))
        people[first] = _both(people[first], people.pop(second))
        apart = np.delete(np.delete(apart, second, 0), second, 1)
        apart[first] = apart[:, first] = [_apart(people[first], other) for other in people]
    return people + rest


def _both(one: _Track, other: _Track) -> _Track:
    return _Track(one.members + other.members, one.looks + other.looks)


def _apart(one: _Track, other: _Track) -> float:
    """How far the looks of two tracks are apart: the mean distance to the nearest in the other, of
    the track for which it is larger; infinite where the two are of two people, being in one frame.

    Of both, because the last pictures of a dissolve look like what comes after it.
    """
    if {frame for frame, _ in one.members} & {frame for frame, _ in other.members}:
        return math.inf
    between = distances(np.array(one.looks), np.array(other.looks))
    return float(max(between.min(0).mean(), between.min(1).mean()))


def _numbered(tracks: list[_Track], views: Sequence[View], dominant: str) -> list[list[int]]:
    """Track numbers of each frame's faces; 0 is the dominant track."""

    def rank(track: _Track) -> tuple[float, float, list[tuple[int, int]]]:
        faces = [views[frame].faces[place] for frame, place in track.members]
        area = sum(face.width * face.height for face in faces)
        return -len(faces) if dominant == "frames" else 0, -area, track.members

    numbers = [[0] * len(seen.faces) for seen in views]
    for number, track in enumerate(sorted(tracks, key=rank)):
        for frame, place in track.members:
            numbers[frame][place] = number
    return numbers


def _distance(face: Face, before: Face) -> float:
    """Distance of the centres in box sides; infinite where the two cannot be one face."""
    side = max(face.side, before.side)
    if side > GROWTH * min(face.side, before.side):
        return math.inf
    across = face.x + face.width / 2 - before.x - before.width / 2
    down = face.y + face.height / 2 - before.y - before.height / 2
    return math.hypot(across, down) / side
