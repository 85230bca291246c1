// One person's phone: the chat with the bot, what is unread, and where one writes.
import { bubble, gist, reveal } from "/page/bubble.js";
import { arrange, ask, get, make, post } from "/page/tools.js";
import { words } from "/page/words.js";

const BOT = "demo_shop_bot";
const NEAR = 60;

export class Phone {
  constructor(person, neighbours, taps) {
    this.person = person;
    this.neighbours = neighbours; // everybody's phone by id
    this.taps = taps;             // how often a tap is sent
    this.language = person.language_code ?? "en";
    this.messages = [];
    this.drawn = new Map();       // message id -> { source, node }
    this.pending = new Map();     // callback query id -> the button that waits
    this.commands = [];
    this.unread = 0;
    this.build();
    this.speak();
  }

  build() {
    const { person } = this;
    const avatar = () => make("span", { className: `avatar ${person.role}`, textContent: person.first_name[0], "aria-hidden": "true" });
    this.role = make("small");
    this.status = make("small");
    this.about = make("p", { className: "about" });
    this.chat = make("div", { className: "chat", tabIndex: 0, role: "log" });
    this.toasts = make("div", { className: "toast", role: "status" });
    this.typing = make("div", { className: "typing", "aria-hidden": "true" }, make("i"), make("i"), make("i"));
    this.fresh = make("div", { className: "fresh" });
    this.downBadge = make("span", { className: "badge" });
    this.down = make("button", { type: "button", className: "down", hidden: true }, "↓", this.downBadge);
    this.globe = make("button", { type: "button", textContent: "🌐" });
    this.menu = make("div", { className: "menu", hidden: true });
    this.input = make("textarea", { rows: 1, autocomplete: "off", maxLength: 4096, enterKeyHint: "send" });
    this.slash = make("button", { type: "button", "aria-expanded": "false" });
    this.sender = make("button", { type: "submit", textContent: "➤" });
    this.quoted = make("span", { id: `quoted-${person.id}` });
    this.leave = make("button", { type: "button", textContent: "✕" });
    this.replying = make("div", { className: "replying", hidden: true }, this.quoted, this.leave);
    this.input.setAttribute("aria-describedby", this.quoted.id);
    this.write = make("form", { className: "write" }, this.menu, this.slash, this.input, this.sender);
    this.start = make("button", { type: "button", className: "start" });
    this.under = make("div", { className: "under", hidden: true });
    this.node = make("section", { className: "phone", id: `phone-${person.id}` },
      make("div", { className: "who" }, avatar(), make("div", {}, make("strong", { textContent: person.first_name }), this.role)),
      make("header", {}, make("span", { className: "avatar bot", textContent: "🛍", "aria-hidden": "true" }),
        make("div", {}, make("strong", { textContent: "Demo Shop" }), this.status), this.globe),
      make("div", { className: "room" }, this.toasts, this.chat, this.down),
      this.start, this.replying, this.write, this.under);
    this.tabRole = make("small");
    this.badge = make("span", { className: "badge" });
    this.tab = make("button", { type: "button", role: "tab", id: `tab-${person.id}`, "aria-controls": this.node.id },
      avatar(), make("span", {}, person.first_name, this.tabRole), this.badge);
    this.node.setAttribute("aria-label", person.first_name);
    this.listen();
  }

