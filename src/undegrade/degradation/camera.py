"""Real damage: what a camera, a scan of film, and the web do to a photo."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from undegrade.degradation import sensor
from undegrade.degradation.base import Degradation, Image, Parameters, as_file, as_image, draw_seed
from undegrade.degradation.fade import flat
from undegrade.degradation.fields import SEED, Choice, Number, Whole
from undegrade.degradation.jpeg import SUBSAMPLING, draw_subsampling, through_jpeg
from undegrade.degradation.sensor import DEMOSAICS, DENOISERS
from undegrade.imaging.jpeg_tables import jpeg_level
from undegrade.imaging.luma import LUMA
from undegrade.imaging.noise_levels import MAX_NOISE
from undegrade.imaging.resize import FILTERS, resized
from undegrade.imaging.srgb import MID_GREY, MID_GREY_SLOPE

SMOOTHING = ("luma", "luma_radius", "chroma", "radius")
"""Parameters of a camera's noise reduction that are numbers."""


class Camera(Degradation):
    """The same scene taken once more by a camera at high sensitivity.

    The photo is turned back into raw light (:func:`undegrade.degradation.sensor.expose`), gets
    shot and read noise of *iso* on a Bayer mosaic, and is developed again; then the camera's own
    noise reduction, of luma by *luma* and of chroma by *chroma*, sharpening, and JPEG.

    The output is 8-bit values in [0, 1]; a grey picture is photographed in grey. Level: the noise
    of mid grey before noise reduction, over 50.
    """

    name = "camera"
    fields = (
        Number("iso", 0.0, 409600.0, "sensitivity; 1600 is visible in a phone's photo"),
        Number("read", 0.0, 100.0, "read noise, relative to what is usual at that ISO", 1.0),
        Number("lens", 0.0, 5.0, "blur of lens and filter before the sensor in pixels", 0.5),
        Number("red", 1.0, 4.0, "gain of red in the white balance", 2.0),
        Number("blue", 1.0, 4.0, "gain of blue in the white balance", 1.7),
        Number("saturation", 0.0, 2.0, "how far the colour matrix spreads the channels", 0.6),
        Number("tone", 0.0, 1.0, "share of an S-curve", 0.5),
        Choice("demosaic", DEMOSAICS, "how colours are interpolated", "malvar"),
        Whole("phase", 0, 3, "where the mosaic begins", 0),
        Choice("denoiser", DENOISERS, "how the camera smooths", "guided"),
        Number("luma", 0.0, 1.0, "how far it smooths luma", 0.3),
        Number("luma_radius", 0.3, 4.0, "over how many pixels it smooths luma", 0.8),
        Number("chroma", 0.0, 1.0, "how far it smooths chroma", 0.8),
        Number("radius", 0.0, 16.0, "over how many pixels it smooths chroma", 2.0),
        Number("sharpen", 0.0, 4.0, "amount of the unsharp mask", 0.3),
        Number("sharpen_radius", 0.3, 8.0, "radius of the unsharp mask in pixels", 0.8),
        Whole("quality", 1, 100, "setting of the JPEG encoder, IJG scale", 92),
        SUBSAMPLING,
        SEED,
    )

    def sample(self, rng: np.random.Generator) -> Parameters:
        """ISO 100..25,600 in even octaves; every other part anyhow."""
        denoised = rng.random() < 0.75
        return {
            "iso": round(100.0 * 2.0 ** rng.uniform(0.0, 8.0), 1),
            "read": round(10.0 ** rng.normal(0.0, 0.25), 3),
            "lens": round(rng.uniform(0.3, 0.9), 3),
            "red": round(rng.uniform(1.4, 2.4), 3),
            "blue": round(rng.uniform(1.3, 2.2), 3),
            "saturation": round(rng.uniform(0.2, 1.0), 3),
            "tone": round(rng.uniform(0.0, 1.0), 3),
            "demosaic": str(rng.choice(np.array(DEMOSAICS), p=(0.2, 0.2, 0.3, 0.3))),
            "phase": int(rng.integers(4)),
            "denoiser": str(rng.choice(np.array(DENOISERS))),
            "luma": round(math.sqrt(rng.uniform()) * denoised, 3),
            "luma_radius": round(0.5 * 4.0 ** rng.uniform(), 3),
            "chroma": round(rng.uniform(0.3, 1.0) * denoised, 3),
            "radius": round(rng.uniform(0.5, 5.0), 3),
            "sharpen": round(max(rng.uniform(-0.4, 1.0), 0.0), 3),
            "sharpen_radius": round(rng.uniform(0.5, 1.5), 3),
            "quality": int(rng.integers(75, 100)),
            "subsampling": draw_subsampling(rng),
            "seed": draw_seed(rng),
        }

    def _apply(self, image: Image, parameters: Parameters) -> Image:
        made = self.uncoded(image, parameters)
        return through_jpeg(made, parameters["quality"], parameters["subsampling"])

    def uncoded(self, image: Image, parameters: Mapping[str, Any]) -> Image:
        """What the camera makes of *image* before it is coded; not clipped."""
        p, source = self.check(parameters), as_image(image)
        return source if p["iso"] == 0 else self._developed(source, p, sensor.expose)

    def target(self, image: Image, parameters: Mapping[str, Any]) -> Image:
        """What *image* becomes in the mean of many shots by the same camera, without coding.

        This is what a denoiser should give back, and what real pairs have: tone, colours and
        sharpness are the camera's, and so is what clipped noise does to the dark
        (:func:`undegrade.degradation.sensor.expose_often`).
        """
        p, source = self.check(parameters), as_image(image)
        return source if p["iso"] == 0 else self._developed(source, p, _mean)

    def _developed(self, image: Image, p: Parameters, expose: Callable[..., Any]) -> Image:
        colour = np.repeat(image, 3, axis=2) if image.shape[2] == 1 else image
        x = np.ascontiguousarray(colour.transpose(2, 0, 1)[None])
        shot = sensor.shot_noise(p["iso"])
        read = sensor.read_variance(shot, p["read"])
        settings = {key: _one(p[key]) for key in ("lens", "red", "blue", "saturation", "tone")}
        taken = expose(
            sensor.scene(x, settings["tone"]),
            np.random.default_rng(p["seed"]).standard_normal(x.shape, dtype=np.float32),
            shot=_one(shot),
            read=_one(read),
            demosaic=[DEMOSAICS.index(p["demosaic"])],
            phase=[p["phase"]],
            **settings,
        )
        smooth = sensor.denoise(
            taken,
            kind=[DENOISERS.index(p["denoiser"])],
            sigma=_one(expected_noise(shot, read)),
            **{key: _one(p[key]) for key in SMOOTHING},
        )
        sharp = sensor.sharpen(smooth, _one(p["sharpen"]), _one(p["sharpen_radius"]))
        made: Image = sharp[0].transpose(1, 2, 0)
        return made if image.shape[2] == 3 else made @ np.array(LUMA, np.float32)[:, None]

    def _level(self, parameters: Parameters) -> float:
        shot = sensor.shot_noise(parameters["iso"])
        read = sensor.read_variance(shot, parameters["read"])
        return 255.0 * expected_noise(shot, read) / MAX_NOISE


