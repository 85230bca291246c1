// What every other file uses: making elements, asking the server, asking the person.
import { words } from "/page/words.js";

export function make(tag, more = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(more)) {
    if (name in node) node[name] = value; else node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

async function read(answer) {
  if (!answer.ok) throw new Error(await answer.text());
  return answer.json();
}

export const get = async (path) => read(await fetch(path));

export const post = async (path, body = {}) => read(await fetch(path, {
  method: "POST",
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify(body),
}));

export function ask(text, ...choices) {
  const dialog = document.getElementById("ask");
  const leave = make("button", { textContent: choices.length ? words.cancel : words.ok, autofocus: true });
  const list = make("div", {}, ...choices, leave);
  dialog.replaceChildren(make("p", { id: "asked", textContent: text }), list);
  dialog.setAttribute("aria-labelledby", "asked");
  dialog.onclick = (event) => event.target.closest("button, a") && dialog.close();
  if (!dialog.open) dialog.showModal();
  return list;
}

// A key press on something that is no button by itself does what a click does.
export function pressable(node, label) {
  node.tabIndex = 0;
  node.setAttribute("role", "button");
  if (label) node.setAttribute("aria-label", label);
}

// Let `parent` hold exactly these nodes; what stands right already is not touched, or it would
// lose the focus.
export function arrange(parent, nodes) {
  const wanted = new Set(nodes);
  for (const node of [...parent.children]) if (!wanted.has(node)) node.remove();
  nodes.forEach((node, at) => {
    if (parent.children[at] !== node) parent.insertBefore(node, parent.children[at] ?? null);
  });
}