  listen() {
    this.write.onsubmit = (event) => { event.preventDefault(); this.submit(); };
    this.input.oninput = () => this.offer(/^\/\w*$/.test(this.input.value) ? this.input.value : null);
    this.write.onkeydown = (event) => {
      if (event.key === "Escape") {
        if (this.menu.hidden) this.reply(null);
        this.offer(null);
        this.input.focus();
      }
      if (event.key === "Enter" && !event.shiftKey && event.target === this.input) { event.preventDefault(); this.submit(); }
    };
    this.slash.onclick = () => this.offer(this.menu.hidden ? "/" : null);
    this.leave.onclick = () => { this.reply(null); this.input.focus(); };
    this.globe.onclick = () => this.send("/language");
    this.start.onclick = () => this.send("/start");
    this.down.onclick = () => { this.toEnd(); this.chat.focus(); };
    this.chat.onscroll = () => this.look();
    this.chat.onclick = (event) => this.clicked(event.target, event);
    this.chat.onkeydown = (event) => {
      const pressed = event.target.closest("[role=button], blockquote[expandable]");
      if (pressed && (event.key === "Enter" || event.key === " ")) { event.preventDefault(); this.clicked(pressed, event); }
    };
  }

  // Put everything into the language of the page, but for what the bot says.
  speak() {
    const { first_name: name, role } = this.person;
    this.role.textContent = this.tabRole.textContent = words.role[role];
    this.status.textContent = words.botRole;
    this.chat.setAttribute("aria-label", words.chatOf(name));
    this.input.setAttribute("aria-label", words.messageFrom(name));
    this.input.placeholder = words.message;
    this.fresh.textContent = words.fresh;
    this.start.textContent = words.start;
    this.slash.textContent = words.menu;
    for (const [node, title] of [[this.globe, words.language_of], [this.sender, words.send], [this.down, words.down], [this.leave, words.noReply]]) {
      node.title = title;
      node.setAttribute("aria-label", title);
    }
    for (const drawn of this.drawn.values()) drawn.source = "";
    if (this.transcript) this.draw(this.transcript);
    this.count();
  }

  get isVisible() { return this.node.checkVisibility(); }

  get isAtEnd() { return this.chat.scrollHeight - this.chat.scrollTop - this.chat.clientHeight < NEAR; }

  submit(text = this.input.value) {
    if (text.trim()) {
      this.send(text, { reply_to: this.replied?.id });
      this.reply(null);
    }
    this.input.value = "";
    this.offer(null);
  }

  // The message that the next one answers; null for none.
  reply(message) {
    const stays = this.isAtEnd;
    this.replied = message;
    this.replying.hidden = !message;
    this.quoted.textContent = message ? words.replyTo(gist(message)) : "";
    if (stays) this.toEnd();
  }

  // Whom one's own message can be forwarded to: people write to each other elsewhere, and only an
  // owner brings what a customer wrote back to the bot.
  ownersFor(message) {
    if (message.from_bot) return [];
    return [...this.neighbours.values()].filter((each) => each !== this && each.person.role === "owner");
  }

  forward(message, owner) {
    owner.send(message.text, { forward_of: this.person.id });
    this.toast(words.passedOn(owner.person.first_name));
  }

  send(text, more = {}) {
    this.follow = true;
    this.divider = null;
    post("/sim/message", { person: this.person.id, text, ...more }).catch((error) => this.toast(error.message));
  }

  // The chat, drawn anew where it changed; at most one request at a time.
  async refresh() {
    if (this.busy) { this.again = true; return; }
    this.busy = true;
    try {
      do {
        this.again = false;
        this.draw(await get(`/sim/transcript?person=${this.person.id}`));
      } while (this.again);
    } catch { /* the page is going away, or the server is: the stream says when it is back */ }
    this.busy = false;
  }

  draw(transcript) {
    const { messages, keyboard, commands, about } = transcript;
    const isFirst = !this.transcript;
    this.transcript = transcript;
    this.messages = messages;
    this.commands = commands;
    // It may have been changed or deleted meanwhile.
    if (this.replied) this.reply(messages.find((each) => each.id === this.replied.id));
    const stays = isFirst || this.follow || (this.isVisible && this.isAtEnd);
    const news = messages.filter((each) => each.from_bot && !this.drawn.has(each.id));
    if (!isFirst && news.length && !stays) {
      this.divider ??= news[0].id;
      this.unread += news.length;
    }
    if (news.length) this.types(false);
    this.place(messages, isFirst);
    this.about.replaceChildren(make("b", { textContent: words.empty }), about);
    const hasBegun = messages.length > 0;
    // START goes away with its press; the next Tab goes on in the chat.
    if (hasBegun && document.activeElement === this.start) this.chat.focus({ preventScroll: true });
    this.start.hidden = hasBegun;
    this.write.hidden = !hasBegun;
    this.drawUnder(keyboard);
    if (stays) this.toEnd();
    if (news.length) this.follow = false;
    this.count();
  }

