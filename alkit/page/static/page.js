// The labeling page. mount() builds it in an element; a transport connects it with a desk:
//   call(name, body)  -> promise of the reply; rejects with {status, message}, without a status if
//                        nobody answers
//   sample(ticket)    -> promise of a Blob: image, audio or text
//   leave(body)       -> releases what the page has, when it is closed
//   gone              -> text for a server that does not answer
//   memory            -> name under which unsent answers are kept in localStorage; null for none
// Names and texts are only ever set as text, never as HTML.

const DEAD = 120; // ms after an image is decoded in which keys do nothing, so that it is seen
const FEW = 9; // classes that have a key each; with more, letters find a class by its name
const ALL = 60; // classes that are shown as buttons; with more, the first or last used ones
const PAST = 200; // answers that can be undone
const ZOOMS = [1, 1.5, 2, 3, 4, 6, 8];

export function http(token) {
  const headers = { "x-alkit-token": token };
  const ask = async (path, options) => {
    const answer = await fetch(path, { headers, ...options });
    if (answer.ok) return answer;
    const text = await answer.text();
    let message = text || answer.statusText;
    try { message = JSON.parse(text).error; } catch { /* plain text */ }
    throw Object.assign(new Error(message), { status: answer.status });
  };
  const post = (name, body, more) =>
    ask(`/call/${name}`, { method: "POST", body: JSON.stringify(body), ...more });
  return {
    call: async (name, body) => (await post(name, body)).json(),
    sample: async ticket => (await ask(`/sample/${ticket}`)).blob(),
    leave: body => post("release", body, { keepalive: true }).catch(() => {}),
    memory: `alkit ${token.slice(0, 8)}`,
    gone: "The server is gone",
  };
}

// --- small helpers -----------------------------------------------------------------------------

function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name in element && !name.includes("-")) element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

function uid() { // crypto.randomUUID is missing where the page is not encrypted
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map(byte => byte.toString(16).padStart(2, "0")).join("");
}

const sleep = ms => new Promise(done => setTimeout(done, ms));
const percent = p => `${Math.round(100 * p)}\u00a0%`;
const number = n => n.toLocaleString("en-US");
const counted = (n, noun) => `${number(n)} ${noun}${n === 1 ? "" : "s"}`;

function duration(seconds) {
  if (seconds < 90) return `${Math.max(5, Math.round(seconds / 5) * 5)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${Math.round(seconds / 3600)} h`;
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1];
}

/** Classes that a text means: those that begin with it, then words that do, then the others. */
export function matches(classes, text, most) {
  const wanted = text.trim().toLowerCase();
  const ranks = [[], [], []];
  if (wanted) for (const name of classes) {
    const at = name.toLowerCase().indexOf(wanted);
    if (at >= 0) ranks[at === 0 ? 0 : /[^\p{L}\p{N}]/u.test(name[at - 1]) ? 1 : 2].push(name);
  }
  return ranks.flat().slice(0, most);
}

// --- unsent calls ------------------------------------------------------------------------------

/** Answers and undoings in their order, kept in localStorage until the server has them. */
class Outbox {
  constructor(memory) {
    this.jobs = [];
    this.memory = memory;
    this.count = 0;
    if (!memory) return;
    try {
      const keys = Object.keys(localStorage).filter(key => key.startsWith(`${memory} `)).sort();
      for (const key of keys) {
        const { body, ...job } = JSON.parse(localStorage.getItem(key));
        // of a page before this one, maybe of another person: no questions are wanted with it
        this.jobs.push({ key, ...job, body: { ...body, quiet: true } });
      }
    } catch { /* storage is off, or not ours */ }
  }

  add(job) {
    const order = `${Date.now()}`.padStart(15, "0") + `${this.count++}`.padStart(9, "0");
    job.key = `${this.memory} ${order} ${uid()}`;
    this.jobs.push(job);
    const { key, ...kept } = job;
    try { if (this.memory) localStorage.setItem(key, JSON.stringify(kept)); } catch { /* full */ }
  }

  drop(job) {
    this.jobs = this.jobs.filter(each => each !== job);
    try { localStorage.removeItem(job.key); } catch { /* storage is off */ }
  }
}

// --- samples -----------------------------------------------------------------------------------

