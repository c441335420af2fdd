"""Which compressions of TIFF files can lose information.

Most of these can also work without loss, but no page says so in one place, and surely: JPEG 2000
may be cut off after a lossless transform, and LERC and JPEG XL state it deep in their own streams.
So all of them count as lossy. That matters only for labels, which are easily written again.
"""

import tifffile

# By the numbers of TIFF's tag 259; some have no name in older releases of tifffile.
_LOSSY = {
    6: "JPEG",
    7: "JPEG",
    33007: "JPEG",
    34892: "JPEG",  # of DNG, lossy
    33003: "JPEG 2000",  # 33003 to 33005: of Aperio
    33004: "JPEG 2000",
    33005: "JPEG 2000",
    34712: "JPEG 2000",
    22610: "JPEG XR",
    34934: "JPEG XR",
    50002: "JPEG XL",
    52546: "JPEG XL",
    34927: "WEBP",
    50001: "WEBP",
    34887: "LERC",
    48124: "Jetraw",
}


def lossy_codec(page: tifffile.TiffPage) -> str | None:
    """The name of a page's compression if it can lose information, else None."""
    return _LOSSY.get(int(page.compression))
