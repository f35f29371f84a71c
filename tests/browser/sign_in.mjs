// Signs in as people do, and downloads what the links of mails lead to: node sign_in.mjs SETTINGS.json.
//
// SETTINGS: {url, issuer, report: {id, name}, tokenUrl, tokenReport, signedLink, mails: files of HTML}. `url` is a service with
// a sign-in, `tokenUrl` one without. All but the dashboard is looked at on a phone that is 360 pixels wide. Ends with an error at
// the first thing that is wrong.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { endBrowser, inBrowser, shown } from "./browser.mjs";

const settings = JSON.parse(await readFile(process.argv[2], "utf8"));
const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

const PHONE = { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true };
const DESK = { viewport: { width: 1280, height: 900 } };
const LINK = `${settings.url}/api/v1/reports/${settings.report.id}/file`;
const ours = [settings.url, settings.tokenUrl, settings.issuer];

/** Runs a scenario in a page that says nothing to the console on our pages, and asks nobody but the service and the issuer. */
async function scenario(name, options, work) {
  await inBrowser(options, async (context) => {
    const wrong = [];
    // The issuer's pages name fonts of another site.
    await context.route((url) => !ours.some((one) => url.href.startsWith(`${one}/`)) && url.protocol !== "data:" && url.host !== "evil.example", (route) => route.abort());
    const page = await context.newPage();
    page.on("console", (message) => {
      const isOurs = page.url().startsWith(settings.url) || page.url().startsWith(settings.tokenUrl);
      if (isOurs && ["error", "warning"].includes(message.type())) wrong.push(`console: ${message.text()}`);
    });
    page.on("pageerror", (error) => wrong.push(`error: ${error}`));
    await work(page, context, wrong);
    assert.deepEqual(wrong, [], name);
  });
  console.log(`ok ${name}`);
}

async function expectAccessible(page) {
  await page.mouse.move(0, 0);
  await page.evaluate(axe);
  // A page that begins a download by itself stays what it is, so that nobody loses their place.
  const options = { resultTypes: ["violations"], rules: { "meta-refresh": { enabled: false } } };
  const { violations } = await page.evaluate((options) => window.axe.run(document, options), options);
  assert.deepEqual(
    violations.map(({ id, nodes }) => [id, nodes.map((node) => `${node.html} ${node.failureSummary}`)]),
    [],
  );
}

/** Nothing on the page is wider than the screen, nor reaches beyond its edge. */
async function expectNoSideways(page) {
  const { content, screen, beyond } = await page.evaluate(() => ({
    content: document.documentElement.scrollWidth,
    screen: window.innerWidth,
    beyond: [...document.body.querySelectorAll("*")]
      .filter((element) => !element.closest(".skip, .sr-only"))
      .filter((element) => element.getBoundingClientRect().right > window.innerWidth + 0.5)
      .map((element) => element.outerHTML.slice(0, 120)),
  }));
  assert.ok(content <= screen, `${content} pixels of content are wider than ${screen}`);
  assert.deepEqual(beyond, []);
}

async function expectGood(page) {
  await expectNoSideways(page);
  await expectAccessible(page);
}

/** The cookies of the service: a host's ports share them, so the issuer's are there too. */
const ourCookies = async (context) => (await context.cookies(settings.url)).filter(({ name }) => name.startsWith("pragati"));

/** Signs in on the issuer's pages. */
async function atTheIssuer(page, id) {
  await page.waitForURL(`${settings.issuer}/**`);
  await page.locator("input[name=login]").fill(id);
  await page.locator("input[name=password]").fill("any");
  await page.locator("button[type=submit]").click();
  await page.getByText("Continue").waitFor();
  await page.locator("button[type=submit]").click();
}

async function csvOf(download) {
  assert.equal(download.suggestedFilename(), settings.report.name);
  const text = await readFile(await download.path(), "utf8");
  assert.match(text, /^\u{feff}External ID,User ID/u);
}

/** The console has nothing but the browser's own word on answers of that status. */
function onlyOf(wrong, status) {
  assert.ok(wrong.every((words) => words.includes(status)), wrong);
  wrong.length = 0;
}

/** Opens an address that is a file. */
async function opened(page, url) {
  const download = page.waitForEvent("download");
  // The page stays what it was.
  await page.goto(url).catch((error) => assert.match(error.message, /Download is starting|ERR_ABORTED/));
  return download;
}

