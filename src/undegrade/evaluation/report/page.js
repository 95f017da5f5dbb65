// What the page can do beyond standing still: tooltips, drop-downs of plots, slider, zoom, order.
// All names come from the data block and reach the page as text, never as markup.
"use strict";

const data = JSON.parse(document.getElementById("data").textContent);
const $ = (selector, within = document) => within.querySelector(selector);
const $$ = (selector, within = document) => [...within.querySelectorAll(selector)];
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

// ---- Theme ----

const theme = $("#theme");
const themes = [["", "as the system"], ["light", "light"], ["dark", "dark"]];
let chosenTheme = 0;
theme.hidden = false;
theme.addEventListener("click", () => {
  chosenTheme = (chosenTheme + 1) % themes.length;
  const [value, label] = themes[chosenTheme];
  if (value) document.documentElement.dataset.theme = value;
  else delete document.documentElement.dataset.theme;
  theme.textContent = `Theme: ${label}`;
});

// ---- Contents: open on wide screens, closed on phones; where one is ----

if (matchMedia("(max-width: 67.99rem)").matches) $("nav details").open = false;
const spy = new IntersectionObserver(
  (entries) => {
    for (const entry of entries.filter((one) => one.isIntersecting)) {
      for (const link of $$("nav a")) {
        if (link.hash === `#${entry.target.id}`) link.setAttribute("aria-current", "true");
        else link.removeAttribute("aria-current");
      }
    }
  },
  { rootMargin: "-10% 0px -80% 0px" },
);
for (const section of $$("main > section")) spy.observe(section);

// ---- Tooltips: what a point is called ----

const tip = $("#tip");
const pointOf = (target) =>
  target.closest?.(".chart [aria-roledescription=point]") ??
  (target.matches?.(".chart a") ? $("[aria-label]", target) : null);

function showTip(target) {
  const point = pointOf(target);
  tip.hidden = !point;
  if (!point) return;
  tip.textContent = point.getAttribute("aria-label");
  const box = point.getBoundingClientRect();
  const { width, height } = tip.getBoundingClientRect();
  const above = box.top - height - 2;
  tip.style.left = `${clamp(box.left + box.width / 2 - width / 2, 8, innerWidth - width - 8)}px`;
  tip.style.top = `${above > 8 ? above : box.bottom + 2}px`;
}

document.addEventListener("pointerover", (event) => showTip(event.target));
document.addEventListener("focusin", (event) => showTip(event.target));
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") tip.hidden = true;
});
addEventListener("scroll", () => (tip.hidden = true), { passive: true });

// ---- Panels: one of several, by a drop-down ----

for (const panels of $$(".panels")) {
  const select = document.getElementById(panels.dataset.select);
  if (!select) continue;
  const show = () => {
    [...panels.children].forEach((panel, index) => (panel.hidden = index !== Number(select.value)));
  };
  for (const name of $$(".panel-name", panels)) name.hidden = true;
  select.closest(".controls").hidden = false;
  select.addEventListener("change", show);
  show();
}

// ---- Scatter: the specification that charts.py wrote, filled for other choices ----

const MINUS = "\u2212";

function written(value, digits) {
  const text = value.toFixed(digits);
  return (Number(text) === 0 ? text.replace("-", "") : text).replace("-", MINUS);
}

// As in charts.py.
function rangeOf(values) {
  let [low, high] = values.length ? [Math.min(...values), Math.max(...values)] : [1, 1];
  if (low === high) {
    const half = Math.abs(low) * 0.01 || 0.5;
    [low, high] = [low - half, high + half];
  }
  const spare = (high - low) * 0.06;
  return [low - spare, high + spare];
}

class Scatter {
  constructor(figure) {
    this.figure = figure;
    this.id = figure.dataset.plot;
    this.plot = data.plots[this.id];
    this.selects = ["setting", "metric", "a", "b", "up"].map((name) => $(`#${this.id}-${name}`));
    this.selects[0].closest(".controls").hidden = false;
    for (const select of this.selects) select.addEventListener("change", () => this.draw());
    this.offer();
  }

  // Models that the setting does not have cannot be chosen; chosen ones give way to others.
  offer() {
    const { metrics } = this.plot.settings[this.selects[0].value];
    const { values } = metrics[this.selects[1].value];
    const known = this.plot.models.map((model) => model in values);
    const [a, b] = this.selects.slice(2);
    for (const select of [a, b]) {
      known.forEach((here, index) => (select.options[index].disabled = !here));
      const free = (other) => known.findIndex((here, index) => here && index !== Number(other));
      if (known[select.value]) continue;
      const found = free((select === a ? b : a).value);
      if (found >= 0) select.value = found;
    }
  }

