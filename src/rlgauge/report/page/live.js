"use strict";
(() => {
  const KEPT = "rlgauge view", BY_ITSELF = "rlgauge view by itself";
  const STILL_SECONDS = 3, SLOWEST_SECONDS = 30;
  const root = document.documentElement;
  let last = null;

  const read = (name) => {
    try { return JSON.parse(sessionStorage.getItem(name)); } catch { return null; }
  };
  const found = read(KEPT), kept = found?.at === location.pathname ? found : null;  // of another view nothing is the same
  if (kept?.theme) root.dataset.theme = kept.theme;  // before anything is painted

  const PLACES = "h1,h2,h3,p,figure,table,details,li,pre";
  const parts = () => [...document.querySelectorAll("main > section[id]")];
  const sectionOf = (element) => element.closest("main > section[id]")?.id ?? "";
  const textOf = (element) => element.textContent.slice(0, 80);
  const inputs = () => [...document.querySelectorAll("main input, main select")];
  const nameOf = (input) => input.id || input.name || input.dataset.table || "";
  const REACHED = "a, button, input, select, summary, video, [tabindex]";
  const reached = () => [...document.querySelectorAll(`:is(header, main, #live) :is(${REACHED})`)];
  const details = () => [...document.querySelectorAll("main details")];
  const pressed = () => [...document.querySelectorAll("main [aria-pressed]")];
  // By what each is known in the next page: its words, else those without the numbers in them, and which of these it is.
  const marksOf = (all) => {
    const nums = new Map();
    return all.map((one) => {
      const words = `${sectionOf(one)} ${one.tagName} ${one.id || one.dataset.table || textOf(one.querySelector("summary") ?? one)}`;
      const rough = words.replace(/\d[\d,.]*/g, "#"), number = nums.get(rough) ?? 0;
      nums.set(rough, number + 1);
      return { words, rough, number };
    });
  };
  const finder = (all) => {
    const marks = marksOf(all);
    return ({ words, rough, number }) => {
      const same = all.filter((_, place) => marks[place].words === words);
      return same.length === 1 ? same[0] : all[marks.findIndex((one) => one.rough === rough && one.number === number)];
    };
  };
  const firstOf = (turns) => Number(/\d[\d,]*/.exec(turns.querySelector("span").textContent)?.[0].replaceAll(",", "") ?? 1);

  // What a reader has made of the page, by what is the same in the next one.
  const place = () => {
    if (scrollY < 1) return null;
    for (const section of parts()) {
      if (section.getBoundingClientRect().bottom < 1) continue;
      const all = [...section.querySelectorAll(PLACES)];
      const number = all.findIndex((one) => one.getBoundingClientRect().bottom > 1);
      const one = all[number] ?? section;
      return { section: section.id, number, tag: one.tagName, text: textOf(one), top: one.getBoundingClientRect().top };
    }
    return { end: true };
  };
  const keep = () => {
    const sorted = [...document.querySelectorAll("main th[aria-sort]")].map((head) =>
      ({ table: head.closest("table").id, column: head.cellIndex, order: head.getAttribute("aria-sort") }));
    const folds = details(), switches = pressed(), stops = reached(), at = document.activeElement;
    const open = marksOf(folds).map((mark, number) => ({ mark, open: folds[number].open }));
    const filled = inputs().map((one, number) =>
      ({ name: nameOf(one), number, value: one.value, checked: one.checked }));
    const focused = stops.includes(at) ? { mark: marksOf(stops)[stops.indexOf(at)], caret: caretOf(at), top: topOf(at) } : null;
    const moved = [...document.querySelectorAll("main .table")].map((one) => [one.scrollLeft, one.scrollTop]);
    const turned = [...document.querySelectorAll("main .turns")].map((one) => ({ of: one.dataset.of, first: firstOf(one) }));
    const lit = marksOf(switches).filter((_, number) => switches[number].getAttribute("aria-pressed") === "true");
    const state = {
      at: location.pathname, theme: root.dataset.theme ?? null, place: place(), sorted, open, filled, focused, moved, turned, lit,
      last, listTop: document.getElementById("live-runs").scrollTop,
    };
    try { sessionStorage.setItem(KEPT, JSON.stringify(state)); } catch { /* no room, or not allowed: nothing is kept */ }
  };

  const topOf = (one) => {  // null of what is out of sight
    const box = one.getBoundingClientRect();
    return box.bottom > 0 && box.top < innerHeight ? box.top : null;
  };
  const caretOf = (one) => {
    try { return one.selectionStart == null ? null : [one.selectionStart, one.selectionEnd]; } catch { return null; }
  };

  const restore = (state) => {
    for (const one of state.filled ?? []) {
      const input = inputs().filter((other) => nameOf(other) === one.name).length === 1 && one.name
        ? inputs().find((other) => nameOf(other) === one.name) : inputs()[one.number];
      if (!input || (input.value === one.value && input.checked === one.checked)) continue;
      input.value = one.value;
      if (input.checked !== undefined) input.checked = one.checked;
      for (const kind of ["input", "change"]) input.dispatchEvent(new Event(kind, { bubbles: true }));
    }
    for (const one of state.sorted ?? []) {
      const head = one.table ? document.getElementById(one.table)?.tHead?.rows[0]?.cells[one.column] : null;
      for (let turn = 0; head && turn < 2 && head.getAttribute("aria-sort") !== one.order; turn += 1)
        head.querySelector("button")?.click();
    }
    for (const { of, first } of state.turned ?? []) {
      const turns = document.querySelector(`main .turns[data-of="${CSS.escape(of)}"]`), more = turns?.querySelector("[data-turn='1']");
      for (let before = 0; more && !more.disabled && firstOf(turns) < first && firstOf(turns) > before;) {
        before = firstOf(turns);
        more.click();
      }
    }
    const button = finder(pressed()), part = finder(details());
    for (const one of state.lit ?? []) button(one)?.click();
    for (const one of state.open ?? []) {
      const same = part(one.mark);
      if (same) same.open = one.open;
    }
    [...document.querySelectorAll("main .table")].forEach((one, number) => { [one.scrollLeft, one.scrollTop] = state.moved?.[number] ?? [0, 0]; });
    const at = state.focused && finder(reached())(state.focused.mark);
    at?.focus({ preventScroll: true });
    if (at && state.focused.caret) at.setSelectionRange(...state.focused.caret);
    const settle = (frames) => {
      go(state.place);
      if (at && state.place && state.focused.top !== null)  // what one is at stays more than what is above it
        scrollBy({ top: at.getBoundingClientRect().top - state.focused.top, behavior: "instant" });
      if (frames > 0) requestAnimationFrame(() => settle(frames - 1));  // figures get their heights as they come into sight
    };
    settle(3);
  };
  const go = (at) => {
    if (!at) return;
    if (at.end) { scrollTo({ top: root.scrollHeight, behavior: "instant" }); return; }
    const section = document.getElementById(at.section);
    if (!section) return;
    const all = [...section.querySelectorAll(PLACES)];
    const alike = all.filter((one) => one.tagName === at.tag && textOf(one) === at.text);
    const one = alike.sort((a, b) => Math.abs(all.indexOf(a) - at.number) - Math.abs(all.indexOf(b) - at.number))[0]
      ?? (all[at.number]?.tagName === at.tag ? all[at.number] : section);
    scrollBy({ top: one.getBoundingClientRect().top - at.top, behavior: "instant" });
  };

  // Whether the reader is at something that a new page would take away.
  let touched = 0;
  for (const kind of ["pointerdown", "pointermove", "wheel", "keydown", "touchmove", "scroll"])
    addEventListener(kind, () => { touched = performance.now(); }, { passive: true, capture: true });
  const isBusy = () => performance.now() - touched < STILL_SECONDS * 1000
    || !(getSelection()?.isCollapsed ?? true) || document.fullscreenElement !== null
    || [...document.querySelectorAll("video")].some((video) => !video.paused || (video.currentTime > 0 && !video.ended))
    || document.getElementById("tip")?.hidden === false;

  const make = (name, attributes, ...children) => {
    const element = document.createElement(name);
    Object.assign(element, attributes);
    element.append(...children);
    return element;
  };

  addEventListener("DOMContentLoaded", () => {
    addEventListener("pagehide", keep);
    const live = document.getElementById("live"), told = document.getElementById("live-told");
    const list = document.getElementById("live-runs"), news = document.getElementById("live-news");
    const title = document.title;
    let failures = 0, timer = 0, isAsking = false;

    const say = (text) => { if (told.textContent !== text) told.textContent = text; };
    const cards = new Map();
    const card = (run) => {
      let one = cards.get(run.id);
      if (!one) {
        const name = make("b"), of = make("span"), share = make("span", { className: "share" });
        const filled = make("span"), bar = make("div", { className: "bar" }, filled);
        const far = make("div", { className: "parts" });
        const item = make("li", {}, make("div", { className: "name" }, make("span", {}, name, " ", of), share), bar, far);
        one = { item, name, of, share, bar, filled, far };
        cards.set(run.id, one);
      }
      one.name.textContent = run.group;
      one.of.textContent = [run.task, run.seed && `seed ${run.seed}`].filter(Boolean).join(", ");
      one.share.textContent = run.share == null ? "" : `${Math.floor(100 * run.share)} %`;
      one.bar.hidden = run.share == null;
      one.filled.style.width = `${100 * (run.share ?? 0)}%`;
      one.far.replaceChildren(...run.parts.map((text) => make("span", { textContent: text })));
      return one.item;
    };
    const goesOn = (found) => (found.counts.RUNNING ?? 0) + (found.counts.QUEUED ?? 0) > 0;
    const show = (found) => {
      const number = Object.values(found.counts).reduce((a, b) => a + b, 0);
      live.className = goesOn(found) ? "goes" : "";
      say(found.told || "Looking at the runs.");
      const items = found.going.map(card);
      const ids = new Set(found.going.map((run) => run.id));
      for (const id of cards.keys()) if (!ids.has(id)) cards.delete(id);
      if (found.num_more) items.push(make("li", { className: "parts" }, `and ${found.num_more} more`));
      if (items.length !== list.children.length || items.some((one, place) => list.children[place] !== one))
        list.replaceChildren(...items);
      document.title = goesOn(found) ? `(${found.counts.COMPLETED ?? 0}/${number}) ${title}` : title;
    };

    const byItself = () => read(BY_ITSELF) !== false;
    const box = make("input", { type: "checkbox", checked: byItself() });
    box.addEventListener("change", () => {
      try { sessionStorage.setItem(BY_ITSELF, JSON.stringify(box.checked)); } catch { /* it holds for this page */ }
      look();
    });
    const button = make("button", { type: "button" }, "Show the newer report");
    button.addEventListener("click", () => location.reload());
    const making = make("span", { textContent: "The report is being made anew." });
    news.append(button, making, make("label", {}, box, "keep the report up to date by itself"));
    const look = () => {
      if (!last) return;
      const isNewer = last.page !== live.dataset.page;
      if (isNewer && box.checked && !isBusy()) { location.reload(); return; }
      button.hidden = !isNewer;
      making.hidden = !last.is_making;
      news.hidden = !(isNewer || goesOn(last));
    };

    const lost = (text) => {
      live.className = "gone";
      list.replaceChildren();
      cards.clear();
      news.hidden = true;
      document.title = title;
      say(text);
    };
    const ask = async () => {
      clearTimeout(timer);
      if (isAsking || document.hidden) return;
      isAsking = true;
      let again = 2, isAnother = false;
      try {
        const answer = await fetch(live.dataset.live, { cache: "no-store", signal: AbortSignal.timeout(20000) });
        isAnother = answer.status === 403;
        if (!answer.ok) throw new Error(`${answer.status}`);
        last = await answer.json();
        failures = 0;
        show(last);
        look();
        again = last.is_making ? 1 : last.page !== live.dataset.page ? Math.min(2, last.again) : last.again;
      } catch {
        failures += 1;
        again = Math.min(SLOWEST_SECONDS, 2 ** failures);
        if (isAnother) lost("Another rlgauge view is here now: take the address that it printed. This is what the one before showed last.");
        else if (failures > 1) lost("rlgauge view has ended, or can’t be reached: this is what it showed last.");
      }
      isAsking = false;
      timer = setTimeout(ask, again * 1000);
    };
    document.addEventListener("visibilitychange", () => { if (!document.hidden) ask(); });
    addEventListener("online", ask);
    if (kept) {
      history.scrollRestoration = "manual";
      if (kept.last) show(kept.last);  // so that nothing moves when the answer comes
      list.scrollTop = kept.listTop ?? 0;
      restore(kept);
    }
    ask();
  });
})();
