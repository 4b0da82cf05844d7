"""How a photograph of a document is taken, with every number stated. None was measured on a phone."""

from dataclasses import dataclass, replace
from math import cos, pi, sin
from typing import Literal

from numpy.random import Generator

from visavis.evaluation.specimens.draw import Mount
from visavis.evaluation.specimens.surfaces import SURFACES

Fault = Literal["glare", "blur", "cut", "small", "dark"]


@dataclass(frozen=True, slots=True)
class Glare:
    """A lamp that the laminate mirrors.

    x, y: where, as shares of the document's width and height. radius: sigma, as a share of the width. stretch: how much longer
    than wide. strength: in times white.
    """

    x: float
    y: float
    radius: float
    stretch: float
    strength: float


@dataclass(frozen=True, slots=True)
class Conditions:
    """How a photograph is taken.

    mount: what the document is part of. document_px: its width, seen straight. fill: share of the frame that it takes along the
    tighter side. yaw_deg, pitch_deg: its tilt about its two axes. roll_deg: its turn in the plane, clockwise. offset: where in
    the frame it is, from edge to edge -1 to 1; what is beyond is the share of it that the edge cuts. bow: how far its middle
    bends off, as a share of its width. scratches: how many. surface: what it lies on, of `SURFACES`; alike: whether that is
    about as bright as it is.

    white: what a pixel gets from white paper, where 1.0 saturates. falloff: how much of that changes across the frame. warmth:
    the lamp's cast as a share of that of 2700 K, negative for shade. shadow: the share of light that the phone or hand takes
    from a part. fingers: whether they hold it. sheen, hologram: light from the laminate, all over and in coloured figures, as
    shares of white. glares: lamps in it.

    defocus_px: sigma. motion_px: length of the path. noise: deviation at middle grey, as a share of white. sharpening: how much
    of the detail within 1.5 px the camera adds. quality: of the JPEG.
    """

    mount: Mount
    document_px: float
    fill: float = 0.9
    yaw_deg: float = 0.0
    pitch_deg: float = 0.0
    roll_deg: float = 0.0
    offset: tuple[float, float] = (0.0, 0.0)
    bow: float = 0.0
    scratches: int = 0
    surface: str = "stone"
    alike: bool = False
    white: float = 0.85
    falloff: float = 0.05
    warmth: float = 0.0
    shadow: float = 0.0
    fingers: bool = False
    sheen: float = 0.0
    hologram: float = 0.0
    glares: tuple[Glare, ...] = ()
    defocus_px: float = 0.5
    motion_px: float = 0.0
    noise: float = 0.006
    sharpening: float = 0.3
    quality: int = 92

    @classmethod
    def clean(cls, rng: Generator, mount: Mount) -> "Conditions":
        """As good as it gets by hand: 1,600 to 2,200 px wide, tilted and turned by up to 3° each, on a plain dark table.

        Light is even, defocus 0.5 px, noise 0.6 %, JPEG quality 92; nothing is mirrored, and no finger is seen.
        """
        yaw, pitch, roll = rng.uniform(-3, 3, 3).tolist()
        return cls(mount, rng.uniform(1600, 2200), yaw_deg=yaw, pitch_deg=pitch, roll_deg=roll)

    @classmethod
    def typical(cls, rng: Generator, mount: Mount) -> "Conditions":
        """As people take them.

        Framing: 1,000 to 2,200 px wide, filling 60 to 95 % of the frame; tilted by 0 to 15° about any axis; turned by up to 15°
        in a half and by any angle in the other. Bent by up to 0.8 % of the width (cards: 0.15 %), with 0 to 8 scratches.
        Surroundings: wood, cloth, stone, bare paper or print, in a half as bright as the document within 15 %, otherwise of
        reflectances of 2 to 30 %; in 35 % fingers, on the upper half's edges.
        Light: white at 0.45 to 0.95, with 0 to 40 % falloff and casts of -0.25 to 0.5; in 40 % a shadow takes away 30 to 65 %.
        Laminate: sheen of 1 to 8 %, holograms of up to 25 %; in 35 % one or two lamps at 1.2 to 4 times white, 1 to 3 % of the
        width and up to thrice as long, in the upper part; in 30 % a faint one of 0.1 to 0.4, 3 to 10 % of the width, anywhere.
        Camera: defocus of 0.4 to 1.6 px, at most 0.08 % of the width; motion of 0 to 3 px, at most 0.15 %; noise of 0.5 to
        2.5 %; sharpening of 0 to 1; JPEG quality 75 to 95.
        """
        width, tilt, towards = rng.uniform(1000, 2200), rng.uniform(0, 15), rng.uniform(0, 2 * pi)
        bow = 0.0015 if mount == "card" else 0.008
        lamps = tuple(
            Glare(
                x=rng.uniform(0.05, 0.95),
                y=rng.uniform(0.05, 0.35),
                radius=rng.uniform(0.01, 0.03),
                stretch=rng.uniform(1, 3),
                strength=rng.uniform(1.2, 4),
            )
            for _ in range(rng.choice(3, p=(0.65, 0.25, 0.1)))
        )
        faint = tuple(
            Glare(rng.random(), rng.random(), rng.uniform(0.03, 0.1), rng.uniform(1, 3), rng.uniform(0.1, 0.4))
            for _ in range(rng.random() < 0.3)
        )
        return cls(
            mount,
            document_px=width,
            fill=rng.uniform(0.6, 0.95),
            yaw_deg=tilt * cos(towards),
            pitch_deg=tilt * sin(towards),
            roll_deg=rng.uniform(-15, 15) if rng.random() < 0.5 else rng.uniform(-180, 180),
            offset=(rng.uniform(-1, 1), rng.uniform(-1, 1)),
            bow=rng.uniform(-bow, bow),
            scratches=int(rng.integers(9)),
            surface=str(rng.choice(list(SURFACES))),
            alike=rng.random() < 0.5,
            white=rng.uniform(0.45, 0.95),
            falloff=rng.uniform(0, 0.4),
            warmth=rng.uniform(-0.25, 0.5),
            shadow=rng.uniform(0.3, 0.65) if rng.random() < 0.4 else 0.0,
            fingers=rng.random() < 0.35,
            sheen=rng.uniform(0.01, 0.08),
            hologram=rng.uniform(0, 0.25),
            glares=lamps + faint,
            defocus_px=min(rng.uniform(0.4, 1.6), 0.0008 * width),
            motion_px=min(rng.uniform(0, 3), 0.0015 * width),
            noise=rng.uniform(0.005, 0.025),
            sharpening=rng.uniform(0, 1),
            quality=int(rng.integers(75, 96)),
        )

    @classmethod
    def hard(cls, fault: Fault, rng: Generator, mount: Mount) -> "Conditions":
        """Typical but for one fault that hides characters of the zone.

        glare: a lamp over the zone, 5 to 9 times white, 6 to 10 % of the width. blur: defocus of 0.4 to 0.7 % of the width.
        cut: 15 to 40 % of it is outside the frame. small: 160 to 240 px wide. dark: white at 0.003 to 0.006, noise of 8 %.
        """
        usual = cls.typical(rng, mount)
        match fault:
            case "glare":
                lamp = Glare(
                    rng.uniform(0.2, 0.8), rng.uniform(0.82, 0.9), rng.uniform(0.06, 0.1), 1.0, rng.uniform(5, 9)
                )
                return replace(usual, glares=(lamp,))
            case "blur":
                return replace(usual, defocus_px=rng.uniform(0.004, 0.007) * usual.document_px)
            case "cut":
                outside = float(rng.choice((-1, 1))) * (1 + rng.uniform(0.15, 0.4))
                return replace(usual, roll_deg=rng.uniform(-10, 10), offset=(outside, 0.0))
            case "small":
                return replace(usual, document_px=rng.uniform(160, 240), fill=rng.uniform(0.15, 0.3))
            case "dark":
                return replace(usual, white=rng.uniform(0.003, 0.006), noise=0.08)
