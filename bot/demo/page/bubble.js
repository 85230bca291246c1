// One message as a bubble with its keyboard. Everything is drawn with textContent, but for
// safe_html, which the server makes anew of text and entities: balanced, escaped, known tags only.
import { make, pressable } from "/page/tools.js";
import { words } from "/page/words.js";

const WORTH_A_TAP = "code, pre, tg-spoiler, blockquote[expandable]";

export function bubble(message, phone) {
  const inside = [];
  const replied = phone.messages.find((each) => each.id === message.reply_to);
  if (replied) inside.push(make("div", { className: "quoted", textContent: gist(replied) }));
  if (message.forward_of) {
    inside.push(make("div", { className: "quoted", textContent: words.forwarded(message.forward_of.first_name) }));
  }
  if (message.photo) inside.push(picture(message));
  if (message.document) inside.push(file(message.document));
  const said = text(message, phone);
  if (message.reactions.length) {
    said.append(make("div", { className: "reactions", textContent: message.reactions.join(" ") }));
  }
  // Within the text, so that the time stands on its last line where there is room.
  said.append(meta(message, phone.language));
  inside.push(said);
  const parts = [make("div", { className: "bubble" }, ...inside)];
  if (message.rows.length) {
    parts.push(make("div", { className: "keys" },
      ...message.rows.map((row) => make("div", {}, ...row.map((each) => key(message, each, phone))))));
  }
  if (!message.users_shared) parts.push(...actions(message, phone));
  return parts;
}

// A message in one line; what is hidden in it stays so.
export function gist(message) {
  return message.entities.filter(({ type }) => type === "spoiler").reduce(
    (text, { offset, length }) => text.slice(0, offset) + "░".repeat(length) + text.slice(offset + length),
    message.text || "📄");
}

// A button beside the bubble, and what it opens; the browser opens and closes it.
function actions(message, phone) {
  const menu = make("div", { className: "actions", popover: "auto" });
  const item = (text, act) => {
    const node = make("button", { type: "button", textContent: text });
    node.onclick = () => { menu.hidePopover(); act(); };
    menu.append(node);
  };
  item(words.reply, () => { phone.reply(message); phone.input.focus(); });
  for (const owner of phone.ownersFor(message)) {
    item(words.forward(owner.person.first_name), () => phone.forward(message, owner));
  }
  const label = words.actions(clock(message, document.documentElement.lang));
  const opener = make("button", { type: "button", className: "opener", textContent: "⋯", title: label, "aria-label": label });
  opener.popoverTargetElement = menu;
  return [opener, menu];
}

function picture(message) {
  const at = `/sim/file?id=${encodeURIComponent(message.photo.at(-1).file_id)}`;
  return make("img", { className: "picture", src: at, alt: message.text || words.picture });
}

function file(sent) {
  const size = sent.file_size > 1500 ? `${(sent.file_size / 1024).toFixed(1)} KB` : `${sent.file_size} B`;
  return make("a", { className: "file", href: `/sim/file?id=${encodeURIComponent(sent.file_id)}`, download: sent.file_name },
    make("i", { textContent: "↓", "aria-hidden": "true" }),
    make("span", {}, sent.file_name, make("small", { textContent: size })));
}

function text(message, phone) {
  const node = make("div", { className: "text", lang: phone.language });
  if (message.users_shared) {
    node.textContent = `👤 ${message.users_shared.users.map((user) => phone.nameOf(user)).join(", ")}`;
    return node;
  }
  node.innerHTML = message.safe_html;
  for (const block of node.querySelectorAll("blockquote, pre")) {
    // A block ends its line by itself: the line break behind it would show as an empty line.
    const next = block.nextSibling;
    if (next?.nodeType === Node.TEXT_NODE) next.data = next.data.replace(/^\n/, "");
  }
  linkCommands(node);
  for (const time of node.querySelectorAll("tg-time")) localTime(time, phone.language);
  for (const each of node.querySelectorAll(WORTH_A_TAP)) {
    if (each.matches("pre code")) continue;
    if (each.matches("tg-spoiler")) pressable(each, words.hidden);
    else if (each.matches("blockquote")) { each.tabIndex = 0; each.title = words.more; }
    else if (!each.closest("tg-spoiler")) pressable(each, words.copies(each.textContent));
  }
  return node;
}

export function reveal(node) {
  node.classList.add("open");
  node.removeAttribute("aria-label");
  node.removeAttribute("role");
  node.removeAttribute("title");
  for (const code of node.querySelectorAll("code, pre")) pressable(code, words.copies(code.textContent));
}

function meta(message, language) {
  const edited = message.edited ? `${words.edited} ` : "";
  return make("span", { className: "meta" }, edited,
    make("time", { dateTime: writtenAt(message).toISOString(), textContent: clock(message, language) }));
}

const writtenAt = (message) => new Date((message.edited_at ?? message.date) * 1000);

const clock = (message, language) => writtenAt(message).toLocaleTimeString(language, { timeStyle: "short" });

function key(message, button, phone) {
  const node = make("button", { type: "button", textContent: button.text, className: button.style ?? "" });
  const mark = (sign, title) => { node.append(make("i", { textContent: sign, "aria-hidden": "true" })); node.title = title; };
  if (button.callback_data) node.onclick = () => phone.tap(message, button, node);
  else if (button.url) { mark("↗", button.url); node.onclick = () => phone.link(button.url); }
  else if (button.copy_text) { mark("", words.copies(button.copy_text.text)); node.onclick = () => phone.copy(button.copy_text.text); }
  else node.disabled = true;
  return node;
}

function linkCommands(root) {
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  const texts = [];
  while (walker.nextNode()) {
    if (!walker.currentNode.parentElement.closest("a, code, pre, tg-spoiler")) texts.push(walker.currentNode);
  }
  for (const node of texts) {
    const parts = node.data.split(/((?<![\w/<])\/[a-z0-9_]+(?![\w/]))/);
    if (parts.length < 3) continue;
    node.replaceWith(...parts.map((part, at) =>
      at % 2 ? make("button", { type: "button", className: "command", textContent: part }) : part));
  }
}

function localTime(node, language) {
  const at = new Date(Number(node.getAttribute("unix")) * 1000);
  const format = node.getAttribute("format");
  const options = {};
  if (format.includes("w")) options.weekday = "long";
  if (/d/i.test(format)) options.dateStyle = format.includes("D") ? "long" : "short";
  if (/t/i.test(format)) options.timeStyle = format.includes("T") ? "medium" : "short";
  if (options.dateStyle || options.timeStyle) delete options.weekday;
  if (format === "r") node.textContent = relative(at, language);
  else if (Object.keys(options).length) node.textContent = at.toLocaleString(language, options);
}

function relative(at, language) {
  const seconds = (at - Date.now()) / 1000;
  const [size, unit] = [[86400, "day"], [3600, "hour"], [60, "minute"], [1, "second"]]
    .find(([size]) => Math.abs(seconds) >= size) ?? [1, "second"];
  return new Intl.RelativeTimeFormat(language, { numeric: "auto" }).format(Math.round(seconds / size), unit);
}
