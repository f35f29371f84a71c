// Looks at the page as people do, and compares what it shows with what the SQL gives: node page.mjs SETTINGS.json.
//
// SETTINGS: {url, emptyUrl, expected: rows of `pragati ratio --format json`, overTime: rows of `--by week`,
// never: ids of batches without a download}. Ends with an error at the first thing that is wrong.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { endBrowser, shown, signIn } from "./browser.mjs";
import { cells, expectAccessible, expectCells, expectNoSideways, scenariosOf } from "./looks.mjs";

const settings = JSON.parse(await readFile(process.argv[2], "utf8"));
const scenario = scenariosOf([settings.url, settings.emptyUrl]);

const ADMIN = "dev:asha,asha@example.org,pragati-admin";
const TENANT_ADMIN = "dev:ravi,ravi@example.org,pragati-tenant-admin:t1";
/** Rows of a table that are shown at a time. */
const PAGE = 10;
const PHONE = { width: 390, height: 844 };

const whole = new Intl.NumberFormat("en-IN");
const twoDigits = new Intl.NumberFormat("en-IN", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const percent = new Intl.NumberFormat("en-IN", { style: "percent", maximumFractionDigits: 1 });
// Without events, the printed rows have no column of what subscriptions sent.
const or = (show) => (value) => (value === null || value === undefined ? "–" : show.format(value));
const FIGURES = [
  ["download_ratio", or(twoDigits)],
  ["downloads", or(whole)],
  ["batches", or(whole)],
  ["coverage", or(percent)],
  ["batches_downloaded", or(whole)],
  ["requests", or(whole)],
  ["delivered", or(whole)],
  ["sent_by_subscription", or(whole)],
];
const rowsOf = (level, window) => settings.expected.filter((row) => row.level === level && row.time_window === window);

async function expectCards(page, row) {
  const cards = Object.fromEntries(
    await page.locator("#cards > div").evaluateAll((cards) => cards.map((card) => [card.querySelector("dt").textContent, [...card.querySelectorAll("dd")].map((part) => part.textContent)])),
  );
  assert.equal(cards["Download ratio"][0], or(twoDigits)(row.download_ratio));
  assert.equal(cards["Download ratio"][1], `${whole.format(row.downloads)} downloads ÷ ${whole.format(row.batches)} batches`);
  assert.equal(cards.Coverage[0], or(percent)(row.coverage));
  assert.equal(cards.Coverage[1], `${whole.format(row.batches_downloaded)} batches downloaded ÷ ${whole.format(row.batches)} batches`);
  assert.equal(cards.Requests[0], or(whole)(row.requests));
  assert.equal(cards.Delivered[0], or(whole)(row.delivered));
}

/** The rows as the page orders and shows them: by a column, missing values last, equal ones by id. */
function lines(rows, id, order = "downloads", descending = true) {
  const missing = (value) => value === null || value === undefined;
  const sign = descending ? -1 : 1;
  const compare = (a, b) => (missing(a) - missing(b)) || (missing(a) ? 0 : a < b ? -sign : a > b ? sign : 0);
  const sorted = rows.toSorted((a, b) => compare(a[order], b[order]));
  return sorted.map((row) => [row[id] ?? `Unknown ${id.split("_")[0]}`, ...FIGURES.map(([name, show]) => show(row[name]))]);
}

for (const colorScheme of ["light", "dark"]) {
  await scenario(`what an admin of the platform sees, ${colorScheme}`, { colorScheme }, async (page) => {
    await page.goto(settings.url);
    await page.getByLabel("Access token").waitFor();
    await expectAccessible(page);
    await signIn(page, settings.url, ADMIN);
    for (const [words, window] of [["30 days", "30d"], ["7 days", "7d"], ["1 day", "1d"], ["All time", "all"]]) {
      await page.getByText(words, { exact: true }).click();
      await expectCells(page, "tenants", lines(rowsOf("tenant", window), "tenant_id").slice(0, PAGE));
      await expectCells(page, "courses", lines(rowsOf("course", window), "course_id").slice(0, PAGE));
      await shown(page);
      await expectCards(page, rowsOf("all", window)[0]);
    }
    assert.match(await page.locator(".as-of").textContent(), /22 November 2026/);
    await page.getByRole("button", { name: "Show as a table" }).click();
    await expectAccessible(page);
    assert.equal(await page.locator("#follow-up img, #courses img").count(), 0, "names are text");
  });
}

await scenario("the course of time", {}, async (page) => {
  await signIn(page, settings.url, ADMIN);
  await page.getByRole("button", { name: "Show as a table" }).click();
  const shownRows = await page.locator("#trend-table tbody tr").evaluateAll((lines) => lines.map((line) => [...line.cells].slice(1).map((cell) => cell.textContent)));
  // Half a year, of whole weeks.
  const weeks = settings.overTime.filter((row) => row.level === "all").toReversed().slice(0, 26);
  assert.equal(weeks.length, 26);
  assert.deepEqual(
    shownRows,
    weeks.map((row) => [or(twoDigits)(row.download_ratio), whole.format(row.downloads), whole.format(row.batches)]),
  );
  const drawn = await page.evaluate(() => window.Chart.getChart("chart").data.datasets[0].data);
  assert.deepEqual(drawn, weeks.toReversed().map((row) => row.download_ratio));
  assert.match(await page.locator("#chart").getAttribute("aria-label"), /Download ratio by week, All courses, all tenants/);
  for (const period of ["Day", "Month"]) {
    await page.getByText(period, { exact: true }).click();
    await page.waitForFunction((by) => document.getElementById("chart").getAttribute("aria-label").includes(` by ${by}`), period.toLowerCase());
  }
  // One course: its button leads to its own trend, and back.
  const course = page.locator("#courses tbody button").first();
  const id = await course.textContent();
  await course.click();
  await page.getByText(`Course ${id}, all tenants`).waitFor();
  await page.waitForFunction((id) => document.getElementById("chart").getAttribute("aria-label").includes(id), id);
  const months = await page.locator("#trend-table tbody tr td:nth-of-type(2)").allTextContents();
  const total = rowsOf("course", "all").find((row) => row.course_id === id).downloads;
  assert.equal(months.reduce((sum, text) => sum + Number(text.replaceAll(",", "")), 0), total);
  await page.getByRole("button", { name: "Back to all courses" }).click();
  await page.getByText("All courses, all tenants").waitFor();
});

await scenario("search, order, pages and files, by keyboard alone", {}, async (page) => {
  await signIn(page, settings.url, ADMIN);
  const courses = rowsOf("course", "all");
  const next = page.getByRole("navigation", { name: "Pages of courses" }).getByRole("button", { name: "Next" });
  await next.focus();
  await page.keyboard.press("Enter");
  await expectCells(page, "courses", lines(courses, "course_id").slice(PAGE, 2 * PAGE));
  // Round the columns with the keyboard.
  const byCoverage = page.locator("#courses thead button", { hasText: "Coverage" });
  await byCoverage.focus();
  await page.keyboard.press("Enter");
  await expectCells(page, "courses", lines(courses, "course_id", "coverage").slice(0, PAGE));
  assert.equal(await page.locator("#courses th[aria-sort=descending]").textContent(), "Coverage");
  await page.keyboard.press("Space");
  await expectCells(page, "courses", lines(courses, "course_id", "coverage", false).slice(0, PAGE));
  assert.equal(await page.locator("#courses th[aria-sort=ascending]").textContent(), "Coverage");
  const search = page.getByRole("searchbox", { name: "Search courses" });
  await search.focus();
  await page.keyboard.type("C<B>1");
  await expectCells(page, "courses", lines(courses.filter((row) => row.course_id?.includes("c<b>1")), "course_id", "coverage", false));
  await page.keyboard.press("Control+A");
  await page.keyboard.type("no such course");
  await page.getByText("Nothing is like “no such course”.").waitFor();
  await search.fill("");
  await page.getByText(`of ${courses.length} courses`).waitFor();
  // The choice of days, with the arrow keys.
  await page.getByRole("radio", { name: "All time" }).focus();
  await page.keyboard.press("ArrowRight");
  await expectCells(page, "courses", lines(rowsOf("course", "30d"), "course_id", "coverage", false).slice(0, PAGE));
  await shown(page);
  assert.match(page.url(), /window=30d/);
  const saving = page.waitForEvent("download");
  await page.locator("#courses").getByRole("button", { name: "Download CSV" }).press("Enter");
  const file = await saving;
  assert.equal(file.suggestedFilename(), "download-ratio_courses_30d_2026-11-22.csv");
  const csv = await readFile(await file.path(), "utf8");
  assert.equal(csv.trim().split("\n").length, courses.length + 1);
  assert.match(csv, /^\u{feff}level,course_id,tenant_id,time_window,downloads,batches,download_ratio/u);
});

await scenario("batches to follow up", {}, async (page) => {
  await signIn(page, settings.url, ADMIN);
  const found = new Set();
  const next = page.getByRole("navigation", { name: "Pages of batches" }).getByRole("button", { name: "Next" });
  const status = page.getByRole("navigation", { name: "Pages of batches" }).getByRole("status");
  for (let first = 1; ; first += PAGE) {
    await page.waitForFunction(([element, first]) => element.textContent.startsWith(`${first} to`) || !element.textContent.includes(" to "), [await status.elementHandle(), first]);
    for (const line of await cells(page, "follow-up")) found.add(line[1]);
    if ((await next.isHidden()) || (await next.isDisabled())) break;
    await next.click();
  }
  assert.deepEqual([...found].toSorted(), settings.never.toSorted());
  await page.getByRole("searchbox", { name: "Search batches" }).fill("<img");
  await expectCells(page, "follow-up", [["<img src=x onerror=alert(1)>", "b150", "c<b>1</b>", "t0", "1 Jan 2026"]]);
});

await scenario("an admin of a tenant sees that tenant alone", {}, async (page) => {
  await signIn(page, settings.url, TENANT_ADMIN);
  await expectCards(page, rowsOf("tenant", "all").find((row) => row.tenant_id === "t1"));
  assert.deepEqual(await page.locator("#tenant option").allTextContents(), ["t1"]);
  assert.ok(await page.locator("#tenants").isHidden());
  await expectCells(page, "courses", lines(rowsOf("tenant_course", "all").filter((row) => row.tenant_id === "t1"), "course_id").slice(0, PAGE));
  const tenants = await page.locator("#follow-up tbody tr").evaluateAll((lines) => lines.map((line) => line.cells[3].textContent));
  assert.ok(tenants.length > 0 && tenants.every((tenant) => tenant === "t1"), tenants);
  await page.goto(`${settings.url}/#tenant=t2`);
  await page.reload();
  await shown(page);
  await expectCards(page, rowsOf("tenant", "all").find((row) => row.tenant_id === "t1"));
});

await scenario("one tenant of all", {}, async (page) => {
  await signIn(page, settings.url, ADMIN);
  await page.getByLabel("Tenant", { exact: true }).selectOption({ label: "t2" });
  await expectCells(page, "courses", lines(rowsOf("tenant_course", "all").filter((row) => row.tenant_id === "t2"), "course_id").slice(0, PAGE));
  await shown(page);
  await expectCards(page, rowsOf("tenant", "all").find((row) => row.tenant_id === "t2"));
  // A reload keeps the choice and the login.
  await page.reload();
  await shown(page);
  await expectCards(page, rowsOf("tenant", "all").find((row) => row.tenant_id === "t2"));
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByLabel("Access token").waitFor();
  assert.equal(await page.evaluate(() => sessionStorage.length), 0);
});

await scenario("a report, in parts and of some learners", {}, async (page, wrong) => {
  await signIn(page, settings.url, ADMIN);
  const form = page.locator("#report-form");
  const status = form.getByRole("status");
  const download = form.getByRole("button", { name: "Download", exact: true });
  await form.getByLabel("Batch", { exact: true }).fill("b1");
  await page.locator("#report-batch-name", { hasText: /^Batch 1$/ }).waitFor();
  await form.getByLabel("A file for each").selectOption({ label: "Block" });
  await form.getByText("Only some learners").click();
  await expectAccessible(page);
  await form.getByLabel("Completed", { exact: true }).selectOption({ label: "No" });
  await form.getByLabel("Progress to (%)").fill("50");
  const saving = page.waitForEvent("download");
  await download.click();
  const file = await saving;
  assert.equal(file.suggestedFilename(), "course-progress_Batch-1_by-block_filtered_2026-11-22.zip");
  const bytes = await readFile(await file.path());
  assert.ok(bytes.includes("Block-1.csv") && bytes.includes("index.csv") && !bytes.includes("_blank.csv"));
  assert.match(await status.textContent(), /^The report is ready/);
  // One file, and a filter that leaves no row.
  await form.getByLabel("A file for each").selectOption({ label: "No, one file" });
  await form.getByLabel("School", { exact: true }).fill("nowhere\n(blank)");
  const savingEmpty = page.waitForEvent("download");
  await download.press("Enter");
  const empty = await readFile(await (await savingEmpty).path(), "utf8");
  assert.equal(empty.trim().split("\n").length, 1);
  assert.match(await status.textContent(), /No row passes the filter/);
  // All batches of the course, each a file.
  await form.getByLabel("School", { exact: true }).fill("");
  await form.getByLabel("All batches of this batch’s course").check();
  const savingCourse = page.waitForEvent("download");
  await download.click();
  assert.equal((await savingCourse).suggestedFilename(), "course-progress_c1_filtered_2026-11-22.zip");
  // What is refused is said, and nothing is saved.
  await form.getByLabel("Batch", { exact: true }).fill("no such batch");
  await download.click();
  await form.getByText("no such batch whose report you may have").waitFor();
  assert.ok(wrong.every((words) => words.includes("404")), wrong);
  wrong.length = 0;
});

await scenario("a report on a phone", { viewport: PHONE, isMobile: true, hasTouch: true, colorScheme: "dark" }, async (page) => {
  await signIn(page, settings.url, ADMIN);
  await page.getByText("Only some learners").tap();
  await expectNoSideways(page);
  await expectAccessible(page);
});

await scenario("on a phone", { viewport: PHONE, isMobile: true, hasTouch: true }, async (page) => {
  await page.goto(settings.url);
  await page.getByLabel("Access token").waitFor();
  await expectNoSideways(page);
  await signIn(page, settings.url, ADMIN);
  await page.getByRole("button", { name: "Show as a table" }).tap();
  await expectNoSideways(page);
  await expectAccessible(page);
  await page.locator("#courses thead button", { hasText: "Ratio" }).tap();
  await expectCells(page, "courses", lines(rowsOf("course", "all"), "course_id", "download_ratio").slice(0, PAGE));
});

await scenario("without access", {}, async (page) => {
  await page.goto(settings.url);
  await page.getByLabel("Access token").fill("dev:nobody");
  await page.getByRole("button", { name: "Show the figures" }).click();
  await page.getByText("these figures are for admins").waitFor();
  assert.ok(await page.locator("#dashboard").isHidden());
  await expectAccessible(page);
});

await scenario("with a token that is not accepted", {}, async (page) => {
  await page.goto(settings.url);
  await page.getByLabel("Access token").fill("forged");
  await page.getByLabel("Access token").press("Enter");
  await page.getByText("has expired or is not valid").waitFor();
  assert.ok(await page.getByLabel("Access token").isVisible());
  assert.equal(await page.evaluate(() => sessionStorage.length), 0);
});

await scenario("when the token expires", {}, async (page, wrong) => {
  await signIn(page, settings.url, ADMIN);
  await page.evaluate(() => sessionStorage.setItem("pragati.token", "expired"));
  await page.getByText("7 days", { exact: true }).click();
  await page.getByText("has expired or is not valid").waitFor();
  assert.ok(await page.locator("#dashboard").isHidden());
  // The browser's own word on the refusals.
  assert.ok(wrong.every((words) => words.includes("401")), wrong);
  wrong.length = 0;
});

for (const [locale, title] of [
  ["hi-IN", "डाउनलोड अनुपात"],
  ["ta-IN", "பதிவிறக்க விகிதம்"],
  ["te-IN", "డౌన్‌లోడ్ నిష్పత్తి"],
  ["kn-IN", "ಡೌನ್‌ಲೋಡ್ ಅನುಪಾತ"],
  ["or-IN", "ଡାଉନଲୋଡ୍ ଅନୁପାତ"],
]) {
  await scenario(`in the language of the browser, ${locale}`, { locale, viewport: PHONE, isMobile: true, hasTouch: true }, async (page) => {
    await page.goto(settings.url);
    await page.getByRole("heading", { level: 1, name: title }).waitFor();
    await expectAccessible(page);
    await page.locator("#token").fill(ADMIN);
    await page.locator("#token").press("Enter");
    await shown(page);
    assert.equal(await page.locator("html").getAttribute("lang"), locale.slice(0, 2));
    const heads = await page.locator("#dashboard h2, #report h2").allTextContents();
    assert.ok(heads.length > 5 && heads.every((head) => !/[A-Za-z]/.test(head)), heads.join());
    assert.match(await page.locator("#as-of").textContent(), /22.*2026/);
    assert.doesNotMatch(await page.locator("#as-of").textContent(), /[A-Za-z]/);
    await expectNoSideways(page);
    await expectAccessible(page);
  });
}

await scenario("when a proxy adds the login", { extraHTTPHeaders: { Authorization: `Bearer ${TENANT_ADMIN}` } }, async (page) => {
  await page.goto(settings.url);
  await shown(page);
  assert.ok(await page.locator("#login").isHidden());
  assert.ok(await page.getByRole("button", { name: "Sign out" }).isHidden());
});

await scenario("when the service is gone, and comes back", {}, async (page, wrong) => {
  await signIn(page, settings.url, ADMIN);
  await page.route("**/api/**", (route) => route.abort());
  await page.getByText("7 days", { exact: true }).click();
  await page.getByText("The service does not answer.").first().waitFor();
  assert.ok(await page.locator("#cards").isVisible(), "what was shown stays");
  await page.unroute("**/api/**");
  await page.getByRole("button", { name: "Try again" }).click();
  await expectCells(page, "courses", lines(rowsOf("course", "7d"), "course_id").slice(0, PAGE));
  await page.locator("#notice").waitFor({ state: "hidden" });
  assert.ok(wrong.every((words) => words.includes("ERR_FAILED")), wrong);
  wrong.length = 0;
});

await scenario("without batches and clicks", {}, async (page) => {
  await signIn(page, settings.emptyUrl, ADMIN);
  assert.equal(await page.locator("#cards dd.value").first().textContent(), "–");
  await page.getByText("There are no batches in the data, so there is no ratio.").waitFor();
  await page.getByText("There are no courses in the data.").waitFor();
  await page.getByText("There are no tenants in the data.").waitFor();
  await page.getByText("No downloads in this time.").waitFor();
  await expectAccessible(page);
});

await endBrowser();
