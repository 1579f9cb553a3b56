"use strict";
// The report's page. Texts become nodes, never markup; the HTML in `statement`, `text` and `code` was escaped when it was made.
const byId = (id) => document.getElementById(id);
const index = JSON.parse(byId("data-index").textContent);
const charts = JSON.parse(byId("data-charts").textContent);
const glossary = JSON.parse(byId("data-glossary").textContent);
const PAGE = 200;
let shown = [], limit = PAGE, current = null;

async function unpack(id) {
  const bytes = Uint8Array.from(atob(byId(id).textContent), (char) => char.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).text();
}

function node(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children.filter((child) => child !== null));
  return made;
}

function markup(tag, className, html) {
  const made = node(tag, { className });
  made.innerHTML = html;
  return made;
}

// A word with its explanation on hover, where there is one.
function term(word, text = word) {
  return glossary[word] ? node("abbr", { title: glossary[word], textContent: text }) : text;
}

function plural(count, noun) {
  return `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;
}

// The table of problems

const KEEPS = {
  "": () => true,
  right: (row) => row.judged > 0 && row.right === row.judged,
  wrong: (row) => row.judged > 0 && row.right === 0,
  mixed: (row) => row.right > 0 && row.right < row.judged,
  contested: (row) => row.contested > 0,
  silent: (row) => row.silent > 0,
};
const ORDERS = {
  n: (row) => row.n,
  share: (row) => row.right / Math.max(1, row.judged),
  tokens: (row) => -row.tokens,
  seconds: (row) => -row.seconds,
};

function refresh() {
  const words = byId("search").value.toLowerCase().split(/\s+/).filter(Boolean);
  const keeps = KEEPS[byId("filter").value], order = ORDERS[byId("sort").value];
  shown = index.filter((row) => {
    const text = `${row.id} ${row.set} ${row.family} ${row.text} ${row.answer} ${row.gold ?? ""}`.toLowerCase();
    return keeps(row) && words.every((word) => text.includes(word));
  });
  shown.sort((a, b) => order(a) - order(b) || a.n - b.n);
  const rows = shown.slice(0, limit).map((row) => {
    const link = node("a", { href: `#p=${row.n}`, textContent: row.id });
    const share = row.judged ? `${row.right}/${row.judged}` : "-";
    const values = [row.set, row.family, row.level ?? "", share, row.answer, row.gold ?? "-", row.contested, row.tokens.toLocaleString("en"), row.seconds];
    const line = node("tr", {}, node("th", { scope: "row" }, link), ...values.map((text) => node("td", { textContent: text })));
    if (row.judged) line.children[4].className = row.right === row.judged ? "right" : "wrong";
    return line;
  });
  byId("index").tBodies[0].replaceChildren(...rows);
  byId("found").textContent = `${shown.length} of ${index.length}`;
  byId("more").hidden = shown.length <= limit;
}

// One problem

function turnNodes(turn, ownEnd) {
  const nodes = turn.text ? [markup("div", "said", turn.text)] : []; // text_html.py
  const asked = ownEnd ? "ended without an answer, and asked for it (" : "cut short, and asked for its answer (";
  if (turn.flush) nodes.unshift(node("p", { className: "dim" }, asked, term("flushed"), ")"));
  if (turn.code !== undefined) {
    const failed = turn.status !== "ok";
    nodes.push(markup("pre", "code", turn.code)); // Pygments
    nodes.push(node("p", { className: "dim" }, "code: ", term(turn.status), `, ${turn.code_seconds} s`));
    nodes.push(node("pre", { className: failed ? "output error" : "output", textContent: turn.output.trim() || "(no output)" }));
  } else if (turn.output !== undefined) {
    nodes.push(node("p", { className: "dim" }, "a call that could not be read, and the answer to it:"));
    nodes.push(node("pre", { className: "output error", textContent: turn.output.trim() }));
  }
  return nodes;
}

function rolloutNode(rollout) {
  const title = `rollout ${rollout.n}: `;
  const verdict = node("span", { className: rollout.kind === "right" ? "right" : rollout.kind === "wrong" ? "wrong" : "dim", textContent: rollout.answer === null ? rollout.kind : `${rollout.answer}, ${rollout.kind}` });
  const entropy = rollout.entropy === null ? [] : [" · ", term("entropy"), ` ${rollout.entropy}`];
  const facts = node("span", { className: "dim" }, " · ", term(rollout.stop), ` · ${plural(rollout.tokens, "token")} · ${plural(rollout.calls, "code call")} · ${rollout.seconds} s`, ...entropy, ` · seed ${rollout.seed}`);
  const made = node("details", { className: "rollout" }, node("summary", {}, title, verdict, facts));
  made.addEventListener("toggle", () => { if (made.open && made.children.length === 1) made.append(...rollout.turns.flatMap((turn) => turnNodes(turn, rollout.own_end))); });
  return made;
}

