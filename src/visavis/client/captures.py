"""What the client of one session may do: an application's own page, a kiosk, an app. It holds the session's secret alone."""

from collections.abc import Sequence

from visavis.client import answers as a
from visavis.client import request as r
from visavis.client.request import Call, Photo
from visavis.client.resource import M, Method, Resource, Sender


class Captures(Resource[M]):
    """What the client of one session may do with its secret."""

    def __init__(self, sender: Sender, session_id: str, client_secret: str) -> None:
        super().__init__(sender)
        self._id, self._secret = session_id, r.token(client_secret, "a client secret")

    def __repr__(self) -> str:
        return f"<Captures of {self._id}>"

    @Method
    def show(self) -> Call[a.Capture]:
        """What the session asks for."""
        return r.get("capture", self._id, read=r.of(a.Capture), secret=self._secret)

    @Method
    def submit(
        self,
        *,
        probe: Photo | Sequence[Photo],
        claim: str | None = None,
        claim_photo: Photo | None = None,
        credential: str | None = None,
        credential_photo: Photo | None = None,
        holder: str | None = None,
        holder_photo: Photo | None = None,
        reference: Photo | None = None,
        document_pages: Photo | Sequence[Photo] = (),
        document_chip: Photo | Sequence[Photo] = (),
        chip_answer: a.ChipAnswer | None = None,
        evidence_agreed: bool = False,
        idempotency_key: str | None = None,
    ) -> Call[a.Capture]:
        """Submit a capture to a verification session. The answer is where the session stands then, and no score.

        probe: a photo of the person, or up to ten frames of one capture. claim, credential, holder: the texts of codes; or photos
        of them. reference: the photo to compare with. document_pages: photos of an identity document, one a side. document_chip:
        files of its chip; chip_answer: what the chip answered to a `chip_challenge`. evidence_agreed: whether the person agrees
        that the photos are kept. A session that needs a live capture takes no photos: that is a ServiceError,
        `liveness_required`. Raises InputInvalid where a file cannot be read.
        """
        photos = [
            *(("probe", frame) for frame in r.many(probe)),
            ("claim_photo", claim_photo),
            ("credential_photo", credential_photo),
            ("holder_photo", holder_photo),
            ("reference", reference),
            *_document(document_pages, document_chip),
        ]
        return r.post_form(
            "capture",
            self._id,
            read=r.of(a.Capture),
            photos=photos,
            texts={
                "claim": claim,
                "credential": credential,
                "holder": holder,
                "chip_answer": None if chip_answer is None else chip_answer.to_json(),
                "evidence_agreed": _told(evidence_agreed),
            },
            idempotency_key=idempotency_key,
            secret=self._secret,
        )

    @Method
    def look_at_document(
        self,
        *,
        document_pages: Photo | Sequence[Photo] = (),
        document_chip: Photo | Sequence[Photo] = (),
        chip_answer: a.ChipAnswer | None = None,
    ) -> Call[a.DocumentLook]:
        """Have a document looked at before the person is captured. Nothing is kept. See `submit`."""
        return r.post_form(
            "capture",
            self._id,
            "document",
            read=r.of(a.DocumentLook),
            photos=_document(document_pages, document_chip),
            texts={"chip_answer": None if chip_answer is None else chip_answer.to_json()},
            changes=False,
            secret=self._secret,
        )

    @Method
    def chip_challenge(self, *, dg14: Photo | None = None) -> Call[a.ChipChallenge]:
        """A challenge that a document's chip answers within ten minutes, so that its files are known for no copy.

        dg14: the chip's file of that name, where it has one.
        """
        return r.post_form(
            "capture",
            self._id,
            "chip_challenge",
            read=r.of(a.ChipChallenge),
            photos=[("dg14", dg14)],
            texts={},
            changes=False,
            secret=self._secret,
        )

    @Method
    def submit_photos(
        self, photos: Photo | Sequence[Photo], *, evidence_agreed: bool = False, idempotency_key: str | None = None
    ) -> Call[a.Enrolled]:
        """Submit one to five photos of the person to an enrolment. evidence_agreed: whether they agree that these are kept.

        Where all are taken, the answer holds the codes that the subject must keep, this once. An enrolment that needs a live
        capture takes none. Raises InputInvalid where a file cannot be read.
        """
        return r.post_form(
            "capture",
            self._id,
            "photos",
            read=r.of(a.Enrolled),
            photos=[("photo", each) for each in r.many(photos)],
            texts={"evidence_agreed": _told(evidence_agreed)},
            idempotency_key=idempotency_key,
            secret=self._secret,
        )


def _document(pages: Photo | Sequence[Photo], chip: Photo | Sequence[Photo]) -> list[tuple[str, Photo | None]]:
    return [*(("document_page", page) for page in r.many(pages)), *(("document_chip", file) for file in r.many(chip))]


def _told(agreed: bool) -> str | None:
    return "true" if agreed else None
