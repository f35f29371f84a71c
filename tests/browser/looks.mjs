// How the tests of the page look at it: scenarios in which nothing unexpected may happen, tables, and what everybody can use.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { inBrowser } from "./browser.mjs";

const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

const DESK = { width: 1280, height: 900 };

/** What runs a scenario in a page that may say nothing to the console, ask nobody but these services, and open no dialog. */
export const scenariosOf = (urls) => async (name, options, work) => {
  await inBrowser({ viewport: DESK, colorScheme: "light", ...options }, async (context) => {
    const page = await context.newPage();
    const wrong = [];
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) wrong.push(`console: ${message.text()}`);
    });
    page.on("pageerror", (error) => wrong.push(`error: ${error}`));
    page.on("dialog", (dialog) => {
      wrong.push(`dialog: ${dialog.message()}`);
      dialog.dismiss();
    });
    page.on("request", (request) => {
      const known = urls.some((url) => request.url().startsWith(`${url}/`) || request.url().startsWith(`blob:${url}/`));
      if (!known) wrong.push(`asks ${request.url()}`);
      if (request.url().includes("dev:")) wrong.push(`has the token in ${request.url()}`);
    });
    await work(page, wrong);
    assert.deepEqual(wrong, [], name);
  });
  console.log(`ok ${name}`);
};

export const cells = (page, section) =>
  page.locator(`#${section} tbody tr`).evaluateAll((lines) => lines.map((line) => [...line.cells].map((cell) => cell.textContent.trim())));

/** Waits until the table's cells are as expected. */
export async function expectCells(page, section, expected) {
  let found;
  for (let attempt = 0; attempt < 100; attempt += 1) {
    found = await cells(page, section);
    if (JSON.stringify(found) === JSON.stringify(expected)) return;
    await page.waitForTimeout(50);
  }
  assert.deepEqual(found, expected, section);
}

export async function expectAccessible(page) {
  // What is looked at must not depend on where the mouse is or what has the focus.
  await page.mouse.move(0, 0);
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  assert.deepEqual(
    violations.map(({ id, nodes }) => [id, nodes.map((node) => `${node.html} ${node.failureSummary}`)]),
    [],
  );
}

export async function expectNoSideways(page) {
  const [content, screen] = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
  assert.ok(content <= screen, `${content} pixels of content are wider than ${screen}`);
}
