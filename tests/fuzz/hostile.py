"""Files made to harm: what each is, and how the report on it has to begin its reason."""

import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import made
from fuzz.mutations import Part, parts, with_checksums
from fuzz.seeds import seeds

SIDE = 30_000
TEN_HOURS = 36_000  # seconds
NAMES = (  # of files; each holds a clip that is judged
    "line\nbreak.mp4",
    "-rf.mp4",
    "--json",
    "tab\tand\rreturn.mp4",
    "\x1b[31mred\x1b[0m.mp4",
    "right‮to left.mp4",
    "%s%n{0}$(id)`id`;.mp4",
    "<script>alert(1)<b>.mp4",
    "concat:a.mp4|b.mp4",
    "http:example.mp4",
    "frame%03d.png",
    " .mp4",
    "..mp4",
    "😀" * 62 + ".mp4",  # 252 of the 255 bytes a name may have
)


def png_of(side: int) -> bytes:
    """A PNG of 100 kB that announces, truthfully, a black picture of so many pixels a side."""
    head = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    pressed = zlib.compressobj(9)
    rows = b"".join(
        [*(pressed.compress(bytes(1 + side // 8)) for _ in range(side)), pressed.flush()]
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        made.png_chunk(*one) for one in ((b"IHDR", head), (b"IDAT", rows), (b"IEND", b""))
    )


def with_sides(suffix: str, at: Callable[[bytes], int], code: str) -> bytes:
    """A seed whose header says SIDE for its width and its height, which lie side by side."""
    data = seeds()[suffix]
    place = at(data)
    return data[:place] + struct.pack(code, SIDE, SIDE) + data[place + struct.calcsize(code) :]


def of_ten_hours() -> bytes:
    """An MP4 whose last frames are hours after its first ones."""
    data = seeds()["mp4"].replace(
        b"edts", b"free"
    )  # the list of what is to be played, which would end it after half a second
    times = data.index(b"stts") + 8
    scale = int.from_bytes(data[(at := data.index(b"mdhd") + 16) : at + 4], "big")
    return data[: times + 8] + struct.pack(">I", TEN_HOURS * scale // 3) + data[times + 12 :]


def of_streams(count: int) -> bytes:
    """An MP4 with so many tracks, all of the same pictures."""
    data = seeds()["mp4"]
    moov, trak = _box(data, b"moov"), _box(data, b"trak")
    track, more = data[trak.start : trak.end], bytearray()
    number = track.index(b"tkhd") + 16
    for one in range(2, count + 1):
        more += track[:number] + struct.pack(">I", one) + track[number + 4 :]
    size = moov.end - moov.start + len(more)
    return (
        data[: moov.start]
        + struct.pack(">I", size)
        + data[moov.start + 4 : trak.end]
        + more
        + data[trak.end :]
    )


def _box(data: bytes, kind: bytes) -> Part:
    return next(
        part for part in parts(data, "mp4") if data[part.start + 4 : part.start + 8] == kind
    )


def elsewhere(target: str) -> bytes:
    """An MP4 whose pictures are said to lie in another file."""
    data = seeds()["mp4"]
    dref = _box(data, b"dref")
    name = target.encode() + b"\0"
    entry = struct.pack(">I4sI", 12 + len(name), b"url ", 0) + name
    new = struct.pack(">I4sII", 16 + len(entry), b"dref", 0, 1) + entry
    grown = len(new) - (dref.end - dref.start)
    data = data[: dref.start] + new + data[dref.end :]
    for kind in (b"moov", b"trak", b"mdia", b"minf", b"dinf"):
        box = data.index(kind) - 4
        size = int.from_bytes(data[box : box + 4], "big") + grown
        data = data[:box] + struct.pack(">I", size) + data[box + 4 :]
    return data


def playlists(target: str) -> dict[str, bytes]:
    """What names another file or address, by the suffix it would have."""
    return {
        "m3u8": f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{target}\n#EXT-X-ENDLIST\n".encode(),
        "ffconcat": f"ffconcat version 1.0\nfile '{target}'\n".encode(),
        "sdp": f"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nu={target}\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 9 RTP/AVP 96\n".encode(),
        "mpd": f'<?xml version="1.0"?><MPD><Period><BaseURL>{target}</BaseURL></Period></MPD>'.encode(),
        "asx": f'<asx version="3.0"><entry><ref href="{target}"/></entry></asx>'.encode(),
        "svg": f'<svg xmlns="http://www.w3.org/2000/svg"><image href="{target}" width="9" height="9"/></svg>'.encode(),
        "ass": f"[Script Info]\n[Events]\nDialogue: 0,0:0:0,0:0:1,{{\\fn{target}}}x\n".encode(),
        "txt": target.encode(),
        "elsewhere.mp4": elsewhere(target),
    }


def archive() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("../clip.mp4", seeds()["mp4"])
    return buffer.getvalue()


def hostile() -> dict[str, tuple[bytes, str]]:
    """Name -> the file, and what its report's reason or error has to say."""
    too_large, no_image, no_video = (
        "too large: 30000 x 30000",
        "damaged image",
        "neither an image nor a video",
    )
    return {
        "bomb.png": (png_of(SIDE), too_large),
        "lying.png": (with_checksums(with_sides("png", lambda _: 16, ">II")), too_large),
        "lying.jpg": (
            with_sides("jpg", lambda data: data.index(b"\xff\xc0") + 5, ">HH"),
            too_large,
        ),
        "lying.bmp": (with_sides("bmp", lambda _: 18, "<ii"), too_large),
        "lying.gif": (with_sides("gif", lambda _: 6, "<HH"), too_large),
        "hours.mp4": (of_ten_hours(), ""),
        "streams.mp4": (of_streams(1000), "more than 64 streams"),
        "nothing.mp4": (b"", "empty file"),
        "one.png": (b"\x89", no_video),
        "signature.png": (
            seeds()["png"][:8],
            no_image + "|" + no_video,
        ),
        "archive.mp4": (archive(), "a ZIP archive; unpack it"),
        "program.jpg": (b"\x7fELF" + bytes(4000), no_video),
        "pickle.mp4": (b"\x80\x04cos\nsystem\n(S'true'\ntR.", no_video),
        "audio.mp4": (made.audio_only(), "no video in it"),
    }


def write(folder: Path) -> dict[str, tuple[Path, str]]:
    """Name -> where each of the hostile files lies now, and what is to be said of it."""
    found = {}
    for name, (data, said) in hostile().items():
        (folder / name).write_bytes(data)
        found[name] = (folder / name, said)
    return found
