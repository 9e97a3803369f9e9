"use strict";
(() => {
  const root = document.documentElement;
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];

  const isDark = () => (root.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  const theme = document.querySelector("button.theme");
  theme.hidden = false;
  theme.addEventListener("click", () => { root.dataset.theme = isDark() ? "light" : "dark"; });

  const contents = document.querySelector("nav details");
  const narrow = matchMedia("(max-width: 40rem)");
  const fold = () => { contents.open = !narrow.matches; };
  narrow.addEventListener("change", fold);
  fold();
  contents.addEventListener("click", (event) => { if (narrow.matches && event.target.closest("a")) contents.open = false; });

  // What is folded is printed, too, and all rows of a table, as far as they are some pages.
  addEventListener("beforeprint", () => {
    for (const one of all("main details:not([open])")) { one.dataset.folded = ""; one.open = true; }
    for (const table of tables.values()) table.print?.(true);
  });
  addEventListener("afterprint", () => {
    for (const one of all("main details[data-folded]")) { delete one.dataset.folded; one.open = false; }
    for (const table of tables.values()) table.print?.(false);
  });

  // The number that a cell begins with, or its words; what says nothing comes last.
  const collator = new Intl.Collator("en", { numeric: true });
  const SIZES = { k: 1e3, M: 1e6, G: 1e9 };
  const valueOf = (text) => {
    const found = /^\[?\s*([-−+]?[\d,]*\.?\d+(?:e[-+]?\d+)?)(?:([kMG])\b)?(?=$|[\s,\]%(])/i.exec(text);
    return found ? Number(found[1].replaceAll(",", "").replace("−", "-")) * (SIZES[found[2]] ?? 1) : text;
  };
  const isNothing = (value) => value === "-" || value === "";
  const compare = (a, b) => {
    if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1;
    return typeof a === "number" ? a - b : collator.compare(a, b);
  };
  const sorted = (values, falls) => {
    const keys = values.map(valueOf);
    const known = [], nothing = [];
    keys.forEach((key, place) => (isNothing(key) ? nothing : known).push(place));
    known.sort((a, b) => (falls ? compare(keys[b], keys[a]) : compare(keys[a], keys[b])) || a - b);
    return known.concat(nothing);
  };

  // A table whose rows stand in the page.
  const standing = (table) => {
    const body = table.tBodies[0];
    const rows = [...body.rows];
    return {
      sort: (column, falls) => {
        const now = [...body.rows];
        body.append(...sorted(now.map((row) => row.cells[column].textContent), falls).map((place) => now[place]));
      },
      filter: (wanted) => {
        let shown = 0;
        for (const row of rows) {
          row.hidden = !row.textContent.toLowerCase().includes(wanted);
          shown += !row.hidden;
        }
        return [shown, rows.length];
      },
    };
  };

  // A table whose rows are data: each column as its different texts and, by row, which of them it is.
  const read = (column) => {
    if (column.names) {
      const places = [];
      for (let at = 0, place = 0; at < column.steps.length; at += 2)
        for (let times = column.steps[at + 1]; times > 0; times -= 1) places.push(place += column.steps[at]);
      return { names: column.names, places };
    }
    const values = column.values ?? column.joined.split(column.by);
    const names = [...new Set(values)];
    const found = new Map(names.map((name, place) => [name, place]));
    return { names, places: values.map((value) => found.get(value)) };
  };
  const SHOWN = 100, PRINTED = 1000;
  const held = (table) => {
    const { n, columns: told } = JSON.parse(document.getElementById(table.dataset.rows).textContent);
    const body = table.tBodies[0], turns = document.querySelector(`.turns[data-of="${table.id}"]`);
    const [back, more] = all("button", turns);
    let columns = null, order = null, kept = null, wanted = "", first = 0;
    const open = () => {
      columns ??= told.map(read);
      order ??= Array.from({ length: n }, (_, row) => row);
    };
    const text = (column, row) => columns[column].names[columns[column].places[row]];
    const show = (from = first, number = SHOWN) => {
      open();
      const rows = kept ?? order;
      const end = Math.min(from + number, rows.length);
      body.replaceChildren(...rows.slice(from, end).map((row) => {
        const line = document.createElement("tr");
        columns.forEach((_, column) => { line.insertCell().textContent = text(column, row); });
        return line;
      }));
      turns.querySelector("span").textContent = rows.length
        ? `rows ${(from + 1).toLocaleString("en")} to ${end.toLocaleString("en")} of ${rows.length.toLocaleString("en")}`
        : "no rows";
      turns.classList.toggle("part", end - from < rows.length);
      back.disabled = first === 0;
      more.disabled = first + SHOWN >= rows.length;
    };
    const choose = () => {
      if (!wanted) { kept = null; return; }
      const found = columns.map((column) => column.names.map((name) => name.toLowerCase().includes(wanted)));
      kept = order.filter((row) => columns.some((column, place) => found[place][column.places[row]]));
    };
    for (const button of [back, more]) button.addEventListener("click", () => { first += SHOWN * Number(button.dataset.turn); show(); });
    turns.hidden = false;
    turns.previousElementSibling.hidden = true;
    back.disabled = true;
    turns.querySelector("span").textContent = `rows 1 to ${SHOWN} of ${n.toLocaleString("en")}`;
    turns.classList.add("part");
    return {
      sort: (column, falls) => {
        open();
        const ranks = [];
        const names = columns[column].names;
        const keys = names.map(valueOf);
        names.map((_, place) => place).sort((a, b) => compare(keys[a], keys[b])).forEach((place, rank) => { ranks[place] = rank; });
        names.forEach((name, place) => { if (isNothing(name)) ranks[place] = falls ? -1 : names.length; });
        const places = columns[column].places;
        order.sort((a, b) => (falls ? ranks[places[b]] - ranks[places[a]] : ranks[places[a]] - ranks[places[b]]) || a - b);
        choose();
        first = 0;
        show();
      },
      filter: (text_) => {
        open();
        wanted = text_;
        choose();
        first = 0;
        show();
        return [(kept ?? order).length, n];
      },
      print: (is) => { if (is) show(0, PRINTED); else show(); },
    };
  };

  const tables = new Map(all("table.sorts").map((table) => [table, table.dataset.rows ? held(table) : standing(table)]));
  for (const head of all("table.sorts thead th")) {
    head.querySelector("button").addEventListener("click", () => {
      const falls = head.getAttribute("aria-sort") === "ascending";
      for (const other of head.parentNode.cells) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", falls ? "descending" : "ascending");
      tables.get(head.closest("table")).sort(head.cellIndex, falls);
    });
  }
  for (const input of all("input.filter")) {
    const table = tables.get(document.getElementById(input.dataset.table));
    const told = input.nextElementSibling;
    input.parentNode.hidden = false;
    input.addEventListener("input", () => {
      const wanted = input.value.toLowerCase();
      const [shown, number] = table.filter(wanted);
      told.textContent = wanted ? `${shown.toLocaleString("en")} of ${number.toLocaleString("en")} rows` : "";
      input.parentNode.classList.toggle("filters", !wanted);
    });
  }

  // Tips: shown by the mouse and by the keyboard. Tab leads to one mark of a figure or table, arrows to the others.
  const MARKS = "td[data-tip], svg .row";
  const tip = document.createElement("div");
  tip.id = "tip";
  tip.setAttribute("role", "status");
  tip.hidden = true;
  document.body.append(tip);
  const words = (element) => {
    if (element.cellIndex !== undefined) {
      while (element.dataset.tip === "" && element.previousElementSibling?.dataset.tip !== undefined) element = element.previousElementSibling;
      return element.dataset.tip;
    }
    return (document.getElementById(element.getAttribute("aria-labelledby")) ?? element).getAttribute("aria-label");
  };
  let shown = null;
  const hide = () => { tip.hidden = true; shown = null; };
  const show = (element) => {
    shown = element;
    const box = element.getBoundingClientRect();
    tip.textContent = words(element);
    tip.hidden = false;
    const left = Math.min(Math.max(box.left, 0) + scrollX + 12, scrollX + root.clientWidth - tip.offsetWidth - 8);
    tip.style.left = `${Math.max(8, left)}px`;
    const isBelow = box.bottom + 4 + tip.offsetHeight < innerHeight || box.top < tip.offsetHeight + 4;
    tip.style.top = `${scrollY + (isBelow ? box.bottom + 4 : box.top - tip.offsetHeight - 4)}px`;
  };
  const marked = (event) => event.target.closest?.(MARKS);
  for (const kind of ["mouseover", "focusin"]) document.addEventListener(kind, (event) => {
    const element = marked(event);
    if (element) show(element); else if (shown !== document.activeElement) hide();
  });
  document.addEventListener("focusout", hide);

  const holderOf = (element) => element.closest("table, svg");
  const lineOf = (element) => element.closest("tr, .cells") ?? element;
  for (const holder of all("table, svg.figure")) holder.querySelector(MARKS)?.setAttribute("tabindex", "0");
  const go = (from, to) => {
    if (!to) return;
    for (const one of all(`${MARKS.split(", ").map((part) => `${part}[tabindex="0"]`)}`, holderOf(from))) one.tabIndex = -1;
    to.tabIndex = 0;
    to.focus();
    to.scrollIntoView({ block: "nearest", inline: "nearest" });
  };
  const STEPS = { ArrowDown: [1, 0], ArrowUp: [-1, 0], ArrowRight: [0, 1], ArrowLeft: [0, -1] };
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") hide();
    const element = marked(event), step = STEPS[event.key];
    if (!element || !step || element !== event.target) return;
    event.preventDefault();
    const marks = all(MARKS, holderOf(element)).filter((one) => !lineOf(one).hidden);
    const lines = [...new Set(marks.map(lineOf))];
    const own = marks.filter((one) => lineOf(one) === lineOf(element));
    if (step[1]) { go(element, own[own.indexOf(element) + step[1]]); return; }
    const next = lines[lines.indexOf(lineOf(element)) + step[0]];
    const others = next ? marks.filter((one) => lineOf(one) === next) : [];
    go(element, others[Math.min(own.indexOf(element), others.length - 1)]);
  });

  // What is wider than the window scrolls by the keyboard, too.
  const reach = () => {
    for (const one of all(".table, figure, .answer, .warning, .legend")) {
      if (one.scrollWidth > one.clientWidth + 1 || one.scrollHeight > one.clientHeight + 1) one.tabIndex = 0; else one.removeAttribute("tabindex");
    }
  };
  addEventListener("resize", reach);
  reach();

  // A name of a legend lights its lines: as long as the mouse or the focus is on it, or until it is pressed again.
  for (const legend of all(".legend")) {
    const figure = legend.closest("figure, .beside"), series = all(".series", figure), buttons = [];
    const nameOf = (one) => one.firstElementChild.textContent, names = [...legend.children].map((item) => item.textContent);
    const colourOf = (one) => /\bc\d\b/.exec(one?.querySelector("[class]")?.getAttribute("class"))?.[0];
    const colours = names.map((name) => colourOf(series.find((one) => nameOf(one) === name)));
    const light = () => {
      let is = false;
      for (const { button, lines } of buttons) {
        const lit = button.matches(":hover, :focus-visible, [aria-pressed=true]");
        is ||= lit;
        for (const one of lines) one.classList.toggle("lit", lit);
      }
      figure.classList.toggle("lights", is);
    };
    for (const item of legend.children) {
      const name = item.textContent, lines = series.filter((one) => nameOf(one) === name), colour = colourOf(lines[0]);
      if (lines.length === 0 || legend.children.length < 2) continue;
      if (colour && colours.filter((other) => other === colour).length === 1) {
        const seeds = series.filter((one) => !names.includes(nameOf(one)) && colourOf(one) === colour);
        lines.push(...seeds, ...all(`:is(.band, .whisker).${colour}`, figure));
      }
      const button = document.createElement("button");
      button.type = "button";
      button.append(...item.childNodes);
      button.setAttribute("aria-pressed", "false");
      button.tabIndex = buttons.length ? -1 : 0;
      item.append(button);
      buttons.push({ button, lines });
      for (const kind of ["mouseenter", "mouseleave", "focus", "blur"]) button.addEventListener(kind, light);
      button.addEventListener("click", () => {
        button.setAttribute("aria-pressed", button.getAttribute("aria-pressed") !== "true");
        light();
      });
      button.addEventListener("keydown", (event) => {
        const step = STEPS[event.key], place = buttons.findIndex((one) => one.button === button);
        const next = step && buttons[place + step[0] + step[1]]?.button;
        if (!step) return;
        event.preventDefault();
        next?.focus();
      });
      button.addEventListener("focus", () => { for (const one of buttons) one.button.tabIndex = one.button === button ? 0 : -1; });
    }
  }
})();
