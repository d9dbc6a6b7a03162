/** The router: shows the view of the address, and asks for a key where one is needed. */

import { here } from "./address.js";
import { Problem, ask } from "./api.js";
import { browseView } from "./browse.js";
import { announce, fill, h } from "./dom.js";
import { exportView } from "./export.js";
import { historyView } from "./history.js";
import { importView } from "./import.js";
import { templatesView } from "./templates.js";
import { problemNote } from "./widgets.js";

/** The first word of the address → the function that builds a view, given the place and a signal of its end. */
const VIEWS = {
  import: importView,
  export: exportView,
  templates: templatesView,
  history: historyView,
  browse: browseView,
};

const main = document.getElementById("main");
let leaving = new AbortController();
let shownBefore = false;
let placeBefore = null;

async function show() {
  if (location.hash === "#main") return;
  leaving.abort();
  leaving = new AbortController();
  const { signal } = leaving;
  const place = here();
  const name = place.path[0] in VIEWS ? place.path[0] : "import";
  mark(name);
  main.setAttribute("aria-busy", "true");
  const waiting = setTimeout(() => shownBefore && announce("Loading."), 400);
  try {
    const view = await VIEWS[name](place, signal);
    if (!signal.aborted) present(view);
  } catch (error) {
    if (signal.aborted || error.name === "AbortError") return;
    present(error instanceof Problem && error.status === 401 ? signIn(error) : failed(error));
  } finally {
    clearTimeout(waiting);
    if (!signal.aborted) main.removeAttribute("aria-busy");
  }
}

function present(view) {
  const place = location.hash.split("?")[0];
  const focused = place === placeBefore && main.contains(document.activeElement) ? document.activeElement : null;
  const [tag, name] = [focused?.tagName, focused && nameOf(focused)];
  fill(main, view);
  const heading = main.querySelector("h1");
  document.title = `${heading?.textContent ?? "cmdb"} – cmdb`;
  announce("");
  if (shownBefore) {
    const same = focused && [...main.querySelectorAll(tag)].find((each) => tag !== "H1" && nameOf(each) === name);
    // On the same step the focus stays; to a new one it follows, so that a screen reader reads its heading.
    heading?.setAttribute("tabindex", "-1");
    (same || heading)?.focus();
    if (!same) scrollTo(0, 0);
  }
  shownBefore = true;
  placeBefore = place;
}

/** What an element is called, to find it again in a view that is rebuilt. */
const nameOf = (element) =>
  element.getAttribute("aria-label") ?? element.labels?.[0]?.firstChild?.textContent ?? element.textContent.replace(/ [↑↓]$/, "");

function mark(name) {
  for (const link of document.querySelectorAll("nav[aria-label=Main] a")) {
    if (link.getAttribute("href") === `#/${name}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

function failed(error) {
  if (!(error instanceof Problem)) console.error(error);
  const detail = error instanceof Problem ? error.message : "Something went wrong in this page. Reload it.";
  return [
    h("h1", null, "This could not be shown"),
    problemNote(detail),
    h("p", { class: "row" }, h("button", { type: "button", onclick: show }, "Try again"), h("a", { href: "#/import" }, "Start a new import")),
  ];
}

function signIn(refusal) {
  const wrong = h("div", { id: "key-wrong", "aria-live": "polite" });
  const key = h("input", { type: "password", id: "key", autocomplete: "current-password", required: true, "aria-describedby": "key-help key-wrong" });
  const enter = async (event) => {
    event.preventDefault();
    try {
      await ask("api/session", { method: "POST", body: { key: key.value.trim() } });
      await who();
      await show();
    } catch (error) {
      fill(wrong, problemNote(error.message));
      key.focus();
    }
  };
  return [
    h("h1", null, "Sign in"),
    h("form", { class: "card", onsubmit: enter },
      h("p", { id: "key-help" }, "This system asks for a key. Enter yours. You stay signed in until you sign out, or have not used the page for a while; the key is not kept."),
      /not known|session is over/.test(refusal.message) && problemNote(refusal.message),
      h("label", { class: "field" }, h("span", null, "API key"), key),
      wrong,
      h("p", null),
      h("button", { class: "primary" }, "Sign in")),
  ];
}

/** Show who is signed in, where keys are set. */
async function who() {
  const place = document.getElementById("who");
  fill(place);
  try {
    const session = await ask("api/session");
    if (!session.keyNeeded) return;
    const leave = async () => {
      await ask("api/session", { method: "DELETE" });
      // Nothing that was read with the key may stay.
      location.reload();
    };
    fill(place, `Signed in as ${session.name}`, h("button", { type: "button", class: "slim", onclick: leave }, "Sign out"));
  } catch {
    fill(place);
  }
}

document.getElementById("skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});
window.addEventListener("hashchange", show);
who();
show();