class Scan(Degradation):
    """A print or a slide on a scanner: grain, faded tones, a cast, a soft lens, JPEG.

    ``y = flat(x) + grain`` with :func:`undegrade.degradation.fade.flat` times the gains of *red*
    and *blue*, and :func:`undegrade.degradation.sensor.film_grain`. The output is 8-bit values in
    [0, 1]. Level: *grain* / 50.
    """

    name = "scan"
    fields = (
        Number("grain", 0.0, 100.0, "deviation of the grain in middle tones, 0..255 units"),
        Number("size", 0.0, 5.0, "standard deviation of a grain's blur in pixels", 0.8),
        Number("shared", 0.0, 1.0, "how far the three channels have one grain", 0.85),
        Number("contrast", 0.2, 1.0, "contrast that is left", 1.0),
        Number("lift", 0.0, 0.5, "grey of what was black", 0.0),
        Number("red", 0.5, 2.0, "gain of red", 1.0),
        Number("blue", 0.5, 2.0, "gain of blue", 1.0),
        Number("blur", 0.0, 5.0, "standard deviation of the scanner's blur in pixels", 0.0),
        Whole("quality", 1, 100, "setting of the JPEG encoder, IJG scale", 92),
        SUBSAMPLING,
        SEED,
    )

    def sample(self, rng: np.random.Generator) -> Parameters:
        """Grain up to 25, in half of the samples faded as well."""
        faded = rng.random() < 0.5
        return {
            "grain": round(25.0 * rng.uniform(0.05, 1.0) ** 1.5, 3),
            "size": round(rng.uniform(0.4, 2.2), 3),
            "shared": round(rng.uniform(0.5, 1.0), 3),
            "contrast": round(1.0 - 0.5 * rng.uniform() * faded, 3),
            "lift": round(0.2 * rng.uniform() * faded, 3),
            "red": round(2.0 ** (rng.uniform(-0.3, 0.3) * faded), 3),
            "blue": round(2.0 ** (rng.uniform(-0.5, 0.3) * faded), 3),
            "blur": round(max(rng.uniform(-1.0, 1.0), 0.0), 3),
            "quality": int(rng.integers(70, 100)),
            "subsampling": draw_subsampling(rng),
            "seed": draw_seed(rng),
        }

    def _apply(self, image: Image, parameters: Parameters) -> Image:
        p = parameters
        channels = image.shape[2]
        x = np.ascontiguousarray(image.transpose(2, 0, 1)[None])
        x = sensor.gaussian(x, _one(p["blur"]))
        gains = np.array([p["red"], 1.0, p["blue"]] if channels == 3 else [1.0], np.float32)
        faded = flat(x, p["contrast"], p["lift"])
        faded = np.clip(faded * gains[:, None, None], 0.0, 1.0).astype(np.float32)
        shape = (1, 1 + channels, *x.shape[2:])
        noise = np.random.default_rng(p["seed"]).standard_normal(shape, dtype=np.float32)
        amounts = (_one(p["grain"] / 255.0), _one(p["size"]), _one(p["shared"]))
        grained = sensor.film_grain(faded, noise, *amounts)
        return through_jpeg(grained[0].transpose(1, 2, 0), p["quality"], p["subsampling"])

    def _level(self, parameters: Parameters) -> float:
        return float(parameters["grain"]) / MAX_NOISE


