/* Behaviour of a report: sortable tables, a filter for long ones, passports on hover, films in step, links into
 * closed parts. Everything is readable without it. No library, no request, no state that is kept. */
"use strict";

// ---------------------------------------------------------------- tables: sort and filter

const LONG_TABLE = 15; // rows from which a filter is worth its place
const MISSING = new Set(["", "–", "-", "—"]);

/** The cell of a row that stands in a column, minding cells that are wider than one. */
function cellAt(row, column) {
  let place = 0;
  for (const cell of row.cells) {
    place += cell.colSpan;
    if (column < place) return cell;
  }
  return null;
}

/** What a cell is sorted by: a number, a text, or null where nothing stands. */
function sortValue(row, column, kind) {
  const cell = cellAt(row, column);
  if (!cell) return null;
  const holder = cell.hasAttribute("data-value") ? cell : cell.querySelector("[data-value]");
  const text = (holder ? holder.dataset.value : cell.textContent).trim();
  if (MISSING.has(text)) return null;
  if (kind === "text") return text;
  const number = holder ? Number(text) : parseFloat(text.replace("−", "-").replace(/^[<>≥≤]/, ""));
  return Number.isNaN(number) ? null : number;
}

function compare(a, b) {
  return typeof a === "string" ? a.localeCompare(b, "en", { numeric: true }) : a - b;
}

/** Sort the rows of each body by a column; missing values stay last, equal ones keep their order. */
function sortTable(table, column, kind, direction) {
  for (const body of table.tBodies) {
    const heads = [...body.rows].filter((row) => row.cells.length === 1 && row.cells[0].colSpan > 1);
    const rows = [...body.rows].filter((row) => !heads.includes(row));
    if (direction === 0) {
      rows.sort((a, b) => a.firstOrder - b.firstOrder);
    } else {
      const values = new Map(rows.map((row) => [row, sortValue(row, column, kind)]));
      rows.sort((a, b) => {
        const [x, y] = [values.get(a), values.get(b)];
        if (x === null || y === null) return (x === null) - (y === null);
        return direction * compare(x, y) || a.firstOrder - b.firstOrder;
      });
    }
    body.append(...heads, ...rows);
  }
}

function makeSortable(table) {
  const head = table.tHead && table.tHead.rows[table.tHead.rows.length - 1];
  if (!head || table.querySelector("tbody [rowspan]:not([rowspan='1'])")) return;
  for (const body of table.tBodies) [...body.rows].forEach((row, place) => (row.firstOrder = place));
  let column = 0;
  for (const cell of head.cells) {
    const place = column;
    column += cell.colSpan;
    if (!cell.dataset.sort) continue;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "sort";
    button.append(...cell.childNodes);
    cell.append(button);
    button.addEventListener("click", () => {
      // numbers begin with the largest, names with the first; the third click gives the order of the page
      const first = cell.dataset.sort === "number" ? "descending" : "ascending";
      const second = first === "ascending" ? "descending" : "ascending";
      const state = { [first]: second, [second]: "none" }[cell.getAttribute("aria-sort")] || first;
      for (const other of head.cells) other.removeAttribute("aria-sort");
      if (state !== "none") cell.setAttribute("aria-sort", state);
      sortTable(table, place, cell.dataset.sort, { ascending: 1, descending: -1, none: 0 }[state]);
    });
  }
}

function makeFilter(table) {
  const rows = [...table.tBodies].flatMap((body) => [...body.rows]);
  if (rows.length <= LONG_TABLE) return;
  const box = document.createElement("p");
  box.className = "filter";
  const label = document.createElement("label");
  const input = document.createElement("input");
  const count = document.createElement("output");
  input.type = "search";
  label.append("filter rows ", input);
  box.append(label, count);
  const show = () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
      shown += !row.hidden;
    }
    count.value = `${shown} of ${rows.length}`;
  };
  input.addEventListener("input", show);
  show();
  (table.closest(".scroll") || table).before(box);
}

// ---------------------------------------------------------------- passports

