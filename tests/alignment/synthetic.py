"""Phone and DSLR photos of one synthetic scene, with the map between them known.

The scene is drawn once; each camera samples it through a homography of its own with plain numpy
(bilinear, 2 x 2 samples a pixel), so that no warp of OpenCV makes what OpenCV is to find.
"""

from __future__ import annotations

import functools
import io
from dataclasses import dataclass, field

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter

SCENE = (1080, 1440)
PHONE = (540, 720)
DSLR = (648, 864)


@dataclass(frozen=True)
class Pair:
    """Two photos and the truth about them."""

    phone: np.ndarray
    dslr: np.ndarray
    to_scene: np.ndarray
    """Homography from phone pixels, after the lens, to the scene."""
    dslr_to_scene: np.ndarray
    bend: float = 0.0
    """Radial distortion of the phone's lens."""
    moved: np.ndarray = field(default_factory=lambda: np.zeros(PHONE, bool))
    """Pixels of the phone's photo that show something the DSLR's photo has elsewhere."""

    def truth(self, points: np.ndarray) -> np.ndarray:
        """Phone pixels (x, y) to DSLR pixels."""
        scene = through(self.to_scene, bent(points, self.bend))
        return through(np.linalg.inv(self.dslr_to_scene), scene)

    def error(self, found: np.ndarray, points: np.ndarray) -> np.ndarray:
        """Distance between *found* DSLR positions of phone *points* and the true ones, in pixels
        of the phone's photo.
        """
        scale = np.sqrt(np.abs(np.linalg.det(self.to_scene[:2, :2] / self.to_scene[2, 2])))
        scale /= np.sqrt(np.abs(np.linalg.det(self.dslr_to_scene[:2, :2])))
        return np.hypot(*(found - self.truth(points)).T) / scale


