// Takes the pictures of docs/images: node screenshots.mjs URL TOKEN FOLDER, over a `pragati serve --dev-auth` of sample data.

import { join } from "node:path";
import { inBrowser, shown, signIn } from "./browser.mjs";

const [url, token, folder] = process.argv.slice(2);
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
