"""An image to its face: found, measured and brought into the pose that a model was trained on.

In: a `Photo`. Out: the faces in it, the one that dominates it, its quality measures (ISO/IEC 29794-5), and an
`AlignedFace`. All geometry is in pixels of the upright original, at whatever scale it was found.
"""

from visavis.face.align import AlignedFace, align, sample, similarity, transform
from visavis.face.detect import FaceDetector, image_showing
from visavis.face.dominant import Dominance, central, dominant
from visavis.face.quality import MEASURES, Measure, Quality, assess, head_pose_deg
from visavis.face.value import Face

__all__ = [
    "MEASURES",
    "AlignedFace",
    "Dominance",
    "Face",
    "FaceDetector",
    "Measure",
    "Quality",
    "align",
    "assess",
    "central",
    "dominant",
    "head_pose_deg",
    "image_showing",
    "sample",
    "similarity",
    "transform",
]
