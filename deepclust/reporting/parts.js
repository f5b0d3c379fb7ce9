"use strict";
// Elements and charts. Text is set as text, never as markup.
const parts = (() => {
  function element(tag, properties = {}, ...children) {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...children);
    return made;
  }
  const svg = (tag, attributes = {}, text = "") => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    if (text !== "") made.textContent = text;
    return made;
  };
  const whole = (number) => number.toLocaleString("en");
  const percent = (share) => (100 * share).toFixed(share < 0.1 ? 1 : 0) + " %";

  const shortened = (text, most) =>
    text.length > most ? text.slice(0, most - 1) + "…" : text;
  function figure(title, picture) {
    return element("figure", {}, element("figcaption", {textContent: title}), picture);
  }

  function bars(title, rows, color) {
    const most = Math.max(...rows.map(([, count]) => count), 1);
    const picture = svg("svg", {viewBox: `0 0 420 ${18 * rows.length + 4}`, role: "img",
      "aria-label": title});
    rows.forEach(([word, count], k) => {
      const y = 18 * k;
      picture.append(
        svg("text", {x: 128, y: y + 13, "text-anchor": "end"}, shortened(word, 20)),
        svg("rect", {x: 134, y: y + 3, width: Math.max(225 * count / most, .5), height: 12,
          fill: color}),
        svg("text", {x: 140 + 225 * count / most, y: y + 13}, whole(count)));
    });
    return figure(title, picture);
  }

  function ticks(low, high, logarithmic) {
    if (logarithmic) {
      const steps = [];
      for (let ten = 10 ** Math.floor(Math.log10(low)); ten <= high; ten *= 10) {
        steps.push(ten, 2 * ten, 5 * ten);
      }
      return steps.filter((step) => step >= low && step <= high);
    }
    const raw = (high - low) / 5 || 1, ten = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 5, 10].map((m) => m * ten).find((s) => s >= raw);
    const marks = [];
    for (let k = Math.ceil(low / step - 1e-9); k * step <= high + 1e-9 * step; k++) {
      marks.push(Number((k * step).toPrecision(12)));
    }
    return marks;
  }

  const STYLES = [["#332288", "none"], ["#44aa99", "6 3"]];

  function lines({title, x: x_title, series, selected}) {
    const [left, right, top, bottom] = [44, 410, 10, 190];
    const all = series.flatMap((one) => one.points);
    const bound = (axis, f) => f(...all.map((pair) => pair[axis]));
    const [x0, x1] = [bound(0, Math.min), bound(0, Math.max)];
    const y0 = Math.min(0, bound(1, Math.min)), y1 = bound(1, Math.max) || 1;
    const log = x_title === "n_components";
    const f = log ? Math.log : (value) => value;
    const X = (x) => left + (right - left) * (f(x) - f(x0)) / (f(x1) - f(x0) || 1);
    const Y = (y) => bottom - (bottom - top) * (y - y0) / (y1 - y0 || 1);
    const picture = svg("svg", {viewBox: "0 0 420 246", role: "img", "aria-label": title});
    for (const y of ticks(y0, y1)) {
      picture.append(svg("line", {class: "grid", x1: left, x2: right, y1: Y(y), y2: Y(y)}),
        svg("text", {x: left - 6, y: Y(y) + 4, "text-anchor": "end"}, String(y)));
    }
    for (const x of ticks(x0, x1, log)) {
      picture.append(svg("text", {x: X(x), y: bottom + 16, "text-anchor": "middle"},
        String(x)));
    }
    picture.append(svg("line", {class: "axis", x1: left, x2: right, y1: bottom, y2: bottom}),
      svg("text", {x: (left + right) / 2, y: bottom + 32, "text-anchor": "middle"},
        x_title));
    if (selected !== null && selected >= x0 && selected <= x1) {
      picture.append(svg("line", {class: "axis", x1: X(selected), x2: X(selected), y1: top,
        y2: bottom, "stroke-dasharray": "3 3"}));
      title += "; selected: " + Number(selected.toPrecision(4));
    }
    let legend = left;
    series.forEach(({name, points}, k) => {
      const [color, dash] = STYLES[k];
      picture.append(svg("polyline", {fill: "none", stroke: color, "stroke-width": 2,
        "stroke-dasharray": dash,
        points: points.map(([x, y]) => X(x) + "," + Y(y)).join(" ")}));
      if (points.length < 40) {
        points.forEach(([x, y]) => picture.append(
          svg("circle", {cx: X(x), cy: Y(y), r: 2.5, fill: color})));
      }
      if (series.length > 1) {
        picture.append(svg("line", {x1: legend, x2: legend + 20, y1: bottom + 47,
          y2: bottom + 47, stroke: color, "stroke-width": 2,
          "stroke-dasharray": dash}),
        svg("text", {x: legend + 25, y: bottom + 51}, name));
        legend += 44 + 7 * name.length;
      }
    });
    return figure(title, picture);
  }

  function spark(values, periods) {
    const most = Math.max(...values, 1e-12), peak = values.indexOf(Math.max(...values));
    const picture = svg("svg", {viewBox: `0 0 ${10 * values.length} 30`,
      preserveAspectRatio: "none", height: 26, role: "img"});
    picture.append(svg("title", {}, `${periods[0]} to ${periods.at(-1)}; most in ` +
      `${periods[peak]}: ${percent(values[peak])} of its texts`));
    values.forEach((value, k) => picture.append(svg("rect", {class: "spark", x: 10 * k + 1,
      width: 8, y: 30 - 30 * value / most, height: 30 * value / most})));
    return picture;
  }

  // A cell that a spreadsheet would run as a formula gets an apostrophe in front.
  const FORMULA = /^(?=\s*[=+\-@＝＋－＠]|[\t\r\n])|(?<=[;\t|])(?=\s*[=+\-@＝＋－＠])/g;
  const cell = (value) => typeof value === "number" ? String(value) :
    '"' + String(value).replace(FORMULA, "'").replaceAll('"', '""') + '"';
  const csv = (rows) => "\ufeff" + rows.map((row) => row.map(cell).join(",") + "\r\n").join("");

  return {element, whole, percent, shortened, bars, lines, spark, csv};
})();
