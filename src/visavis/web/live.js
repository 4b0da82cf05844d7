// @ts-check
// The connection of a live capture (docs/liveness.md): a start, photos, then frames, each sealed into one chain.

const PROTOCOL = "visavis.live.1";
const UNACKNOWLEDGED_MAX = 2;
const FRAME_SILENCE_MS = 10_000;
const SILENCE_MS = 60_000;
/** What a binary message holds. @type {Record<string, number>} */
export const KIND = { frame: 0, claim: 1, credential: 2, holder: 3, reference: 4, page: 5, back: 5 };

const join = async (...parts) => new Uint8Array(await new Blob(/** @type {BlobPart[]} */ (parts)).arrayBuffer());

const hmacKey = (key) => crypto.subtle.importKey("raw", key, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);

const hmac = async (key, message) => new Uint8Array(await crypto.subtle.sign("HMAC", key, message));

export class Live {
  #socket;
  #listener;
  /** @type {CryptoKey | undefined} */
  #key;
  /** Of the message before; before the first, the nonce. */
  #mac = new Uint8Array();
  #sent = 0;
  #acknowledged = 0;
  #over = false;
  #tail = Promise.resolve();
  #silence = 0;

  /** @param {import("./types").Listener} listener */
  constructor(address, start, listener) {
    this.#listener = listener;
    this.#socket = new WebSocket(address, PROTOCOL);
    this.#socket.onopen = () => this.#socket.send(JSON.stringify({ type: "start", ...start }));
    this.#socket.onmessage = ({ data }) => this.#hear(JSON.parse(data), start.secret);
    this.#socket.onerror = this.#socket.onclose = this.#lose;
    this.#await(SILENCE_MS);
  }

  /** Whether a frame may be sent now. */
  get free() {
    return this.#sent + 1 - this.#acknowledged <= UNACKNOWLEDGED_MAX;
  }

  /** Sends a picture: a frame, or before the first frame one of another kind. */
  send(kind, picture) {
    const head = new DataView(new ArrayBuffer(5));
    head.setUint8(0, kind);
    head.setUint32(1, ++this.#sent);
    if (kind !== KIND.frame) this.#acknowledged = this.#sent;
    else this.#await(FRAME_SILENCE_MS);
    const sealed = this.#tail.then(() => this.#seal(new Uint8Array(head.buffer), picture));
    this.#tail = sealed.catch(this.#lose);
  }

  close() {
    this.#end(() => {});
  }

  #lose = () => this.#end(() => this.#listener.ended("", 0));

  /** mac(n) = HMAC(key, mac(n-1) | kind | counter | payload) */
  async #seal(head, picture) {
    const payload = new Uint8Array(await picture.arrayBuffer());
    this.#mac = await hmac(/** @type {CryptoKey} */ (this.#key), await join(this.#mac, head, payload));
    if (!this.#over) this.#socket.send(await join(head, this.#mac, payload));
  }

  async #hear(said, secret) {
    if (this.#over) return;
    this.#await(SILENCE_MS);
    if (said.type === "ready") {
      this.#mac = Uint8Array.from(said.nonce.match(/../g), (hex) => parseInt(hex, 16));
      this.#key = await hmacKey(await hmac(await hmacKey(new TextEncoder().encode(secret)), this.#mac));
      if (!this.#over) this.#listener.ready(said.long_side_px);
    } else if (said.type === "guidance") {
      this.#acknowledged = Math.max(this.#acknowledged, said.frame);
      this.#listener.guidance(said.code, said.progress);
    } else if (said.type === "done") this.#end(() => this.#listener.done(said.capture));
    else if (said.type === "error") this.#end(() => this.#listener.ended(said.code, said.retry_after_s ?? 0));
  }

  /** From now on so long without a word means that the connection is lost. */
  #await(silence_ms) {
    clearTimeout(this.#silence);
    if (!this.#over) this.#silence = setTimeout(this.#lose, silence_ms);
  }

  #end(tell) {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#silence);
    this.#socket.close();
    tell();
  }
}
