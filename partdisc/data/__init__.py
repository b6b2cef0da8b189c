"""Images in: listing, decoding, loading; annotations; synthetic objects."""

from partdisc.data.decoding import decode_image, read_alpha
from partdisc.data.images import ImageList, ImageRecord, SkippedImage, list_images
from partdisc.data.loader import ImageLoader, LoadedBatch

__all__ = [
    "ImageList",
    "ImageLoader",
    "ImageRecord",
    "LoadedBatch",
    "SkippedImage",
    "decode_image",
    "list_images",
    "read_alpha",
]
