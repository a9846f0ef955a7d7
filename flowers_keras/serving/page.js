"use strict";
const byId = (id) => document.getElementById(id), status = byId("status"), results = byId("results");
const [shown, most, largest] = ["shown", "most", "largest"].map((name) => Number(document.body.dataset[name]));
// A proxy may have put the page below a path, with a slash at its end or without.
const root = location.origin + location.pathname.replace(/\/?$/, "/");
let asking = null; // the AbortController of the photos under way

for (const each of document.querySelectorAll(".place")) each.textContent = root;

function say(text, look = "") {
  status.className = look;
  status.textContent = text;
}

async function classify(files) {
  if (!files.length) return say("That was not a file; save the photo first, then drop it here.", "error");
  if (asking) asking.abort();
  const mine = asking = new AbortController(), photos = [...files].slice(0, most), counts = new Map();
  results.replaceChildren();
  results.setAttribute("aria-busy", "true");
  for (const [i, photo] of photos.entries()) {
    const which = photos.length > 1 ? `${i + 1} of ${photos.length}, ` : "";
    say(`Classifying ${which}${photo.name} …`, "busy");
    const answer = await ask(photo, mine.signal);
    if (mine !== asking) return;
    results.append(answer.error ? refusal(photo, answer.error) : result(photo, answer));
    const name = answer.error ? "not usable" : isUnlike(answer) ? "unlike anything known" : answer.classes[0].name;
    counts.set(name, (counts.get(name) || 0) + 1);
  }
  results.removeAttribute("aria-busy");
  byId("invitation").textContent = "Drop or choose more photos";
  document.body.classList.add("small");
  const words = [...counts].sort((one, other) => other[1] - one[1]).map(([name, count]) => `${count} ${name}`);
  const left = files.length > most ? ` The first ${most} of ${files.length}; for more, use python -m flowers_keras.predict.` : "";
  if (photos.length > 1) say(`${photos.length} photos: ${words.join(", ")}.${left}`);
  else say(results.querySelector("h2").textContent, "spoken");
}

async function ask(photo, signal) {
  if (!photo.size) return { error: "it is empty, or a folder" };
  if (photo.size > largest) return { error: `it is larger than ${largest / 2 ** 20} MiB` };
  return post("predict", photo, signal);
}

async function post(address, photo, signal) {
  try {
    return await (await fetch(root + address, { method: "POST", body: photo, signal })).json();
  } catch {
    return { error: "no answer came; is the program that serves this page still running?" };
  }
}

function percent(share) {
  return share > 0 && share < 0.001 ? "< 0.1 %" : `${(100 * share).toFixed(1)} %`;
}

function isUnlike(answer) {
  return Boolean(answer.novelty && answer.novelty.unlike);
}

function refusal(photo, reason) {
  const article = document.createElement("article"), title = document.createElement("h2");
  article.className = "error";
  title.textContent = `${photo.name} cannot be used: ${reason}${reason.endsWith("?") ? "" : "."}`;
  article.append(title);
  return article;
}

function result(photo, answer) {
  const article = byId("result").content.firstElementChild.cloneNode(true);
  const find = (selector) => article.querySelector(selector), [best] = answer.classes;
  const guess = `${best.name}, ${percent(best.probability)}`;
  find("h2").textContent = isUnlike(answer) ? "Unlike anything it was trained on" : guess;
  if (isUnlike(answer)) {
    const { score, false_alarms: alarms } = answer.novelty;
    find(".unlike").textContent =
      `It may be none of these classes; the nearest is ${guess}. (Score ${score.toFixed(3)}; of photos like ` +
      `those of the training 1 in ${Math.round(1 / alarms)} is called so.)`;
    find(".unlike").hidden = false;
  }
  find(".file").textContent = photo.name;
  find(".classes").replaceChildren(...answer.classes.slice(0, shown).map(row));
  Object.assign(find(".photo"), { src: answer.photo, alt: `The photo ${photo.name}` });
  Object.assign(find(".heat"), { src: answer.heat_map, alt: `The same photo; what spoke for ${best.name} glows` });
  find(".why").textContent = `What spoke for ${best.name} glows`;
  if (find(".correct")) offerCorrection(find(".correct"), photo, answer);
  return article;
}

function row({ name, probability }) {
  const item = document.createElement("li"), label = document.createElement("b");
  const share = document.createElement("data"), bar = document.createElement("span"), fill = document.createElement("i");
  label.textContent = name;
  share.value = probability;
  share.textContent = percent(probability);
  bar.className = "bar";
  bar.setAttribute("aria-hidden", "true");
  bar.append(fill);
  requestAnimationFrame(() => requestAnimationFrame(() => { fill.style.width = `${100 * probability}%`; }));
  item.append(label, share, bar);
  return item;
}

function offerCorrection(fieldset, photo, answer) {
  const names = answer.classes.map(({ name }) => name), list = fieldset.querySelector("select");
  fieldset.querySelector("legend").textContent = isUnlike(answer)
    ? "One of these all the same? Press which" : `Not ${names[0]}? Press what it is`;
  const first = isUnlike(answer) ? 0 : 1, rest = names.slice(shown);
  const buttons = names.slice(first, shown).map((name) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = name;
    button.addEventListener("click", () => correct(fieldset, photo, name));
    return button;
  });
  fieldset.querySelector(".buttons").prepend(...buttons);
  if (!rest.length) return fieldset.querySelector(".rest").remove();
  list.append(...rest.map((name) => new Option(name)));
  fieldset.querySelector(".rest button").addEventListener("click", () => correct(fieldset, photo, list.value));
}

async function correct(fieldset, photo, name) {
  const note = fieldset.querySelector("output");
  note.textContent = "Saving …";
  const answer = await post(`correct?label=${encodeURIComponent(name)}`, photo);
  note.className = answer.error ? "error" : "";
  note.textContent = answer.error
    ? `Not saved: ${answer.error}`
    : `Saved as ${name}, in ${answer.list} (${answer.count} ${answer.count > 1 ? "photos" : "photo"}). Wrong button? Press another.`;
  for (const button of fieldset.querySelectorAll(".buttons > button")) {
    if (!answer.error) button.setAttribute("aria-pressed", button.textContent === name);
  }
}

for (const input of document.querySelectorAll("input[type=file]")) {
  input.addEventListener("change", () => {
    if (input.files.length) classify([...input.files]);
    input.value = "";
  });
}
let depth = 0;
const over = (entered) => {
  depth = Math.max(0, depth + entered);
  document.body.classList.toggle("over", depth > 0);
};
addEventListener("dragenter", (event) => { event.preventDefault(); over(1); });
addEventListener("dragleave", () => over(-1));
addEventListener("dragover", (event) => event.preventDefault());
addEventListener("drop", (event) => {
  event.preventDefault();
  over(-depth);
  classify([...event.dataTransfer.files]);
});
addEventListener("paste", (event) => {
  if (event.clipboardData.files.length) classify([...event.clipboardData.files]);
});