await scenario("the link of a mail, on a phone", PHONE, async (page, context) => {
  await page.goto(LINK);
  await page.getByRole("heading", { name: "Download a report" }).waitFor();
  assert.equal(page.url(), `${settings.url}/download/${settings.report.id}`);
  await expectGood(page);
  const download = page.waitForEvent("download");
  await page.getByRole("link", { name: "Sign in" }).tap();
  await atTheIssuer(page, "mentor");
  await csvOf(await download);
  await page.getByRole("heading", { name: "Your report" }).waitFor();
  assert.ok(page.url().startsWith(`${settings.url}/`), page.url());
  await expectGood(page);
  // The browser has a cookie that scripts cannot read, and nothing else.
  assert.deepEqual(
    (await ourCookies(context)).map(({ name, httpOnly, sameSite, expires, path }) => ({ name, httpOnly, sameSite, expires, path })),
    [{ name: "pragati-session", httpOnly: true, sameSite: "Lax", expires: -1, path: "/" }],
  );
  assert.equal(await page.evaluate(() => document.cookie + localStorage.length + sessionStorage.length), "00");
  // The next time, the link is the file at once.
  await csvOf(await opened(page, LINK));
  const again = page.waitForEvent("download");
  await page.getByRole("link", { name: "Download" }).tap();
  await csvOf(await again);
});

await scenario("a session that ended", PHONE, async (page, context) => {
  await context.addCookies([{ name: "pragati-session", value: "A".repeat(43), url: settings.url, httpOnly: true, sameSite: "Lax" }]);
  await page.goto(LINK);
  await page.getByText("Your last session has ended.").waitFor();
  await expectGood(page);
  // The dashboard asks as well.
  await page.goto(`${settings.url}/`);
  await page.getByText("Your login has expired or is not valid.").waitFor();
  await page.getByRole("link", { name: "Sign in" }).waitFor();
  await expectGood(page);
});

await scenario("a mail that was forwarded", PHONE, async (page, _, wrong) => {
  await page.goto(LINK);
  await page.getByRole("link", { name: "Sign in" }).tap();
  await atTheIssuer(page, "admin");
  await page.getByText("under another account").waitFor();
  await expectGood(page);
  await page.goto(LINK);
  await page.getByText("under another account").waitFor();
  assert.equal(await page.getByText(settings.report.name).count(), 0);
  onlyOf(wrong, "404");
});

await scenario("the dashboard, and signing out", DESK, async (page, context) => {
  await page.goto(`${settings.url}/`);
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  assert.ok(await page.getByLabel("Access token").isHidden());
  await expectGood(page);
  await page.getByRole("link", { name: "Sign in" }).click();
  await atTheIssuer(page, "admin");
  await shown(page);
  assert.equal(page.url().split("#")[0], `${settings.url}/`);
  await page.getByText("admin", { exact: true }).waitFor();
  await page.reload();
  await shown(page);

  // Another site can neither sign somebody out nor ask for reports. The browser knows it by its name alone.
  const requests = async () => (await page.evaluate(async () => (await fetch("api/v1/reports")).json())).items.length;
  const before = await requests();
  const evil = await context.newPage();
  await evil.route("http://evil.example/", (route) =>
    route.fulfill({
      contentType: "text/html",
      body: `<form id="f" method="post" action="${settings.url}/sign-out" target="frame"></form><iframe name="frame"></iframe>
        <script>
          fetch("${settings.url}/api/v1/reports", { method: "POST", credentials: "include", mode: "no-cors",
            body: JSON.stringify({ batch_id: "b1", format: "csv", deliver: "download" }) }).catch(() => {}).finally(() => {
            document.getElementById("f").submit();
            setTimeout(() => (document.title = "done"), 500);
          });
        </script>`,
    }),
  );
  await evil.goto("http://evil.example/");
  await evil.waitForFunction(() => document.title === "done");
  await evil.goto(`${settings.url}/`);
  await shown(evil);
  await evil.close();
  assert.equal(await requests(), before);

  const [{ value: stolen }] = await ourCookies(context);
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.waitForURL(`${settings.issuer}/**`);
  await page.locator("button[type=submit]", { hasText: "Yes" }).click();
  await page.getByRole("heading", { name: "You are signed out" }).waitFor();
  assert.equal(page.url().split("?")[0], `${settings.url}/signed-out`);
  await expectGood(page);
  assert.deepEqual(await ourCookies(context), []);
  const reply = await context.request.get(`${settings.url}/api/v1/reports`, { headers: { Cookie: `pragati-session=${stolen}` } });
  assert.equal(reply.status(), 401);
  await page.getByRole("link", { name: "To the page" }).click();
  await page.getByRole("link", { name: "Sign in" }).click();
  // The issuer has forgotten, too: it asks who it is.
  await page.locator("input[name=login]").waitFor();
});

