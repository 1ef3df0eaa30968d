// Values under pointer or arrow keys, runs switched on and off, the step of the sampled answers, and a page that looks
// for its next state while runs go on. Text goes in by textContent only.
"use strict";
(() => {
  const charts = JSON.parse(document.getElementById("charts").textContent);
  const tip = document.getElementById("tip");
  const off = new Set();
  const kept = remembered();

  const place = (scale, value) => {
    const f = scale.log ? Math.log10 : (v) => v;
    return scale.start + ((f(value) - f(scale.low)) / (f(scale.high) - f(scale.low))) * (scale.end - scale.start);
  };
  const number = (scale, value) => (scale.percent ? Number((100 * value).toPrecision(3)) : Number(value.toPrecision(4)));
  const shown = (scale, value) => `${number(scale, value)}${scale.percent ? " %" : ""}`;
  const rough = (scale, value) => shown(scale, Number(value.toPrecision(3)));
  const described = (scale, point) => {
    const { line, index } = point;
    const [low, high] = [line.low?.[index] ?? null, line.high?.[index] ?? null];
    const spread = low === null || high === null ? "" : `, ${rough(scale, low)} to ${rough(scale, high)}`;
    return `${line.label}: ${shown(scale, point.y)}${spread}`;
  };

  // The points to name: of each line the one nearest in x, or the one point nearest of all.
  const nearest = (chart, x, y) => {
    let found = [];
    for (const line of chart.series) {
      if (off.has(line.run)) continue;
      let best = null;
      line.x.forEach((value, index) => {
        const dx = place(chart.x, value) - x;
        const distance = chart.nearest === "xy" ? Math.hypot(dx, place(chart.y, line.y[index]) - y) : Math.abs(dx);
        if (!best || distance < best.distance) best = { line, index, distance, x: value, y: line.y[index] };
      });
      if (best) found.push(best);
    }
    found.sort((a, b) => a.distance - b.distance);
    if (chart.nearest === "xy") return found.slice(0, 1);
    return found.filter((point) => point.distance < 40).sort((a, b) => b.y - a.y);
  };

  const row = (colour, text) => {
    const line = document.createElement("div");
    if (colour) line.appendChild(document.createElement("i")).style.background = colour;
    line.appendChild(document.createElement("span")).textContent = text;
    return line;
  };

  let open = null; // hides the readout that is open
  const prepare = (plot) => {
    const chart = charts[Number(plot.dataset.chart)];
    const svg = plot.querySelector("svg");
    const guide = svg.querySelector(".guide");
    let at = null; // where the arrow keys stand, in the drawing's units
    const hide = () => { tip.hidden = true; guide.setAttribute("hidden", "hidden"); };
    const show = (x, y, pageX, pageY) => {
      const points = nearest(chart, x, y);
      if (!points.length) return hide();
      if (open && open !== hide) open();
      open = hide;
      const closest = points.reduce((a, b) => (a.distance <= b.distance ? a : b));
      tip.replaceChildren(row("", `${chart.x.label}: ${shown(chart.x, closest.x)}`));
      for (const point of points.slice(0, 14)) tip.appendChild(row(point.line.colour, described(chart.y, point)));
      if (points.length > 14) tip.appendChild(row("", `and ${points.length - 14} more`));
      at = place(chart.x, closest.x);
      guide.setAttribute("x1", at);
      guide.setAttribute("x2", at);
      guide.removeAttribute("hidden");
      tip.hidden = false;
      const width = document.documentElement.clientWidth;
      const left = pageX + 14 + tip.offsetWidth > width ? pageX - tip.offsetWidth - 14 : pageX + 14;
      tip.style.left = `${Math.max(4, Math.min(left, width - tip.offsetWidth - 4))}px`;
      const below = pageY - window.scrollY + 14 + tip.offsetHeight < document.documentElement.clientHeight;
      tip.style.top = `${below ? pageY + 14 : pageY - tip.offsetHeight - 14}px`;
    };
    const follow = (event) => {
      const box = svg.getBoundingClientRect();
      const scale = svg.viewBox.baseVal.width / box.width;
      show((event.clientX - box.left) * scale, (event.clientY - box.top) * scale, event.pageX, event.pageY);
    };
    const step = (direction) => {
      const xs = new Set(chart.series.filter((line) => !off.has(line.run)).flatMap((line) => line.x));
      const places = [...xs].map((x) => place(chart.x, x)).sort((a, b) => a - b);
      if (!places.length) return;
      const next = { first: places[0], last: places.at(-1) }[direction]
        ?? (direction > 0 ? places.find((x) => x > at + 0.5) : places.findLast((x) => x < at - 0.5)) ?? at;
      const box = svg.getBoundingClientRect();
      const unit = box.width / svg.viewBox.baseVal.width;
      const line = chart.series.find((one) => !off.has(one.run) && one.x.some((x) => Math.abs(place(chart.x, x) - next) < 0.01));
      const y = line ? place(chart.y, line.y[line.x.findIndex((x) => Math.abs(place(chart.x, x) - next) < 0.01)]) : chart.y.end;
      show(next, y, box.left + window.scrollX + next * unit, box.top + window.scrollY + y * unit);
    };
    svg.addEventListener("pointermove", follow);
    svg.addEventListener("pointerdown", follow);
    // A finger that is lifted leaves the values standing, to be read; a mouse that goes takes them along.
    svg.addEventListener("pointerleave", (event) => { if (event.pointerType === "mouse") hide(); });
    svg.addEventListener("focus", () => { if (svg.matches(":focus-visible")) step("last"); });
    svg.addEventListener("blur", hide);
    svg.addEventListener("keydown", (event) => {
      const direction = { ArrowLeft: -1, ArrowRight: 1, Home: "first", End: "last" }[event.key];
      if (direction) { event.preventDefault(); step(direction); }
      if (event.key === "Escape") hide();
    });
  };
  const plots = [...document.querySelectorAll(".plot")];
  plots.forEach(prepare);
  document.addEventListener("pointerdown", (event) => { if (open && !event.target.closest("svg.chart")) open(); });

  const boxes = [...document.querySelectorAll("[data-switch]")];
  const change = (box) => {
    const run = Number(box.dataset.switch);
    if (box.checked) off.delete(run);
    else off.add(run);
    for (const mark of document.querySelectorAll(`svg [data-run="${run}"]`)) mark.classList.toggle("off", !box.checked);
    for (const plot of plots) {
      const own = charts[Number(plot.dataset.chart)].series.filter((line) => line.run >= 0);
      plot.classList.toggle("off", own.length > 0 && own.every((line) => off.has(line.run))); // of that run alone
    }
    for (const figure of document.querySelectorAll("figure")) {
      figure.classList.toggle("off", !figure.querySelector(".plot:not(.off)"));
    }
  };
  for (const box of boxes) {
    if (kept.off) box.checked = !kept.off.includes(box.dataset.name);
    box.addEventListener("change", () => change(box));
    change(box); // a browser may restore a cleared box on reload
  }
  for (const button of document.querySelectorAll("[data-all]")) {
    button.addEventListener("click", () => boxes.forEach((box) => {
      box.checked = button.dataset.all === "1";
      change(box);
    }));
  }

  const slider = document.getElementById("sample-step");
  const select = document.getElementById("sample-run");
  if (slider) sampledAnswers(slider, select, kept);

  const details = [...document.querySelectorAll("details")];
  const titles = details.map((element) => element.querySelector("summary").textContent.trim());
  const named = (element) => { // several have one title: told apart by how many of it stand before
    const place = details.indexOf(element);
    return `${titles[place]} ${titles.slice(0, place).filter((title) => title === titles[place]).length}`;
  };
  for (const element of details) if (kept.open) element.open = kept.open.includes(named(element));
  if (kept.scroll) window.scrollTo(0, kept.scroll);

  // What a reload shall not lose. Some browsers keep nothing for pages from a disk: then the page begins anew.
  function remembered() {
    try {
      const text = sessionStorage.getItem(`entropy report ${location.pathname}`);
      return (text && JSON.parse(text)) || {};
    } catch { return {}; }
  }
  const remember = () => {
    const state = {
      scroll: window.scrollY,
      off: boxes.filter((box) => !box.checked).map((box) => box.dataset.name),
      open: details.filter((element) => element.open).map(named),
      step: slider ? slider.dataset.wanted : null,
      run: select ? select.value : null,
    };
    try { sessionStorage.setItem(`entropy report ${location.pathname}`, JSON.stringify(state)); } catch { /* as above */ }
  };
  window.addEventListener("pagehide", remember);

  const seconds = Number(document.body.dataset.refresh);
  if (seconds > 0) {
    const busy = () => document.hidden || !tip.hidden || !getSelection().isCollapsed
      || document.activeElement?.matches("select");
    setInterval(() => { if (!busy()) location.reload(); }, 1000 * seconds); // who reads a value is not disturbed
  }

  function sampledAnswers(slider, select, kept) {
    const moments = [...document.querySelectorAll(".moment")];
    const stepOf = (moment) => Number(moment.dataset.momentStep);
    const ofRun = () => moments.filter((moment) => moment.dataset.momentRun === select.value);
    for (const option of [...select.options]) {
      if (!moments.some((moment) => moment.dataset.momentRun === option.value)) option.remove();
    }
    if (kept.run && [...select.options].some((option) => option.value === kept.run)) select.value = kept.run;
    let wanted = kept.step ? Number(kept.step) : Infinity; // the last step first: what the run became
    const update = () => {
      const mine = ofRun();
      const index = Math.min(Number(slider.value), mine.length - 1);
      moments.forEach((moment) => { moment.hidden = moment !== mine[index]; });
      document.getElementById("sample-at").textContent = `${stepOf(mine[index])} (${index + 1} of ${mine.length})`;
    };
    const change = () => {
      const mine = ofRun();
      slider.max = mine.length - 1;
      slider.value = Math.max(mine.findLastIndex((moment) => stepOf(moment) <= wanted), 0);
      update();
    };
    slider.addEventListener("input", () => {
      update();
      wanted = stepOf(ofRun()[Number(slider.value)]);
      slider.dataset.wanted = wanted;
    });
    if (kept.step) slider.dataset.wanted = kept.step;
    select.addEventListener("change", change);
    change();
  }
})();
