// Starts Debian's Chromium, as Playwright drives it, with a profile of its own and no word to the network.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
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

/** Runs `work(context)` in a browser of its own; `options` are Playwright's of a context. */
export async function inBrowser(options, work) {
  const profile = await mkdtemp(join(tmpdir(), "pragati-browser-"));
  try {
    const context = await chromium.launchPersistentContext(profile, {
      executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
      args: ARGUMENTS,
      acceptDownloads: true,
      ...options,
    });
    try {
      return await work(context);
    } finally {
      await context.close();
    }
  } finally {
    await rm(profile, { recursive: true, force: true });
  }
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
