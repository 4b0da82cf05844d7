// @ts-check
// The hosted page. The session's secret stands behind the #, which browsers send to nobody; it is taken out of the address bar at
// once, kept for this tab alone, which a phone may load again, and forgotten at the end.

import "./visavis-capture.js";

const RETURN_MS = 3000;
const session = location.pathname.split("/").pop() ?? "";
const given = location.hash.slice(1);
history.replaceState(null, "", location.pathname);

/** @template T @param {() => T} use @returns {T | null} null where the browser keeps nothing: then a reload is the end */
function kept(use) {
  try { return use(); } catch { return null; }
}

addEventListener("visavis-state", (event) => {
  const { title, locale, direction } = /** @type {CustomEvent} */ (event).detail;
  Object.assign(document.documentElement, { lang: locale, dir: direction });
  document.title = title;
});

addEventListener("visavis-done", (event) => {
  const { return_url, codes } = /** @type {CustomEvent} */ (event).detail;
  kept(() => sessionStorage.removeItem(session));
  if (return_url && !codes?.length) setTimeout(() => location.assign(return_url), RETURN_MS);
});

if (given) kept(() => sessionStorage.setItem(session, given));
const secret = given || kept(() => sessionStorage.getItem(session)) || "none";
const element = /** @type {Element} */ (document.querySelector("visavis-capture"));
element.setAttribute("session", session);
Object.assign(element, { secret });