function preparePassports() {
  const held = document.getElementById("passport-data");
  const passports = held ? JSON.parse(held.textContent) : {};
  const card = document.createElement("div");
  card.id = "passport-card";
  card.setAttribute("role", "tooltip");
  card.hidden = true;
  document.body.append(card);
  let owner = null;
  let waiting = 0;

  const fill = (passport) => {
    const title = document.createElement("strong");
    title.textContent = passport.title;
    const list = document.createElement("dl");
    for (const [label, text] of passport.lines) {
      const term = document.createElement("dt");
      const words = document.createElement("dd");
      term.textContent = label;
      words.textContent = text;
      list.append(term, words);
    }
    card.replaceChildren(title, list);
  };
  const place = () => {
    const box = owner.getBoundingClientRect();
    const [width, height] = [card.offsetWidth, card.offsetHeight];
    const below = box.bottom + height + 6 <= innerHeight || box.top < height + 6;
    card.style.left = `${Math.max(6, Math.min(box.left, innerWidth - width - 6)) + scrollX}px`;
    card.style.top = `${(below ? box.bottom + 4 : box.top - height - 4) + scrollY}px`;
  };
  const hide = () => {
    clearTimeout(waiting);
    if (owner) owner.removeAttribute("aria-describedby");
    owner = null;
    card.hidden = true;
  };
  const show = (element) => {
    clearTimeout(waiting);
    const passport = passports[element.dataset.passport];
    if (element === owner || !passport) return;
    hide();
    owner = element;
    fill(passport);
    card.hidden = false;
    card.scrollTop = 0;
    place();
    element.setAttribute("aria-describedby", card.id);
  };
  const bearer = (event) => (event.target instanceof Element ? event.target.closest("[data-passport]") : null);

  for (const element of document.querySelectorAll("[data-passport]")) {
    if (element.tabIndex < 0 && passports[element.dataset.passport]) element.tabIndex = 0;
  }
  document.addEventListener("pointerover", (event) => {
    if (event.pointerType === "touch") return;
    if (card.contains(event.target)) return clearTimeout(waiting);
    const element = bearer(event);
    clearTimeout(waiting);
    if (element) waiting = setTimeout(show, 120, element);
    else if (owner) waiting = setTimeout(hide, 250); // time to move onto the card, to read or copy it
  });
  document.addEventListener("focusin", (event) => (bearer(event) ? show(bearer(event)) : hide()));
  document.addEventListener("click", (event) => {
    if (bearer(event)) show(bearer(event));
    else if (!card.contains(event.target)) hide();
  });
  document.addEventListener("keydown", (event) => event.key === "Escape" && hide());
  addEventListener("resize", hide);
}

// ---------------------------------------------------------------- films in step

/** One bar for all films of a player. The longest film leads; the others follow it to the frame. */
class Player {
  constructor(root) {
    this.root = root;
    this.rate = Number(root.dataset.fps) || 25;
    this.videos = [...root.querySelectorAll("video")];
    this.playing = false;
    this.wanted = 0; // frame that is or will be shown
    for (const video of this.videos) {
      video.controls = video.loop = false;
      video.muted = true;
      video.addEventListener("ended", () => video === this.leader() && this.restart());
      video.addEventListener("error", () => (video.failed = true));
    }
    this.buildBar();
  }

  buildBar() {
    const make = (tag, properties) => Object.assign(document.createElement(tag), properties);
    const button = (text, title, action) => {
      const made = make("button", { type: "button", textContent: text, title });
      made.setAttribute("aria-label", title);
      made.addEventListener("click", action);
      return made;
    };
    this.bar = make("div", { className: "player-bar" });
    this.toggle = button("▶", "play", () => (this.playing ? this.pause() : this.play()));
    const back = button("−1", "one frame back", () => this.step(-1));
    const forward = button("+1", "one frame forward", () => this.step(1));
    this.track = make("input", { type: "range", min: 0, max: 0, value: 0, step: 1, className: "player-track" });
    this.track.setAttribute("aria-label", "frame");
    this.track.addEventListener("input", () => this.seek(Number(this.track.value)));
    this.speed = make("select", { title: "speed" });
    this.speed.setAttribute("aria-label", "speed");
    for (const factor of [0.1, 0.25, 0.5, 1, 2]) {
      this.speed.append(make("option", { value: factor, textContent: `${factor}×`, selected: factor === 1 }));
    }
    this.speed.addEventListener("change", () => this.videos.forEach((v) => (v.playbackRate = Number(this.speed.value))));
    this.counter = make("output", { textContent: "frame 0" });
    this.bar.append(back, this.toggle, forward, this.track, this.counter, this.speed);
    this.root.prepend(this.bar);
  }

  good() {
    return this.videos.filter((video) => !video.failed && video.readyState > 0);
  }

  leader() {
    return this.good().reduce((best, video) => (best && best.duration >= video.duration ? best : video), null);
  }

  frames(video) {
    return Math.max(1, Math.round(video.duration * this.rate));
  }

