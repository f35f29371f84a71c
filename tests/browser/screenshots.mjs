// Takes the pictures of docs/images: node screenshots.mjs URL TOKEN FOLDER MENTOR, over a `pragati serve --dev-auth` of sample data.
// MENTOR is the token of somebody who mentors some of its batches.

import { join } from "node:path";
import { endBrowser, inBrowser, shown, signIn, signInAsMentor } from "./browser.mjs";

const [url, token, folder, mentor] = process.argv.slice(2);
const DESK = { width: 1200, height: 1000 };
const PHONE = { width: 390, height: 844 };

for (const [name, options, fullPage] of [
  ["page-light", { viewport: DESK, colorScheme: "light" }, false],
  ["page-dark", { viewport: DESK, colorScheme: "dark" }, false],
  ["page-phone", { viewport: PHONE, colorScheme: "light", isMobile: true, hasTouch: true }, false],
]) {
  await inBrowser({ reducedMotion: "reduce", ...options }, async (context) => {
    const page = await context.newPage();
    await signIn(page, url, token);
    await page.getByText("30 days").click();
    await shown(page);
    await page.evaluate(() => document.activeElement.blur());
    await page.screenshot({ path: join(folder, `${name}.png`), fullPage });
    if (process.env.ALL) await page.screenshot({ path: join(folder, `${name}-full.png`), fullPage: true });
  });
}

await inBrowser({ reducedMotion: "reduce", viewport: DESK, colorScheme: "light" }, async (context) => {
  const page = await context.newPage();
  await signInAsMentor(page, url, mentor);
  const form = page.locator("#subscribe");
  await form.getByLabel("To the officers of each").selectOption({ label: "Block" });
  await page.evaluate(() => document.activeElement.blur());
  await form.screenshot({ path: join(folder, "subscribe-light.png") });
});

for (const [name, options] of [
  ["batches-light", { viewport: { width: 1200, height: 1180 }, colorScheme: "light" }],
  ["batches-dark", { viewport: { width: 1200, height: 1180 }, colorScheme: "dark" }],
  ["batches-phone", { viewport: PHONE, colorScheme: "light", isMobile: true, hasTouch: true }],
]) {
  await inBrowser({ reducedMotion: "reduce", ...options }, async (context) => {
    const page = await context.newPage();
    await signInAsMentor(page, url, mentor);
    await page.evaluate(() => document.activeElement.blur());
    await page.screenshot({ path: join(folder, `${name}.png`) });
  });
}

await endBrowser();