  place(messages, isFirst) {
    const nodes = [];
    const known = new Set(messages.map((each) => each.id));
    for (const id of this.drawn.keys()) if (!known.has(id)) this.drawn.delete(id);
    let day = "";
    for (const message of messages) {
      const date = new Date(message.date * 1000);
      if (date.toDateString() !== day) nodes.push(this.dayOf(date));
      day = date.toDateString();
      if (message.id === this.divider) nodes.push(this.fresh);
      nodes.push(this.nodeOf(message, isFirst));
    }
    if (this.isTyping) nodes.push(this.typing);
    arrange(this.chat, nodes.length ? nodes : [this.about]);
  }

  nodeOf(message, isFirst) {
    const source = JSON.stringify(message);
    const old = this.drawn.get(message.id);
    if (old?.source === source) return old.node;
    const node = old?.node ?? make("article", { tabIndex: -1 });
    const hadFocus = old && node.contains(document.activeElement);
    node.className = `message${message.from_bot ? "" : " own"}${message.rows.length ? " keyed" : ""}`;
    node.replaceChildren(...bubble(message, this));
    if (!old && !isFirst) node.classList.add("arrives");
    if (old?.source) { void node.offsetWidth; node.classList.add("flash"); }
    // The button that was pressed is gone; the next Tab goes on from the same message.
    if (hadFocus) node.focus({ preventScroll: true });
    this.drawn.set(message.id, { source, node });
    return node;
  }

  dayOf(date) {
    const today = new Date().toDateString();
    const text = date.toDateString() === today ? words.today : date.toLocaleDateString(document.documentElement.lang, { day: "numeric", month: "long" });
    if (this.day?.textContent !== text) this.day = make("div", { className: "day", textContent: text });
    return this.day;
  }

  toEnd() {
    this.chat.scrollTop = this.chat.scrollHeight;
    this.look();
  }

  // What the person sees now is read.
  look() {
    if (this.isVisible && this.isAtEnd) this.unread = 0;
    this.count();
  }

  count() {
    this.badge.textContent = this.downBadge.textContent = this.unread || "";
    const name = this.unread ? `${this.person.first_name}, ${words.unread(this.unread)}` : this.person.first_name;
    this.tab.setAttribute("aria-label", name);
    this.down.hidden = !this.isVisible || this.isAtEnd;
  }

  show(isShown) {
    this.node.classList.toggle("shown", isShown);
    this.tab.setAttribute("aria-selected", String(isShown));
    this.tab.tabIndex = isShown ? 0 : -1;
    if (!isShown) return;
    if (this.unread && this.fresh.isConnected) this.fresh.scrollIntoView({ block: "start" });
    else this.chat.scrollTop = this.chat.scrollHeight;
    this.look();
  }

  async tap(message, button, node) {
    node.classList.add("waits");
    node.setAttribute("aria-busy", "true");
    setTimeout(() => this.rest(node), 15000);
    const given = { person: this.person.id, message_id: message.id, data: button.callback_data };
    try {
      const sent = await Promise.all(Array.from({ length: this.taps() }, () => post("/sim/tap", given)));
      for (const { callback_query_id: query } of sent) this.pending.set(query, node);
      await this.answers();
    } catch (error) { this.toast(error.message); }
  }

