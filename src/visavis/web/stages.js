// @ts-check
// What each stage looks like. What a press does is named by `data-act`; the element does it.

import { LANGUAGES } from "./words.js";

/** @typedef {import("./types").View} View */

/** What a session needs beside the capture, by what it compares with. @type {Record<string, string[]>} */
const PHOTOS = { subject: ["claim"], credential: ["credential", "holder"], upload: ["reference"], document: ["page", "back"] };
const OPTIONAL = ["holder", "back"];
const OVAL = "M150 5A145 195 0 0 1 150 395A145 195 0 0 1 150 5";

/** @param {View} view */
export function photosOf({ asked, live }) {
  const besides = PHOTOS[asked.against ?? ""] ?? [];
  if (live) return besides;
  return asked.kind === "enrolment" ? ["photo"] : [...besides, "probe"];
}

/** @param {View} view */
export const missing = (view) => photosOf(view).filter((name) => !OPTIONAL.includes(name) && !view.photos.get(name)?.length);

class Markup {
  constructor(text) {
    this.text = text;
  }
}

/** @param {any} value @returns {string} */
function marked(value) {
  if (value instanceof Markup) return value.text;
  if (Array.isArray(value)) return value.map(marked).join("");
  return String(value && value !== true ? value : "").replace(/[&<>"']/g, (letter) => `&#${letter.charCodeAt(0)};`);
}

/** Markup; whatever is put into it and is no markup itself is escaped. @param {TemplateStringsArray} parts @param {any[]} values */
const html = (parts, ...values) => new Markup(parts.reduce((text, part, index) => text + marked(values[index - 1]) + part));

/** @param {View} view @param {string} code @param {string | null} [way] */
const sign = ({ words }, code, way) => html`<svg class="sign" viewBox="0 0 24 24" aria-hidden="true">${new Markup(words.sign(code, way))}</svg>`;

/** The words of an instruction. @param {View} view @param {string} code none: not connected */
export const guidance = ({ words, way }, code) =>
  words.has(code) ? words.explain(code, way) : words.say(code ? "capture.title" : "connecting");

/** The same with its sign. @param {View} view @param {string} code */
export const instruction = (view, code) => html`${sign(view, code || "camera", view.way)}<p>${guidance(view, code)}</p>`.text;

/** The choice of a language. @param {View} view */
export const languages = ({ words }) => html`<label class="language"><span class="hidden">${words.say("language")}</span><select id="language">
  ${Object.entries(LANGUAGES).map(([locale, name]) => html`<option value="${locale}" lang="${locale}" ${locale === words.locale && "selected"}>${name}</option>`)}
  </select></label>`.text;

/** @param {View} view @param {string} stage */
export function stage(view, stage) {
  const { words, asked, camera, live, way, failure } = view;
  const t = (key, places) => words.say(key, places);
  const p = (key, places) => html`<p>${t(key, places)}</p>`;
  const title = (key, look) => html`<h1 tabindex="-1" class="${look}">${t(key)}</h1>`;
  const button = (act, key, look = "quiet") => html`<button class="${look}" data-act="${act}">${t(key)}</button>`;
  const actions = (...buttons) => html`<div class="actions">${buttons}</div>`;
  const list = (...points) => html`<ul class="points">${points.map(([code, text]) => html`<li>${sign(view, code)}<span>${text}</span></li>`)}</ul>`;
  const patience = (key) => html`<div class="turning" aria-hidden="true"></div>${title(key)}`;
  const mark = (code, well) => html`<div class="mark ${well || "trouble"}">${sign(view, code)}</div>`;

  const subject = () => title(asked.kind === "enrolment" ? "title.enrol" : "title.verify");
  const notice = () => view.notice && html`<p class="notice">${sign(view, "attention")}<span>${t(view.notice)}</span></p>`;
  const back = () => asked?.return_url && html`<a class="main" href="${asked.return_url}">${t("return")}</a>`;
  const others = () => asked.alternatives?.filter((each) => each !== way) ?? [];
  const cannotTurn = () => live && others().length > 0 && button("stuck", "cannot_turn");

  const payment = () => {
    if (!asked.transaction) return "";
    const { amount, currency, payee } = asked.transaction;
    return html`<p class="payment">${t("approve", { sum: `${amount} ${currency}`, payee })}</p>`;
  };

  const evidence = () => {
    if (!asked.evidence) return "";
    const { text, locale, retention_days } = asked.evidence;
    return html`<fieldset><legend>${t("evidence.legend")}</legend><p class="terms" lang="${locale}" dir="auto">${text}</p>
      <label class="check"><input id="agreed" type="checkbox" ${view.agreed && "checked"}>
      <span>${t("evidence.agree", { period: words.period(retention_days, "day") })}</span></label>
      <p class="fine">${t("evidence.free")}</p></fieldset>`;
  };

  const photos = () => photosOf(view).map((name) => {
    const names = view.photos.get(name)?.map(({ file }) => file.name).join(", ");
    const wrong = view.faulty.get(name)?.map((code) => t(code));
    const notes = wrong ?? [names || t("photo.choose")];
    const kind = { photo: "multiple", probe: "capture" }[name] ?? (asked.document && "capture=environment");
    return html`<div class="field ${wrong && "wrong"}"><label>${sign(view, wrong ? "attention" : names ? "tick" : "photo")}<span><b>${t(`photo.${name}`)}</b>
      <span id="about-${name}">${notes.map((note) => html`<span class="fine">${note} </span>`)}</span></span><input class="hidden" type="file"
      accept="image/*" name="${name}" aria-describedby="about-${name}" aria-invalid="${String(Boolean(wrong))}" ${kind}></label>
      <div class="thumbs" id="thumbs-${name}"></div></div>`;
  });

  /** The camera's picture as in a mirror, an oval for the face, and how far the capture is. */
  const finder = () => html`<div class="finder"><div class="oval"><svg class="ring" viewBox="0 0 300 400" role="progressbar"
    aria-label="${t("capture.progress")}" aria-valuemin="0" aria-valuemax="100" aria-valuenow="0"><path d="${OVAL}"/>
    <path class="run" pathLength="100" d="${OVAL}"/></svg></div></div>`;

  const speech = () => "speechSynthesis" in window && html`<button class="second" data-act="speak"
    aria-pressed="${String(view.spoken)}">${sign(view, "speech")}${t("speech")}</button>`;

  const cameras = () => camera.cameras.length > 1 && html`<label class="choice">${t("camera.choice")}<select id="camera">
    ${camera.cameras.map(({ deviceId, label }, index) => html`<option value="${deviceId}" ${deviceId === camera.chosen && "selected"}>
    ${label || String(index + 1)}</option>`)}</select></label>`;

  const codes = () => asked.codes?.map(({ name, png }) => {
    const bytes = Uint8Array.from(atob(png), (letter) => letter.charCodeAt(0));
    const url = URL.createObjectURL(new Blob([bytes], { type: "image/png" }));
    return html`<figure><img src="${url}" alt="${t(`codes.${name}`)}"><figcaption><span id="code-${name}">${t(`codes.${name}`)}</span>
      <a class="quiet" href="${url}" download="${name}.png" aria-describedby="code-${name}">${t("codes.save")}</a></figcaption></figure>`;
  });

  /** @type {Record<string, () => Markup>} */
  const stages = {
    loading: () => patience("loading"),
    opening: () => patience("camera.opening"),
    waiting: () => html`${patience("loading")}${p("processing")}`,
    checking: () => html`${patience("checking")}${live && p("camera.off")}`,

    consent: () => html`${subject()}${notice()}${payment()}${p("consent.lead")}${list(
      ["camera", t("consent.film")],
      ["compare", t(`consent.${asked.against ?? asked.kind}`)],
      ["drop", t("consent.drop") + (asked.evidence ? ` ${t("consent.unless")}` : "")],
      ["purpose", t("consent.purpose", { purpose: asked.purpose })],
    )}${evidence()}${actions(button("agree", "consent.agree", "main"), button("decline", "consent.decline"))}`,

    declined: () => html`${title("declined.title")}${p("declined.text")}${actions(back(), button("restart", "declined.again"))}`,

    photos: () => html`${title("photos.title")}${payment()}${p("photos.text")}${photos()}
      ${actions(button("forward", "continue", "main"), button("restart", "back"))}`,

    upload: () => html`${subject()}${notice()}${payment()}${p("photos.text")}${photos()}${evidence()}${actions(button("send", "send", "main"))}`,

    camera: () => html`${title("camera.title")}${payment()}${list(
      ["tick", t("camera.light")],
      ["tick", t("camera.bare")],
      ["tick", t("camera.alone")],
      ["camera", t("camera.text")],
    )}${actions(button("open", "camera.open", "main"), cannotTurn(), button("restart", "back"))}`,

    preview: () => html`<div class="says">${sign(view, "camera")}<div>${title("preview.title")}<p>${words.explain("preview.text", way)}</p></div></div>
      ${finder()}${actions(button("start", "start", "main"), cameras(), speech(), cannotTurn(), button("stop", "cancel"))}`,

    capture: () => html`${title("capture.title", "hidden")}<div class="says" aria-hidden="true">${new Markup(instruction(view, ""))}</div>
      ${finder()}${actions(speech(), cannotTurn(), button("stop", "cancel"))}`,

    alternative: () => html`${title("alternative.title")}${others().map((each) => html`<div class="offer"><button class="second" data-act="take"
      data-way="${each}" aria-describedby="${each}">${t(`alternative.${each}`)}</button><p id="${each}">${t(`${each}.text`)}</p></div>`)}
      ${actions(button("stop", "back"))}`,

    failed: () => {
      const { code, after, attempt, again } = failure;
      const retry = again && html`<button class="main" data-act="again" ${after && "disabled"}>${t("again")}</button>`;
      return html`${mark(code, false)}${title(attempt ? "failed.title" : "title.trouble")}<p>${words.explain(code, way)}</p>
        ${after && p("failed.after", { period: after > 90 ? words.period(Math.ceil(after / 60), "minute") : words.period(Math.ceil(after), "second") })}
        ${attempt && html`<p class="fine">${t("failed.attempts", { count: asked.attempts_left })}</p>`}
        ${actions(retry ?? back(), attempt && live && photosOf(view).length > 0 && button("photos", "failed.photos"), attempt && cannotTurn())}`;
    },

    over: () => {
      const { status, last_error } = asked;
      const end = last_error && words.has(`title.${last_error}`) ? last_error : status; // a fault with a title is an end of its own
      const well = ["verified", "enrolled"].includes(status);
      const text = end === "enrolled" && !asked.codes?.length ? "codes_shown" : end;
      return html`${mark(well ? "tick" : "attention", well)}${title(`title.${end}`)}${p(text)}${asked.codes?.length && p("codes.keep")}${codes()}
        ${actions(back())}`;
    },
  };
  return (stages[stage]?.() ?? html``).text;
}
