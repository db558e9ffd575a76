// The report as a reader meets it: in Chromium, from a file, without a network.
import assert from "node:assert/strict";
import {after, before, test} from "node:test";
import axe from "axe-core";
import {launch, makeReports, open, screenshot} from "./browser.mjs";

const REPORTS = ["sample", "two", "many", "hostile", "bare"];
let browser;

before(async () => {
  makeReports();
  browser = await launch();
});
after(() => browser?.close());

/** Runs `check(page)` on report NAME, and holds the page to silence and to itself. */
async function visit(name, options, check) {
  const visited = await open(browser, name, options);
  try {
    await check(visited.page);
    assert.deepEqual(visited.complaints, [], "console messages");
    assert.deepEqual(visited.requests(), [], "requests");
  } finally {
    await visited.close();
  }
}

/** How many pixels of each canvas are painted. */
const paintedPixels = (page) => page.$$eval("canvas", (canvases) => canvases.map((canvas) => {
  const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let painted = 0;
  for (let i = 3; i < data.length; i += 4) painted += data[i] > 0;
  return painted;
}));

const column = (page, index) => page.$$eval("#classes tbody tr", (rows, i) => rows.map((r) => r.cells[i].textContent), index);
const background = (page) => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
const canvasPicture = (page, index = 0) => page.$$eval("canvas", (all, i) => all[i].toDataURL(), index);

for (const name of REPORTS) {
  test(`${name}: opens from a file without a complaint or a request`, () => visit(name, {}, async (page) => {
    assert.ok((await page.locator("h1").textContent()).length > 0);
  }));
}

test("every section is there, named, and in the contents", () => visit("sample", {}, async (page) => {
  const titles = await page.locator("section h2").allTextContents();
  assert.deepEqual(titles, ["Metrics", "Data set", "What ran, and how fast", "Learning curves", "Confusion matrix",
    "Classes", "Calibration", "Most confident mistakes", "Sweep",
    "Likely label errors", "Exact duplicates", "Near duplicates", "Leakage between splits", "Outliers", "Classes that overlap"]);
  assert.deepEqual(await page.locator("nav a").allTextContents(), titles);
  for (const id of await page.$$eval("nav a", (links) => links.map((a) => a.getAttribute("href")))) {
    assert.equal(await page.locator(id).count(), 1, id);
  }
  assert.equal(await page.locator("#headline dt").count(), 5);
}));

test("headline numbers are the data's", () => visit("sample", {}, async (page) => {
  const data = JSON.parse(await page.locator("#report-data").textContent());
  const tiles = await page.locator("#headline").textContent();
  assert.ok(tiles.includes((data.evaluation.accuracy * 100).toFixed(1)), tiles);
  assert.ok(tiles.includes(data.evaluation.macro_f1.toFixed(3)), tiles);
  assert.ok(tiles.includes(data.cache.images_per_second.toFixed(0)), tiles);
}));

test("plots are drawn, named and have their numbers in a table", () => visit("sample", {}, async (page) => {
  const painted = await paintedPixels(page);
  assert.equal(painted.length, 6);
  painted.forEach((pixels, i) => assert.ok(pixels > 2000, `plot ${i} has ${pixels} painted pixels`));
  for (const canvas of await page.locator("canvas").all()) {
    assert.equal(await canvas.getAttribute("role"), "img");
    assert.ok((await canvas.getAttribute("aria-label")).length > 20);
  }
  const history = page.locator("figure", {hasText: "Loss"}).first().locator("details");
  await history.locator("summary").click();
  assert.equal(await history.locator("tbody tr:visible").count(), 38);
}));

test("a plot answers the pointer with a tooltip", () => visit("sample", {}, async (page) => {
  const canvas = page.locator("canvas").first();
  await canvas.scrollIntoViewIfNeeded();
  const calm = await canvasPicture(page);
  await canvas.hover();
  await page.waitForTimeout(100);
  assert.notEqual(await canvasPicture(page), calm);
}));

test("the class table sorts by click", () => visit("sample", {}, async (page) => {
  const heading = page.locator("#classes th", {hasText: "Recall"});
  const before = await column(page, 2);
  await heading.locator("button").click();
  assert.equal(await heading.getAttribute("aria-sort"), "descending");
  const down = (await column(page, 2)).map(parseFloat);
  assert.deepEqual(down, [...down].sort((a, b) => b - a));
  assert.notDeepEqual(down, before.map(parseFloat), "the sample was sorted already: nothing was tested");
  await heading.locator("button").click();
  assert.equal(await heading.getAttribute("aria-sort"), "ascending");
  assert.deepEqual((await column(page, 2)).map(parseFloat), [...down].reverse());
  assert.equal(await page.locator("#classes th[aria-sort]").count(), 1);
}));

test("the class table sorts by keyboard", () => visit("sample", {}, async (page) => {
  await page.locator("#classes th button", {hasText: "Recall"}).focus();
  await page.keyboard.press("Shift+Tab");
  await page.keyboard.press("Shift+Tab");
  await page.keyboard.press("Enter");
  assert.equal(await page.locator("#classes th", {hasText: "Class"}).getAttribute("aria-sort"), "ascending");
  const names = await column(page, 0);
  assert.deepEqual(names, [...names].sort());
  await page.keyboard.press("Space");
  assert.deepEqual(await column(page, 0), [...names].reverse());
}));