await scenario("who signs out at the issuer is signed out here", DESK, async (page, context) => {
  await page.goto(`${settings.url}/`);
  await page.getByRole("link", { name: "Sign in" }).click();
  await atTheIssuer(page, "admin");
  await shown(page);
  const status = async () => (await context.request.get(`${settings.url}/api/v1/reports`)).status();
  assert.equal(await status(), 200);
  // The issuer's own way out, which this service's page has no part in.
  await page.goto(`${settings.issuer}/session/end`);
  await page.locator("button[type=submit]", { hasText: "Yes" }).click();
  await page.waitForURL(`${settings.issuer}/session/end/success**`);
  // The cookie is still there, and its session has ended.
  assert.deepEqual((await ourCookies(context)).map(({ name }) => name), ["pragati-session"]);
  assert.equal(await status(), 401);
  await page.goto(`${settings.url}/`);
  await page.getByText("Your login has expired or is not valid.").waitFor();
});

await scenario("a mentor signs in and finds their batches, on a phone", PHONE, async (page, context, wrong) => {
  await page.goto(`${settings.url}/`);
  await page.getByRole("link", { name: "Sign in" }).tap();
  await atTheIssuer(page, "mentor");
  await page.getByRole("heading", { name: "My batches" }).waitFor();
  await page.getByRole("button", { name: "Download the report of Batch 1" }).waitFor();
  assert.ok(await page.locator("#dashboard").isHidden());
  assert.ok(await page.getByRole("button", { name: "Sign out" }).isVisible());
  await expectGood(page);
  // The session ends while the list is open.
  await context.clearCookies({ name: "pragati-session" });
  await page.getByRole("searchbox", { name: "Search my batches" }).fill("2");
  await page.getByText("Your login has expired or is not valid.").waitFor();
  await page.getByRole("link", { name: "Sign in" }).waitFor();
  assert.ok(await page.locator("#my-batches").isHidden());
  assert.equal(await page.locator("#my-batches tbody tr").count(), 0);
  await expectGood(page);
  onlyOf(wrong, "401");
});

await scenario("a sign-in that another browser began", PHONE, async (page, _, wrong) => {
  const answer = await page.goto(`${settings.url}/sign-in/callback?code=abc&state=${"A".repeat(43)}`);
  assert.equal(answer.status(), 400);
  await page.getByText("did not begin in this browser").waitFor();
  await expectGood(page);
  onlyOf(wrong, "400");
});

await scenario("without a sign-in, a token is pasted", PHONE, async (page, _, wrong) => {
  await page.goto(`${settings.tokenUrl}/api/v1/reports/${settings.tokenReport}/file`);
  await page.getByLabel("Access token").waitFor();
  await expectGood(page);
  await page.getByLabel("Access token").fill("forged");
  await page.getByRole("button", { name: "Download" }).tap();
  await page.getByText("The login token is not valid. Log in again.").waitFor();
  await expectGood(page);
  assert.equal(await page.evaluate(() => sessionStorage.length), 0);
  onlyOf(wrong, "401");
  const download = page.waitForEvent("download");
  await page.getByLabel("Access token").fill("dev:mentor");
  await page.getByRole("button", { name: "Download" }).tap();
  await csvOf(await download);
});

await scenario("a signed link", PHONE, async (page) => {
  await page.goto(settings.signedLink);
  await page.getByText("do not pass it on").waitFor();
  await expectGood(page);
  const download = page.waitForEvent("download");
  await page.getByRole("button", { name: "Download" }).tap();
  await csvOf(await download);
});

await scenario("mails on a phone", PHONE, async (page) => {
  assert.ok(settings.mails.length >= 4);
  for (const file of settings.mails) {
    await page.setContent(await readFile(file, "utf8"));
    await expectNoSideways(page);
    assert.ok((await page.locator("body").textContent()).includes("Hello,"), file);
  }
});

await endBrowser();
