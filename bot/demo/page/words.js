// The words of the page itself, in both languages; the chats speak whatever the bot speaks.
const ENGLISH = {
  title: "proxy shop",
  motto: "The real bot; Telegram and the upstreams are pretended. Nothing is bought, nothing leaves this machine.",
  language: "Language of this page",
  theme: "Light or dark",
  people: "People",
  strip: "What can go wrong",
  stripHint: "Press one, then buy something. Nothing here loses a cent.",
  inside: "What happens inside",
  insideShort: "Inside",
  orders: "Orders and their states",
  upstream: "The upstreams’ own records",
  ledger: "The ledger",
  posting: "Posting",
  fromTo: "From → to",
  posted: (n) => `Customers + held + sales + adjustments, after ${n} ${n === 1 ? "posting" : "postings"}`,
  none: "Nothing yet.",
  record: (made, asked, balance, renewing) => `Asked for ${asked}, made ${made}. Our balance at GateProxy: ${balance} USD. Subscriptions that would be paid again: ${renewing}.`,
  verdict: {
    none: "The books are not made yet.",
    equal: "The books balance, and every upstream order is one of ours.",
    open: "The books balance. An order is on its way or in doubt; its price is held.",
    different: "Something differs!",
  },
  sums: { customers: "customers", held: "held", sales: "sales", adjustments: "adjustments", paid_in: "paid in" },
  counts: { bound: "our orders", strays: "written off", unknown: "on the way or in doubt", made: "upstream orders" },
  role: { rich: "has some money", new: "is new here", owner: "owns the shop" },
  state: { starting: "The shop is starting", open: "The shop is open", down: "The shop is down" },
  note: {
    "": () => "",
    pulled: () => "you pulled the plug",
    back: (bot) => `it is back, start ${bot.starts}`,
    ended: (bot) => `it ended by itself with ${bot.code}, its last words are in the terminal`,
    no_welcome: () => "Olga could not give Alice her welcome balance",
  },
  gone: "The demo has ended, or cannot be reached",
  control: {
    plug: ["🔌 Pull the plug", "Kills the bot at once, in the middle of whatever it does, and starts it again. Try it while a slow order is being placed."],
    silent: ["🤐 Upstream is silent", "The next order is made and paid there, but the answer gets lost on its way."],
    slow: ["🐢 Upstream is slow", "The next order takes five seconds: time enough to pull the plug."],
    sold_out: ["📭 Out of stock", "GateProxy refuses every order until this is taken back; the price goes back after a minute."],
    busy: ["🚧 Another order is running", "For 15 seconds GateProxy refuses every order: one at a time."],
    dearer: ["📈 Price goes up", "Every plan of GateProxy costs us 10 % more. Open a plan first, then buy it: nobody pays a price they have not seen. The shop looks at prices once a minute."],
    empty: ["🪫 Our account is empty", "GateProxy has no money of ours left and refuses orders."],
    telegram: ["📵 Telegram is down", "Every call of the bot fails. What people write and what the bot owes them waits until it is over."],
    twice: ["👆👆 Double tap", "Every tap is sent twice at the same moment."],
    calm: ["☀️ All is well", "Takes back everything above."],
  },
  kind: {
    topup: "top-up", debit: "debit", hold: "hold", capture: "capture", release: "release",
    refund: "refund", cost: "cost", stray: "stray",
  },
  account: { world: "world", customer: "customer", held: "held", sales: "sales", adjustments: "adjustments", cost: "cost", loss: "loss", upstream: "upstream" },
  botRole: "bot", typing: "is typing…", language_of: "Language of the bot", empty: "What can this bot do?", start: "START",
  message: "Message", messageFrom: (name) => `Message from ${name}`, chatOf: (name) => `Chat of ${name}`,
  menu: "Menu", send: "Send", down: "To the newest message", fresh: "Unread messages", unread: (n) => `${n} unread`,
  today: "Today", yesterday: "Yesterday", edited: "edited", forwarded: (name) => `Forwarded from ${name}`, picture: "Picture",
  copied: "Copied", noCopy: (text) => `Not allowed to copy:\n${text}`, copies: (text) => `Copy: ${text}`, hidden: "Hidden text: press to show", more: "Press to show all",
  ok: "OK", cancel: "Cancel", open: "Open", leaves: (url) => `Open this link? It leaves the demo.\n\n${url}`, choose: "Choose a person",
};

