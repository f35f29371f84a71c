// Starts Debian's Chromium once, as Playwright drives it, with a profile of its own and no word to the network.

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

/** The browser, once it is needed. */
let browser;

/** Runs `work(context)` as a visitor of their own, without cookies or storage; `options` are Playwright's of a context. */
export async function inBrowser(options, work) {
  browser ??= await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ARGUMENTS });
  const context = await browser.newContext({ acceptDownloads: true, ...options });
  try {
    return await work(context);
  } finally {
    await context.close();
  }
}

/** Ends the browser; a script that used one ends only then. */
export async function closeBrowser() {
  await browser?.close();
}

/** Signs in with an access token, as a person does, and waits for the figures. */
export async function signIn(page, url, token) {
  await page.goto(url);
  await page.getByLabel("Access token").fill(token);
  await page.getByRole("button", { name: "Show the figures" }).click();
  await shown(page);
}

/** Waits until the page shows what was chosen. */
export async function shown(page) {
  await page.locator("#dashboard[aria-busy=false]").waitFor();
}