def through(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Points (N, 2) through a homography."""
    x, y = points[:, 0], points[:, 1]
    u, v, w = (a * x + b * y + c for a, b, c in matrix)
    return np.column_stack([u / w, v / w])


def bent(points: np.ndarray, bend: float) -> np.ndarray:
    """Radial distortion about the middle of the phone's photo; *bend* is its share at the corner.

    The mean share is taken off, as a zoom would.
    """
    middle = (np.array(PHONE[::-1]) - 1) / 2
    offset = points - middle
    radius = (offset**2).sum(axis=1, keepdims=True) / (middle**2).sum()
    return middle + offset * (1 + bend * (radius - 0.6))


@functools.lru_cache(maxsize=2)
def scene(seed: int) -> np.ndarray:
    """(H, W, 3) float32 in [0, 1]: sky above, below it things with edges and texture."""
    rng = np.random.default_rng(seed)
    height, width = SCENE
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    picture = np.stack([0.55 + 0.1 * y / height, 0.65 + 0 * y, 0.85 - 0.2 * y / height], axis=2)
    horizon = 0.22 * height + 30 * np.sin(x / 170) + 12 * np.sin(x / 31)
    ground = np.clip(y - horizon, 0, 1)[:, :, None]
    picture = picture * (1 - ground) + ground * np.array([0.42, 0.45, 0.3], np.float32)
    for _ in range(220):
        cx, cy = rng.uniform(0, width), rng.uniform(0.25 * height, height)
        a, b = rng.uniform(6, 90, 2)
        turn, colour = rng.uniform(0, np.pi), rng.uniform(0.1, 0.9, 3).astype(np.float32)
        reach = int(np.hypot(a, b)) + 2
        box = (
            slice(max(0, int(cy) - reach), int(cy) + reach),
            slice(max(0, int(cx) - reach), int(cx) + reach),
        )
        u = (x[box] - cx) * np.cos(turn) + (y[box] - cy) * np.sin(turn)
        v = (y[box] - cy) * np.cos(turn) - (x[box] - cx) * np.sin(turn)
        if rng.random() < 0.5:
            inside = np.minimum(a - np.abs(u), b - np.abs(v))
        else:
            inside = (1 - np.hypot(u / a, v / b)) * min(a, b)
        cover = np.clip(inside + 0.5, 0, 1)[:, :, None]
        shade = 1 + 0.15 * np.sin(u / rng.uniform(4, 20))[:, :, None]
        picture[box] = picture[box] * (1 - cover) + cover * colour * shade
    noise = texture(height, width, rng).astype(np.float32)[:, :, None]
    return np.clip(picture + ground * 0.05 * noise, 0, 1)


def texture(height: int, width: int, rng: np.random.Generator) -> np.ndarray:
    """Noise whose amplitude falls with the frequency, standard deviation 1."""
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None])
    spectrum = np.fft.rfft2(rng.standard_normal((height, width))) / (0.004 + frequency)
    spectrum[frequency > 0.25] = 0
    noise = np.fft.irfft2(spectrum, (height, width))
    return noise / noise.std()


def view(
    picture: np.ndarray, matrix: np.ndarray, size: tuple[int, int], bend: float = 0.0
) -> np.ndarray:
    """What a camera sees: each pixel the mean of 2 x 2 samples."""
    total = np.zeros((*size, 3), picture.dtype)
    y, x = np.mgrid[0 : size[0], 0 : size[1]].astype(np.float64)
    for oy in (-0.25, 0.25):
        for ox in (-0.25, 0.25):
            points = np.column_stack([(x + ox).ravel(), (y + oy).ravel()])
            seen = through(matrix, bent(points, bend) if bend else points)
            total += bilinear(picture, seen).reshape(*size, 3)
    return total / 4


def bilinear(picture: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Values between pixels; the border goes on."""
    height, width = picture.shape[:2]
    x, y = np.clip(points[:, 0], 0, width - 1.001), np.clip(points[:, 1], 0, height - 1.001)
    i, j = y.astype(int), x.astype(int)
    v, u = (part[:, None].astype(picture.dtype) for part in (y - i, x - j))
    flat, first = picture.reshape(-1, picture.shape[2]), i * width + j
    a, b = flat.take(first, axis=0), flat.take(first + 1, axis=0)
    c, d = flat.take(first + width, axis=0), flat.take(first + width + 1, axis=0)
    upper, lower = a + (b - a) * u, c + (d - c) * u
    return upper + (lower - upper) * v


def camera(rng: np.random.Generator, size: tuple[int, int], turn: float, tilt: float) -> np.ndarray:
    """A homography from a photo of *size* to the scene: zoom, rotation, shift, perspective."""
    height, width = size
    zoom = SCENE[1] / width * rng.uniform(0.8, 0.86)
    angle = np.deg2rad(rng.uniform(-turn, turn))
    px, py = rng.uniform(-tilt, tilt, 2) / width
    to_middle = np.array([[1, 0, -(width - 1) / 2], [0, 1, -(height - 1) / 2], [0, 0, 1]])
    rotate = np.array(
        [
            [zoom * np.cos(angle), -zoom * np.sin(angle), 0],
            [zoom * np.sin(angle), zoom * np.cos(angle), 0],
            [px, py, 1],
        ]
    )
    cx, cy = np.array(SCENE[::-1]) / 2 + rng.uniform(-30, 30, 2)
    matrix = np.array([[1, 0, cx], [0, 1, cy], [0, 0, 1]]) @ rotate @ to_middle
    return matrix / matrix[2, 2]


def phone_look(picture: np.ndarray, rng: np.random.Generator, strength: float = 1.0) -> np.ndarray:
    """Exposure, gamma, colour mixing, vignetting, blur, noise; 0..1 in, 0..1 out."""
    height, width = picture.shape[:2]
    mixing = np.eye(3) + strength * rng.uniform(-0.12, 0.12, (3, 3))
    out = np.clip(picture @ mixing.T, 0, 1) ** (1 + strength * rng.uniform(-0.25, 0.35))
    out *= 1 + strength * rng.uniform(-0.3, 0.1)
    y, x = np.mgrid[0:height, 0:width]
    middle = np.hypot(y / height - 0.5, x / width - 0.5)
    out *= (1 - strength * 0.5 * middle**2)[:, :, None]
    out = blurred(out, strength * rng.uniform(0.6, 1.3))
    return np.clip(out + rng.normal(0, strength * rng.uniform(3, 9) / 255, out.shape), 0, 1)


def blurred(picture: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian blur; the picture goes on mirrored."""
    return gaussian_filter(picture, (sigma, sigma, 0), mode="reflect")


def to_photo(picture: np.ndarray, quality: int | None = None) -> np.ndarray:
    """8 bit, and once through a JPEG of this quality."""
    photo = np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8)
    if quality is None:
        return photo
    file = io.BytesIO()
    Image.fromarray(photo).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file).convert("RGB"))


def make_pair(
    seed: int,
    *,
    turn: float = 4.0,
    tilt: float = 0.06,
    bend: float = 0.0,
    movers: int = 0,
    strength: float = 1.0,
    same_scene: bool = True,
) -> Pair:
    """One scene seen by both cameras.

    Parameters
    ----------
    turn: largest rotation of each camera, degrees.
    tilt: largest change of scale from the middle to twice the border.
    bend: radial distortion of the phone's lens: displacement at the corners, as a share.
    movers: things that stand at different places in the two photos.
    strength: of everything that the phone does to the colours and the noise.
    same_scene: False makes two photos of two scenes.
    """
    rng = np.random.default_rng([seed, 77])
    drawn = scene(seed)  # shared with others: not to be changed
    phone_camera, dslr_camera = camera(rng, PHONE, turn, tilt), camera(rng, DSLR, turn, tilt)
    phone = view(drawn, phone_camera, PHONE, bend)
    dslr = view(drawn if same_scene else scene(seed + 1000), dslr_camera, DSLR)
    moved = np.zeros(PHONE, bool)
    for _ in range(movers):
        thing = 0.5 + 0.2 * texture(150, 150, rng)[:, :, None] * rng.uniform(0.5, 1, 3)
        y, x = rng.integers(0, np.array(PHONE) - 150)
        phone[y : y + 150, x : x + 150] = thing
        moved[y : y + 150, x : x + 150] = True
        v, u = rng.integers(0, np.array(DSLR) - 195)
        wide = np.kron(thing, np.ones((2, 2, 1)))[:195, :195]
        corners = np.array([[u, v], [u + 194, v], [u + 194, v + 194], [u, v + 194]], float)
        there = through(np.linalg.inv(phone_camera), through(dslr_camera, corners))
        x0, y0 = np.clip(np.floor(there.min(axis=0)), 0, None).astype(int)
        x1, y1 = np.clip(np.ceil(there.max(axis=0)), 0, None).astype(int)
        moved[y0 : y1 + 1, x0 : x1 + 1] = True
        dslr[v : v + 195, u : u + 195] = wide
    return Pair(
        to_photo(phone_look(phone, rng, strength), 90),
        to_photo(dslr, 95),
        phone_camera,
        dslr_camera,
        bend,
        moved,
    )
