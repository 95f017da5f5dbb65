"""Profiles for all tests of pictures."""

from __future__ import annotations

import pytest
from PIL import ImageCms

from tests.picture.samples import P3, SRGB_CURVE, icc, para


@pytest.fixture(scope="session")
def p3() -> bytes:
    return icc(P3, para(3, *SRGB_CURVE), name="Display P3")


@pytest.fixture(scope="session")
def srgb() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