  async draw() {
    this.offer();
    const [setting, metric, a, b, gains] = this.selects.map((select) => Number(select.value));
    const { images, cases, metrics } = this.plot.settings[setting];
    const measure = metrics[metric];
    const names = [this.plot.names[a], this.plot.names[b]];
    const [first, second] = [a, b].map((model) => measure.values[this.plot.models[model]] ?? []);
    const gain = (x, y) => (measure.higher ? y - x : x - y);
    const points = images
      .map((image, index) => ({ image, x: first[index], y: second[index], to: cases[index] }))
      .filter(({ x, y }) => Number.isFinite(x) && Number.isFinite(y))
      .map(({ image, x, y, to }) => ({
        x,
        y: gains ? gain(x, y) : y,
        better: gain(x, y) > 0,
        tip: `${image}: ${names[0]} ${written(x, measure.digits)}, ` +
          `${names[1]} ${written(y, measure.digits)}`,
        to: to && `#${to}`,
        ...this.plot.marks[gain(x, y) > 0 ? b : a],
        ...(to ? { edge: "var(--ink)" } : {}),
      }));
    const across = points.map(({ x }) => x);
    const up = points.map(({ y }) => y);
    const ranges = gains
      ? [rangeOf(across), rangeOf([0, ...up])]
      : Array(2).fill(rangeOf([...across, ...up]));
    const titles = [
      `${names[0]}: ${measure.title}`,
      gains ? `gain of ${names[1]}: ${measure.title}` : `${names[1]}: ${measure.title}`,
    ];
    const settingName = this.selects[0].selectedOptions[0].textContent;
    const label = `${titles[1]} against ${names[0]}, a point an image, ${settingName}`;
    await this.show(points, ranges, titles, gains, label);
    const wins = points.filter(({ better }) => better).length;
    const side = measure.higher || gains ? "above" : "below";
    const rest = images.length - points.length;
    const sentences = !points.length ? [] : [
      `${settingName}: ${names[1]} is better than ${names[0]} on ${wins} of ${points.length} ` +
        `images, those ${side} the line.`,
    ];
    if (points.some(({ to }) => to)) sentences.push("Outlined points lead to their pictures.");
    if (rest) sentences.push(`Not drawn: ${rest} that are missing or not finite.`);
    $("figcaption", this.figure).textContent = sentences.join(" ");
  }

  async show(points, ranges, titles, gains, label) {
    const spec = structuredClone(this.plot.spec);
    spec.data.values = points;
    // Where A and B are equal, from the left end to the right one.
    spec.layer[0].data.values = ranges[0].map((end) => ({ x: end, y: gains ? 0 : end }));
    for (const { encoding } of spec.layer) {
      ["x", "y"].forEach((axis, index) => {
        encoding[axis].title = titles[index];
        encoding[axis].scale.domain = ranges[index];
      });
    }
    // Without a page of its own: what is shown is the same markup as charts.py writes.
    const { view } = await vegaEmbed(make("div"), spec, {
      mode: "vega-lite",
      actions: false,
      ast: true, // expressions are read, not run, as the page's policy wants it
      tooltip: false,
      defaultStyle: false,
    });
    const drawn = new DOMParser().parseFromString(await view.toSVG(), "image/svg+xml");
    view.finalize();
    const chart = $(".chart", this.figure);
    chart.setAttribute("aria-label", label);
    chart.replaceChildren(document.adoptNode(drawn.documentElement));
  }
}

for (const figure of $$(".by-image")) new Scatter(figure);

// ---- Pictures ----

const zoomOf = () => Number($("input[name=zoom]:checked").value);

// One case: all its windows and its slider look at one place, its centre in parts of the crop.
class Case {
  constructor(article) {
    this.article = article;
    this.centre = [0.5, 0.5];
    this.tiles = new Map(
      $$(".strip li", article).map((item) => [item.dataset.name, $("img", item)]),
    );
    const style = getComputedStyle(article);
    this.size = ["--w", "--h"].map((name) => Number(style.getPropertyValue(name)));
    this.windows = $$(".window", article);
    for (const view of this.windows) this.arm(view);
    if (this.tiles.size > 1) this.build($(".compare", article));
  }

