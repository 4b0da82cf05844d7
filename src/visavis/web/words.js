// @ts-check
// Texts, in the person's language, and signs. Both are found by the codes that the service sends; none is listed here.

/** @type {Record<string, string>} */
export const LANGUAGES = { en: "English", de: "Deutsch", fr: "Français", es: "Español", zh: "中文", ar: "العربية" };
const RIGHT_TO_LEFT = ["ar"];
const LAST_RESORT = {
  "title.trouble": "This did not work",
  unknown: "The service cannot be reached. Check your connection, then try again.",
  again: "Try again",
};

/** The first language that there is. @param {readonly string[]} wished tags, the dearest first */
export function language(wished) {
  const known = wished.map((tag) => tag.toLowerCase().split("-")[0] ?? "");
  return known.find((tag) => Object.hasOwn(LANGUAGES, tag)) ?? "en";
}

export async function get(name) {
  const response = await fetch(new URL(name, import.meta.url), { credentials: "omit" });
  if (!response.ok) throw new TypeError(name);
  return response.text();
}

export class Words {
  #texts;
  #signs;

  constructor(locale, texts, signs) {
    this.locale = locale;
    this.direction = RIGHT_TO_LEFT.includes(locale) ? "rtl" : "ltr";
    /** Whether all words are there, not only those of the last resort. */
    this.complete = signs !== undefined;
    this.#texts = texts;
    this.#signs = signs;
  }

  /** @param {import("./document.js").Papers | null} [papers] who has words of their own */
  static async of(locale, papers) {
    try {
      const [texts, signs, own] = await Promise.all([get(`messages/${locale}.json`), get("icons.svg"), papers?.texts(locale)]);
      return new Words(locale, { ...JSON.parse(texts), ...own }, new DOMParser().parseFromString(signs, "image/svg+xml"));
    } catch {
      return new Words("en", LAST_RESORT);
    }
  }

  has(key) {
    return Object.hasOwn(this.#texts, key);
  }

  /**
   * A text: a key's own, or that of its first word, as `credential` for all credential_… What stands in {places} is isolated (UAX 9).
   * @param {string} key @param {Record<string, string | number>} [places]
   */
  say(key, places = {}) {
    const known = [key, key.split("_")[0] ?? "", "unknown"].find((key) => this.has(key)) ?? "";
    const text = this.#texts[known] ?? "";
    return text.replace(/\{(\w+)\}/g, (_, name) => `\u2068${places[name]}\u2069`);
  }

  /** What is said of a code; some ways of doing things have words of their own. */
  explain(code, way) {
    return this.say(this.has(`${way}.${code}`) ? `${way}.${code}` : code);
  }

  /** Such as "30 days". @param {number} count @param {string} unit */
  period(count, unit) {
    return new Intl.NumberFormat(this.locale, { style: "unit", unit, unitDisplay: "long" }).format(count);
  }

  /** The lines of a code's sign, as SVG. @param {string | null} [way] */
  sign(code, way) {
    const found = [`${way}.${code}`, code, "attention"].map((id) => this.#signs?.getElementById(id)).find(Boolean);
    return found?.innerHTML ?? "";
  }
}
