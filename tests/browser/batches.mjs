// "My batches" as mentors use it: node batches.mjs SETTINGS.json.
//
// SETTINGS: {url, mentor: a token, batches: rows of the mentor's batches as they were exported and counted: batch_id, batch_name,
// course_id, course_name, learners, completed, average_progress, change in words}. Ends with an error at the first thing that is
// wrong.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { endBrowser, signIn, signInAsMentor } from "./browser.mjs";
import { cells, expectAccessible, expectCells, expectNoSideways, scenariosOf } from "./looks.mjs";

const settings = JSON.parse(await readFile(process.argv[2], "utf8"));
const scenario = scenariosOf([settings.url]);

const ADMIN = "dev:asha,asha@example.org,pragati-admin";
/** Rows of a table that are shown at a time. */
const PAGE = 10;
const PHONE = { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true };

const API = `${settings.url}/api/v1`;
const percent = (value) => (value === null ? "–" : `${value}%`);

/** What the table shows of batches. */
const lines = (batches) =>
  batches.map((batch) => [
    batch.batch_name === null ? batch.batch_id : `${batch.batch_name} ${batch.batch_id}`,
    batch.course_name === null ? batch.course_id : `${batch.course_name} ${batch.course_id}`,
    String(batch.learners),
    String(batch.completed),
    percent(batch.average_progress),
    batch.change ?? "No",
    "Download",
  ]);

/** Ordered as the service does: by a column, what is not known last, equal ones by id. */
function ordered(column, descending = false) {
  const value = (batch) => (column === "batch_name" ? (batch.batch_name ?? batch.batch_id).toLowerCase() : batch[column]);
  const byId = settings.batches.toSorted((a, b) => (a.batch_id < b.batch_id ? -1 : 1));
  const sign = descending ? -1 : 1;
  return byId.toSorted((a, b) => {
    const [first, second] = [value(a), value(b)];
    if (first === null || second === null) return (first === null) - (second === null);
    return first < second ? -sign : first > second ? sign : 0;
  });
}

const list = (page) => page.locator("#my-batches");
const buttonOf = (page, name) => page.getByRole("button", { name: `Download the report of ${name}`, exact: true });

for (const colorScheme of ["light", "dark"]) {
  await scenario(`what a mentor sees, ${colorScheme}`, { colorScheme }, async (page) => {
    await signInAsMentor(page, settings.url, settings.mentor);
    assert.equal(await page.title(), "My batches · Pragati");
    assert.equal(await page.getByRole("heading", { level: 1 }).textContent(), "Course Progress Reports");
    assert.ok(await page.locator("#dashboard").isHidden());
    assert.ok(await page.locator("#notice").isHidden());
    await expectCells(page, "my-batches", lines(ordered("batch_name").slice(0, PAGE)));
    assert.match(await list(page).textContent(), /Data as of 22 November 2026, compared with 21 November 2026/);
    assert.deepEqual(await list(page).locator("thead th").allTextContents(), ["Batch", "Course", "Learners", "Completed", "Average progress", "Changed", "Report"]);
    await page.getByText("You have not asked for a report yet.").waitFor();
    await page.getByText("You have none.").waitFor();
    assert.ok(await page.locator("#subscribe").isVisible());
    assert.equal(await page.locator("#my-batches img").count(), 0, "names are text");
    await expectAccessible(page);
    await expectNoSideways(page);
  });
}

await scenario("search, order and pages, by keyboard alone", {}, async (page) => {
  await signInAsMentor(page, settings.url, settings.mentor);
  const head = (name) => list(page).locator("thead button", { hasText: name });
  await head("Learners").focus();
  await page.keyboard.press("Enter");
  await expectCells(page, "my-batches", lines(ordered("learners", true).slice(0, PAGE)));
  assert.equal(await list(page).locator("th[aria-sort=descending]").textContent(), "Learners");
  await page.keyboard.press("Space");
  await expectCells(page, "my-batches", lines(ordered("learners").slice(0, PAGE)));
  await head("Average progress").focus();
  await page.keyboard.press("Enter");
  await expectCells(page, "my-batches", lines(ordered("average_progress", true).slice(0, PAGE)));
  const next = page.getByRole("navigation", { name: "Pages of my batches" }).getByRole("button", { name: "Next" });
  await next.focus();
  await page.keyboard.press("Enter");
  await expectCells(page, "my-batches", lines(ordered("average_progress", true).slice(PAGE)));
  const search = page.getByRole("searchbox", { name: "Search my batches" });
  await search.focus();
  const { batch_id: id, batch_name: name } = settings.batches.find((batch) => batch.batch_name?.startsWith("<"));
  await page.keyboard.type(name.toUpperCase().slice(0, 6));
  await expectCells(page, "my-batches", lines(settings.batches.filter((batch) => batch.batch_id === id)));
  await search.fill("no such batch");
  await page.getByText("Nothing is like “no such batch”.").waitFor();
  await expectAccessible(page);
  await search.fill("");
  await page.getByText(`1 to ${PAGE} of ${settings.batches.length} batches`).waitFor();
});

