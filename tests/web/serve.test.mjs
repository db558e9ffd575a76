// The page of caft serve, with a real server and real uploads.
import assert from "node:assert/strict";
import {execFileSync, spawn} from "node:child_process";
import {writeFileSync} from "node:fs";
import {join} from "node:path";
import {after, before, test} from "node:test";
import axe from "axe-core";
import {launch, outFolder, screenshot} from "./browser.mjs";

const {CAFT_BINARY: caft, CAFT_PYTHON: python, CAFT_SUPPORT: support} = process.env;
const work = join(outFolder, "serve-work");
const environment = {...process.env, CAFT_HOME: join(work, "home")};
let browser;
const servers = [];

/** Starts a server; resolves to its address. */
function serve(models, extra = {}) {
  return new Promise((resolve, reject) => {
    const server = spawn(caft, ["serve", ...models, "--port", "0", "--json"], {cwd: work, env: {...environment, ...extra}});
    servers.push(server);
    let text = "";
    server.stdout.on("data", (data) => {
      text += data;
      try { resolve(JSON.parse(text).url); } catch { /* more to come */ }
    });
    server.on("exit", (code) => reject(new Error(`caft serve ended with ${code}`)));
  });
}

let both, guarded;
before(async () => {
  execFileSync(python, ["-c", "import sys; from pathlib import Path; from tiny_models import Caft; Caft(sys.argv[1], Path(sys.argv[2])).make_models()",
    caft, work], {env: {...process.env, PYTHONPATH: support}, stdio: "ignore"});
  both = await serve(["first", "second"]);
  guarded = await serve(["first"], {CAFT_TOKEN: "sesame"});
  browser = await launch();
});
after(async () => {
  await browser?.close();
  for (const server of servers) server.kill("SIGTERM");
});

const image = (name, i) => join(work, "data", name, `${i}.png`);

async function visit(address, options, check) {
  const context = await browser.newContext({viewport: {width: 1100, height: 900}, locale: "en-GB", ...options});
  const page = await context.newPage();
  const complaints = [];
  page.on("console", (message) => { if (["error", "warning"].includes(message.type())) complaints.push(message.text()); });
  page.on("pageerror", (error) => complaints.push(String(error)));
  try {
    await page.goto(address);
    await check(page, complaints);
  } finally {
    await context.close();
  }
}

test("an upload shows each model's classes with bars", () => visit(both, {}, async (page, complaints) => {
  await page.setInputFiles("#file", [image("noise", 3), image("flat", 5)]);
  await page.getByText("2 images classified").waitFor();
  const results = page.locator("#results > li");
  assert.equal(await results.count(), 2);
  assert.deepEqual(await results.first().locator("h2").allTextContents(), ["first", "second"]);
  assert.equal(await results.nth(0).locator(".class").first().textContent(), "flat");
  assert.equal(await results.nth(1).locator(".class").first().textContent(), "noise");
  const value = await results.nth(1).locator("meter").first().evaluate((bar) => bar.value);
  assert.ok(value > 0.5 && value <= 1, String(value));
  assert.deepEqual(complaints, []);
  await screenshot(page, "serve-light");
}));

test("a dropped file is classified", () => visit(both, {}, async (page) => {
  const bytes = execFileSync("base64", ["-w0", image("noise", 7)]).toString();
  await page.evaluate((text) => {
    const data = new DataTransfer();
    const content = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    data.items.add(new File([content], "dropped.png", {type: "image/png"}));
    document.body.dispatchEvent(new DragEvent("drop", {dataTransfer: data, bubbles: true, cancelable: true}));
  }, bytes);
  await page.getByText("1 image classified").waitFor();
  assert.equal(await page.locator("figcaption").textContent(), "dropped.png");
  assert.equal(await page.locator(".class").first().textContent(), "noise");
}));

test("what is no image is told so, and a hostile name is text", () => visit(both, {}, async (page) => {
  const file = join(work, "<img src=x onerror=hacked=1>.png");
  writeFileSync(file, "no image");
  await page.setInputFiles("#file", file);
  await page.locator(".bad").waitFor();
  assert.match(await page.locator(".bad").textContent(), /cannot be read/);
  assert.equal(await page.evaluate(() => window.hacked), undefined);
  assert.match(await page.locator("figcaption").textContent(), /<img src=x/);
}));

test("a server with a token asks for it", () => visit(guarded, {}, async (page) => {
  await page.locator("#token").waitFor();
  await page.fill("#token", "sesame");
  await page.locator("#token").press("Tab");
  await page.getByText("Served: first").waitFor();
  await page.setInputFiles("#file", image("flat", 1));
  await page.locator("meter").first().waitFor();
}));

test("the theme follows the system, then the button", () => visit(both, {colorScheme: "dark"}, async (page) => {
  const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const dark = await background();
  assert.equal(await page.locator("#theme").getAttribute("aria-pressed"), "true");
  await page.locator("#theme").click();
  assert.notEqual(await background(), dark);
}));

for (const [name, options] of [["light", {colorScheme: "light"}], ["dark", {colorScheme: "dark"}],
  ["phone", {viewport: {width: 360, height: 740}}]]) {
  test(`no serious accessibility violation, no sideways scrolling (${name})`, () => visit(both, options, async (page) => {
    await page.setInputFiles("#file", image("noise", 2));
    await page.locator("meter").first().waitFor();
    const [wide, seen] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
    assert.ok(wide <= seen, `${wide} > ${seen}`);
    await screenshot(page, `serve-${name}`);
    await page.evaluate(axe.source);
    const {violations} = await page.evaluate(() => window.axe.run());
    const serious = violations.filter((v) => ["serious", "critical"].includes(v.impact))
      .map((v) => `${v.id}: ${v.nodes.slice(0, 3).map((n) => n.html.slice(0, 160)).join(" | ")}`);
    assert.deepEqual(serious, []);
  }));
}
