"use strict";
const at = (id) => document.getElementById(id);
const element = (tag, name, text) => {
  const node = document.createElement(tag);
  if (name) node.className = name;
  if (text !== undefined) node.textContent = text;
  return node;
};

// The theme follows the system until the button says otherwise.
const dark = matchMedia("(prefers-color-scheme: dark)");
function showTheme() {
  const chosen = document.documentElement.dataset.theme;
  at("theme").setAttribute("aria-pressed", String(chosen ? chosen === "dark" : dark.matches));
}
at("theme").addEventListener("click", () => {
  const now = at("theme").getAttribute("aria-pressed") === "true";
  document.documentElement.dataset.theme = now ? "light" : "dark";
  showTheme();
});
dark.addEventListener("change", showTheme);
showTheme();

const headers = () => (at("token").value ? {Authorization: `Bearer ${at("token").value}`} : {});

/** The server's answer as JSON; what it refuses becomes an Error with its reason. */
async function ask(address, options = {}) {
  const answer = await fetch(address, {...options, headers: headers()});
  if (answer.status === 401) at("token-box").hidden = false;
  const json = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(json.error ?? `the server answered ${answer.status}`);
  return json;
}

function showModel(prediction, box, several) {
  if (prediction.error) {
    box.append(element("p", "bad", prediction.error));
    return;
  }
  if (several) box.append(element("h2", "", prediction.model));
  const list = element("ol");
  for (const {class: name, probability} of prediction.top) {
    const line = element("div", "line");
    const percent = `${(probability * 100).toFixed(1)} %`;
    line.append(element("span", "class", name), element("span", "number", percent));
    const bar = element("meter");
    bar.value = probability;
    bar.setAttribute("aria-label", `${name}: ${percent}`);
    const item = element("li");
    item.append(line, bar);
    list.append(item);
  }
  box.append(list);
}

async function classify(file) {
  const item = at("result").content.cloneNode(true).querySelector("li");
  const image = item.querySelector("img");
  image.src = URL.createObjectURL(file);
  image.addEventListener("load", () => URL.revokeObjectURL(image.src), {once: true});
  item.querySelector("figcaption").textContent = file.name;
  at("results").prepend(item);
  const box = item.querySelector(".answers");
  try {
    const {predictions} = await ask("v1/classify", {method: "POST", body: file});
    for (const prediction of predictions) showModel(prediction, box, predictions.length > 1);
  } catch (error) {
    box.replaceChildren(element("p", "bad", error.message));
  }
}

async function classifyAll(files) {
  let done = 0;
  for (const file of files) {
    at("status").textContent = `Classifying ${++done} of ${files.length}`;
    await classify(file);
  }
  at("status").textContent = files.length === 1 ? "1 image classified" : `${files.length} images classified`;
}

at("file").addEventListener("change", async (event) => {
  await classifyAll([...event.target.files]);
  event.target.value = "";
});
for (const [name, over] of [["dragenter", true], ["dragover", true], ["dragleave", false], ["drop", false]]) {
  addEventListener(name, (event) => {
    event.preventDefault();
    at("drop").classList.toggle("over", over);
  });
}
addEventListener("drop", (event) => classifyAll([...event.dataTransfer.files]));
addEventListener("paste", (event) => {
  const files = [...(event.clipboardData?.files ?? [])];
  if (files.length > 0) classifyAll(files);
});

async function showModels() {
  try {
    const {models} = await ask("v2/models");
    at("models").textContent = `Served: ${models.join(", ")}`;
  } catch (error) {
    at("models").textContent = error.message;
  }
}
at("token").addEventListener("change", showModels);
showModels();