  /** Load every film; those that cannot be played are left out. */
  load() {
    this.loaded ||= Promise.all(
      this.videos.map(
        (video) =>
          new Promise((done) => {
            if (video.readyState >= 2) return done();
            video.addEventListener("loadeddata", done, { once: true });
            video.addEventListener("error", done, { once: true });
            video.preload = "auto";
            video.load();
          }),
      ),
    ).then(() => {
      const leader = this.leader();
      if (leader) this.track.max = this.frames(leader) - 1;
      this.speed.dispatchEvent(new Event("change"));
    });
    return this.loaded;
  }

  /** The time in the middle of a frame, from which no rounding leads to its neighbour. */
  timeOf(frame, video) {
    return (Math.min(Math.max(0, frame), this.frames(video) - 1) + 0.5) / this.rate;
  }

  label() {
    this.track.value = this.wanted;
    this.counter.value = `frame ${this.wanted}`;
  }

  async seek(frame) {
    this.wanted = Math.max(0, frame);
    await this.load();
    const leader = this.leader();
    if (!leader) return;
    this.wanted = Math.min(this.wanted, this.frames(leader) - 1);
    for (const video of this.good()) video.currentTime = this.timeOf(this.wanted, video);
    this.label();
  }

  step(by) {
    this.pause();
    return this.seek(this.wanted + by);
  }

  async play() {
    if (this.playing) return;
    this.playing = true;
    this.toggle.textContent = "❚❚";
    this.toggle.title = "pause";
    this.toggle.setAttribute("aria-label", "pause");
    await this.load();
    const leader = this.leader();
    if (!leader || !this.playing) return this.pause();
    await this.seek(this.wanted >= this.frames(leader) - 1 ? 0 : this.wanted);
    await Promise.all(this.good().map((video) => video.play().catch(() => {})));
    if (this.playing) requestAnimationFrame(() => this.follow());
    else this.good().forEach((video) => video.pause());
  }

  pause() {
    this.playing = false;
    this.toggle.textContent = "▶";
    this.toggle.title = "play";
    this.toggle.setAttribute("aria-label", "play");
    for (const video of this.videos) video.pause();
    for (const video of this.good()) video.currentTime = this.timeOf(this.wanted, video);
  }

  restart() {
    if (!this.playing) return;
    for (const video of this.good()) {
      video.currentTime = this.timeOf(0, video);
      video.play().catch(() => {});
    }
  }

  /** While playing: the counter, and films that have fallen behind or run ahead by more than a frame. */
  follow() {
    if (!this.playing) return;
    const leader = this.leader();
    const time = leader.currentTime;
    this.wanted = Math.min(Math.floor(time * this.rate), this.frames(leader) - 1);
    this.label();
    for (const video of this.good()) {
      const target = Math.min(time, this.timeOf(this.frames(video) - 1, video));
      const behind = Math.abs(video.currentTime - target) * this.rate;
      if (video !== leader && behind > 1.5 && !video.seeking) video.currentTime = target;
    }
    requestAnimationFrame(() => this.follow());
  }
}

// ---------------------------------------------------------------- links and contents

/** Open every closed part around what the address names. */
function openTarget() {
  let name = location.hash.slice(1);
  try {
    name = decodeURIComponent(name);
  } catch {
    return; // an address that is none
  }
  const target = name && document.getElementById(name);
  if (!target) return;
  for (let part = target; part; part = part.parentElement) if (part.tagName === "DETAILS") part.open = true;
  target.scrollIntoView();
}

function prepareContents() {
  const contents = document.querySelector("nav.contents details");
  if (contents) {
    contents.addEventListener("click", (event) => event.target.closest("a") && (contents.open = false));
    document.addEventListener("click", (event) => contents.contains(event.target) || (contents.open = false));
  }
  const links = new Map([...document.querySelectorAll("nav.side a")].map((link) => [link.hash.slice(1), link]));
  const seen = new IntersectionObserver(
    (entries) => {
      for (const entry of entries) {
        const link = links.get(entry.target.id);
        if (link) link.classList.toggle("here", entry.isIntersecting);
      }
    },
    { rootMargin: "-20% 0px -70% 0px" },
  );
  for (const name of links.keys()) {
    const part = document.getElementById(name);
    if (part) seen.observe(part);
  }
}

document.documentElement.classList.add("script");
document.querySelectorAll("table[data-sortable]").forEach(makeSortable);
document.querySelectorAll("table[data-sortable], table.facts").forEach(makeFilter);
preparePassports();
document.querySelectorAll(".player").forEach((root) => (root.player = new Player(root)));
prepareContents();
addEventListener("hashchange", openTarget);
openTarget();