await scenario("from a batch to its file, by keyboard alone", {}, async (page) => {
  await signInAsMentor(page, settings.url, settings.mentor);
  const [batch] = ordered("batch_name");
  const name = batch.batch_name ?? batch.batch_id;
  await buttonOf(page, name).focus();
  await page.keyboard.press("Enter");
  const form = page.locator("#report-form");
  assert.equal(await form.getByLabel("Batch", { exact: true }).inputValue(), batch.batch_id);
  assert.equal(await page.evaluate(() => document.activeElement.id), "report-format");
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.id), "report-split");
  await form.getByLabel("A file for each").selectOption({ label: "Block" });
  const saving = page.waitForEvent("download");
  await form.getByRole("button", { name: "Download", exact: true }).press("Enter");
  const file = (await saving).suggestedFilename();
  assert.match(file, /^course-progress_.*_by-block_2026-11-22\.zip$/);
  await form.getByText(`The report is ready: ${file}`).waitFor();
  assert.ok(await page.locator("#report-progress").isHidden());
  // It stands among the requests, and can be saved again.
  const request = page.locator("#my-requests-list li").first();
  await request.getByText("Ready", { exact: true }).waitFor();
  assert.match(await request.textContent(), /CSV, by block · asked .* · data of 22 Nov 2026/);
  assert.equal(await request.locator("strong").textContent(), name);
  const again = page.waitForEvent("download");
  await request.getByRole("button", { name: `Save the file ${file}` }).press("Enter");
  assert.equal((await again).suggestedFilename(), file);
  await expectAccessible(page);
  await form.getByRole("button", { name: "Back to my batches" }).press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement.getAttribute("aria-label")), `Download the report of ${name}`);
});

/** A request as the service shows it. */
const requestLike = (more) => ({
  id: "019ab3a0-5c1e-7c2a-9f5e-3d1c0a8b7e44",
  batch_id: settings.batches[0].batch_id,
  course_id: null,
  format: "xlsx",
  deliver: "email",
  status: "queued",
  requested_at: "2026-11-22T04:30:00Z",
  deadline: "2026-11-22T05:00:00Z",
  finished_at: null,
  snapshot_date: "2026-11-22",
  failure: null,
  file: null,
  ...more,
});

await scenario("a mail under way, one that came back, and progress that is seen", {}, async (page) => {
  let asked;
  let looks = 0;
  await page.route(/\/api\/v1\/reports(\/|\?|$)/, async (route) => {
    const request = route.request();
    if (request.method() === "POST") {
      asked = request.postDataJSON();
      return route.fulfill({ status: 202, json: requestLike({}) });
    }
    if (/reports\/019ab3a0/.test(request.url())) {
      looks += 1;
      return route.fulfill({ json: requestLike({ status: looks > 1 ? "sent" : "running" }) });
    }
    const bounced = requestLike({ status: "bounced", failure: { cause: "mail_bounced", reason: "550 no such mailbox" } });
    const toOfficer = requestLike({ status: "sent", to_officer: true });
    return route.fulfill({ json: { items: [requestLike({ status: looks > 1 ? "sent" : "running" }), bounced, toOfficer], next: null } });
  });
  await signInAsMentor(page, settings.url, settings.mentor);
  await page.getByText("The mail came back: 550 no such mailbox").waitFor();
  await page.getByText("Mailed to an officer", { exact: true }).waitFor();
  await page.getByText("Being made", { exact: true }).waitFor();
  const form = page.locator("#report-form");
  await form.getByLabel("Batch", { exact: true }).fill(settings.batches[0].batch_id);
  await form.getByRole("button", { name: "Mail it to me" }).click();
  await page.getByRole("progressbar", { name: "The report is being made" }).waitFor();
  await expectAccessible(page);
  await form.getByText("The report was mailed to you.").waitFor();
  await page.getByText("Mailed to you", { exact: true }).waitFor();
  assert.ok(await page.locator("#report-progress").isHidden());
  assert.deepEqual(asked, { batch_id: settings.batches[0].batch_id, format: "csv", deliver: "email" });
});

