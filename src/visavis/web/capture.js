// The page of a verification session: two uploads, one answer. The session's secret stands in the address behind the #, which
// browsers send to nobody; it is taken out of the address bar at once, and forgotten when the session is over.

const session = location.pathname.split("/").pop() ?? "";
const given = location.hash.slice(1);
history.replaceState(null, "", location.pathname);
const secret = given || (recall() ?? "");
remember(secret);

/** For this tab alone, which a phone may load again after the camera was open. Where nothing can be kept, a reload is the end. */
function recall() {
  try { return sessionStorage.getItem(session); } catch { return null; }
}

/** @param {string | null} value */
function remember(value) {
  try {
    if (value) sessionStorage.setItem(session, value);
    else sessionStorage.removeItem(session);
  } catch { /* see above */ }
}

const RETURN_MS = 3000;
const AGAIN_MS = 2000;
let enrolling = false;
const form = /** @type {HTMLFormElement} */ (document.getElementById("capture"));
const said = /** @type {HTMLElement} */ (document.getElementById("said"));
const agreed = /** @type {HTMLInputElement} */ (form.elements.namedItem("evidence_agreed"));
const title = /** @type {HTMLElement} */ (document.querySelector("h1"));
const asked = /** @type {HTMLElement} */ (document.getElementById("asked"));

/** What is said of the codes that the service answers with. @type {Record<string, string>} */
const WORDS = {
  enrolled: "Done: you are enrolled.",
  no_face: "In one of the photos there is no face. Send photos of you, near and well lit.",
  several_faces: "In one of the photos there are several people. Send photos of you alone.",
  face_too_small: "In one of the photos you are too far away. Send photos from nearer.",
  frames_disagree: "The photos are too unlike each other. Send photos of you, as you look today.",
  consent_invalid: "The consent to this enrolment has ended. Go back to where you came from.",
  verified: "Done: you have been verified. You can close this page.",
  canceled: "This is over, and it did not succeed. Go back to where you came from.",
  expired: "The time for this is over. Go back to where you came from, and start again.",
  processing: "A photo of yours is being looked at.",
  client_secret_refused: "This address is not complete, or what it was for is gone. Open the link that you were given again.",
  score_below_threshold: "The photo does not match. Take another one, as you look today, well lit, facing the camera.",
  not_compared: "No single face was found that is large enough. Take another photo: you alone, near, well lit.",
  claim_refused: "This code opens nothing here. Is it the right one?",
  image_unsupported: "This is no photo. Send a photo as JPEG, PNG, WebP or HEIC.",
  code_unreadable: "The code could not be read. Take the photo sharp, whole and without glare.",
  interrupted: "The service was interrupted. Send the photo again.",
  overloaded: "The service is busy. Try again in a moment.",
  rate_limited: "Too many attempts. Wait a little, then try again.",
};

/** @param {string} code */
const say = (code) => { said.textContent = WORDS[code] ?? "This did not work. Try another photo."; };

const CODES = { claim: "Your claim", credential: "Your credential", holder: "Your second code: keep it apart from the first" };

/** Shows what is handed out once, each with a button that saves it. @param {{name: keyof typeof CODES, png: string}[]} codes */
function hand(codes) {
  const place = /** @type {HTMLElement} */ (document.getElementById("codes"));
  for (const { name, png } of codes) {
    const bytes = Uint8Array.from(atob(png), (letter) => letter.charCodeAt(0));
    const address = URL.createObjectURL(new Blob([bytes], { type: "image/png" }));
    const figure = document.createElement("figure");
    const picture = document.createElement("img");
    picture.src = address;
    picture.alt = CODES[name];
    const save = document.createElement("a");
    save.href = address;
    save.download = `${name}.png`;
    save.textContent = `${CODES[name]}: save it`;
    const words = document.createElement("figcaption");
    words.append(save);
    figure.append(picture, words);
    place.append(figure);
  }
  place.hidden = codes.length === 0;
}

/** @param {{status: string, kind: string, against: string | null, last_error: string | null, transaction: {amount: string, currency: string, payee: string} | null, evidence: {text: string, locale: string, retention_days: number} | null, return_url: string | null, codes?: {name: keyof typeof CODES, png: string}[]}} answer */
function show(answer) {
  if (answer.transaction) {
    const { amount, currency, payee } = answer.transaction;
    asked.textContent = `You approve: ${amount} ${currency} to ${payee}`;
    asked.hidden = false;
  }
  hand(answer.codes ?? []);
  enrolling = answer.kind === "enrolment";
  document.title = title.textContent = enrolling ? "Enrol your face" : "Verify that it is you";
  const open = answer.status === "requires_input";
  form.hidden = !open;
  for (const part of form.querySelectorAll("[data-for]")) {
    const mine = (part.getAttribute("data-for") ?? "").split(" ").includes(answer.against ?? answer.kind);
    /** @type {HTMLElement} */ (part).hidden = !mine;
    for (const input of part.querySelectorAll("input")) {
      input.disabled = !mine;
      input.required = mine && !("optional" in input.dataset);
    }
  }
  if (answer.evidence) {
    const terms = /** @type {HTMLElement} */ (document.getElementById("terms"));
    terms.textContent = answer.evidence.text;
    terms.lang = answer.evidence.locale;
    /** @type {HTMLElement} */ (document.getElementById("days")).textContent = String(answer.evidence.retention_days);
    /** @type {HTMLElement} */ (document.getElementById("evidence")).hidden = false;
    agreed.disabled = false;
  }
  const waiting = answer.status === "processing";
  if (waiting) setTimeout(() => ask({}), AGAIN_MS);
  if (answer.return_url && !open && !waiting) lead(answer.return_url, answer.codes?.length ? 0 : RETURN_MS);
  if (!open && !waiting) remember(null);
  if (!open) say(answer.status);
  else if (answer.last_error) say(answer.last_error);
}

/** Leads back to the application: by a link, and after so many milliseconds by itself, if any. @param {string} url @param {number} after */
function lead(url, after) {
  const back = /** @type {HTMLElement} */ (document.getElementById("back"));
  /** @type {HTMLAnchorElement} */ (back.firstElementChild).href = url;
  back.hidden = false;
  if (after) setTimeout(() => location.assign(url), after);
}

/** @param {RequestInit} request */
async function ask(request) {
  const path = request.body && enrolling ? `${session}/photos` : session;
  const response = await fetch(`/v1/capture/${path}`, { ...request, headers: { Authorization: `Bearer ${secret}` } });
  const answer = await response.json();
  if (response.ok) show(answer);
  else say(answer.code);
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = /** @type {HTMLButtonElement} */ (form.querySelector("button"));
  const body = new FormData();
  for (const input of form.querySelectorAll("input")) {
    if (input !== agreed && !input.disabled) for (const file of input.files ?? []) body.append(input.name, file);
  }
  if (agreed.checked) body.append(agreed.name, agreed.value);
  button.disabled = true;
  said.textContent = WORDS.processing;
  try {
    await ask({ method: "POST", body });
  } catch {
    said.textContent = "The service cannot be reached. Check your connection, and send the photo again.";
  }
  button.disabled = false;
});

ask({}).catch(() => { said.textContent = "The service cannot be reached. Check your connection, and open the page again."; });
