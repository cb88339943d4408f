"use strict";
(() => {
  const data = JSON.parse(document.getElementById("review-data").textContent);
  const [ID, LABEL, ACTION, SUGGESTION, SPRITE, FINDINGS, DECISION, DECIDED_LABEL] = [0, 1, 2, 3, 4, 5, 6, 7];
  const pictures = data.pictures;
  const root = document.getElementById("review");
  const find = (name) => root.querySelector(".review-" + name);
  const scroller = find("scroll"), space = find("space"), view = find("window"), dialog = find("dialog");
  const CARD = 238, HEAD = 30, GAP = 10, PAD = 10;

  // Decisions: image id -> [action, label]
  const decisions = new Map();
  const memory = "toolkit decisions " + data.key;
  const byId = new Map(pictures.map((picture, index) => [picture[ID], index]));
  for (const picture of pictures) {
    if (picture[DECISION]) decisions.set(picture[ID], [picture[DECISION], picture[DECIDED_LABEL]]);
  }
  try {
    for (const [id, decision] of JSON.parse(localStorage.getItem(memory) || "[]")) {
      if (!byId.has(id)) continue;
      if (decision) decisions.set(id, decision); else decisions.delete(id);
    }
  } catch { /* a browser that remembers nothing still saves files */ }
  const remember = () => {
    try {
      const gone = pictures.filter((picture) => picture[DECISION] && !decisions.has(picture[ID]));
      localStorage.setItem(memory, JSON.stringify([...decisions, ...gone.map((picture) => [picture[ID], null])]));
    } catch { /* likewise */ }
  };

  const make = (tag, name, text) => {
    const element = document.createElement(tag);
    if (name) element.className = name;
    if (text !== undefined) element.textContent = text;
    return element;
  };
  const className = (label) => (label >= 0 ? data.classes[label] : "no label");
  const findingOf = (picture) => picture[FINDINGS].find((finding) => finding[0] === kind);
  const current = (picture) => decisions.get(picture[ID]) || [picture[ACTION], picture[SUGGESTION]];

  let kind = 0, order = [], rows = [], columns = 1, at = 0, anchor = 0, chosen = new Set(), waiting = false;
  const counts = data.kinds.map(() => 0);
  for (const picture of pictures) for (const finding of picture[FINDINGS]) counts[finding[0]] += 1;
  kind = Math.max(0, counts.findIndex((count) => count > 0));

  const tabs = data.kinds.map(([name], index) => {
    const tab = make("button", "", name.replaceAll("_", " "));
    tab.type = "button";
    tab.setAttribute("role", "tab");
    tab.dataset.kind = name;
    tab.append(make("small", "", counts[index].toLocaleString("en")));
    tab.hidden = counts[index] === 0;
    tab.addEventListener("click", () => { kind = index; arrange(true); });
    return tab;
  });
  find("tabs").append(...tabs);
  data.classes.forEach((name, index) => {
    const option = make("option", "", name);
    option.value = String(index);
    find("class").append(option);
  });

  const arrange = (fresh) => {
    const wanted = Number(find("class").value), show = find("show").value, by = find("sort").value;
    const names = new Intl.Collator("en", { numeric: true });
    order = [];
    pictures.forEach((picture, index) => {
      if (wanted !== -2 && picture[LABEL] !== wanted) return;
      if (show !== "all" && decisions.has(picture[ID]) !== (show === "decided")) return;
      if (findingOf(picture)) order.push(index);
    });
    const score = (index) => findingOf(pictures[index])[1];
    const label = (index) => pictures[index][LABEL];
    const name = (a, b) => names.compare(pictures[a][ID], pictures[b][ID]);
    const compare = {
      score: (a, b) => score(b) - score(a) || name(a, b),
      label: (a, b) => label(a) - label(b) || score(b) - score(a) || name(a, b),
      id: name,
    }[by];
    order.sort(compare);
    const groupOf = (index) => findingOf(pictures[index])[2];
    const grouped = new Map();
    for (const index of order) {
      const group = groupOf(index);
      if (group >= 0) grouped.set(group, [...(grouped.get(group) || []), index]);
    }
    const together = [...grouped.values()].some((members) => members.length > 1);
    if (together) order = [...new Set(order.flatMap((index) => grouped.get(groupOf(index)) || [index]))];

    // Rows of equal heights, found by bisection: only those in view are made.
    columns = Math.max(1, Math.floor((scroller.clientWidth - 24 + GAP) / (cardWidth() + GAP)));
    rows = [];
    let top = PAD, place = 0;
    const cards = (members) => {
      for (let start = 0; start < members.length; start += columns) {
        const part = members.slice(start, start + columns);
        rows.push({ top, height: CARD, first: place, members: part });
        place += part.length;
        top += CARD;
      }
    };
    if (together) {
      const done = new Set();
      for (const index of order) {
        const group = groupOf(index);
        if (group < 0) { cards([index]); continue; }
        if (done.has(group)) continue;
        done.add(group);
        rows.push({ top, height: HEAD, head: data.groups[group], size: grouped.get(group).length });
        top += HEAD;
        cards(grouped.get(group));
      }
    } else cards(order);
    space.style.height = top + PAD + "px";
    tabs.forEach((tab, index) => tab.setAttribute("aria-selected", String(index === kind)));
    find("about").textContent = data.kinds.length ? data.kinds[kind][1] : "";
    if (fresh) { at = 0; anchor = 0; chosen.clear(); scroller.scrollTop = 0; }
    at = Math.max(0, Math.min(at, order.length - 1));
    draw();
  };
  const cardWidth = () => (matchMedia("(max-width: 640px)").matches ? 140 : 156);

  const badge = (text, tone) => make("span", "badge" + (tone ? " tone-" + tone : ""), text);
  const tones = { drop: "bad", relabel: "warn", keep: "good" };
  const card = (index, place) => {
    const picture = pictures[index], finding = findingOf(picture), [action, label] = current(picture);
    const decided = decisions.has(picture[ID]);
    const box = make("div", "review-card " + action + (place === at ? " at" : "") + (chosen.has(index) ? " chosen" : ""));
    box.dataset.place = String(place);
    box.setAttribute("role", "gridcell");
    const thumb = make("div", "review-thumb");
    if (picture[SPRITE] >= 0) {
      const { files, side, columns: across, rows: down } = data.sprites;
      const sheet = Math.floor(picture[SPRITE] / (across * down)), rest = picture[SPRITE] % (across * down);
      thumb.style.backgroundImage = `url("${files[sheet]}")`;
      thumb.style.backgroundPosition = `${-(rest % across) * side}px ${-Math.floor(rest / across) * side}px`;
    } else thumb.textContent = "cannot be shown";
    const name = make("div", "review-name", picture[ID]);
    name.title = picture[ID];
    const why = make("div", "review-why", finding[3]);
    why.title = finding[3];
    const state = make("div", "review-state");
    const verdict = badge(action === "relabel" && label >= 0 ? "→ " + className(label) : action, tones[action]);
    if (decided) verdict.classList.add("decided");
    state.append(badge(className(picture[LABEL])), badge(finding[1].toFixed(2)), verdict);
    const acts = make("div", "review-acts");
    for (const [word, key] of [["keep", "k"], ["drop", "d"], ["relabel", "r"], ["undo", "u"]]) {
      const button = make("button", "", word);
      button.type = "button";
      button.tabIndex = -1;
      button.dataset.act = key;
      if (word !== "undo") button.setAttribute("aria-pressed", String(decided && action === word));
      acts.append(button);
    }
    box.append(thumb, name, why, state, acts);
    return box;
  };

  const draw = () => {
    const top = scroller.scrollTop - 300, bottom = scroller.scrollTop + scroller.clientHeight + 300;
    let low = 0, high = rows.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (rows[middle].top + rows[middle].height < top) low = middle + 1; else high = middle;
    }
    const made = [];
    for (let number = low; number < rows.length && rows[number].top < bottom; number += 1) {
      const row = rows[number];
      const line = make("div", row.members ? "review-row" : "review-head");
      line.style.top = row.top + "px";
      line.style.height = row.height + "px";
      if (row.members) line.append(...row.members.map((index, offset) => card(index, row.first + offset)));
      else line.append(make("strong", "", row.head), make("span", "", row.size + " pictures"));
      made.push(line);
    }
    if (!order.length) made.push(make("p", "review-none", "Nothing to show here."));
    view.replaceChildren(...made);
    const number = decisions.size;
    find("count").textContent =
      `${order.length.toLocaleString("en")} shown · ${number.toLocaleString("en")} ${number === 1 ? "decision" : "decisions"}`;
  };
  const later = () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; draw(); });
  };

  const reveal = () => {
    const row = rows.find((one) => one.members && at >= one.first && at < one.first + one.members.length);
    if (!row) return;
    if (row.top < scroller.scrollTop + PAD) scroller.scrollTop = row.top - HEAD - PAD;
    const end = row.top + row.height + PAD;
    if (end > scroller.scrollTop + scroller.clientHeight) scroller.scrollTop = end - scroller.clientHeight;
  };
  const move = (place, extend) => {
    at = Math.max(0, Math.min(place, order.length - 1));
    if (extend) {
      chosen = new Set(order.slice(Math.min(anchor, at), Math.max(anchor, at) + 1));
    } else { anchor = at; chosen.clear(); }
    reveal();
    draw();
  };
  const vertical = (step) => {
    const lines = rows.filter((row) => row.members);
    const now = lines.findIndex((row) => at >= row.first && at < row.first + row.members.length);
    const next = lines[now + step];
    if (!next) return at;
    return next.first + Math.min(at - lines[now].first, next.members.length - 1);
  };

  const targets = () => (chosen.size ? [...chosen] : order.length ? [order[at]] : []);
  const decide = (indices, action, label) => {
    for (const index of indices) {
      const picture = pictures[index];
      if (action === "undo") decisions.delete(picture[ID]);
      else decisions.set(picture[ID], [action, action === "relabel" ? label : -1]);
    }
    remember();
    draw();
  };
  const chooseClass = (indices) => {
    const heading = indices.length === 1 ? "Right class of " + pictures[indices[0]][ID] : `Right class of ${indices.length} pictures`;
    const choices = make("div", "choices");
    data.classes.forEach((name, label) => {
      const button = make("button", "review-button", label < 9 ? `${label + 1} ${name}` : name);
      button.type = "button";
      button.addEventListener("click", () => { dialog.close(); decide(indices, "relabel", label); });
      choices.append(button);
    });
    dialog.onkeydown = (event) => {
      const label = Number(event.key) - 1;
      if (label >= 0 && label < Math.min(9, data.classes.length)) { dialog.close(); decide(indices, "relabel", label); }
      event.stopPropagation();
    };
    dialog.replaceChildren(make("h3", "", heading), choices);
    dialog.showModal();
  };
  const act = (key) => {
    const indices = targets();
    if (!indices.length) return;
    if (key === "k") decide(indices, "keep", -1);
    else if (key === "d") decide(indices, "drop", -1);
    else if (key === "u") decide(indices, "undo", -1);
    else if (key === "r") {
      const ready = indices.every((index) => {
        const [action, label] = decisions.get(pictures[index][ID]) || [];
        return pictures[index][SUGGESTION] >= 0 && !(action === "relabel" && label === pictures[index][SUGGESTION]);
      });
      if (!ready) { chooseClass(indices); return; }
      for (const index of indices) decisions.set(pictures[index][ID], ["relabel", pictures[index][SUGGESTION]]);
      remember();
      draw();
    }
  };
  const help = () => {
    const list = make("dl");
    for (const [key, text] of [
      ["← → ↑ ↓", "move; with Shift, choose several (or Shift-click)"],
      ["A", "choose all that are shown"],
      ["K", "keep"], ["D", "drop"],
      ["R", "relabel as suggested; again, or without a suggestion: choose the class"],
      ["U", "undo: back to the automatic action"],
      ["Esc", "choose nothing"],
    ]) {
      const term = make("dt");
      term.append(make("kbd", "", key));
      list.append(term, make("dd", "", text));
    }
    dialog.onkeydown = null;
    dialog.replaceChildren(make("h3", "", "Keys"), list);
    dialog.showModal();
  };

  scroller.addEventListener("scroll", later, { passive: true });
  scroller.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const moves = { ArrowRight: () => at + 1, ArrowLeft: () => at - 1, ArrowDown: () => vertical(1), ArrowUp: () => vertical(-1),
      Home: () => 0, End: () => order.length - 1 };
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (moves[key]) move(moves[key](), event.shiftKey);
    else if ("kdru".includes(key)) act(key);
    else if (key === "a") { chosen = new Set(order); draw(); }
    else if (key === "Escape") { chosen.clear(); draw(); }
    else if (key === "?") help();
    else return;
    event.preventDefault();
  });
  view.addEventListener("click", (event) => {
    const box = event.target.closest(".review-card");
    if (!box) return;
    const place = Number(box.dataset.place), button = event.target.closest("button");
    if (button) {
      if (!chosen.has(order[place])) { at = place; anchor = place; chosen.clear(); }
      act(button.dataset.act);
    } else move(place, event.shiftKey);
    scroller.focus({ preventScroll: true });
  });
  view.addEventListener("mousedown", (event) => { if (event.shiftKey) event.preventDefault(); });
  for (const name of ["sort", "class", "show"]) find(name).addEventListener("change", () => arrange(true));
  let width = scroller.clientWidth;
  addEventListener("resize", () => {
    if (scroller.clientWidth !== width) { width = scroller.clientWidth; arrange(false); reveal(); } else later();
  });
  find("help").addEventListener("click", help);

  const quoted = (text) => (/[",\r\n]/.test(text) || text !== text.trim() ? '"' + text.replaceAll('"', '""') + '"' : text);
  find("save").addEventListener("click", () => {
    const lines = [...decisions].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)).map(([id, [action, label]]) =>
      [id, action, action === "relabel" ? className(label) : ""].map(quoted).join(","));
    const link = make("a");
    link.href = URL.createObjectURL(new Blob(["image_id,action,label\n", ...lines.map((line) => line + "\n")], { type: "text/csv" }));
    link.download = "decisions.csv";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  });
  const parse = (text) => {
    const found = [];
    let row = [], cell = "", inside = false;
    for (let place = 0; place < text.length; place += 1) {
      const char = text[place];
      if (inside) {
        if (char !== '"') cell += char;
        else if (text[place + 1] === '"') { cell += '"'; place += 1; } else inside = false;
      } else if (char === '"') inside = true;
      else if (char === ",") { row.push(cell); cell = ""; }
      else if (char === "\n") { row.push(cell.replace(/\r$/, "")); found.push(row); row = []; cell = ""; }
      else cell += char;
    }
    if (cell || row.length) found.push([...row, cell]);
    return found.slice(1);
  };
  find("load").addEventListener("click", () => find("file").click());
  find("file").addEventListener("change", async () => {
    const file = find("file").files[0];
    if (!file) return;
    let unknown = 0;
    for (const [id, action, label] of parse((await file.text()).replace(/^\ufeff/, ""))) {
      const number = action === "relabel" ? data.classes.indexOf(label) : -1;
      if (byId.has(id) && ["keep", "drop", "relabel"].includes(action) && (action !== "relabel" || number >= 0)) {
        decisions.set(id, [action, number]);
      } else unknown += 1;
    }
    find("file").value = "";
    remember();
    arrange(false);
    if (unknown) {
      dialog.onkeydown = null;
      dialog.replaceChildren(make("h3", "", `${unknown} lines of ${file.name} fit no picture on this page and were left out.`));
      dialog.showModal();
    }
  });
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  dialog.addEventListener("close", () => scroller.focus({ preventScroll: true }));
  arrange(true);
})();