await scenario("while the list is loading, is not counted, and fails", {}, async (page, wrong) => {
  let answers = [];
  await page.route(/\/api\/v1\/batches\?.*sort=/, async (route) => {
    const answer = answers.shift();
    if (answer) await answer(route);
    else await route.continue();
  });
  let goOn;
  const waiting = new Promise((resolve) => (goOn = resolve));
  const uncounted = (batch) => ({ ...batch, learners: null, completed: null, average_progress: null, change: null });
  answers.push(async (route) => {
    await waiting;
    const page = await (await route.fetch()).json();
    await route.fulfill({ json: { ...page, counted: false, changes_since: null, items: page.items.map(uncounted) } });
  });
  await page.goto(settings.url);
  await page.getByLabel("Access token").fill(settings.mentor);
  await page.getByLabel("Access token").press("Enter");
  await list(page).getByText("Loading …").waitFor();
  await expectAccessible(page);
  goOn();
  await page.getByText("Learners are being counted …").waitFor();
  const first = ordered("batch_name").slice(0, PAGE);
  await expectCells(page, "my-batches", lines(first).map(([name, course]) => [name, course, "–", "–", "–", "–", "Download"]));
  // By itself, a little later.
  await list(page).getByText("Learners are being counted …").waitFor({ state: "hidden", timeout: 15_000 });
  await expectCells(page, "my-batches", lines(first));
  // What was shown stays, and can be asked for again.
  answers = [(route) => route.abort()];
  await page.getByRole("searchbox", { name: "Search my batches" }).fill("zzz");
  await page.getByRole("alert").getByText("The service does not answer.").waitFor();
  assert.equal((await cells(page, "my-batches")).length, PAGE);
  await expectAccessible(page);
  await page.getByRole("searchbox", { name: "Search my batches" }).fill("");
  await page.getByRole("button", { name: "Try again" }).click();
  await page.locator("#notice").waitFor({ state: "hidden" });
  await expectCells(page, "my-batches", lines(first));
  assert.ok(wrong.every((words) => words.includes("ERR_FAILED")), wrong);
  wrong.length = 0;
});

await scenario("when the login ends", {}, async (page, wrong) => {
  await signInAsMentor(page, settings.url, settings.mentor);
  await page.evaluate(() => sessionStorage.setItem("pragati.token", "expired"));
  await list(page).locator("thead button", { hasText: "Learners" }).click();
  await page.getByText("has expired or is not valid").waitFor();
  for (const section of ["my-batches", "report", "my-requests", "my-subscriptions"]) assert.ok(await page.locator(`#${section}`).isHidden(), section);
  assert.equal(await page.locator("#my-batches tbody tr").count(), 0, "nothing of it is left");
  assert.ok(await page.getByLabel("Access token").isVisible());
  await expectAccessible(page);
  assert.ok(wrong.every((words) => words.includes("401")), wrong);
  wrong.length = 0;
});

/** What a screen reader says beside the label of a field. */
const describedBy = (field) => field.evaluate((element) => document.getElementById(element.getAttribute("aria-describedby")).textContent);

await scenario("subscriptions", {}, async (page) => {
  const items = [];
  const asked = [];
  await page.route(`${API}/subscriptions**`, async (route) => {
    const request = route.request();
    if (request.method() === "GET") return route.fulfill({ json: { items } });
    asked.push([new URL(request.url()).pathname.split("/subscriptions")[1], request.postDataJSON()]);
    const action = request.url().split("/").at(-1);
    if (action === "subscriptions") items.push({ id: "s1", state: "active", at: "07:00", ...request.postDataJSON(), next_at: "2026-11-23T01:30:00Z" });
    if (action === "pause") items[0].state = "paused";
    if (action === "resume") return route.fulfill({ status: 409, json: { detail: "It has ended." } });
    return route.fulfill({ status: 201, json: items[0] });
  });
  await signInAsMentor(page, settings.url, settings.mentor);
  await page.getByText("You have none.").waitFor();
  const [batch] = ordered("batch_name");
  const name = batch.batch_name ?? batch.batch_id;
  await buttonOf(page, name).click();
  const form = page.locator("#report-form");
  await form.getByLabel("A file for each").selectOption({ label: "District" });
  await form.getByLabel("How often").selectOption({ label: "Every day" });
  assert.ok(await form.getByLabel("On", { exact: true }).isHidden());
  await form.getByLabel("Time of day").fill("06:45");
  await form.getByLabel("How often").selectOption({ label: "After each night’s data" });
  assert.ok(await form.getByLabel("Time of day").isHidden());
  await form.getByRole("button", { name: "Subscribe" }).press("Enter");
  await form.getByText("You are subscribed.").waitFor();
  assert.deepEqual(asked.pop(), ["", { batch_id: batch.batch_id, format: "csv", split_by: "district", every: "nightly", only_if_changed: true }]);
  items.pop();
  await form.getByLabel("How often").selectOption({ label: "Every week" });
  await form.getByLabel("On", { exact: true }).selectOption({ label: "Friday" });
  await form.getByLabel("Last day").fill("2027-03-31");
  await form.getByLabel("To the officers of each").selectOption({ label: "Block" });
  assert.equal(await describedBy(form.getByLabel("To the officers of each")), "Those whom an admin approved. Each gets the rows of theirs alone.");
  assert.equal(await describedBy(form.getByLabel("Time of day")), "Empty for the site’s usual time.");
  await expectAccessible(page);
  await form.getByRole("button", { name: "Subscribe" }).press("Enter");
  await page.locator("#my-subscriptions-list li", { hasText: "06:45" }).waitFor();
  const wanted = { every: "weekly", weekday: "friday", at: "06:45", until: "2027-03-31", to_officers: "block", only_if_changed: true };
  assert.deepEqual(asked, [["", { batch_id: batch.batch_id, format: "csv", split_by: "district", ...wanted }]]);
  const entry = page.locator("#my-subscriptions-list li").first();
  assert.match(await entry.textContent(), /Every Friday at 06:45, when something changed · CSV, by district · to officers, by block · until 31 Mar 2027 · next 23 Nov 2026/);
  await entry.getByRole("button", { name: `Pause the subscription to ${name}` }).press("Enter");
  await entry.getByText("Paused", { exact: true }).waitFor();
  assert.equal(asked.at(-1)[0], "/s1/pause");
  assert.equal(await page.evaluate(() => document.activeElement.id), "my-subscriptions-title", "the focus is not lost");
  await expectAccessible(page);
  await expectNoSideways(page);
});