function entryNode(entry, open) {
  const votes = entry.votes.map(([answer, weight]) => `${answer}: ${weight}`).join(", ") || "none";
  const mark = entry.correct === null ? "" : entry.correct ? " right" : " wrong";
  const heading = node("summary", {}, `${entry.run}: `, node("span", { className: mark.trim(), textContent: `${entry.answer}${mark}` }), " · ", term("votes"), ` ${votes} · ${entry.seconds} s of ${entry.granted} s `, term("granted"), ` · ${entry.stop}`);
  const rollouts = entry.rollouts.map(rolloutNode);
  if (open && rollouts[0]) rollouts[0].open = true;
  return node("details", { open }, heading, ...rollouts);
}

function tokensToggle() {
  const box = node("input", { type: "checkbox", id: "tokens", checked: document.body.classList.contains("tokens") });
  box.addEventListener("change", () => document.body.classList.toggle("tokens", box.checked));
  return node("label", {}, box, " ", term("special tokens"));
}

async function showProblem(number) {
  const row = index[number];
  const page = JSON.parse(await unpack(`p${number}`));
  const statement = markup("div", "statement", page.statement); // text_html.py
  const facts = [page.source, row.level === null ? null : `level ${row.level}`, row.gold === null ? null : `gold ${row.gold}`].filter(Boolean).join(" · ");
  const place = shown.findIndex((other) => other.n === number);
  const step = (to, text) => (shown[to] ? node("a", { href: `#p=${shown[to].n}`, textContent: text }) : "");
  byId("problem").replaceChildren(
    node("p", { className: "pages" }, node("a", { href: "#problems", textContent: "all problems" }), step(place - 1, "previous"), step(place + 1, "next"), tokensToggle()),
    node("h2", { textContent: row.id }), node("p", { className: "dim", textContent: facts }), statement,
    ...page.entries.map((entry, at) => entryNode(entry, at === 0)));
  current = number;
  byId("overview").hidden = true;
  byId("problem").hidden = false;
  byId("problem").focus({ preventScroll: true });
  scrollTo(0, 0);
}

function showOverview() {
  current = null;
  byId("problem").hidden = true;
  byId("overview").hidden = false;
}

function route() {
  const match = location.hash.match(/^#p=(\d+)$/);
  if (match && index[Number(match[1])]) return showProblem(Number(match[1]));
  showOverview();
  const part = location.hash.length > 1 && byId(location.hash.slice(1));
  if (part) part.scrollIntoView();
}

// Keys

addEventListener("keydown", (event) => {
  const typing = /INPUT|SELECT|TEXTAREA/.test(event.target.tagName);
  if (event.key === "Escape") { if (typing) event.target.blur(); else location.hash = "#problems"; return; }
  if (typing) { if (event.key === "Enter" && event.target.id === "search" && shown[0]) location.hash = `#p=${shown[0].n}`; return; }
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "/") { event.preventDefault(); location.hash = "#problems"; byId("search").focus(); }
  if (event.key === "j" || event.key === "k") {
    const place = shown.findIndex((row) => row.n === current), to = shown[current === null ? 0 : place + (event.key === "j" ? 1 : -1)];
    if (to) location.hash = `#p=${to.n}`;
  }
});

// Charts come last: the page is usable before their library is unpacked.

async function draw() {
  const library = node("script", { textContent: await unpack("plotly") });
  document.head.append(library);
  const settings = { responsive: true, displayModeBar: false };
  for (const [name, chart] of Object.entries(charts)) await Plotly.newPlot(`chart-${name}`, chart.data, chart.layout, settings);
  const timeline = async () => {
    const chart = JSON.parse(await unpack(`t${byId("timeline-run").value}`));
    await Plotly.react("chart-timeline", chart.data, chart.layout, { ...settings, scrollZoom: true });
    document.body.dataset.drawn = "yes";
  };
  byId("timeline-run").addEventListener("change", timeline);
  if (byId("timeline-run").value !== "") await timeline();
}

for (const id of ["search", "filter", "sort"]) byId(id).addEventListener("input", () => { limit = PAGE; refresh(); });
byId("more").addEventListener("click", () => { limit += 5 * PAGE; refresh(); });
addEventListener("hashchange", route);
refresh();
route();
document.body.dataset.ready = "yes";
requestAnimationFrame(() => setTimeout(draw));
