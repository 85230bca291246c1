// The page comes to life: people, languages, light and dark, and the stream of changes.
import { addControls, gone, introduce, isOn, look, redraw } from "/page/inside.js";
import { Phone } from "/page/phone.js";
import { get, make } from "/page/tools.js";
import { LANGUAGES, speak, words } from "/page/words.js";

const phones = new Map();
const tabs = document.getElementById("tabs");
const insideTab = make("button", { type: "button", role: "tab", className: "inside", "aria-controls": "inside" });
const remembered = (name) => { try { return localStorage.getItem(name); } catch { return null; } };
const remember = (name, value) => { try { localStorage.setItem(name, value); } catch { /* a private window forgets */ } };

function show(phone) {
  document.body.classList.toggle("looks-inside", phone === null);
  insideTab.setAttribute("aria-selected", String(phone === null));
  insideTab.tabIndex = phone === null ? 0 : -1;
  // From inside back to the chats, and on a wide page beside them, somebody is shown.
  if (phone === null) { for (const each of phones.values()) each.tab.setAttribute("aria-selected", "false"); return; }
  for (const each of phones.values()) each.show(each === phone);
}

function addTabs() {
  for (const phone of phones.values()) {
    phone.tab.onclick = () => show(phone);
    tabs.append(phone.tab);
  }
  insideTab.onclick = () => show(null);
  tabs.append(insideTab);
  tabs.onkeydown = (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const shown = [...tabs.children].filter((each) => each.checkVisibility());
    const next = shown.at((shown.indexOf(document.activeElement) + step) % shown.length);
    next.click();
    next.focus();
  };
}

function chooseLanguage(language) {
  speak(language);
  remember("language", language);
  tabs.setAttribute("aria-label", words.people);
  insideTab.textContent = `⚙ ${words.insideShort}`;
  const group = document.getElementById("languages");
  group.setAttribute("aria-label", words.language);
  group.replaceChildren(...Object.entries(LANGUAGES).map(([code, [name]]) => {
    const node = make("button", { type: "button", lang: code, "aria-label": name, "aria-pressed": String(code === language) },
      make("span", { className: "long", textContent: name }), make("span", { className: "short", textContent: code.toUpperCase() }));
    node.onclick = () => { chooseLanguage(code); group.querySelector("[aria-pressed=true]").focus(); };
    return node;
  }));
  chooseTheme(document.documentElement.dataset.theme ?? "");
  phones.forEach((phone) => phone.speak());
  redraw();
}

function chooseTheme(theme) {
  const node = document.getElementById("theme");
  if (theme) document.documentElement.dataset.theme = theme;
  const isDark = theme ? theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  node.textContent = isDark ? "☀" : "☾";
  node.title = words.theme;
  node.setAttribute("aria-label", words.theme);
  node.onclick = () => { chooseTheme(isDark ? "light" : "dark"); remember("theme", isDark ? "light" : "dark"); };
}

// From the strip back to where one was in a chat, if that is still there.
function leadBack() {
  let left = null;
  document.getElementById("phones").addEventListener("focusin", (event) => { left = event.target; });
  document.getElementById("back").addEventListener("click", (event) => {
    if (!left?.checkVisibility()) return;
    event.preventDefault();
    left.focus();
  });
}

function listen() {
  const of = (event) => {
    const id = JSON.parse(event.data).chat_id;
    return id === null ? [...phones.values()] : [phones.get(id)].filter(Boolean);
  };
  const stream = new EventSource("/sim/events");
  const on = (kinds, act) => kinds.forEach((kind) => stream.addEventListener(kind, (event) => of(event).forEach(act)));
  on(["message", "edit", "delete", "keyboard", "reaction", "commands"], (phone) => phone.refresh());
  on(["answer"], (phone) => phone.answers());
  on(["action"], (phone) => phone.types());
  stream.addEventListener("status", () => look().catch(gone));
  stream.onopen = () => { look().catch(gone); phones.forEach((phone) => phone.refresh()); };
  stream.onerror = gone;
}

async function begin() {
  const { people, controls } = await get("/demo/cast");
  for (const person of people) {
    const phone = new Phone(person, phones, () => (isOn("twice") ? 2 : 1));
    phones.set(person.id, phone);
    document.getElementById("phones").append(phone.node);
  }
  introduce(people);
  addControls(controls);
  addTabs();
  leadBack();
  const preferred = remembered("language") ?? (navigator.language.startsWith("ru") ? "ru" : "en");
  document.documentElement.dataset.theme = remembered("theme") ?? "";
  if (!document.documentElement.dataset.theme) delete document.documentElement.dataset.theme;
  chooseLanguage(preferred in LANGUAGES ? preferred : "en");
  show([...phones.values()][0]);
  listen();
}

begin().catch(gone);