const RUSSIAN = {
  title: "магазин прокси",
  motto: "Бот настоящий; Telegram и поставщики понарошку. Ничего не покупается, ничто не покидает этот компьютер.",
  language: "Язык этой страницы",
  theme: "Светлая или тёмная",
  people: "Люди",
  strip: "Что может пойти не так",
  stripHint: "Нажмите и что-нибудь купите. Здесь не теряется ни цента.",
  inside: "Что происходит внутри",
  insideShort: "Внутри",
  orders: "Заказы и их состояния",
  upstream: "Записи самих поставщиков",
  ledger: "Книга проводок",
  posting: "Проводка",
  fromTo: "Откуда → куда",
  posted: (n) => `Клиенты + удержано + продажи + корректировки; проводок: ${n}`,
  none: "Пока пусто.",
  record: (made, asked, balance, renewing) => `Запрошено: ${asked}, сделано: ${made}. Наш баланс в GateProxy: ${balance} USD. Подписок к новой оплате: ${renewing}.`,
  verdict: {
    none: "Книг ещё нет.",
    equal: "Книги сходятся, и каждый заказ поставщика — один из наших.",
    open: "Книги сходятся. Один заказ в пути или под вопросом; его цена удержана.",
    different: "Что-то расходится!",
  },
  sums: { customers: "клиенты", held: "удержано", sales: "продажи", adjustments: "коррект.", paid_in: "внесено" },
  counts: { bound: "наши заказы", strays: "списаны", unknown: "в пути или под вопросом", made: "заказы поставщика" },
  role: { rich: "с деньгами", new: "новый клиент", owner: "владелец" },
  state: { starting: "Магазин открывается", open: "Магазин открыт", down: "Магазин закрыт" },
  note: {
    "": () => "",
    pulled: () => "вы выдернули шнур",
    back: (bot) => `он снова здесь, запуск ${bot.starts}`,
    ended: (bot) => `он завершился сам с кодом ${bot.code}, его последние слова в терминале`,
    no_welcome: () => "Olga не смогла пополнить баланс Alice",
  },
  gone: "Демо закончилось или недоступно",
  control: {
    plug: ["🔌 Выдернуть шнур", "Убивает бота сразу, посреди любого дела, и запускает снова. Попробуйте во время медленного заказа."],
    silent: ["🤐 Поставщик молчит", "Следующий заказ там сделан и оплачен, но ответ теряется по дороге."],
    slow: ["🐢 Поставщик медлит", "Следующий заказ занимает пять секунд: успеете выдернуть шнур."],
    sold_out: ["📭 Нет в наличии", "GateProxy отказывает во всём, пока не нажмёте ещё раз; деньги вернутся через минуту."],
    busy: ["🚧 Идёт другой заказ", "Пятнадцать секунд GateProxy отказывает во всём: заказы по одному."],
    dearer: ["📈 Цена растёт", "Каждый тариф GateProxy дорожает для нас на 10 %. Откройте тариф, потом купите: никто не платит цену, которой не видел. Магазин смотрит цены раз в минуту."],
    empty: ["🪫 Наш счёт пуст", "У GateProxy кончились наши деньги, и он отказывает."],
    telegram: ["📵 Telegram недоступен", "Любой вызов бота не удаётся. Всё написанное и всё, что бот должен сообщить, ждёт."],
    twice: ["👆👆 Двойное нажатие", "Каждое нажатие уходит дважды в один и тот же миг."],
    calm: ["☀️ Всё хорошо", "Отменяет всё перечисленное."],
  },
  kind: {
    topup: "пополнение", debit: "списание", hold: "удержание", capture: "оплата", release: "возврат удержания",
    refund: "возврат", cost: "себестоимость", stray: "чужой заказ",
  },
  account: { world: "мир", customer: "клиент", held: "удержано", sales: "продажи", adjustments: "корректировки", cost: "себестоимость", loss: "убыток", upstream: "поставщик" },
  botRole: "бот", typing: "печатает…", language_of: "Язык бота", empty: "Что умеет этот бот?", start: "СТАРТ",
  message: "Сообщение", messageFrom: (name) => `Сообщение от ${name}`, chatOf: (name) => `Чат: ${name}`,
  menu: "Меню", send: "Отправить", down: "К последнему сообщению", fresh: "Непрочитанные сообщения", unread: (n) => `непрочитанных: ${n}`,
  today: "Сегодня", yesterday: "Вчера", edited: "изменено", forwarded: (name) => `Переслано от ${name}`, picture: "Картинка",
  copied: "Скопировано", noCopy: (text) => `Копировать нельзя:\n${text}`, copies: (text) => `Скопировать: ${text}`, hidden: "Скрытый текст: нажмите, чтобы показать", more: "Нажмите, чтобы показать всё",
  ok: "OK", cancel: "Отмена", open: "Открыть", leaves: (url) => `Открыть ссылку? Она ведёт за пределы демо.\n\n${url}`, choose: "Выберите человека",
};

export const LANGUAGES = { en: ["English", ENGLISH], ru: ["Русский", RUSSIAN] };

export let language = "en";
export let words = ENGLISH;

export function speak(chosen) {
  language = chosen in LANGUAGES ? chosen : "en";
  words = LANGUAGES[language][1];
  document.documentElement.lang = language;
  for (const node of document.querySelectorAll("[data-word]")) node.textContent = words[node.dataset.word];
}