  build(compare) {
    const options = () => [...this.tiles.keys()].map((name) => make("option", {}, name));
    const side = (label) => {
      const select = make("select", {}, ...options());
      select.addEventListener("change", () => this.choose());
      return [select, make("label", {}, make("span", {}, label), select)];
    };
    const [left, leftLabel] = side("Left");
    const [right, rightLabel] = side("Right");
    this.selects = [left, right];
    this.layers = [make("img", { alt: "" }), make("img", { alt: "" })];
    this.slider = make("input", { type: "range", min: 0, max: 100, step: 1, value: 50 });
    this.stage = make(
      "div",
      { class: "stage moved" },
      make(
        "div",
        { class: "layers" },
        make("div", { class: "layer" }, this.layers[1]),
        make("div", { class: "layer left" }, this.layers[0]),
      ),
      make("div", { class: "divider" }),
      this.slider,
    );
    this.slider.addEventListener("input", () => this.cut());
    compare.append(make("div", { class: "sides" }, leftLabel, rightLabel), this.stage);
    compare.hidden = false;
    this.pair(compare.dataset.left, compare.dataset.right);
    this.cut();
  }

  pair(left, right) {
    [left, right].forEach((name, index) => {
      if (this.selects && this.tiles.has(name)) this.selects[index].value = name;
    });
    if (this.selects) this.choose();
  }

  choose() {
    this.selects.forEach((select, index) => {
      this.layers[index].src = this.tiles.get(select.value).src;
    });
    const [left, right] = this.selects.map((select) => select.value);
    this.slider.setAttribute("aria-label", `Divider: ${left} on the left, ${right} on the right`);
    this.cut();
  }

  cut() {
    const { value } = this.slider;
    this.stage.style.setProperty("--cut", `${value}%`);
    const [left, right] = this.selects.map((select) => select.value);
    this.slider.setAttribute("aria-valuetext", `${value} % ${left}, ${100 - value} % ${right}`);
  }

  arm(view) {
    view.classList.add("moved");
    view.setAttribute("role", "group");
    view.setAttribute("aria-label", `${$("img", view).alt}; arrow keys move it when enlarged`);
    view.addEventListener("pointerdown", (event) => {
      if (zoomOf() === 1 || event.button) return;
      view.setPointerCapture(event.pointerId);
      event.preventDefault();
      view.focus({ preventScroll: true });
    });
    view.addEventListener("pointermove", (event) => {
      if (view.hasPointerCapture(event.pointerId)) this.move(-event.movementX, -event.movementY);
    });
    view.addEventListener("keydown", (event) => {
      const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
      if (!steps[event.key] || zoomOf() === 1) return;
      event.preventDefault();
      this.move(...steps[event.key].map((step) => step * 32));
    });
  }

  // By so many pixels of the screen.
  move(...by) {
    const zoom = zoomOf();
    const view = this.windows[0];
    const seen = [view.clientWidth, view.clientHeight];
    this.centre = this.centre.map((place, axis) => {
      const half = seen[axis] / (2 * zoom * this.size[axis]);
      return clamp(place + by[axis] / (zoom * this.size[axis]), half, 1 - half);
    });
    this.layout();
  }

  layout() {
    const zoom = zoomOf();
    for (const view of this.stage ? [...this.windows, this.stage] : this.windows) {
      const seen = [view.clientWidth, view.clientHeight];
      const [left, top] = this.centre.map((place, axis) => {
        const whole = this.size[axis] * zoom;
        return clamp(seen[axis] / 2 - place * whole, Math.min(0, seen[axis] - whole), 0);
      });
      for (const image of $$("img", view)) {
        image.style.transform = `translate(${Math.round(left)}px, ${Math.round(top)}px)`;
      }
      // At 1:1 there is nothing to be moved, and a finger shall scroll the page.
      view.style.touchAction = zoom === 1 ? "auto" : "";
      if (view !== this.stage) view.tabIndex = zoom === 1 ? -1 : 0;
    }
  }
}

const toolbar = $("#gallery-controls");
if (toolbar) {
  toolbar.hidden = false;
  const cases = new Map($$(".case").map((article) => [article.id, new Case(article)]));
  const layout = () => {
    document.documentElement.style.setProperty("--zoom", zoomOf());
    for (const one of cases.values()) one.layout();
  };
  toolbar.addEventListener("change", (event) => {
    if (event.target.name === "zoom") layout();
  });
  addEventListener("resize", layout);
  layout();

  const difference = $("#difference");
  difference.addEventListener("change", () => {
    $("#pictures").classList.toggle("difference", difference.checked);
  });

  const worst = $("#worst-for");
  worst.addEventListener("change", () => {
    const model = worst.value;
    const behind = (id) => {
      const losses = data.losses[id];
      if (model) return losses[model]?.[0] ?? -Infinity;
      return Math.max(-Infinity, ...Object.values(losses).map(([loss]) => loss));
    };
    for (const group of $$(".cases")) {
      const order = [...group.children].sort((one, other) => behind(other.id) - behind(one.id));
      group.append(...order);
      for (const { id } of order) {
        const found = data.losses[id][model];
        if (found) cases.get(id).pair(model, found[1]);
      }
    }
  });
}