/** The node that shows a sample, when it is decoded; rejects if the server is gone. */
async function loaded(transport, question) {
  let blob;
  try {
    blob = await transport.sample(question.ticket);
  } catch (error) {
    if (!error.status || error.status >= 500) throw error;
    return broken(error.message);
  }
  if (blob.type.startsWith("text/"))
    return h("div", { className: "text", dir: "auto" }, await blob.text());
  const url = URL.createObjectURL(blob);
  if (blob.type.startsWith("audio/")) {
    const audio = h("audio", { controls: true, src: url, "aria-label": `Sound ${question.name}` });
    const state = await new Promise(done => {
      audio.onloadedmetadata = () => done("good");
      audio.onerror = () => done("bad");
    });
    return state === "good" ? audio : broken(`${question.name} cannot be played by this browser`);
  }
  const image = h("img", { src: url, alt: `Sample ${question.name}`, draggable: false });
  try { await image.decode(); } catch {
    return broken(`${question.name} is not an image that this browser can show`);
  }
  if (Math.max(image.naturalWidth, image.naturalHeight) <= 160) image.classList.add("pixels");
  return image;
}

const broken = message => h("p", { className: "unshown" }, message);

// --- the page ----------------------------------------------------------------------------------

/** Build the page in an element; returns a function that closes it. */
export function mount(root, transport, { person = "", keys = root } = {}) {
  const tab = uid();
  const outbox = new Outbox(transport.memory);
  const times = []; // seconds of the last answers
  let classes = [], shortlist = [], used = [];
  let facts = null, state = "start", left = null, lease = 60;
  let queue = [], now = null, past = [], nodes = new Map();
  let ready = false, since = 0, saw = false, guessing = false, zoom = 0;
  let sending = false, wanted = false, offline = "", stopped = "", message = "", poll = 0, beat = 0, grid = null;

  // --- elements --------------------------------------------------------------------------------

  const button = (text, key, onclick, more = {}) =>
    h("button", { type: "button", onclick, ...more }, ...(key ? [h("kbd", {}, key)] : []), text);
  const title = h("h1", {}, "Label");
  const who = h("span", { className: "who" });
  const bar = h("progress", { "aria-label": "Labeled samples", max: 1, value: 0 });
  const progress = h("p", { className: "progress" });
  const accuracy = h("p", { className: "accuracy" });
  const advice = h("p", { className: "advice" });
  const status = h("p", { className: "status", role: "status" });
  const stage = h("div", { className: "stage", role: "group", tabIndex: 0 });
  const note = h("p", { className: "note" });
  const choices = h("div", { className: "choices", role: "group", "aria-label": "Classes" });
  const options = h("ul", { className: "options", id: `o${tab}`, role: "listbox", "aria-label": "Classes found" });
  const find = h("input", {
    type: "text", className: "find", placeholder: "Type to find a class", autocomplete: "off",
    spellcheck: false, role: "combobox", "aria-label": "Find a class", "aria-expanded": "false",
    "aria-controls": options.id, "aria-autocomplete": "list", oninput: () => list(), onkeydown: onFind,
  });
  const finder = h("div", { className: "finder", hidden: true }, find, options);
  const undoButton = button("Undo", "z", undo);
  const guessButton = button("Show guess", "", toggleGuess, { "aria-pressed": "false" });
  const gridButton = button("Confirm many", "", () => grid ? closeGrid() : openGrid());
  const zoomIn = button("+", "", () => zoomTo(zoom + 1), { "aria-label": "Zoom in", className: "small" });
  const zoomOut = button("−", "", () => zoomTo(zoom - 1), { "aria-label": "Zoom out", className: "small" });
  const unsure = button("Unsure", "u", () => answer(null, "unsure"));
  const brokenButton = button("Broken", "x", () => answer(null, "broken"));
  const help = h("details", { className: "help" }, h("summary", {}, "Keys"), h("dl", {}));
  const about = h("p", { className: "about" });
  const single = h("div", { className: "single" },
    h("div", { className: "left" }, stage, h("div", { className: "under" }, about,
      h("div", { className: "zoom" }, zoomOut, zoomIn))),
    h("div", { className: "right" }, note, finder, choices,
      h("div", { className: "others", role: "group", "aria-label": "Other answers" },
        unsure, brokenButton, undoButton), help));
  const endHead = h("h2"), endText = h("p"), endUndo = button("Undo", "z", undo);
  const end = h("section", { className: "end", hidden: true }, endHead, endText, endUndo);
  const many = h("section", { className: "many", hidden: true, "aria-label": "Confirm many at once" });
  root.classList.add("alkit");
  root.dataset.lmSuppressShortcuts = "true"; // JupyterLab leaves keys in here alone
  root.replaceChildren(
    h("header", {}, h("div", { className: "line" }, title, who,
      h("div", { className: "tools" }, guessButton, gridButton)),
      bar, h("div", { className: "line" }, progress, accuracy), advice),
    status, single, end, many);

  // --- calls: one at a time, in their order ------------------------------------------------------

  const seat = () => ({ person, tab });

  function have(job) {
    const undone = new Set(outbox.jobs.filter(each => each !== job && each.name === "undo")
      .flatMap(each => each.samples));
    return [now, ...queue, ...(grid?.held ?? [])]
      .filter(question => question && !undone.has(question.name))
      .map(question => question.ticket);
  }

  async function pump() {
    if (sending || stopped) return;
    sending = true;
    let wait = 250;
    while (!stopped && (outbox.jobs.length || wanted)) {
      const job = outbox.jobs[0] ?? { name: classes.length ? "next" : "start", body: {} };
      if (!outbox.jobs.length) wanted = false;
      try {
        const reply = await transport.call(job.name, { ...seat(), have: have(job), ...job.body });
        if (offline) message = "The server is back.";
        offline = "";
        wait = 250;
        outbox.drop(job);
        for (const [id, reason] of Object.entries(reply.refused ?? {})) refused(id, reason);
        take(reply);
      } catch (error) {
        if ([400, 401, 403].includes(error.status)) stopped = error.message;
        else if (error.status && error.status < 500 && outbox.jobs.includes(job)) {
          outbox.drop(job);
          for (const { uid } of job.body.answers ?? []) refused(uid, error.message);
          if (!job.body.answers) say(`Not undone: ${error.message}.`);
          wanted = true;
        } else {
          wanted = wanted || !outbox.jobs.length;
          offline = error.status ? error.message : transport.gone;
          showConnection();
          await sleep(wait);
          wait = Math.min(2 * wait, 4000);
        }
      }
      showConnection();
    }
    sending = false;
  }

  /** What is asked beside the other calls must come after the answers before it. */
  async function settled() {
    while (outbox.jobs.length || sending) await sleep(20);
  }

  function send(name, body, samples) {
    outbox.add({ name, samples, body: { ...seat(), ...body } });
    pump();
  }

  function refresh() {
    wanted = true;
    pump();
  }

  function refused(id, reason) {
    past = past.map(group => group.filter(each => each.uid !== id)).filter(group => group.length);
    say(`Not stored: ${reason}.`);
  }

  function take(reply) {
    if (reply.classes) begin(reply);
    facts = reply.facts ?? facts;
    if (reply.state) [state, left] = [reply.state, reply.left];
    const waiting = new Set(outbox.jobs.flatMap(job => job.samples));
    const gone = new Set((reply.gone ?? []).filter(name => !waiting.has(name)));
    const enough = state === "enough";
    queue = queue.filter(({ name }) => waiting.has(name) || !(enough || gone.has(name)));
    for (const question of reply.next ?? []) {
      const known = [now, ...queue].some(each => each?.name === question.name);
      if (!known && !waiting.has(question.name)) queue.push(question);
    }
    queue.forEach(node);
    const mine = [now, ...queue, ...(grid?.held ?? [])].map(question => question?.name);
    for (const name of nodes.keys()) if (!mine.includes(name)) forget(name);
    if (now && gone.has(now.name)) {
      say(`${now.name} was answered by another person meanwhile.`);
      show();
    } else if (!now && queue.length) show();
    else if (!now) showEnd();
    showFacts();
  }

  function begin(reply) {
    ({ classes, lease } = reply);
    title.textContent = reply.title || "Label";
    if (keys === document) document.title = title.textContent;
    who.textContent = reply.person ? `as ${reply.person}` : "";
    past = reply.past.map(question => [{ uid: question.uid, question }]);
    shortlist = classes.slice(0, classes.length > ALL ? FEW : ALL);
    finder.hidden = classes.length <= FEW;
    showChoices();
    showHelp();
    beat = setInterval(() => { if (!document.hidden) refresh(); }, 1000 * lease / 3);
  }

  // --- one sample --------------------------------------------------------------------------------

  function node(question) {
    if (!nodes.has(question.name)) {
      const promise = loaded(transport, question);
      promise.catch(() => nodes.delete(question.name));
      nodes.set(question.name, promise);
    }
    return nodes.get(question.name);
  }

  function forget(name) {
    nodes.get(name).then(shown => { if (shown.src) URL.revokeObjectURL(shown.src); }, () => {});
    nodes.delete(name);
  }

  async function show() {
    const question = now = queue.shift() ?? null;
    ready = saw = false;
    stage.classList.add("loading");
    delete root.dataset.ready;
    showEnd();
    if (!now) return;
    let shown;
    try { shown = await node(question); } catch {
      offline ||= transport.gone;
      showConnection();
      await sleep(1000);
      if (now === question) { queue.unshift(question); show(); }
      return;
    }
    if (now !== question) return;
    stage.replaceChildren(shown);
    stage.classList.remove("loading");
    stage.setAttribute("aria-label", `Sample ${question.name}`);
    stage.setAttribute("aria-live", shown.className === "text" ? "polite" : "off");
    stage.dataset.sample = question.name;
    zoomTo(0);
    note.textContent = question.again
      ? "You and another person answered differently: please look at this one again." : "";
    about.textContent = question.name;
    about.title = question.why ? `Chosen by ${question.why}` : "";
    showGuess();
    since = performance.now();
    setTimeout(() => {
      if (now !== question) return;
      ready = true;
      root.dataset.ready = question.name;
    }, DEAD);
  }

  function answer(label, reason = null) {
    if (!ready || !now || grid) return;
    const unshown = stage.querySelector(".unshown");
    if (unshown && label !== null) return say("It cannot be shown: only Unsure or Broken.");
    const seconds = (performance.now() - since) / 1000;
    const question = now, id = uid();
    remember([{ uid: id, question }], [seconds], label);
    const row = { uid: id, ticket: question.ticket, guess_shown: saw, seconds };
    now = null;
    send("answer", { answers: [{ ...row, ...(reason ? { reason } : { label }) }] }, [question.name]);
    if (left !== null) left = Math.max(0, left - 1);
    say("");
    show();
  }

  // classes that are digits have themselves as keys
  function keyOf(place) {
    if (shortlist.every(label => /^[0-9]$/.test(label))) return shortlist[place];
    return place < FEW ? `${place + 1}` : "";
  }

  function remember(group, seconds, label) {
    past.push(group);
    past.splice(0, past.length - PAST);
    times.push(...seconds);
    times.splice(0, times.length - 20);
    if (label === null || classes.length <= ALL) return;
    used = [label, ...used.filter(name => name !== label)]; // last used first
    if (shortlist.includes(label)) return;
    const oldest = shortlist.map(name => used.indexOf(name)).map(at => at < 0 ? Infinity : at);
    shortlist[oldest.indexOf(Math.max(...oldest))] = label; // the others keep their keys
    showChoices();
  }

  function undo() {
    if (grid) return;
    const group = past.pop();
    if (!group) return say("There is nothing to undo.");
    const questions = group.map(each => each.question), names = questions.map(each => each.name);
    queue = [...questions, ...(now ? [now] : []), ...queue.filter(each => !names.includes(each.name))];
    now = null;
    if (state === "enough" || state === "done") state = "open";
    send("undo", { uids: group.map(each => each.uid) }, names);
    say(`Undone: ${names.length === 1 ? names[0] : counted(names.length, "answer")}.`);
    show();
  }

  function toggleGuess() {
    guessing = !guessing;
    guessButton.setAttribute("aria-pressed", `${guessing}`);
    guessButton.lastChild.textContent = guessing ? "Hide guess" : "Show guess";
    showGuess();
  }

  function showGuess() {
    const guess = guessing ? now?.guess : null;
    saw ||= guess != null;
    for (const choice of choices.children)
      choice.classList.toggle("guessed", choice.dataset.label === guess);
    about.replaceChildren(now?.name ?? "");
    if (guess == null) { if (guessing && now) about.append(" · no guess"); return; }
    const sure = now.certainty == null ? "" : ` (${percent(now.certainty)})`;
    about.append(" · guess: ", h("strong", {}, guess), sure);
  }

  function zoomTo(level) {
    const before = ZOOMS[zoom];
    zoom = Math.min(Math.max(level, 0), ZOOMS.length - 1);
    stage.dataset.zoom = ZOOMS[zoom];
    stage.style.setProperty("--zoom", ZOOMS[zoom]);
    const factor = ZOOMS[zoom] / before, { clientWidth: w, clientHeight: t } = stage;
    stage.scrollLeft = (stage.scrollLeft + w / 2) * factor - w / 2;
    stage.scrollTop = (stage.scrollTop + t / 2) * factor - t / 2;
  }

  // --- what is shown around it -------------------------------------------------------------------

  function say(text) {
    message = text;
    showConnection();
  }

  function showConnection() {
    const unsent = outbox.jobs.length, over = state === "enough" && !unsent;
    const kept = unsent ? `${counted(unsent, "answer")} waiting here will be sent again. ` : "";
    status.textContent = stopped || (offline && !over ? `${offline}. ${kept}Trying again…` : message);
    status.classList.toggle("bad", Boolean(stopped || (offline && !over)));
    root.dataset.unsent = unsent;
    if (!now) showEnd();
  }

  function showFacts() {
    if (!facts) return;
    const done = facts.labeled + facts.unsure + facts.broken;
    const remaining = left ?? Math.max(facts.total - done, 0);
    const rest = [facts.unsure && `${number(facts.unsure)} unsure`,
      facts.broken && `${number(facts.broken)} broken`].filter(Boolean).join(", ");
    [bar.max, bar.value] = [Math.max(facts.total, 1), done];
    progress.textContent = `${number(facts.labeled)} of ${number(facts.total)} labeled`
      + (rest && ` (${rest})`) + (left === null ? "" : ` · ${number(left)} to go`)
      + (times.length > 2 && remaining ? ` · about ${duration(remaining * median(times))} left` : "");
    const a = facts.accuracy;
    accuracy.textContent = a
      ? `accuracy about ${a.value.toFixed(2)} (${a.low.toFixed(2)} to ${a.high.toFixed(2)})` : "";
    advice.textContent = facts.advice ?? "";
  }

  function showEnd() {
    const is = !now && !queue.length && !grid;
    single.hidden = is || Boolean(grid);
    end.hidden = !is;
    clearTimeout(poll);
    delete root.dataset.end;
    if (!is) return;
    const held = facts?.held ?? 0;
    const texts = {
      start: ["Starting…", ""],
      open: ["Loading…", ""],
      storing: ["Storing the last answers…", ""],
      stopped: ["The page cannot continue", stopped],
      offline: [transport.gone, "When it is back, the page continues and sends what waits here."],
      choosing: ["The next batch is being chosen…", "It appears here when it is ready."],
      held: ["Others have the last samples", `${counted(held, "sample")} lie${held === 1 ? "s" : ""} before other people. They come here if nobody answers.`],
      done: ["All labeled", "There is no sample left."],
      enough: ["Enough for now", "All answers are stored. You can close this page."],
    };
    const unsent = outbox.jobs.length, over = state === "enough" && !unsent;
    const which = stopped ? "stopped" : offline && !over ? "offline" : unsent ? "storing" : state;
    const [head, text] = texts[which];
    [endHead.textContent, endText.textContent] = [head, text];
    endUndo.hidden = !past.length;
    root.dataset.end = which;
    if (state !== "start" && state !== "enough" && !stopped)
      poll = setTimeout(refresh, state === "done" ? 5000 : 700);
  }

  function showChoices() {
    choices.replaceChildren(...shortlist.map((label, k) => button(label, keyOf(k),
      () => answer(label), { "data-label": label, title: label })));
    choices.classList.toggle("dense", shortlist.length > 12);
  }

  function showHelp() {
    const few = classes.length <= FEW;
    const rows = [[shortlist.every((label, k) => keyOf(k) === label) ? "0 to 9" : "1 to 9", "class"], ["u", "unsure"], ["x", "broken"], ["z", "undo"],
      ["+ −", "zoom"], ...(few ? [["g", "guess"], ["m", "confirm many"]]
        : [["letters", "find a class"], ["/", "find one that begins with u, x or z"]])];
    help.lastChild.replaceChildren(...rows.map(([key, text]) =>
      h("div", {}, h("dt", {}, h("kbd", {}, key)), h("dd", {}, text))));
  }

  // --- a class among many --------------------------------------------------------------------------

  function list(at = 0) {
    const found = matches(classes, find.value, 8);
    options.replaceChildren(...found.map((label, k) => h("li", {
      role: "option", id: `${options.id}-${k}`, "aria-selected": `${k === at}`, "data-label": label,
      onmousedown: event => { event.preventDefault(); choose(label); },
    }, label)));
    if (find.value.trim() && !found.length)
      options.append(h("li", { role: "option", "aria-disabled": "true", "aria-selected": "false" }, "no such class"));
    find.setAttribute("aria-expanded", `${options.children.length > 0}`);
    if (found.length) find.setAttribute("aria-activedescendant", `${options.id}-${at}`);
    else find.removeAttribute("aria-activedescendant");
  }

  function choose(label) {
    find.value = "";
    list();
    find.blur();
    stage.focus({ preventScroll: true });
    answer(label);
  }

  function onFind(event) {
    if (event.isComposing) return;
    const found = [...options.querySelectorAll("[data-label]")];
    const at = found.findIndex(option => option.getAttribute("aria-selected") === "true");
    if (event.key === "ArrowDown") list(Math.min(at + 1, found.length - 1));
    else if (event.key === "ArrowUp") list(Math.max(at - 1, 0));
    else if (event.key === "Enter") { if (found[at] && ready) choose(found[at].dataset.label); }
    else if (event.key === "Escape") { find.value = ""; list(); find.blur(); stage.focus(); }
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  // --- many samples of one guessed class -----------------------------------------------------------

  function openGrid() {
    if (!classes.length) return;
    const label = (guessing && now?.guess) || facts?.guesses?.[0] || classes[0];
    const select = h("select", { "aria-label": "Class", onchange: () => { grid.held = []; fill(); } },
      ...classes.map(name => h("option", { value: name, selected: name === label }, name)));
    const cells = h("div", { className: "cells" });
    const confirm = button("Confirm", "", confirmGrid, { className: "main", disabled: true });
    grid = { select, cells, confirm, held: [], shown: [], since: 0, turn: 0 };
    many.replaceChildren(
      h("div", { className: "line" }, h("label", {}, "All of class ", select), confirm,
        button("Back", "Esc", closeGrid)),
      h("p", { className: "hint" }, "The model takes these for this class. Press those that are not, then confirm the others."),
      cells);
    many.hidden = false;
    gridButton.lastChild.textContent = "One by one";
    guessButton.hidden = true;
    showEnd();
    fill();
    select.focus();
  }

  async function fill() {
    const here = grid, label = here.select.value, turn = ++here.turn;
    const isOld = () => grid !== here || here.turn !== turn;
    here.confirm.disabled = true;
    here.cells.replaceChildren(h("p", { className: "hint" }, "Loading…"));
    let found;
    try {
      await settled();
      if (isOld()) return;
      found = (await transport.call("grid", { ...seat(), label, have: have() })).grid;
      if (isOld()) return;
      here.held.push(...found);
      const all = await Promise.all(found.map(node));
      if (isOld()) return;
      here.shown = found.map((question, k) => ({ question, ...cellOf(question, all[k]) }));
    } catch (error) {
      if (isOld()) return;
      const text = error.status ? error.message : `${transport.gone}.`;
      return here.cells.replaceChildren(h("p", { className: "hint" }, text));
    }
    here.cells.replaceChildren(...here.shown.map(each => each.box));
    if (!found.length) here.cells.append(h("p", { className: "hint" }, "The model takes no other sample for this class."));
    await sleep(DEAD);
    if (isOld()) return;
    here.since = performance.now();
    countGrid();
  }

  function cellOf(question, shown) {
    const sure = question.certainty == null ? "" : percent(question.certainty);
    const cell = button("", "", () => {
      if (shown.className === "unshown") return;
      cell.setAttribute("aria-pressed", `${cell.getAttribute("aria-pressed") !== "true"}`);
      countGrid();
    }, { className: "cell", "aria-pressed": `${shown.className !== "unshown"}`, "data-sample": question.name });
    if (shown.tagName !== "AUDIO") cell.replaceChildren(shown, h("span", {}, sure));
    else cell.append(question.name, " ", sure);
    return { cell, box: shown.tagName === "AUDIO" ? h("div", {}, shown, cell) : cell };
  }

  const kept = () => grid.shown.filter(({ cell }) => cell.getAttribute("aria-pressed") === "true");

  function countGrid() {
    const n = kept().length;
    grid.confirm.replaceChildren(`Confirm ${n} as ${grid.select.value}`);
    grid.confirm.disabled = !n;
  }

  function confirmGrid() {
    const chosen = kept(), label = grid.select.value;
    if (!chosen.length || grid.confirm.disabled) return;
    const seconds = (performance.now() - grid.since) / 1000 / grid.shown.length;
    const group = chosen.map(({ question }) => ({ uid: uid(), question }));
    remember(group, group.map(() => seconds), label);
    const names = chosen.map(({ question }) => question.name);
    grid.held = grid.held.filter(question => !names.includes(question.name));
    send("answer", { answers: group.map(({ uid, question }) =>
      ({ uid, ticket: question.ticket, label, guess_shown: true, seconds })) }, names);
    say(`${counted(names.length, "answer")}: ${label}.`);
    fill();
  }

  function closeGrid() {
    grid = null;
    many.hidden = true;
    many.replaceChildren();
    gridButton.lastChild.textContent = "Confirm many";
    guessButton.hidden = false;
    settled().then(() => transport.call("release", { ...seat(), have: have() }))
      .catch(() => {}).then(refresh);
    showEnd();
    if (!now && queue.length) show();
    gridButton.focus();
  }

  function onGridKey(event, key) {
    if (key === "escape") return closeGrid();
    const cells = [...grid.cells.querySelectorAll(".cell")];
    const at = cells.indexOf(document.activeElement);
    const columns = cells.filter(cell => cell.offsetTop === cells[0].offsetTop).length;
    const step = { arrowright: 1, arrowleft: -1, arrowdown: columns, arrowup: -columns }[key];
    if (!step) return;
    event.preventDefault();
    cells[at < 0 ? 0 : Math.min(Math.max(at + step, 0), cells.length - 1)]?.focus();
  }

  // --- keys ----------------------------------------------------------------------------------------

  function onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    const inField = event.target.closest?.("input, select, textarea");
    if (inField && event.key !== "Escape") return;
    let key = event.key.toLowerCase();
    if (/^Digit[0-9]$/.test(event.code) && !event.shiftKey) key = event.code[5];
    else if (/^Key/.test(event.code) && event.key > "\x7f") key = event.code[3].toLowerCase();
    if (grid) return onGridKey(event, key);
    if (event.repeat) return;
    const few = classes.length <= FEW;
    const commands = {
      u: () => answer(null, "unsure"), x: () => answer(null, "broken"), z: undo,
      "+": () => zoomTo(zoom + 1), "=": () => zoomTo(zoom + 1), "-": () => zoomTo(zoom - 1),
      ...(few ? { g: toggleGuess, m: openGrid } : { "/": () => find.focus() }),
    };
    if (/^[0-9]$/.test(key)) { const label = shortlist.find((_, k) => keyOf(k) === key); if (label !== undefined) answer(label); }
    else if (commands[key]) { event.preventDefault(); commands[key](); }
    else if (!few && /^[\p{L}\p{N}]$/u.test(event.key)) find.focus(); // and the letter goes there
    else return;
    event.stopPropagation();
  }

  const closed = new AbortController(), { signal } = closed;
  const leave = () => transport.leave?.({ ...seat(), have: [] });
  keys.addEventListener("keydown", onKey, { signal });
  stage.addEventListener("click", () => zoomTo(zoom ? 0 : 3));
  document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); }, { signal });
  addEventListener("online", refresh, { signal });
  addEventListener("pageshow", event => { if (event.persisted) refresh(); }, { signal });
  addEventListener("pagehide", leave, { signal });
  addEventListener("beforeunload", event => { if (outbox.jobs.length && offline) event.preventDefault(); }, { signal });
  signal.addEventListener("abort", () => {
    stopped = "The page is closed.";
    clearInterval(beat);
    clearTimeout(poll);
    leave();
  });

  showEnd();
  refresh();
  return () => closed.abort();
}
