// @ts-check
// The camera, and pictures from it and from files.

const INTERVAL_MS = 1000 / 12;
const FRAME_QUALITY = 0.85;
const PHOTO_LONG_SIDE_PX = 1600;
const THUMB_LONG_SIDE_PX = 160;
/** Keys of messages by the browser's errors (W3C Media Capture and Streams, 10.2). @type {Record<string, string>} */
const FAULTS = {
  NotAllowedError: "camera_denied",
  NotFoundError: "camera_missing",
  OverconstrainedError: "camera_missing",
  NotReadableError: "camera_busy",
  AbortError: "camera_busy",
};

/** Drawn so that the longer side is at most so long. */
function draw(source, width, height, longSidePx, canvas = document.createElement("canvas")) {
  const scale = Math.min(1, longSidePx / Math.max(width, height));
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  canvas.getContext("2d")?.drawImage(source, 0, 0, canvas.width, canvas.height);
  return canvas;
}

/** @returns {Promise<Blob | null>} */
const jpeg = (canvas, quality) => new Promise((made) => canvas.toBlob(made, "image/jpeg", quality));

/**
 * small: for a live capture; thumb: to be shown; null where the browser cannot read the file.
 * @typedef {{file: File, small: Blob | null, thumb: HTMLCanvasElement | null}} Photo
 * @param {File} file @returns {Promise<Photo>}
 */
export async function readPhoto(file, longSidePx = PHOTO_LONG_SIDE_PX, quality = 0.92) {
  try {
    const bitmap = await createImageBitmap(file);
    const small = await jpeg(draw(bitmap, bitmap.width, bitmap.height, longSidePx), quality);
    return { file, small, thumb: draw(bitmap, bitmap.width, bitmap.height, THUMB_LONG_SIDE_PX) };
  } catch {
    return { file, small: null, thumb: null };
  }
}

export class Camera {
  /** @type {MediaStream | null} */
  #stream = null;
  #filming = 0;
  #canvas = document.createElement("canvas");
  /** @type {MediaDeviceInfo[]} */
  cameras = [];
  video = document.createElement("video");

  constructor() {
    Object.assign(this.video, { muted: true, playsInline: true, autoplay: true, ariaHidden: "true" });
  }

  /** Which of `cameras` is open. */
  get chosen() {
    return this.#stream?.getVideoTracks()[0]?.getSettings().deviceId;
  }

  /** Opens a camera, the front one if none is named. Answers with the key of what is wrong, if anything. */
  async open(id, lost) {
    if (!navigator.mediaDevices) return isSecureContext ? "camera_failed" : "insecure";
    try {
      const which = id ? { deviceId: { exact: id } } : { facingMode: "user" };
      const video = { ...which, width: { ideal: 1280 }, height: { ideal: 960 }, frameRate: { max: 30 } };
      const stream = await navigator.mediaDevices.getUserMedia({ video });
      this.close();
      this.video.srcObject = this.#stream = stream;
      for (const track of stream.getTracks()) track.onended = lost;
      this.cameras = (await navigator.mediaDevices.enumerateDevices()).filter(({ kind }) => kind === "videoinput");
      return "";
    } catch (error) {
      return FAULTS[/** @type {Error} */ (error).name] ?? "camera_failed";
    }
  }

  /**
   * Gives frames until `rest` or `close`, when one is wanted.
   * @param {number} longSidePx @param {() => boolean} wanted @param {(frame: Blob) => void} give
   */
  film(longSidePx, wanted, give) {
    const { video } = this;
    const filming = ++this.#filming;
    let due = 0;
    const next = () => {
      if (this.#filming !== filming) return;
      if (video.requestVideoFrameCallback) video.requestVideoFrameCallback(take);
      else setTimeout(take, INTERVAL_MS);
    };
    const take = async () => {
      const now = performance.now();
      if (this.#filming === filming && video.videoWidth && now >= due && wanted()) {
        due = Math.max(due + INTERVAL_MS, now);
        const canvas = draw(video, video.videoWidth, video.videoHeight, longSidePx, this.#canvas);
        const frame = await jpeg(canvas, FRAME_QUALITY);
        if (frame && this.#filming === filming) give(frame);
      }
      next();
    };
    next();
  }

  /** No more frames; the picture goes on. */
  rest() {
    this.#filming += 1;
  }

  /** The camera goes off. */
  close() {
    this.rest();
    for (const track of this.#stream?.getTracks() ?? []) track.stop();
    this.video.srcObject = this.#stream = null;
  }
}