await scenario("an admin sees downloads beside", {}, async (page) => {
  await signIn(page, settings.url, ADMIN);
  await list(page).getByRole("button", { name: "Downloads" }).waitFor();
  await page.locator("#my-batches tbody tr").first().waitFor();
  assert.equal(await page.title(), "Download ratio · Pragati");
  await expectAccessible(page);
  // Who signs in next in this tab sees what is theirs.
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByLabel("Access token").fill(settings.mentor);
  await page.getByLabel("Access token").press("Enter");
  await expectCells(page, "my-batches", lines(ordered("batch_name").slice(0, PAGE)));
  assert.equal(await list(page).getByRole("button", { name: "Downloads" }).count(), 0);
});

for (const colorScheme of ["light", "dark"]) {
  await scenario(`on a phone, ${colorScheme}`, { ...PHONE, colorScheme }, async (page) => {
    await signInAsMentor(page, settings.url, settings.mentor);
    await expectNoSideways(page);
    await list(page).locator("thead button", { hasText: "Learners" }).tap();
    await expectCells(page, "my-batches", lines(ordered("learners", true).slice(0, PAGE)));
    const [batch] = ordered("learners", true);
    await buttonOf(page, batch.batch_name ?? batch.batch_id).tap();
    await page.getByText("Only some learners").tap();
    await expectNoSideways(page);
    await expectAccessible(page);
  });
}

for (const [locale, title] of [
  ["hi-IN", "मेरे बैच"],
  ["ta-IN", "எனது குழுக்கள்"],
  ["te-IN", "నా బ్యాచ్‌లు"],
  ["kn-IN", "ನನ್ನ ಬ್ಯಾಚ್‌ಗಳು"],
  ["or-IN", "ମୋର ବ୍ୟାଚ୍"],
]) {
  await scenario(`in the language of the browser, ${locale}`, { ...PHONE, locale }, async (page) => {
    await page.route(`${API}/subscriptions**`, (route) =>
      route.fulfill({ json: { items: [{ id: "s1", batch_id: "1", course_id: null, format: "csv", every: "weekly", weekday: "friday", at: "07:00", only_if_changed: true, to_officers: "block", until: "2027-03-31", state: "active", next_at: "2026-11-23T01:30:00Z" }], next: null } }),
    );
    await page.route(/\/api\/v1\/reports\?/, (route) => route.fulfill({ json: { items: [requestLike({ split_by: "block", filter: {}, status: "sent" })], next: null } }));
    await page.goto(settings.url);
    await page.locator("#token").fill(settings.mentor);
    await page.locator("#token").press("Enter");
    await page.getByRole("heading", { level: 2, name: title }).waitFor();
    await page.locator("#my-subscriptions-list li").waitFor();
    await page.locator("#my-requests-list li").waitFor();
    assert.equal(await page.title(), `${title} · Pragati`);
    // Nothing but names of formats is in Latin letters, beside what the data calls things.
    const said = await page.locator("h1, #page-subject, #my-batches thead th, #my-requests-list p, #my-subscriptions-list p, #my-subscriptions-list button, #subscribe").allTextContents();
    for (const words of said) assert.doesNotMatch(words.replace(/CSV|Excel/g, ""), /[A-Za-z]/, words);
    await expectAccessible(page);
    await expectNoSideways(page);
  });
}

await endBrowser();
