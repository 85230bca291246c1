// The control strip, and the books beside the upstream's record.
import { get, make, post } from "/page/tools.js";
import { words } from "/page/words.js";

const at = (id) => document.getElementById(id);
const known = new Map(); // what stands where, to show what changed
const names = new Map(); // customer id -> name
let last = null;
let again = 0;

export const isOn = (name) => Boolean(last?.on.includes(name));

export function introduce(people) {
  for (const { id, first_name: name } of people) names.set(String(id), name);
}

export function addControls(controls) {
  const hint = at("hint");
  for (const name of controls) {
    const node = make("button", { type: "button", name });
    const explain = () => { hint.textContent = words.control[name][1]; };
    node.onclick = async () => { explain(); draw(await post(`/demo/control/${name}`)); };
    node.onmouseenter = node.onfocus = explain;
    node.setAttribute("aria-describedby", "hint");
    at("controls").append(node);
  }
}

export async function look() {
  draw(await get("/demo/status"));
}

export function redraw() {
  known.clear();
  if (last) draw(last);
}

export function gone() {
  at("state").className = "down";
  at("state").textContent = words.gone;
}

function draw(status) {
  last = status;
  drawControls(status.on);
  drawState(status.bot);
  drawUpstream(status.upstream);
  drawVerdict(status.inside);
  if (status.inside) drawBooks(status.inside);
  // What ends by itself is not told of.
  clearTimeout(again);
  if (status.on.length) again = setTimeout(() => look().catch(gone), 1000);
}

function drawControls(on) {
  for (const node of at("controls").children) {
    const [label, hint] = words.control[node.name];
    node.textContent = label;
    node.title = hint;
    if (node.name !== "plug" && node.name !== "calm") node.setAttribute("aria-pressed", String(on.includes(node.name)));
  }
}

function drawState(bot) {
  const note = words.note[bot.note](bot);
  const text = words.state[bot.state] + (note ? `: ${note}` : "") + ".";
  at("state").className = bot.state;
  if (at("state").textContent !== text) at("state").textContent = text;
}

function drawVerdict(inside) {
  const node = at("verdict");
  const verdict = !inside ? "none" : inside.sums.are_whole ? inside.counts.verdict : "different";
  node.className = `verdict ${verdict}`;
  if (node.textContent !== words.verdict[verdict]) node.textContent = words.verdict[verdict];
}

function drawBooks({ sums, counts, orders, postings, posted }) {
  const parts = ["customers", "held", "sales", "adjustments"];
  equation("sums", [...parts.map((name, i) => [i ? "+" : "", words.sums[name], sums[name]]),
    [sums.are_whole ? "=" : "≠", words.sums.paid_in, sums.paid_in]]);
  const also = ["strays", "unknown"].filter((name) => counts[name]);
  equation("counts", [["", words.counts.bound, counts.bound],
    ...also.map((name) => ["+", words.counts[name], counts[name]]),
    [{ equal: "=", open: "~", different: "≠" }[counts.verdict], words.counts.made, counts.made]]);
  list(document.querySelector("#orders ol"), orders, orderLine);
  const rows = postings.map((each) => make("tr", {},
    make("td", { textContent: each.id }), make("td", { textContent: words.kind[each.kind] }),
    make("td", { textContent: `${account(each.source)} → ${account(each.destination)}` }),
    make("td", { textContent: each.amount })));
  const body = document.querySelector("#ledger tbody");
  body.replaceChildren(...rows);
  rows.forEach((row, i) => mark(row, `posting ${postings[i].id}`, "there"));
  document.querySelector("#ledger tfoot th").textContent = words.posted(posted);
  document.querySelector("#ledger tfoot td").textContent = sums.paid_in;
}

function equation(id, terms) {
  at(id).replaceChildren(...terms.map(([sign, name, value]) => {
    const spoken = make("span", { className: "unseen", textContent: `${sign} ` });
    const node = make("div", { "data-sign": sign }, make("dt", { textContent: name }), make("dd", {}, spoken, String(value)));
    mark(node, `${id} ${name}`, value);
    return node;
  }));
}

function orderLine(order) {
  const trail = make("div", { className: "trail" });
  order.moves.forEach((move, i) => {
    if (i) trail.append(make("i", { textContent: `+${(move.at - order.moves[i - 1].at).toFixed(1)} s →` }));
    const isNow = i === order.moves.length - 1;
    trail.append(make("span", { className: isNow ? `now ${move.state}` : "", textContent: move.state }));
  });
  const node = make("li", {},
    make("div", { className: "row" }, make("span", { textContent: `#${order.id} ${order.person}: ${order.what}` }), make("b", { textContent: order.price })), trail);
  return [node, `order ${order.id}`, order.moves.length];
}

function drawUpstream({ made, asked, balance, renewing, orders }) {
  const said = document.querySelector("#upstream p");
  said.textContent = words.record(made, asked, balance, renewing);
  list(document.querySelector("#upstream ol"), orders, (order) => [
    make("li", { className: "row" }, make("span", { textContent: `${order.reference}: ${order.provider} ${order.plan}` }), make("b", { textContent: order.cost })),
    order.reference, "there"]);
}

function list(parent, items, line) {
  const drawn = items.map(line);
  parent.replaceChildren(...(drawn.length ? drawn.map(([node]) => node) : [make("li", { className: "none", textContent: words.none })]));
  for (const [node, name, value] of drawn) mark(node, name, value);
}

// `customer:1001` and `held:7` in words.
function account(address) {
  const [name, which] = address.split(":");
  if (name === "customer") return names.get(which) ?? `${words.account.customer} ${which}`;
  return words.account[name] + (name === "held" ? ` #${which}` : "");
}

function mark(node, name, value) {
  if (known.has(name) && known.get(name) !== value || !known.has(name) && known.size > 20) node.classList.add("changed");
  known.set(name, value);
}
