// Values under the pointer, runs switched on and off, and the step of the sampled answers. Text goes in by textContent only.
"use strict";
(() => {
  const charts = JSON.parse(document.getElementById("charts").textContent);
  const tip = document.getElementById("tip");
  const off = new Set();

  const place = (scale, value) => {
    const f = scale.log ? Math.log10 : (v) => v;
    return scale.start + ((f(value) - f(scale.low)) / (f(scale.high) - f(scale.low))) * (scale.end - scale.start);
  };
  const shown = (scale, value) => (scale.percent ? `${(100 * value).toPrecision(3)} %` : String(Number(value.toPrecision(4))));

  // The points to name: of each line the one nearest in x, or the one point nearest of all.
  const nearest = (chart, x, y) => {
    let found = [];
    for (const line of chart.series) {
      if (off.has(line.run)) continue;
      let best = null;
      line.x.forEach((value, i) => {
        const dx = place(chart.x, value) - x;
        const distance = chart.nearest === "xy" ? Math.hypot(dx, place(chart.y, line.y[i]) - y) : Math.abs(dx);
        if (!best || distance < best.distance) best = { line, distance, x: value, y: line.y[i] };
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

  for (const figure of document.querySelectorAll("figure[data-chart]")) {
    const chart = charts[Number(figure.dataset.chart)];
    const svg = figure.querySelector("svg");
    const guide = svg.querySelector(".guide");
    const hide = () => { tip.hidden = true; guide.setAttribute("hidden", "hidden"); };
    const show = (event) => {
      const box = svg.getBoundingClientRect();
      const scale = svg.viewBox.baseVal.width / box.width;
      const points = nearest(chart, (event.clientX - box.left) * scale, (event.clientY - box.top) * scale);
      if (!points.length) return hide();
      const closest = points.reduce((a, b) => (a.distance <= b.distance ? a : b));
      tip.replaceChildren(row("", `${chart.x.label}: ${shown(chart.x, closest.x)}`));
      for (const point of points) tip.appendChild(row(point.line.colour, `${point.line.label}: ${shown(chart.y, point.y)}`));
      const at = place(chart.x, closest.x);
      guide.setAttribute("x1", at);
      guide.setAttribute("x2", at);
      guide.removeAttribute("hidden");
      tip.hidden = false;
      const left = event.pageX + 14 + tip.offsetWidth > document.documentElement.clientWidth;
      tip.style.left = `${Math.max(4, left ? event.pageX - tip.offsetWidth - 14 : event.pageX + 14)}px`;
      tip.style.top = `${event.pageY + 14}px`;
    };
    svg.addEventListener("pointermove", show);
    svg.addEventListener("pointerdown", show);
    svg.addEventListener("pointerleave", hide);
  }

  for (const box of document.querySelectorAll("[data-switch]")) {
    const change = () => {
      const run = Number(box.dataset.switch);
      if (box.checked) off.delete(run);
      else off.add(run);
      for (const mark of document.querySelectorAll(`[data-run="${run}"]`)) mark.classList.toggle("off", !box.checked);
      for (const figure of document.querySelectorAll("figure[data-chart]")) {
        const { series } = charts[Number(figure.dataset.chart)];
        figure.classList.toggle("off", series.every((line) => off.has(line.run))); // a chart of that run alone
      }
    };
    box.addEventListener("change", change);
    change(); // a browser may restore a cleared box on reload
  }

  const slider = document.getElementById("sample-step");
  if (!slider) return;
  const select = document.getElementById("sample-run");
  const moments = [...document.querySelectorAll(".moment")];
  const stepOf = (moment) => Number(moment.dataset.momentStep);
  const ofRun = () => moments.filter((moment) => moment.dataset.momentRun === select.value);
  for (const option of [...select.options]) {
    if (!moments.some((moment) => moment.dataset.momentRun === option.value)) option.remove();
  }
  let wanted = Infinity; // the last step first: what the run became
  const update = () => {
    const mine = ofRun();
    const index = Math.min(Number(slider.value), mine.length - 1);
    moments.forEach((moment) => { moment.hidden = moment !== mine[index]; });
    document.getElementById("sample-at").textContent = `${stepOf(mine[index])} (${index + 1} of ${mine.length})`;
  };
  const change = () => {
    const mine = ofRun();
    slider.max = mine.length - 1;
    const near = mine.findLastIndex((moment) => stepOf(moment) <= wanted);
    slider.value = Math.max(near, 0);
    update();
  };
  slider.addEventListener("input", () => { update(); wanted = stepOf(ofRun()[Number(slider.value)]); });
  select.addEventListener("change", change);
  change();
})();
