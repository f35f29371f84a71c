// Debian's Chromium, as Playwright drives it: one browser for all scenarios of a script, with no word to the network.

import { chromium } from "playwright-core";

const ARGUMENTS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** The browser, once it was asked for. Its start costs more than most scenarios. */
let started;

function browser() {
  started ??= chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ARGUMENTS });
  return started;
}

/** Runs `work(context)` in a context of its own, which shares no cookies, storage or cache with others; `options` are Playwright's of a context. */
export async function inBrowser(options, work) {
  const context = await (await browser()).newContext({ acceptDownloads: true, ...options });
  try {
    return await work(context);
  } finally {
    await context.close();
  }
}

/** Ends the browser: the last step of a script, which would wait for it otherwise. One that fails before takes it along. */
export async function endBrowser() {
  await (await started)?.close();
}

/** Signs in with an access token, as a person does, and waits for the figures. */
export async function signIn(page, url, token) {
  await page.goto(url);
  await page.getByLabel("Access token").fill(token);
  await page.getByRole("button", { name: "Show the figures" }).click();
  await shown(page);
}

/** Signs in with an access token as somebody who has batches and no figures, and waits for the list of them. */
export async function signInAsMentor(page, url, token) {
  await page.goto(url);
  await page.getByLabel("Access token").fill(token);
  await page.getByRole("button", { name: "Show the figures" }).click();
  await page.locator("#my-batches tbody tr").first().waitFor();
}

/** Waits until the page shows what was chosen. */
export async function shown(page) {
  await page.locator("#dashboard[aria-busy=false]").waitFor();
}
