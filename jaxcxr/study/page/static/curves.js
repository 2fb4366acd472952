"use strict";
{
  const holder = document.getElementById("roc-data");
  if (holder) {
    const sets = JSON.parse(holder.textContent);
    const [setSelect, dataSelect, labelSelect] = ["set", "dataset", "label"].map((one) => document.getElementById(`roc-${one}`));
    const plot = document.getElementById("roc-plot");
    const words = document.getElementById("roc-words");
    const SIDE = 400, LEFT = 56, TOP = 10, BOTTOM = 50;
    const x = (rate) => LEFT + rate * SIDE;
    const y = (rate) => TOP + (1 - rate) * SIDE;
    const percent = (share) => `${(100 * share).toFixed(1)} %`;

    const svg = (tag, fields, ...inside) => {
      const one = document.createElementNS("http://www.w3.org/2000/svg", tag);
      for (const [name, value] of Object.entries(fields)) one.setAttribute(name, value);
      one.append(...inside);
      return one;
    };
    const element = (tag, fields, ...inside) => {
      const one = Object.assign(document.createElement(tag), fields);
      one.append(...inside);
      return one;
    };
    const fill = (select, options) => {
      const before = select.value;
      select.replaceChildren(...options.map(([value, text]) => element("option", { value, textContent: text })));
      if (options.some(([value]) => value === before)) select.value = before;
    };

    const current = () => sets.find((one) => one.label_set === setSelect.value && one.dataset === dataSelect.value);

    const pointOf = (label, model, at) => ({
      sensitivity: model.true[at] / label.positives,
      fpr: model.false[at] / label.negatives,
      threshold: model.threshold[at],
    });
    const thresholdWords = (threshold) => {
      if (threshold === null) return "above every score";
      const text = threshold.toFixed(3).replace("-", "\u2212");
      return `${text} (probability ${(1 / (1 + Math.exp(-threshold))).toFixed(3)})`;
    };
    const aucWords = ({ value, mean, sd, low, high }) =>
      `AUC ${percent(value)}` + (low === null ? "" :
        `; over redraws ${(100 * mean).toFixed(1)} \u00b1 ${(100 * sd).toFixed(1)}, 95 % interval ${(100 * low).toFixed(1)} to ${percent(high)}`);

    const diamond = (cx, cy, r) => `M${cx} ${cy - r}L${cx + r} ${cy}L${cx} ${cy + r}L${cx - r} ${cy}Z`;

    const drawModel = (one, label, which) => {
      const model = label.models[which];
      const place = (at) => { const point = pointOf(label, model, at); return [x(point.fpr), y(point.sensitivity)]; };
      const path = model.true.map((_, at) => `${at ? "L" : "M"}${place(at).map((v) => v.toFixed(2)).join(" ")}`).join("");
      const at = svg("circle", { class: `at m${which}`, r: 4.5 });
      const group = svg("g", { tabindex: "0", role: "slider", "aria-valuemin": 0, "aria-valuemax": model.true.length - 1, "aria-label": `${one.titles[which]}: point of the ROC curve` },
        svg("path", { class: `curve m${which}`, d: path }),
        svg("path", { class: `mark m${which}`, d: diamond(...place(model.operating), 9) }), at);
      const facts = element("dl", {});
      const panel = element("div", { className: `model m${which}` },
        element("h3", { textContent: one.titles[which] }),
        element("p", { textContent: aucWords(model.auc) }), facts,
        element("p", { className: "files" }, "Run ", element("a", { className: "run", href: `#run-${one.runs[which]}`, textContent: one.runs[which] })));
      let index = model.operating;
      const go = (next) => {
        index = Math.max(0, Math.min(model.true.length - 1, next));
        const point = pointOf(label, model, index);
        const [cx, cy] = place(index);
        at.setAttribute("cx", cx);
        at.setAttribute("cy", cy);
        const lines = [
          ["Sensitivity", `${percent(point.sensitivity)}, ${model.true[index]} of ${label.positives}`],
          ["Specificity", `${percent(1 - point.fpr)}, ${label.negatives - model.false[index]} of ${label.negatives}`],
          ["Threshold", thresholdWords(point.threshold)],
          ["Point", index === model.operating ? "the operating point" : `${index + 1} of ${model.true.length}`],
        ];
        facts.replaceChildren(...lines.flatMap(([name, text]) => [element("dt", { textContent: name }), element("dd", { textContent: text })]));
        group.setAttribute("aria-valuenow", index);
        group.setAttribute("aria-valuetext", lines.map(([name, text]) => `${name} ${text}`).join("; "));
      };
      group.addEventListener("keydown", (event) => {
        const steps = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: 10, PageDown: -10 };
        if (event.key in steps) go(index + steps[event.key]);
        else if (event.key === "Home") go(0);
        else if (event.key === "End") go(model.true.length - 1);
        else return;
        event.preventDefault();
      });
      const nearest = (px, py) => {
        let best = 0, distance = Infinity;
        for (let i = 0; i < model.true.length; i++) {
          const [cx, cy] = place(i);
          const d = (cx - px) ** 2 + (cy - py) ** 2;
          if (d < distance) { distance = d; best = i; }
        }
        return best;
      };
      go(index);
      return { group, panel, go, nearest };
    };

    const draw = () => {
      const one = current();
      const label = one.labels.find((label) => label.name === labelSelect.value);
      const drawing = svg("svg", { viewBox: `0 0 ${LEFT + SIDE + 12} ${TOP + SIDE + BOTTOM}`, role: "group", "aria-label": `ROC curves of ${label.name} on ${one.dataset}` });
      for (const tick of [0, 0.2, 0.4, 0.6, 0.8, 1]) {
        drawing.append(
          svg("line", { class: "tick", x1: x(0), x2: x(1), y1: y(tick), y2: y(tick) }),
          svg("line", { class: "tick", x1: x(tick), x2: x(tick), y1: y(0), y2: y(1) }),
          svg("text", { x: x(0) - 8, y: y(tick) + 4, "text-anchor": "end" }, `${Math.round(100 * tick)}`),
          svg("text", { x: x(tick), y: y(0) + 18, "text-anchor": "middle" }, `${Math.round(100 * tick)}`));
      }
      drawing.append(
        svg("line", { class: "chance", x1: x(0), y1: y(0), x2: x(1), y2: y(1) }),
        svg("text", { x: x(0.5), y: y(0) + 40, "text-anchor": "middle" }, "1 \u2212 specificity [%]"),
        svg("text", { transform: `translate(14 ${y(0.5)}) rotate(-90)`, "text-anchor": "middle" }, "Sensitivity [%]"));
      const models = label.models.map((_, which) => drawModel(one, label, which));
      drawing.append(...models.map((model) => model.group));
      const follow = (event) => {
        const box = drawing.getBoundingClientRect();
        const scale = (LEFT + SIDE + 12) / box.width;
        const px = (event.clientX - box.left) * scale, py = (event.clientY - box.top) * scale;
        for (const model of models) model.go(model.nearest(px, py));
      };
      drawing.addEventListener("pointermove", follow);
      drawing.addEventListener("pointerdown", follow);
      plot.replaceChildren(drawing);
      words.replaceChildren(
        element("p", { className: "fine", textContent: `${label.name} on ${one.dataset}: ${label.positives} test images with it, ${label.negatives} without.` }),
        ...models.map((model) => model.panel));
    };

    const fillLabels = () => { fill(labelSelect, current().labels.map((label) => [label.name, label.name])); draw(); };
    const fillDatasets = () => {
      fill(dataSelect, sets.filter((one) => one.label_set === setSelect.value).map((one) => [one.dataset, one.dataset]));
      fillLabels();
    };
    fill(setSelect, [...new Map(sets.map((one) => [one.label_set, one.title]))]);
    setSelect.addEventListener("change", fillDatasets);
    dataSelect.addEventListener("change", fillLabels);
    labelSelect.addEventListener("change", draw);
    fillDatasets();
    document.getElementById("roc").hidden = false;
  }
}
