// A mentor's first day: node first_day.mjs SETTINGS.json. Signs in, downloads a report block by block, and subscribes to it, for
// the officers of the blocks as well.
//
// SETTINGS: {url, mentor: a token, batch: its name, file: where the download is kept}. Ends with an error at the first thing that
// is wrong.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { endBrowser, signInAsMentor } from "./browser.mjs";
import { scenariosOf } from "./looks.mjs";

const settings = JSON.parse(await readFile(process.argv[2], "utf8"));
const scenario = scenariosOf([settings.url]);

await scenario("a mentor's first day", {}, async (page) => {
  await signInAsMentor(page, settings.url, settings.mentor);
  await page.getByRole("button", { name: `Download the report of ${settings.batch}`, exact: true }).click();
  const form = page.locator("#report-form");
  await form.getByLabel("A file for each").selectOption({ label: "Block" });
  const saving = page.waitForEvent("download");
  await form.getByRole("button", { name: "Download", exact: true }).click();
  await (await saving).saveAs(settings.file);
  await form.getByLabel("A file for each").selectOption({ label: "No, one file" });
  await form.getByLabel("How often").selectOption({ label: "After each night’s data" });
  await form.getByLabel("To the officers of each").selectOption({ label: "Block" });
  assert.ok(await form.getByLabel("Only when something changed").isChecked());
  await form.getByRole("button", { name: "Subscribe" }).click();
  await page.locator("#my-subscriptions-list li", { hasText: "to officers, by block" }).waitFor();
});

await endBrowser();
