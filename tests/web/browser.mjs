// The browser that the tests drive, and the reports that they open.
import {execFileSync} from "node:child_process";
import {accessSync, constants, mkdirSync} from "node:fs";
import {delimiter, join} from "node:path";
import {pathToFileURL} from "node:url";
import {chromium} from "playwright-core";

function fromEnvironment(name) {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: run these tests through ctest -R report_web`);
  return value;
}

function findChromium() {
  if (process.env.CAFT_CHROMIUM) return process.env.CAFT_CHROMIUM;
  for (const name of ["chromium", "chromium-browser", "google-chrome"]) {
    for (const folder of (process.env.PATH ?? "").split(delimiter)) {
      const file = join(folder, name);
      try {
        accessSync(file, constants.X_OK);
        return file;
      } catch { /* not in this folder */ }
    }
  }
  throw new Error("no Chromium on PATH: run scripts/setup.sh, or set CAFT_CHROMIUM");
}

export const outFolder = fromEnvironment("CAFT_WEB_OUT");
mkdirSync(outFolder, {recursive: true});

/** Writes the sample reports with caft itself. */
export function makeReports() {
  execFileSync(fromEnvironment("CAFT_SAMPLE_REPORT"), [outFolder], {stdio: "inherit"});
}

export function launch() {
  return chromium.launch({executablePath: findChromium(), args: ["--headless", "--no-sandbox", "--disable-gpu",
    "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync"]});
}

/** Opens report NAME from its file. The page comes back with what it complained about and asked for. */
export async function open(browser, name, {width = 1280, height = 900, colorScheme = "light"} = {}) {
  const context = await browser.newContext({viewport: {width, height}, colorScheme, locale: "en-GB", timezoneId: "UTC"});
  const page = await context.newPage();
  const complaints = [];
  const requests = [];
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("request", (request) => requests.push(request.url()));
  const address = pathToFileURL(join(outFolder, `${name}.html`)).href;
  await page.goto(address);
  return {page, complaints, requests: () => requests.filter((url) => url !== address && !url.startsWith("data:")),
    close: () => context.close()};
}

export const screenshot = (page, name, options = {}) =>
  page.screenshot({path: join(outFolder, `${name}.png`), fullPage: true, ...options});
