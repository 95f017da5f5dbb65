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

// ---- Tooltips ----

const tip = $("#tip");

// A title would show as the browser's own tooltip beside ours, and late.
function adopt(point) {
  const title = $("title", point);
  if (!title) return;
  point.dataset.tip = title.textContent;
  (point.closest("a") ?? point).setAttribute("aria-label", title.textContent);
  title.remove();
}

function showTip(target) {
  const point = target.closest?.(".point") ?? $(".point", target);
  if (!point?.dataset.tip) return;
  tip.textContent = point.dataset.tip;
  tip.hidden = false;
  const box = point.getBoundingClientRect();
  const { width, height } = tip.getBoundingClientRect();
  const above = box.top - height - 8;
  tip.style.left = `${clamp(box.left + box.width / 2 - width / 2, 8, innerWidth - width - 8)}px`;
  tip.style.top = `${above > 8 ? above : box.bottom + 8}px`;
}

$$(".point").forEach(adopt);
document.addEventListener("pointerover", (event) => {
  if (event.target.closest?.(".point")) showTip(event.target);
  else tip.hidden = true;
});
document.addEventListener("focusin", (event) => {
  tip.hidden = true;
  if (event.target.closest?.(".chart a")) showTip(event.target);
});
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

// ---- Scatter ----

const MINUS = "\u2212";
const MARGIN = 0.06;

function written(value, digits) {
  const text = value.toFixed(digits);
  return (Number(text) === 0 ? text.replace("-", "") : text).replace("-", MINUS);
}

// The same range and round ticks as in scales.py.
function scaleOf(values, count = 5) {
  let low = Math.min(...values);
  let high = Math.max(...values);
  if (!values.length) [low, high] = [1, 1];
  if (low === high) {
    const half = Math.abs(low) * 0.01 || 0.5;
    [low, high] = [low - half, high + half];
  }
  const spare = (high - low) * MARGIN;
  [low, high] = [low - spare, high + spare];
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((one) => one >= rough * 0.999);
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const ticks = [];
  for (let n = Math.ceil(low / step); n <= high / step; n += 1) ticks.push(n * step);
  return { low, high, ticks, label: (value) => written(value, digits) };
}

class Scatter {
  constructor(figure) {
    this.figure = figure;
    this.id = figure.dataset.plot;
    this.plot = data.plots[this.id];
    this.svg = $("svg", figure);
    this.namespace = this.svg.namespaceURI;
    const frame = $(".frame", this.svg).getAttribute("d").match(/[\d.]+/g).map(Number);
    [this.left, this.top, this.bottom, this.right] = frame;
    this.selects = ["setting", "metric", "a", "b", "up"].map((name) => $(`#${this.id}-${name}`));
    this.selects[0].closest(".controls").hidden = false;
    for (const select of this.selects) select.addEventListener("change", () => this.draw());
  }

  element(name, attributes, ...children) {
    const element = document.createElementNS(this.namespace, name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.append(...children);
    return element;
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

  draw() {
    this.offer();
    const [setting, metric, a, b, gains] = this.selects.map((select) => Number(select.value));
    const { images, cases, metrics } = this.plot.settings[setting];
    const measure = metrics[metric];
    const names = [this.plot.names[a], this.plot.names[b]];
    const [first, second] = [a, b].map((model) => measure.values[this.plot.models[model]] ?? []);
    const points = images
      .map((image, index) => ({ image, x: first[index], y: second[index], to: cases[index] }))
      .filter(({ x, y }) => Number.isFinite(x) && Number.isFinite(y));
    const gain = ({ x, y }) => (measure.higher ? y - x : x - y);
    const up = gains ? gain : ({ y }) => y;
    const both = scaleOf(points.flatMap(({ x, y }) => [x, y]));
    this.x = gains ? scaleOf(points.map(({ x }) => x)) : both;
    this.y = gains ? scaleOf([0, ...points.map(gain)]) : both;
    this.axes();
    this.line(gains ? [0, 0] : [this.x.low, this.x.high]);
    const yTitle = gains ? `gain of ${names[1]}: ${measure.title}` : `${names[1]}: ${measure.title}`;
    $(".title.x", this.svg).textContent = `${names[0]}: ${measure.title}`;
    $(".title.y", this.svg).textContent = yTitle;
    const settingName = this.selects[0].selectedOptions[0].textContent;
    this.svg.setAttribute(
      "aria-label",
      `${yTitle} against ${names[0]}, a point an image, ${settingName}`,
    );
    $(".dots", this.svg).replaceChildren(
      ...points.map((point) => {
        const place = [this.across(point.x), this.down(up(point))];
        const style = this.plot.styles[gain(point) > 0 ? b : a];
        const texts = [point.x, point.y].map((value) => written(value, measure.digits));
        const tip = `${point.image}: ${names[0]} ${texts[0]}, ${names[1]} ${texts[1]}`;
        return this.dot(place, style, tip, point.to);
      }),
    );
    const wins = points.filter((point) => gain(point) > 0).length;
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

  across(value) {
    const { low, high } = this.x;
    return this.left + ((value - low) / (high - low)) * (this.right - this.left);
  }

  down(value) {
    const { low, high } = this.y;
    return this.bottom - ((value - low) / (high - low)) * (this.bottom - this.top);
  }

  // Where A and B are equal, from the left end to the right one.
  line([start, end]) {
    const d = `M${this.left} ${this.down(start)}L${this.right} ${this.down(end)}`;
    $(".diagonal", this.svg).setAttribute("d", d);
  }

  axes() {
    const text = (scale, value, attributes) =>
      this.element("text", attributes, scale.label(value));
    const grid = (d) => this.element("path", { d, class: "grid" });
    $(".ticks.x", this.svg).replaceChildren(
      ...this.x.ticks.map((value) =>
        this.element(
          "g",
          { transform: `translate(${this.across(value)} 0)` },
          grid(`M0 ${this.top}V${this.bottom}`),
          text(this.x, value, { y: this.bottom + 17, "text-anchor": "middle" }),
        ),
      ),
    );
    $(".ticks.y", this.svg).replaceChildren(
      ...this.y.ticks.map((value) =>
        this.element(
          "g",
          { transform: `translate(0 ${this.down(value)})` },
          grid(`M${this.left} 0H${this.right}`),
          text(this.y, value, { x: this.left - 7, dy: "0.32em", "text-anchor": "end" }),
        ),
      ),
    );
  }

  dot(place, [colour, marker], tip, to) {
    const dot = this.element(
      "g",
      { class: "point", transform: `translate(${place[0]} ${place[1]})` },
      this.element("circle", { r: 11, class: "hit" }),
      this.element("path", { d: marker, class: `mark ${colour}` }),
    );
    dot.dataset.tip = tip;
    if (!to) return dot;
    return this.element("a", { href: `#${to}`, "aria-label": `${tip}; to its picture` }, dot);
  }
}

for (const figure of $$(".by-image")) new Scatter(figure).draw();

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
