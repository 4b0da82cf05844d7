// @ts-check
// <visavis-capture session="vs_…">: consent, photos of codes, the camera, the capture, the answer (docs/liveness.md). The session's
// secret is the property `secret`, never an attribute.

import { Camera, readPhoto } from "./camera.js";
import { KIND, Live } from "./live.js";
import { guidance, instruction, languages, missing, photosOf, stage } from "./stages.js";
import { Words, language } from "./words.js";

/** @typedef {import("./types").Capture} Capture */

const SESSIONS = new URL("../v1/capture/", import.meta.url);
const SHELL = `<link rel="stylesheet" crossorigin href="${new URL("capture.css", import.meta.url)}">
  <div class="card" hidden><div class="head"></div><div class="stage"></div><p class="hidden" role="status"></p></div>`;
const PHOTOS_MAX = 5;
const LOOK_AGAIN_MS = 2000;
const RECONNECT_MS = 1500;
const AWAY_MS = 3000;
/** So long an instruction stays at least, and stands before it is said. */
const SHOWN_MS = 500;
const STOOD_MS = 400;
const WITH_CAMERA = ["preview", "capture"];
/** Names of photos in a form, by kind. */
const FIELDS = ["", "claim_photo", "credential_photo", "holder_photo", "reference", "document_page"];

export class VisavisCapture extends HTMLElement {
  static observedAttributes = ["session", "lang"];

