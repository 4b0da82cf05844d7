// @ts-check
// Sessions about an identity document: photos of its sides, which are looked at before anybody is filmed. Loaded for these alone.

import { readPhoto } from "./camera.js";
import { get } from "./words.js";

/** @typedef {import("./types").Capture} Capture */
/** @typedef {import("./types").View} View */
/** @typedef {import("./camera.js").Photo} Photo */

/** The zone must be readable: 1,000 pixels across the document, which fills a half of the photo at least. */
const LONG_SIDE_PX = 2400;
const BYTES_MAX = 2 * 1024 * 1024;
const QUALITIES = [0.92, 0.8, 0.6];
const LOOK_MS = 40_000;
const SIDES = ["page", "back"];

export class Papers {
  #terms;
  #live;
  /** Photos of which is known that nothing, or what, is wrong with them. @type {Photo[]} */
  #known = [];
  /** @type {[string, string[]][]} */
  #wrong = [];

  /** @param {Capture} asked */
  constructor({ document, liveness }) {
    this.#terms = /** @type {NonNullable<Capture["document"]>} */ (document);
    this.#live = liveness === "required";
  }

  /** The code of what is asked for that no page can do: browsers read no chips. */
  get barred() {
    return this.#terms.authenticity === "page_only" ? "" : "chip_required";
  }

  /** Words that others do without, or that say something else here. */
  async texts(locale) {
    const texts = JSON.parse(await get(`messages/${locale}.document.json`));
    const names = this.#terms.fields.map((field) => {
      const [, age] = /^over_(\d+)$/.exec(field) ?? [];
      return (texts[`field.${age ? "over" : field}`] ?? field).replace("{age}", age);
    });
    const list = new Intl.ListFormat(locale).format(names);
    const told = names.length ? texts["fields.told"].replace("{fields}", list) : texts["fields.none"];
    texts[this.#live ? "consent.document" : "photos.text"] += ` ${told}`;
    return texts;
  }

  /** A photo of a side, as JPEG and so small that it can be sent; nothing for others. */
  read(name, file) {
    return SIDES.includes(name) ? readSide(file) : undefined;
  }

  /**
   * Has the service look at the photos, and marks those that it finds something wrong with; none where the look itself fails: before
   * the first frame it looks again. Gives the name of the first one.
   * @param {View} view @param {(body: FormData) => Promise<{ready: boolean, reasons: string[], pages: string[][]}>} ask
   */
  async look({ photos, faulty }, ask) {
    const shown = SIDES.flatMap((name) => photos.get(name)?.map((photo) => ({ name, photo })) ?? []);
    const known = this.#known.length === shown.length && shown.every(({ photo }, index) => photo === this.#known[index]);
    if (!known) {
      this.#wrong = [];
      this.#known = [];
      try {
        if (shown[0]?.name === SIDES[0]) this.#wrong = await judge(shown, ask);
        this.#known = shown.map(({ photo }) => photo);
      } catch { /* then nothing is known of them */ }
    }
    for (const { name } of shown) faulty.delete(name);
    for (const [name, reasons] of this.#wrong) faulty.set(name, reasons);
    return this.#wrong[0]?.[0] ?? "";
  }
}

/** @param {File} file @returns {Promise<Photo>} */
async function readSide(file, [quality, ...lower] = QUALITIES) {
  const photo = await readPhoto(file, LONG_SIDE_PX, quality);
  if (!photo.small) return photo;
  if (photo.small.size > BYTES_MAX && lower.length) return readSide(file, lower);
  return { ...photo, file: new File([photo.small], file.name, { type: photo.small.type }) };
}

/**
 * What is wrong, by names of photos. @param {{name: string, photo: Photo}[]} shown @returns {Promise<[string, string[]][]>}
 * Throws what is no fault of the photos.
 */
async function judge(shown, ask) {
  const body = new FormData();
  for (const { photo } of shown) body.append("document_page", photo.file);
  const first = shown[0]?.name ?? "";
  const late = new Promise((_, fail) => setTimeout(fail, LOOK_MS, {}));
  try {
    const { ready, reasons, pages } = await Promise.race([ask(body), late]);
    if (ready) return [];
    const wrong = shown.map(({ name }, index) => [name, pages[index]]).filter(([, codes]) => codes.length);
    return wrong.length ? wrong : [[first, reasons]];
  } catch (/** @type {any} */ error) {
    if (!error.code?.startsWith("image_")) throw error;
    return [[first, [error.code]]];
  }
}
