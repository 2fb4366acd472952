"use strict";
{
  // The theme: the system's, until the reader says otherwise.
  const root = document.documentElement;
  const toggle = document.getElementById("theme");
  const system = matchMedia("(prefers-color-scheme: dark)");
  const stored = () => { try { return localStorage.getItem("theme"); } catch { return null; } };
  const show = (chosen) => {
    if (chosen) root.dataset.theme = chosen; else delete root.dataset.theme;
    const dark = chosen ? chosen === "dark" : system.matches;
    root.dataset.shown = dark ? "dark" : "light";
    toggle.textContent = dark ? "Light" : "Dark";
    toggle.setAttribute("aria-label", dark ? "Use the light theme" : "Use the dark theme");
  };
  const known = stored();
  show(known === "dark" || known === "light" ? known : null);
  toggle.hidden = false;
  toggle.addEventListener("click", () => {
    const next = root.dataset.shown === "dark" ? "light" : "dark";
    try { localStorage.setItem("theme", next); } catch { /* a page from a file may not store */ }
    show(next);
  });
  system.addEventListener("change", () => { if (!root.dataset.theme) show(null); });

  // What a link leads to is opened.
  const reveal = () => {
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    for (let at = target; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
    if (target) target.scrollIntoView();
  };
  addEventListener("hashchange", reveal);
  reveal();

  const all = (selector, open) => document.querySelectorAll(selector).forEach((one) => { one.open = open; });
  for (const tools of document.querySelectorAll(".tools")) tools.hidden = false;
  for (const button of document.querySelectorAll("[data-open]")) button.addEventListener("click", () => all(button.dataset.open, true));
  for (const button of document.querySelectorAll("[data-close]")) button.addEventListener("click", () => all(button.dataset.close, false));

  // On paper nothing is folded away.
  let folded = [];
  addEventListener("beforeprint", () => { folded = [...document.querySelectorAll("details:not([open])")]; folded.forEach((one) => { one.open = true; }); });
  addEventListener("afterprint", () => { folded.forEach((one) => { one.open = false; }); });

  for (const block of document.querySelectorAll(".command")) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Copy";
    button.addEventListener("click", async () => {
      const code = block.querySelector("code");
      try {
        await navigator.clipboard.writeText(code.textContent);
        button.textContent = "Copied";
      } catch {
        getSelection().selectAllChildren(code);
        button.textContent = "Selected";
      }
      setTimeout(() => { button.textContent = "Copy"; }, 2000);
    });
    block.append(button);
  }
}