CUTS = ("top", "left")
ORDERS = ("resize-jpeg", "jpeg-resize", "jpeg-resize-jpeg", "jpeg-jpeg")
"""What the web does to a photo, in which order."""


class Web(Degradation):
    """Resized and coded on the way through web sites and messengers, *rounds* times.

    Resizing is by *scale* with any of :data:`FILTERS`; the second JPEG lies on another grid, for
    *left* and *top* pixels are cut off before it. In each round the picture is resized by the
    same factor again. The output is 8-bit values in [0, 1] and smaller than the input. Level: that
    of the coarsest JPEG.
    """

    name = "web"
    fields = (
        Choice("order", ORDERS, "what is done, first to last", "jpeg-resize-jpeg"),
        Number("scale", 0.1, 2.0, "factor of the sides", 0.5),
        Choice("filter", FILTERS, "the filter of the resizing", "bicubic"),
        Whole("quality", 1, 100, "quality of the first JPEG, IJG scale"),
        Whole("again", 1, 100, "quality of the second JPEG", 80),
        Whole("left", 0, 7, "columns cut off before the second JPEG", 0),
        Whole("top", 0, 7, "rows cut off before the second JPEG", 0),
        Whole("rounds", 1, 3, "how often all of it is done", 1),
        SUBSAMPLING,
    )

    def sample(self, rng: np.random.Generator) -> Parameters:
        """Mostly smaller, by 0.3..1; qualities of sites and messengers; mostly one round."""
        larger = rng.random() < 0.15
        return {
            "order": str(rng.choice(np.array(ORDERS))),
            "scale": round(rng.uniform(1.0, 1.5) if larger else rng.uniform(0.3, 1.0), 4),
            "filter": str(rng.choice(np.array(FILTERS))),
            "quality": int(rng.integers(50, 97)),
            "again": int(rng.integers(30, 96)),
            "left": int(rng.integers(8)),
            "top": int(rng.integers(8)),
            "rounds": 1 + int(rng.random() < 0.25),
            "subsampling": draw_subsampling(rng),
        }

    def _apply(self, image: Image, parameters: Parameters) -> Image:
        p, first = parameters, True
        for _ in range(p["rounds"]):
            for part in p["order"].split("-"):
                if part == "resize":
                    height, width = (max(1, round(p["scale"] * side)) for side in image.shape[:2])
                    image = as_file(resized(image, height, width, p["filter"]))
                    continue
                quality = p["quality"] if first else p["again"]
                if not first:
                    top, left = (min(p[k], image.shape[i] - 1) for i, k in enumerate(CUTS))
                    image = np.ascontiguousarray(image[top:, left:])
                image, first = through_jpeg(image, quality, p["subsampling"]), False
        return image

    def _level(self, parameters: Parameters) -> float:
        p = parameters
        coded = p["order"].split("-").count("jpeg") * p["rounds"]
        return jpeg_level(p["quality"] if coded == 1 else min(p["quality"], p["again"]))


def expected_noise(shot: float, read: float) -> float:
    """Deviation that mid grey gets on the sensor, encoded, white = 1."""
    return MID_GREY_SLOPE * math.sqrt(shot * MID_GREY + read)


def _mean(light: Any, noise: Any, **settings: Any) -> Any:
    return sensor.expose_often(light, noise, **settings)[1]


def _one(value: float) -> Any:
    return np.array([value], np.float32)
