"use strict";
const form = document.getElementById("filters");
const sections = [...document.querySelectorAll("section")];

function play(link) {
  const video = document.createElement("video");
  video.src = link.href;
  video.controls = video.loop = video.muted = true;
  video.setAttribute("aria-label", link.getAttribute("aria-label"));
  const picture = link.querySelector("img");
  if (picture) {
    video.poster = picture.src;
    video.width = picture.width;
    video.height = picture.height;
    video.className = picture.className;
  }
  const back = () => { video.replaceWith(link); link.focus(); };
  video.addEventListener("keydown", (event) => { if (event.key === "Escape" && !document.fullscreenElement) back(); });
  video.addEventListener("error", () => {
    back();
    const note = document.createElement("p");
    note.className = "note";
    note.textContent = "The film is not beside this page, or can’t be played here.";
    link.after(note);
  }, { once: true });
  link.parentElement.querySelector(":scope > p")?.remove();
  link.replaceWith(video);
  video.focus();
  video.play().catch(() => {});
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a.play");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  play(link);
});

function show() {
  const chosen = new Set([...form.querySelectorAll("input:checked")].map((box) => box.value));
  let number = 0, all = 0;
  for (const section of sections) {
    const films = [...section.querySelectorAll(".films > li")];
    const isAsked = [["task", form.task.value], ["policy", form.policy.value]]
      .every(([name, value]) => !value || section.dataset[name] === value);
    section.hidden = !isAsked;
    for (const film of films) {
      film.hidden = !chosen.has(film.dataset.outcome);
      number += isAsked && !film.hidden;
    }
    all += films.length;
  }
  form.querySelector("output").textContent = `${number} of ${all} films`;
}

form.addEventListener("change", show);
form.addEventListener("submit", (event) => event.preventDefault());
form.hidden = false;
show();