  async answers() {
    for (const [query, node] of [...this.pending]) {
      const answer = await get(`/sim/answer?id=${query}`).catch(() => null);
      if (!answer || !this.pending.delete(query)) continue;
      this.rest(node);
      if (answer.url) this.link(answer.url);
      else if (answer.text && answer.show_alert) ask(answer.text);
      else if (answer.text) this.toast(answer.text);
    }
  }

  rest(node) {
    node.classList.remove("waits");
    node.removeAttribute("aria-busy");
  }

  // Links are shown, not followed: only one that starts this very bot stays inside.
  link(url) {
    const deep = url.match(new RegExp(`^https?://t\\.me/${BOT}\\?start=([\\w-]{1,64})$`, "i"));
    if (deep) { this.send(`/start ${deep[1]}`); return; }
    const open = make("a", { href: url, target: "_blank", rel: "noopener noreferrer", textContent: words.open });
    ask(words.leaves(url), ...(/^https?:/i.test(url) ? [open] : []));
  }

  clicked(target, event) {
    const link = target.closest(".text a");
    if (link) { event.preventDefault(); this.link(link.getAttribute("href")); return; }
    const hidden = target.closest("tg-spoiler:not(.open), blockquote[expandable]:not(.open)");
    if (hidden) { reveal(hidden); return; }
    const command = target.closest(".command");
    if (command) { this.send(command.textContent); return; }
    const code = target.closest("pre, code");
    if (code) this.copy(code.textContent);
  }

  async copy(text) {
    try {
      await navigator.clipboard.writeText(text);
      this.toast(words.copied);
    } catch {
      this.toast(words.noCopy(text));
    }
  }

  drawUnder(keyboard) {
    const rows = keyboard?.keyboard ?? [];
    this.under.hidden = !rows.length;
    this.under.replaceChildren(...rows.map((row) => make("div", {}, ...row.map((button) => {
      const node = make("button", { type: "button", textContent: button.text, className: button.style ?? "" });
      node.onclick = () => button.request_users ? this.pick(button.request_users) : this.send(button.text);
      return node;
    }))));
    this.input.placeholder = keyboard?.input_field_placeholder || words.message;
  }

  pick(request) {
    const people = [...this.neighbours.values()].map(({ person }) => {
      const node = make("button", { type: "button", textContent: `${person.first_name}  @${person.username}` });
      node.onclick = () => post("/sim/users",
        { person: this.person.id, request_id: request.request_id, users: [person.id] });
      return node;
    });
    ask(words.choose, ...people).className = "list";
  }

  nameOf(shared) {
    return this.neighbours.get(shared.user_id)?.person.first_name ?? shared.first_name ?? shared.user_id;
  }

  offer(begun) {
    const fitting = begun === null ? [] : this.commands.filter(({ command }) => `/${command}`.startsWith(begun));
    this.menu.hidden = !fitting.length;
    this.slash.setAttribute("aria-expanded", String(!this.menu.hidden));
    this.menu.replaceChildren(...fitting.map(({ command, description }) => {
      const node = make("button", { type: "button", lang: this.language },
        make("b", { textContent: `/${command}` }), make("span", { textContent: description }));
      node.onclick = () => { this.submit(`/${command}`); this.input.focus(); };
      return node;
    }));
  }

  toast(text) {
    this.toasts.textContent = text;
    clearTimeout(this.toastEnd);
    this.toastEnd = setTimeout(() => { this.toasts.textContent = ""; }, 3500);
  }

  types(isTyping = true) {
    clearTimeout(this.typesEnd);
    const changes = this.isTyping !== isTyping;
    this.isTyping = isTyping;
    this.status.textContent = isTyping ? words.typing : words.botRole;
    this.status.classList.toggle("busy", isTyping);
    if (!isTyping) { this.typing.remove(); return; }
    this.typesEnd = setTimeout(() => this.types(false), 5000);
    if (changes && this.transcript) this.draw(this.transcript);
  }
}