  /** @type {string | null} */
  #secret = null;
  #stage = "loading";
  /** Counts what was begun: who waited goes on only where nothing was begun since. */
  #turn = 0;
  #reconnected = false;
  #language = "";
  #consent = {};
  /** @type {Live | undefined} */
  #live;
  #guided = { code: "", shown: "", shown_ms: 0, show: 0, say: 0 };
  #away = 0;
  #away_ms = 0;
  #root = this.attachShadow({ mode: "open" });
  /** @type {import("./types").View} */
  #view = {
    words: new Words("en", {}),
    camera: new Camera(),
    asked: /** @type {any} */ (null),
    live: false,
    way: null,
    photos: new Map(),
    faulty: new Map(),
    agreed: false,
    spoken: false,
    notice: "",
    failure: { code: "", after: 0, attempt: false, again: null },
  };

  /** What the buttons do. @type {Record<string, (way: string) => void>} */
  #acts = {
    agree: () => this.#agree(),
    decline: () => this.#go("declined"),
    restart: () => { this.#view.way = null; this.#go("consent"); },
    photos: () => this.#go("photos"),
    forward: () => this.#proceed(() => this.#go("camera")),
    send: () => this.#proceed(() => this.#send()),
    open: () => this.#open(),
    start: () => this.#start(),
    stop: () => { this.#stop(); this.#go("camera"); },
    speak: () => this.#speak(),
    stuck: () => { this.#stop(); this.#go("alternative"); },
    take: (way) => this.#take(way),
    again: () => this.#view.failure.again?.(),
  };

  constructor() {
    super();
    this.#root.innerHTML = SHELL;
    const card = this.#find(".card");
    const style = this.#find("link");
    style.onload = style.onerror = () => { card.hidden = false; };
    card.onclick = (/** @type {any} */ { target }) => {
      const { act, way } = target.closest("button")?.dataset ?? {};
      this.#acts[act]?.(way);
    };
    card.onchange = (/** @type {any} */ { target }) => this.#change(target);
  }

  /** @param {string} secret */
  set secret(secret) {
    this.#secret = secret;
    this.#begin();
  }

  connectedCallback() {
    if (Object.hasOwn(this, "secret")) { // set before the element was defined
      this.#secret = this.secret;
      delete (/** @type {any} */ (this).secret);
    }
    document.addEventListener("visibilitychange", this.#onVisibility);
    addEventListener("pagehide", this.#onAway);
    this.#begin();
  }

  disconnectedCallback() {
    document.removeEventListener("visibilitychange", this.#onVisibility);
    removeEventListener("pagehide", this.#onAway);
    clearTimeout(this.#away);
    this.#stop();
  }

  attributeChangedCallback(name, before, now) {
    if (before === now) return;
    if (name === "session") this.#begin();
    else if (this.#view.words.complete) this.#translate();
  }

  // --- (1) what the session asks for

  #begin() {
    this.#stop();
    this.#stage = "loading";
    const fresh = { words: new Words("en", {}), papers: null, way: null, agreed: false, photos: new Map(), faulty: new Map() };
    Object.assign(this.#view, fresh);
    if (this.isConnected && this.hasAttribute("session") && this.#secret !== null) this.#look();
  }

  async #look(tried = false) {
    const turn = this.#turn;
    const view = this.#view;
    try {
      if (!view.words.complete) await this.#translate();
      const asked = await this.#ask();
      if (asked.document && !view.papers) {
        const { Papers } = await import(`./document.js?${turn}`); // what failed once, some browsers never fetch again
        if (turn !== this.#turn) return;
        view.papers = new Papers(asked);
        await this.#translate();
      }
      if (!view.words.complete) throw new TypeError();
      if (turn === this.#turn) this.#show(asked, tried);
    } catch (/** @type {any} */ error) {
      if (turn === this.#turn) this.#refuse(error, () => this.#look(tried));
    }
  }

  /** A fault is thrown with its code. */
  async #ask(body, path = body?.has("photo") ? "/photos" : "") {
    const headers = { Authorization: `Bearer ${this.#secret}` };
    const address = this.#address(path);
    const response = await fetch(address, { method: body ? "POST" : "GET", body, headers, cache: "no-store", credentials: "omit" });
    const answer = await response.json();
    if (response.ok) return answer;
    const passing = response.status >= 500 || [408, 409, 429].includes(response.status);
    throw Object.assign(new Error(answer.code), { code: answer.code, passing, after: Number(response.headers.get("Retry-After")) });
  }

  #address(path) {
    return new URL(encodeURIComponent(this.getAttribute("session") ?? "") + path, SESSIONS);
  }

  #show(asked, tried) {
    this.#stop();
    const { status, last_error, liveness } = asked;
    const barred = this.#view.papers?.barred;
    Object.assign(this.#view, { asked, live: liveness === "required", notice: last_error ?? "" });
    if (status === "processing") {
      this.#go("waiting");
      this.#later(LOOK_AGAIN_MS, () => this.#look(tried));
    } else if (status !== "requires_input") {
      this.#secret = null;
      this.#go("over");
      this.#tell("visavis-done", asked);
    } else if (barred) this.#fail(barred, { again: null });
    else if (tried && last_error) this.#fail(last_error, { attempt: true });
    else this.#go(this.#view.live ? "consent" : "upload");
  }

  /** Unless told otherwise, the way on is to capture again. */
  #fail(code, more = {}) {
    this.#stop();
    const failure = (this.#view.failure = { code, after: 0, attempt: false, again: () => this.#retry(), ...more });
    this.#go("failed");
    if (failure.after) this.#later(failure.after * 1000, () => {
      failure.after = 0;
      this.#find("[data-act=again]")?.removeAttribute("disabled");
    });
    this.#tell("visavis-error", { code });
  }

  #retry() {
    if (this.#view.live) this.#open();
    else this.#look();
  }

  #refuse({ code = "unreachable", after = 0, passing = true }, again) {
    this.#fail(code, { after, again: passing ? again : null });
  }

  // --- (2) consent and photos

  #agree() {
    const { words } = this.#view;
    this.#consent = { version: words.say("consent_version"), locale: words.locale };
    this.#view.notice = "";
    this.#go(photosOf(this.#view).length ? "photos" : "camera");
  }

  #change({ id, name, value, checked, files }) {
    if (files?.length) this.#choose(name, [...files].slice(0, PHOTOS_MAX));
    else if (id === "agreed") this.#view.agreed = checked;
    else if (id === "camera") this.#open(value);
    else if (id === "language") {
      this.#language = value;
      this.#translate().then(() => this.#find("#language")?.focus());
    }
  }

  async #choose(name, files) {
    const { live, photos, faulty, papers } = this.#view;
    if (papers) this.#go("checking");
    const turn = this.#turn;
    const read = await Promise.all(files.map((file) => papers?.read(name, file) ?? readPhoto(file)));
    if (turn !== this.#turn) return;
    const useless = live && read.some(({ small }) => !small);
    photos.set(name, useless ? [] : read);
    faulty.delete(name);
    if (useless) faulty.set(name, ["photo.unreadable"]);
    if (papers) this.#examine(name);
    else this.#paintPhotos(name);
  }

  #paintPhotos(name) {
    this.#paint();
    this.#find(`[name=${name}]`).focus();
  }

  /** Goes on where no photo is missing, and nothing is found wrong. */
  #proceed(on) {
    const lacking = missing(this.#view);
    for (const name of lacking) this.#view.faulty.set(name, ["photo.missing"]);
    if (lacking.length) this.#paintPhotos(lacking[0]);
    else this.#examine("", on);
  }

  /** Has the document looked at, if one is asked for; goes back to a photo that is wrong, or to the one that was added, or on. */
  async #examine(added, on) {
    const { papers, live } = this.#view;
    if (!papers) return on();
    if (this.#stage !== "checking") this.#go("checking");
    const turn = this.#turn;
    const name = await papers.look(this.#view, (body) => this.#ask(body, "/document")) || added;
    if (turn !== this.#turn) return;
    if (!name) return on();
    this.#go(live ? "photos" : "upload");
    this.#paintPhotos(name);
  }

  async #send() {
    const { photos, agreed } = this.#view;
    const body = new FormData();
    for (const name of photosOf(this.#view)) {
      for (const { file } of photos.get(name) ?? []) body.append(FIELDS[KIND[name] ?? 0] || name, file);
    }
    if (agreed) body.append("evidence_agreed", "true");
    this.#go("checking");
    const turn = this.#turn;
    try {
      const asked = await this.#ask(body);
      if (turn !== this.#turn) return;
      photos.delete("photo");
      photos.delete("probe");
      this.#show(asked, true);
    } catch (/** @type {any} */ error) {
      if (turn === this.#turn) this.#refuse({ ...error, passing: true }, () => this.#retry());
    }
  }

  // --- (3) the camera

  async #open(id = "") {
    this.#stop();
    this.#go("opening");
    const turn = this.#turn;
    const { camera } = this.#view;
    const fault = await camera.open(id, () => this.#fail("camera_lost"));
    if (turn !== this.#turn) camera.close();
    else if (fault) this.#fail(fault);
    else this.#go("preview");
  }

  // --- (4) the capture

  #start() {
    this.#reconnected = false;
    this.#ask().then((asked) => { this.#view.asked = asked; }, () => {});
    this.#go("capture");
    this.#connect(this.#view.way);
  }

  #connect(alternative) {
    const { camera, photos, agreed } = this.#view;
    const address = this.#address("/live");
    address.protocol = address.protocol.replace("http", "ws");
    const start = { secret: this.#secret ?? "", consent: this.#consent, evidence_agreed: agreed, alternative };
    const live = (this.#live = new Live(address, start, {
      ready: (longSidePx) => {
        if (this.#stage !== "capture") return;
        for (const name of photosOf(this.#view)) {
          const photo = photos.get(name)?.[0]?.small;
          if (photo) live.send(KIND[name], photo);
        }
        camera.film(longSidePx, () => live.free, (frame) => live.send(0, frame));
      },
      guidance: (code, progress) => {
        if (this.#stage !== "capture") return;
        this.#guide(code, progress);
        if (progress < 1) return;
        camera.close();
        this.#go("checking");
      },
      done: (asked) => this.#show(asked, true),
      ended: (code, after) => this.#ended(code, after),
    }));
  }

  /** What the service decided meanwhile stands; else a lost connection, which has no code, is made again once. */
  async #ended(code, after) {
    const turn = this.#turn;
    const { camera, asked: before, way } = this.#view;
    camera.rest();
    if (!code) {
      this.#guide("", 0);
      await new Promise((passed) => this.#later(RECONNECT_MS, passed));
    }
    const asked = await this.#ask().catch(() => null);
    if (turn !== this.#turn) return;
    const decided = asked && (asked.status !== "requires_input" || asked.attempts_left < before.attempts_left);
    if (decided) this.#show(asked, true);
    else if (asked && !code && !this.#reconnected && this.#stage === "capture") {
      this.#reconnected = true;
      this.#connect(way);
    } else {
      const refused = asked && code === "document_refused" && { again: () => this.#go("photos") };
      this.#fail(refused ? asked.last_error : code || "connection_lost", { after, attempt: Boolean(code && asked), ...refused });
    }
  }

  #guide(code, progress) {
    const percent = Math.round(progress * 100);
    this.#find(".ring")?.setAttribute("aria-valuenow", String(percent));
    this.#find(".run")?.style.setProperty("stroke-dasharray", `${percent} 100`);
    const now = this.#guided;
    if (code === now.code) return;
    now.code = code;
    clearTimeout(now.show);
    clearTimeout(now.say);
    now.show = this.#later(now.shown_ms + SHOWN_MS - performance.now(), () => this.#instruct());
    now.say = this.#later(STOOD_MS, () => this.#announce());
  }

  #instruct() {
    const now = this.#guided;
    if (now.code === now.shown || this.#stage !== "capture") return;
    now.shown = now.code;
    now.shown_ms = performance.now();
    this.#find(".says").innerHTML = instruction(this.#view, now.code);
  }

  #announce() {
    const said = this.#find("[role=status]");
    const text = guidance(this.#view, this.#guided.code);
    if (said.textContent !== text) this.#say((said.textContent = text));
  }

  #say(text) {
    if (!this.#view.spoken) return;
    const spoken = new SpeechSynthesisUtterance(text);
    spoken.lang = this.#view.words.locale;
    speechSynthesis.cancel();
    speechSynthesis.speak(spoken);
  }

  #speak() {
    const spoken = (this.#view.spoken = !this.#view.spoken);
    this.#find("[aria-pressed]").setAttribute("aria-pressed", String(spoken));
    speechSynthesis.cancel();
    this.#say(this.#find(".says").innerText);
  }

  /** Another way than turning one's head: one that is filmed too, or one that ends the session. */
  #take(way) {
    if (this.#view.words.has(`${way}.preview.text`)) {
      this.#view.way = way;
      this.#go("camera");
    } else {
      this.#go("checking");
      this.#connect(way);
    }
  }

  // --- stages

  #go(stage) {
    const first = this.#stage === "loading";
    this.#turn += 1;
    this.#stage = stage;
    this.#guided = { code: "", shown: "", shown_ms: 0, show: 0, say: 0 };
    this.#find("[role=status]").textContent = "";
    this.#paint();
    const heading = this.#find("h1");
    if (!first) heading.focus();
    const { locale, direction } = this.#view.words;
    this.#tell("visavis-state", { state: stage, title: heading.textContent, locale, direction });
  }

  #paint() {
    const { words, camera, photos } = this.#view;
    const filming = WITH_CAMERA.includes(this.#stage);
    const card = this.#find(".card");
    Object.assign(card, { lang: words.locale, dir: words.direction });
    card.dataset.stage = this.#stage;
    this.#find(".head").innerHTML = words.complete && !filming ? languages(this.#view) : "";
    this.#find(".stage").innerHTML = stage(this.#view, this.#stage);
    for (const [name, chosen] of photos) this.#find(`#thumbs-${name}`)?.append(...chosen.map(({ thumb }) => thumb ?? ""));
    if (!filming) return;
    this.#find(".finder").prepend(camera.video);
    camera.video.play().catch(() => {});
  }

  /** Shows the stage in the language wished for. */
  async #translate() {
    this.#view.words = await Words.of(language([this.#language, this.lang, ...navigator.languages]), this.#view.papers);
    this.#paint();
    this.#guided.shown = "";
    this.#instruct();
  }

  /** Ends what is going on. */
  #stop() {
    this.#turn += 1;
    this.#view.camera.close();
    this.#live?.close();
    globalThis.speechSynthesis?.cancel();
  }

  #onVisibility = () => {
    clearTimeout(this.#away);
    if (document.hidden) {
      this.#away_ms = performance.now();
      this.#away = setTimeout(this.#onAway, AWAY_MS);
    } else if (performance.now() - this.#away_ms >= AWAY_MS) this.#onAway(); // where timers stood still meanwhile
  };

  #onAway = () => {
    if (WITH_CAMERA.includes(this.#stage)) this.#fail("page_hidden");
  };

  /** Unless something else is begun. */
  #later(after_ms, act) {
    const turn = this.#turn;
    return setTimeout(() => { if (turn === this.#turn) act(); }, after_ms);
  }

  #find(selector) {
    return /** @type {HTMLElement} */ (this.#root.querySelector(selector));
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail, bubbles: true, composed: true }));
  }
}

customElements.define("visavis-capture", VisavisCapture);
