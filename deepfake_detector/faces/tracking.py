"""Faces of successive frames as tracks: the same number, the same person."""

import math

import numpy as np
from scipy.optimize import linear_sum_assignment

from deepfake_detector.faces.detection import Face

REACH = 1.0  # a face moves at most this many box sides between two sampled frames
GROWTH = 2.0  # and grows or shrinks at most by this factor


def follow(frames: list[list[Face]], dominant: str = "area") -> list[list[int]]:
    """Track numbers for the faces of successive frames: the same number, the same person.

    Each frame's faces are matched to the tracks seen so far by least total distance (Hungarian
    method). Track 0 is the dominant one: with the largest sum of box areas over the clip
    (`dominant` is `area`), or in most frames and of these with the largest sum (`frames`).
    """
    last: list[Face] = []
    numbers: list[list[int]] = []
    for faces in frames:
        matched = _match(last, faces)
        row = []
        for position, face in enumerate(faces):
            track = matched.get(position, len(last))
            if track == len(last):
                last.append(face)
            last[track] = face
            row.append(track)
        numbers.append(row)
    areas, counts = np.zeros(len(last)), np.zeros(len(last))
    for faces, row in zip(frames, numbers, strict=True):
        for face, track in zip(faces, row, strict=True):
            areas[track] += face.width * face.height
            counts[track] += 1
    rank = np.empty(len(last), int)
    rank[np.lexsort((-areas, -counts if dominant == "frames" else -areas))] = np.arange(len(last))
    return [[int(rank[track]) for track in row] for row in numbers]


def _match(last: list[Face], faces: list[Face]) -> dict[int, int]:
    """Position of a face -> number of the track it continues."""
    if not last or not faces:
        return {}
    cost = np.array([[_distance(face, before) for before in last] for face in faces])
    pairs = zip(*linear_sum_assignment(np.where(np.isfinite(cost), cost, 1e6)), strict=True)
    return {int(face): int(track) for face, track in pairs if math.isfinite(cost[face, track])}


def _distance(face: Face, before: Face) -> float:
    """Distance of the centres in box sides; infinite where the two cannot be one face."""
    side = max(face.side, before.side)
    if side > GROWTH * min(face.side, before.side):
        return math.inf
    across = face.x + face.width / 2 - before.x - before.width / 2
    down = face.y + face.height / 2 - before.y - before.height / 2
    distance = math.hypot(across, down) / side
    return distance if distance <= REACH else math.inf