test("the theme follows the system, then the button, and stays", () => visit("sample", {colorScheme: "dark"}, async (page) => {
  const button = page.locator("#theme");
  const dark = await background(page);
  const darkPlot = await canvasPicture(page);
  assert.equal(await button.getAttribute("aria-pressed"), "true");
  await button.click();
  assert.equal(await button.getAttribute("aria-pressed"), "false");
  assert.notEqual(await background(page), dark);
  assert.notEqual(await canvasPicture(page), darkPlot, "plots keep the old theme's colours");
  await page.reload();
  assert.equal(await button.getAttribute("aria-pressed"), "false");
}));

test("the skip link leads to the content", () => visit("sample", {}, async (page) => {
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.className), "skip");
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement.id), "content");
}));

test("the confusion matrix says what a cell is and changes what cells show", () => visit("sample", {}, async (page) => {
  const data = JSON.parse(await page.locator("#report-data").textContent());
  const cell = page.locator("#confusion .matrix tbody tr").nth(1).locator("td").nth(1);
  const count = data.evaluation.confusion[1][1];
  assert.equal(await cell.locator(".count").textContent(), String(count));
  await cell.hover();
  assert.match(await page.locator(".readout").textContent(), new RegExp(`^ring: ${count} of`));
  await page.getByLabel("row percentages", {exact: true}).check();
  const width = (place) => place.evaluate((node) => node.getBoundingClientRect().width);
  assert.ok(await width(cell.locator(".count")) <= 1);
  assert.ok(await width(cell.locator(".share")) > 10);
}));

test("a hundred classes fit: small cells without numbers, in a box of their own", () => visit("many", {}, async (page) => {
  assert.equal(await page.locator("#confusion td").count() >= 100 * 100, true);
  assert.equal(await page.locator(".matrix").getAttribute("data-show"), "colours");
  const cell = await page.locator(".matrix td").first().boundingBox();
  assert.ok(cell.width < 20 && cell.height < 20, JSON.stringify(cell));
  await screenshot(page, "many-confusion", {fullPage: false});
  await page.getByLabel("counts", {exact: true}).check();
  const box = page.locator(".matrix-box");
  assert.ok(await box.evaluate((node) => node.scrollWidth > node.clientWidth));
}));

test("hostile names are text", () => visit("hostile", {}, async (page) => {
  assert.equal(await page.evaluate(() => window.hacked), undefined);
  assert.equal(await page.locator("h1").textContent(), "</script><img src=x onerror=\"window.hacked=1\">");
  assert.equal(await page.title(), "</script><img src=x onerror=\"window.hacked=1\">");
  assert.equal(await page.locator("img:not([src^='data:image/png;base64,'])").count(), 0);
  assert.equal(await page.locator("b").count(), 0);
  const named = await page.locator("#classes tbody th").allTextContents();
  assert.deepEqual(named, ["</script><img src=x onerror=\"window.hacked=1\">", "\"'&<b>bold</b>\u2028{{data}}<!--"]);
}));

test("a validation that was never made is not drawn", () => visit("two", {}, async (page) => {
  const captions = await page.locator("#training figcaption strong").allTextContents();
  assert.deepEqual(captions, ["Loss", "Regularisation path"]);
  assert.doesNotMatch(await page.locator("#training canvas").first().getAttribute("aria-label"), /validation/);
}));

test("what is missing is not shown", () => visit("bare", {}, async (page) => {
  assert.equal(await page.locator("section").count(), 0);
  assert.equal(await page.locator("#headline").isVisible(), false);
  assert.match(await page.locator("main").textContent(), /holds no results/);
}));

for (const name of REPORTS) {
  test(`${name}: a phone's width needs no sideways scrolling`, () => visit(name, {width: 360, height: 740}, async (page) => {
    const [wide, seen] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
    assert.ok(wide <= seen, `${wide} > ${seen}`);
    await screenshot(page, `${name}-phone`);
  }));
  for (const colorScheme of ["light", "dark"]) {
    test(`${name}: no serious accessibility violation (${colorScheme})`, () => visit(name, {colorScheme}, async (page) => {
      await page.evaluate(axe.source);
      // The rows of a large matrix are alike: the first ones stand for all.
      const {violations} = await page.evaluate(() => window.axe.run(
        {exclude: [[".matrix tbody tr:nth-child(n+8)"]]}, {resultTypes: ["violations"]}));
      const serious = violations.filter((v) => ["serious", "critical"].includes(v.impact))
        .map((v) => `${v.id}: ${v.nodes.slice(0, 3).map((n) => n.html.slice(0, 160)).join(" | ")}`);
      assert.deepEqual(serious, []);
      await screenshot(page, `${name}-${colorScheme}`);
    }));
  }
}

test("prints in light colours, from the dark theme too", () => visit("sample", {colorScheme: "dark"}, async (page) => {
  await page.evaluate(() => {
    addEventListener("beforeprint", () => { window.printed = document.querySelector("canvas").toDataURL(); });
  });
  const dark = await canvasPicture(page);
  assert.ok((await page.pdf({printBackground: true})).length > 10_000);
  const printed = await page.evaluate(() => window.printed);
  assert.ok(printed && printed !== dark, "plots were printed in the dark theme's colours");
  assert.equal(await canvasPicture(page), dark, "plots did not get their colours back");
}));
