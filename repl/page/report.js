"use strict";
// The run list of a report and its transcripts. What models and files say enters the page by textContent only. The
// state (filters, order, page, open run) stands in the address after '#', so that it can be shared:
//   #text=law&inside=1&status=FAIL&score=INCORRECT&batch=NAME&by.FIELD=VALUE&sort=-cost&page=2&run=ID
(function () {
  const data = JSON.parse(document.getElementById("runs").textContent);
  const PER_PAGE = 100;
  const STATUS = ["READY", "INCOMPLETE", "COMPLETE", "FAIL"];
  const SCORE = ["not scored", "CORRECT", "INCORRECT"];
  const several = data.batches.length > 1;
  const runs = data.runs.map(function (row, index) {
    return { index: index, batch: data.batches[row[0]], id: row[1], status: STATUS[row[2]], score: SCORE[row[3]],
      answer: row[4], about: row[5], error: row[6], seconds: row[7], cost: row[8], facets: row[9], kept: row[10] === 1 };
  });
  runs.forEach(function (run) {
    run.name = several ? run.batch + ":" + run.id : run.id;
    run.words = [run.batch + ":" + run.id, run.answer, run.about, run.error].join("\n").toLowerCase();
  });
  const byName = new Map(runs.map(function (run) { return [run.name, run]; }));
  const at = function (id) { return document.getElementById(id); };
  let state = {}, shown = [];

  function element(tag, text, name) {
    const made = document.createElement(tag);
    if (text !== undefined) made.textContent = text;
    if (name) made.className = name;
    return made;
  }

  // --- the address ---------------------------------------------------------------------------------------------------
  function read() {
    const hash = location.hash.slice(1);
    if (hash !== "" && hash.indexOf("=") < 0) return false;  // a place in the page
    state = {};
    new URLSearchParams(hash).forEach(function (value, key) { state[key] = value; });
    return true;
  }
  function address(changes) {
    const next = Object.assign({}, state, changes);
    const search = new URLSearchParams();
    Object.keys(next).forEach(function (key) { if (next[key]) search.set(key, next[key]); });
    return "#" + search.toString();
  }
  function go(changes, keep) {
    const to = address(changes);
    const url = to === "#" ? location.href.split("#")[0] : to;
    if (keep) { history.pushState(null, "", url); } else { history.replaceState(null, "", url); }
    Object.assign(state, changes);
    draw();
  }

  // --- the list ------------------------------------------------------------------------------------------------------
  const columns = [{ key: "name", title: "run" }];
  columns.push({ key: "status", title: "status" }, { key: "score", title: "score" });
  data.facets.forEach(function (facet, f) { columns.push({ key: "by." + facet.name, title: facet.name, facet: f }); });
  if (runs.some(function (run) { return run.about; })) columns.push({ key: "about", title: "question" });
  columns.push({ key: "answer", title: "answer" });
  columns.push({ key: "seconds", title: "time", number: true }, { key: "cost", title: "cost", number: true });

  function value(run, column) {
    if (column.facet === undefined) return run[column.key];
    const index = run.facets[column.facet];
    return index === undefined || index < 0 ? "" : data.facets[column.facet].values[index];
  }
  function inTranscript(run, text) {
    if (!run.kept) return false;
    const raw = at("t" + run.index).textContent.toLowerCase();
    return raw.indexOf(JSON.stringify(text).slice(1, -1).replace(/</g, "\\u003c")) >= 0;
  }
  function matches(run) {
    if (state.status && run.status !== state.status) return false;
    if (state.score && run.score !== state.score) return false;
    if (state.batch && run.batch !== state.batch) return false;
    for (const column of columns) {
      if (column.facet !== undefined && state[column.key] && value(run, column) !== state[column.key]) return false;
    }
    const text = (state.text || "").toLowerCase();
    return text === "" || run.words.indexOf(text) >= 0 || (state.inside === "1" && inTranscript(run, text));
  }
  function sorted(list) {
    const sort = state.sort || "", down = sort[0] === "-";
    const column = columns.find(function (one) { return one.key === (down ? sort.slice(1) : sort); });
    if (!column) return list;
    const order = new Intl.Collator(undefined, { numeric: true });
    return list.sort(function (a, b) {
      const x = value(a, column), y = value(b, column);
      const by = column.number ? x - y : order.compare(x, y);
      return (down ? -by : by) || a.index - b.index;
    });
  }
  function dollars(cost) {
    if (!cost) return cost === 0 ? "$0" : "-";
    return "$" + (cost >= 1 ? cost.toFixed(2) : String(Number(cost.toPrecision(3))));
  }
  function seconds(time) {
    return time === 0 ? "-" : time < 1 ? Math.round(time * 1000) + " ms" : time < 100 ? time.toFixed(1) + " s" :
      Math.floor(time / 60) + " min " + Math.round(time % 60) + " s";
  }
  function score(run) {
    return element("span", (run.score === "CORRECT" ? "\u2713 " : run.score === "INCORRECT" ? "\u2717 " : "") + run.score,
      "word " + (run.score === "CORRECT" ? "good" : run.score === "INCORRECT" ? "bad" : "faint"));
  }
  function status(run) {
    return element("span", run.status, "word " + (run.status === "FAIL" ? "bad" : run.status === "COMPLETE" ? "" : "warn"));
  }
  function short(text, most) { return text.length > most ? text.slice(0, most - 1) + "\u2026" : text; }
  function cell(run, column) {
    const made = element(column.key === "name" ? "th" : "td");
    if (column.key === "name") {
      made.scope = "row";
      const link = element("a", run.name);
      link.href = address({ run: run.name });
      made.append(link);
    } else if (column.key === "status") { made.append(status(run));
    } else if (column.key === "score") { made.append(score(run));
    } else if (column.key === "cost") { made.textContent = dollars(run.cost); made.className = "n";
    } else if (column.key === "seconds") { made.textContent = seconds(run.seconds); made.className = "n";
    } else {
      const bdi = element("bdi", short(column.key === "answer" && run.error ? run.error : value(run, column), 90));
      made.append(bdi);
    }
    return made;
  }
  function drawList() {
    shown = sorted(runs.filter(matches));
    const pages = Math.max(1, Math.ceil(shown.length / PER_PAGE));
    const page = Math.min(pages, Math.max(1, parseInt(state.page || "1", 10) || 1));
    const body = at("list").tBodies[0], rows = document.createDocumentFragment();
    shown.slice((page - 1) * PER_PAGE, page * PER_PAGE).forEach(function (run) {
      const row = element("tr");
      if (run.name === state.run) row.className = "open";
      columns.forEach(function (column) { row.append(cell(run, column)); });
      rows.append(row);
    });
    body.replaceChildren(rows);
    at("count").textContent = shown.length.toLocaleString("en") + " of " + runs.length.toLocaleString("en") + " runs" +
      (pages > 1 ? ", page " + page + " of " + pages : "") +
      (shown.length === 0 ? ": none is as these filters say" : "");
    at("back").disabled = page <= 1;
    at("on").disabled = page >= pages;
    at("pages").hidden = pages < 2;
    at("back").onclick = function () { go({ page: String(page - 1) }, true); };
    at("on").onclick = function () { go({ page: String(page + 1) }, true); };
    const heads = at("list").tHead.rows[0].cells;
    columns.forEach(function (column, i) {
      const sort = state.sort === column.key ? "ascending" : state.sort === "-" + column.key ? "descending" : "none";
      heads[i].setAttribute("aria-sort", sort);
    });
  }
  function drawHead() {
    const row = element("tr");
    columns.forEach(function (column) {
      const head = element("th", undefined, column.number ? "n" : ""), button = element("button", column.title);
      head.scope = "col";
      button.type = "button";
      button.onclick = function () {
        go({ sort: state.sort === column.key ? "-" + column.key : column.key, page: "" });
      };
      head.append(button);
      row.append(head);
    });
    at("list").tHead.replaceChildren(row);
  }

  // --- filters -------------------------------------------------------------------------------------------------------
  const fields = [];
  function choice(key, title, values) {
    const label = element("label", title), select = element("select");
    select.append(new Option("all", ""));
    values.forEach(function (one) { select.append(new Option(short(one, 60), one)); });
    select.onchange = function () { const change = { page: "" }; change[key] = select.value; go(change); };
    label.append(select);
    at("choices").append(label);
    fields.push({ key: key, input: select });
  }
  function present(list, key) {
    return list.filter(function (one) { return runs.some(function (run) { return run[key] === one; }); });
  }
  function drawFilters() {
    const text = at("text"), inside = at("inside");
    text.oninput = function () { go({ text: text.value, page: "" }); };
    inside.onchange = function () { go({ inside: inside.checked ? "1" : "", page: "" }); };
    fields.push({ key: "text", input: text });
    if (several) choice("batch", "batch", data.batches);
    choice("status", "status", present(STATUS, "status"));
    choice("score", "score", present(SCORE, "score"));
    data.facets.forEach(function (facet) { choice("by." + facet.name, facet.name, facet.values.slice().sort()); });
    at("filters").onsubmit = function (event) { event.preventDefault(); };
    at("reset").onclick = function () {
      const run = state.run || "";
      state = {};
      go({ run: run });
    };
  }
  function showFilters() {
    fields.forEach(function (field) { field.input.value = state[field.key] || ""; });
    at("inside").checked = state.inside === "1";
  }

  // --- one run -------------------------------------------------------------------------------------------------------
  function count(n) { return n.toLocaleString("en"); }
  function turnOf(turn, said, first) {
    const role = turn[0], speaker = turn[1], to = turn[2];
    const text = typeof turn[4] === "number" ? said[turn[4]] : turn[4];
    said.push(text);
    const reply = role === "assistant", made = element("div", undefined, reply ? "turn reply" : "turn");
    const who = element("p", undefined, "who"), name = element("b");
    name.append(element("bdi", speaker || (to ? role === "system" ? "system, for " + to : "to " + to : role)));
    who.append(name);
    if (turn[5]) {
      const right = turn[6] === 1 ? "\u2713 right: " : turn[6] === 0 ? "\u2717 wrong: " : reply ? "answer: " : "";
      const read = element("span", right, turn[6] === 1 ? "good" : turn[6] === 0 ? "bad" : "");
      read.append(element("bdi", short(turn[5], 200)));
      who.append(read);
    }
    const facts = [];
    if (turn[7]) facts.push(turn[7]);
    if (turn.length > 8) facts.push(count(turn[8]) + " tokens in, " + count(turn[9]) + " out, " + dollars(turn[10]));
    if (facts.length > 0) who.append(element("span", facts.join(", "), "faint"));
    made.append(who);
    const body = element("div", text === "" ? "(nothing)" : text, "said");
    body.dir = "auto";
    const folded = !reply && (role === "system" || (to !== "" && !first) || typeof turn[4] === "number");
    if (folded) {
      const details = element("details"), lines = element("summary", short(text.replace(/\s+/g, " "), 100));
      details.append(lines, body);
      made.append(details);
    } else {
      made.append(body);
    }
    return made;
  }
  function fact(list, title, content) {
    if (content === "" || content === undefined) return;
    const dd = element("dd");
    dd.append(content);
    list.append(element("dt", title), dd);
  }
  function folded(title, text) {
    const details = element("details"), body = element("pre", text);
    body.dir = "auto";
    details.append(element("summary", title), body);
    return details;
  }
  function drawRun(focus) {
    const pane = at("run"), name = state.run || "", run = byName.get(name);
    pane.hidden = name === "";
    if (name === "") return;
    at("run-title").textContent = "Run " + name;
    const facts = at("run-facts"), turns = at("turns");
    facts.replaceChildren();
    turns.replaceChildren();
    at("previous").disabled = at("next").disabled = true;
    if (!run) {
      turns.append(element("p", "There is no such run in this report.", "note"));
    } else {
      const place = shown.indexOf(run);
      at("previous").disabled = place <= 0;
      at("next").disabled = place < 0 || place + 1 >= shown.length;
      at("previous").onclick = function () { go({ run: shown[place - 1].name }, true); drawRun(true); };
      at("next").onclick = function () { go({ run: shown[place + 1].name }, true); drawRun(true); };
      fact(facts, "status", status(run));
      fact(facts, "score", score(run));
      fact(facts, "answer", run.answer && element("bdi", run.answer));
      fact(facts, "error", run.error && element("bdi", run.error));
      columns.forEach(function (column) { if (column.facet !== undefined) fact(facts, column.title, value(run, column)); });
      fact(facts, "time, cost", seconds(run.seconds) + ", " + dollars(run.cost));
      if (!run.kept) {
        turns.append(element("p", "The transcript of this run is not in this page: " + data.why, "note"));
      } else {
        drawTranscript(JSON.parse(at("t" + run.index).textContent), turns);
      }
    }
    if (focus) {
      at("run-title").focus({ preventScroll: true });
      pane.scrollIntoView();
    }
  }
  function drawTranscript(kept, turns) {
    if (kept.note) turns.append(element("p", kept.note, "note"));
    const said = [];
    let part = null, asked = false;
    kept.t.forEach(function (turn) {
      if (turn[3] !== part) {
        part = turn[3];
        if (part !== "") turns.append(element("h4", part));
      }
      const first = turn[0] === "user" && !asked;
      turns.append(turnOf(turn, said, first));
      if (first) asked = true;
    });
    if (kept.data) turns.append(folded("data of the run, as JSON", kept.data));
    if (kept.answer) turns.append(folded("its answer, as JSON", kept.answer));
    if (kept.metrics) turns.append(folded("its metrics", kept.metrics));
  }

  function draw() {
    drawList();
    drawRun(false);
    showFilters();
  }
  function arrive() {
    const before = state.run;
    if (!read()) return;
    draw();
    if (state.run && state.run !== before) drawRun(true);
  }
  at("close").onclick = function () {
    const name = state.run;
    go({ run: "" }, true);
    const link = Array.from(at("list").querySelectorAll("a")).find(function (one) { return one.textContent === name; });
    (link || at("text")).focus();
  };

  // --- tables of the report ------------------------------------------------------------------------------------------
  function sortable(table) {
    const order = new Intl.Collator(undefined, { numeric: true });
    Array.from(table.tHead.rows[0].cells).forEach(function (head, column) {
      const button = element("button");
      button.type = "button";
      button.append.apply(button, Array.from(head.childNodes));
      head.append(button);
      button.onclick = function () {
        const down = head.getAttribute("aria-sort") === "ascending";
        Array.from(table.tHead.rows[0].cells).forEach(function (one) { one.removeAttribute("aria-sort"); });
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const rows = Array.from(table.tBodies[0].rows).map(function (row) {
          const one = row.cells[column];
          return { row: row, number: one.dataset.v === undefined ? NaN : Number(one.dataset.v), text: one.textContent };
        });
        rows.sort(function (a, b) {
          const numbers = !isNaN(a.number) && !isNaN(b.number);
          const missing = Number(isNaN(a.number)) - Number(isNaN(b.number));
          const by = numbers ? a.number - b.number : order.compare(a.text, b.text);
          return numbers || missing === 0 ? (down ? -by : by) : missing;  // what is missing stands last
        });
        table.tBodies[0].append.apply(table.tBodies[0], rows.map(function (one) { return one.row; }));
      };
    });
  }
  document.querySelectorAll("table.data").forEach(function (table) {
    if (table.tBodies[0].rows.length > 1) sortable(table);
  });
  document.querySelectorAll(".scroll").forEach(function (box) {  // what is wider than the window is reached by keyboard
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
  });

  drawHead();
  drawFilters();
  window.addEventListener("hashchange", arrive);
  at("runs-body").hidden = false;
  arrive();
})();
