// The page: who is looking, what they chose, and the parts that show it.

import { Refused, batches, ratio, save, session, token } from "./api.js";
import { byId, make } from "./dom.js";
import { formatDay, formatLongDay, formatNumber, formatRatio, formatShare, nameOf } from "./format.js";
import { t, translatePage } from "./language.js";
import { MyBatches } from "./mine.js";
import { Reports } from "./reports.js";
import { Requests } from "./requests.js";
import { Subscriptions } from "./subscriptions.js";
import { DataTable } from "./table.js";
import { Trend, filled, firstDay } from "./trend.js";

/** Time after which figures are asked for again, while the page is seen. */
const REFRESH = 5 * 60 * 1000;

const state = {
  /** What the caller may see. */
  session: undefined,
  /** Whether people sign in at an issuer; else they paste a token. */
  signsIn: false,
  window: "all",
  by: "week",
  /** A tenant's id, "" for batches without one, or null for all tenants. */
  tenant: null,
  /** What tenants are called, by their ids, where that is known. */
  tenantNames: new Map(),
  /** The course whose trend is shown, if it is not that of all. */
  course: undefined,
  asOf: undefined,
  batches: null,
};
let tables;
let trend;
let reports;
/** My batches, my requests and my subscriptions. */
let mine;
let requests;
let subscriptions;

// What is shown and what is said --------------------------------------------------------------------------------------------

function only(id) {
  for (const part of ["login", "sign-in", "dashboard"]) byId(part).hidden = part !== id;
  byId("who").hidden = !state.session || state.session.login !== "valid";
}

/** What the page is called: for admins by the figures, for mentors by their reports. */
function nameThePage(isAdmin) {
  document.title = `${isAdmin ? t("Download ratio") : t("My batches")} · Pragati`;
  byId("page-title").textContent = isAdmin ? t("Download ratio") : t("Course Progress Reports");
  byId("page-subject").textContent = isAdmin ? t("Course Progress Reports: is the report used?") : t("Your batches, how far their learners are, and their reports");
  byId("figures-note").hidden = !isAdmin;
}

function say(words, again) {
  const notice = byId("notice");
  notice.replaceChildren(make("p", {}, words));
  if (again) {
    const button = make("button", { type: "button" }, t("Try again"));
    button.addEventListener("click", again);
    notice.append(button);
  }
  notice.hidden = false;
}

function sayNothing() {
  byId("notice").hidden = true;
  byId("notice").replaceChildren();
}

function askForLogin(words) {
  state.session = undefined;
  for (const part of [reports, mine, requests, subscriptions]) part.hide();
  only(state.signsIn ? "sign-in" : "login");
  if (words) say(words);
  else sayNothing();
  if (!state.signsIn) byId("token").focus();
}

let waiting;

/** What to do when the service refuses or does not answer. */
function onError(error) {
  if (!(error instanceof Refused)) throw error;
  clearTimeout(waiting);
  if (error.status === 401) {
    token.forget();
    askForLogin(t("Your login has expired or is not valid. Sign in again."));
  } else if (error.status === 503) {
    say(error.message, start);
    waiting = setTimeout(start, (error.retryAfter ?? 5) * 1000);
  } else {
    say(error.message, start);
  }
}

// The choices ----------------------------------------------------------------------------------------------------------------

function readChoices() {
  const given = new URLSearchParams(location.hash.slice(1));
  const oneOf = (name, values) => (values.includes(given.get(name)) ? given.get(name) : state[name]);
  state.window = oneOf("window", ["all", "30d", "7d", "1d"]);
  state.by = oneOf("by", ["day", "week", "month"]);
  if (given.has("tenant")) state.tenant = given.get("tenant");
}

function keepChoices() {
  const { window, by, tenant } = state;
  history.replaceState(null, "", `#${new URLSearchParams({ window, by, ...(tenant !== null && { tenant }) })}`);
}

function bindChoices() {
  for (const name of ["window", "by"]) {
    for (const input of document.querySelectorAll(`input[name=${name}]`)) {
      input.checked = input.value === state[name];
      input.addEventListener("change", () => {
        state[name] = input.value;
        keepChoices();
        if (name === "by") showTrend().catch(onError);
        else show();
      });
    }
  }
  byId("tenant").addEventListener("change", (event) => {
    state.tenant = tenantOf(event.target.value);
    state.course = undefined;
    keepChoices();
    show();
  });
  byId("trend-reset").addEventListener("click", () => {
    state.course = undefined;
    showTrend().catch(onError);
  });
  byId("trend-csv").addEventListener("click", () => {
    save("download-ratio", trendQuery(), `download-ratio_by-${state.by}_${state.asOf}.csv`).catch(onError);
  });
}

/** Offers the tenants that the caller may see. */
async function offerTenants() {
  const { platform_admin: seesAll, tenant_admin_of: own } = state.session;
  const { rows } = await ratio({ level: "tenant", window: "all", sort: "tenant_id" });
  const ids = rows.map((row) => row.tenant_id ?? "");
  state.tenantNames = new Map(rows.map((row) => [row.tenant_id ?? "", row.tenant_name]));
  // A tenant without batches has no rows, and its admin still chooses it.
  for (const id of own) if (!seesAll && !ids.includes(id)) ids.push(id);
  const choices = [...(seesAll ? [[null, t("All tenants")]] : []), ...ids.map((id) => [id, nameOf(id, "tenant", state.tenantNames.get(id))])];
  if (!choices.some(([id]) => id === state.tenant)) state.tenant = choices[0]?.[0] ?? null;
  byId("tenant").replaceChildren(...choices.map(([id, words]) => make("option", { value: choiceOf(id) }, words)));
  byId("tenant").value = choiceOf(state.tenant);
}

/** The value of the choice of a tenant, so that no id is taken for all tenants. */
const choiceOf = (id) => (id === null ? "all" : `of ${id}`);
const tenantOf = (choice) => (choice === "all" ? null : choice.slice("of ".length));

/** The part of a query that chooses the tenant's rows at a level. */
function scope(levelOfAll, levelOfTenant) {
  return state.tenant === null ? { level: levelOfAll } : { level: levelOfTenant, tenant_id: state.tenant };
}

// The parts ------------------------------------------------------------------------------------------------------------------

function card(title, value, detail, share) {
  const parts = [make("dt", {}, title), make("dd", { class: "value" }, value), make("dd", { class: "muted detail" }, detail)];
  if (share !== undefined) parts.push(make("dd", { class: "bar", "aria-hidden": "true" }, bar(share)));
  return make("div", { class: "card" }, ...parts);
}

function bar(share) {
  const filled = make("span");
  filled.style.width = `${Math.min(1, share ?? 0) * 100}%`;
  return filled;
}

async function showOverall() {
  const page = await ratio({ ...scope("all", "tenant"), window: state.window });
  const row = page.rows[0] ?? { downloads: 0, batches: 0, download_ratio: null, coverage: null, batches_downloaded: 0, requests: 0, delivered: null };
  state.asOf = page.as_of;
  state.batches = row.batches;
  byId("as-of").textContent = formatLongDay(page.as_of);
  const of = (part, whole) => ({ part: formatNumber(part), whole: formatNumber(whole) });
  byId("cards").replaceChildren(
    card(t("Download ratio"), formatRatio(row.download_ratio), t("{part} downloads ÷ {whole} batches", of(row.downloads, row.batches))),
    card(t("Coverage"), formatShare(row.coverage), t("{part} batches downloaded ÷ {whole} batches", of(row.batches_downloaded, row.batches)), row.coverage),
    card(t("Requests"), formatNumber(row.requests), t("downloads, with repeated clicks within a minute counted once")),
    card(t("Delivered"), formatNumber(row.delivered), row.delivered === null ? t("not measured here") : t("reports mailed or made ready")),
  );
  const hint = row.batches === 0 ? t("There are no batches in the data, so there is no ratio.") : row.downloads === 0 ? t("There are no downloads in these days yet.") : "";
  byId("overall-hint").textContent = hint;
  byId("overall-hint").hidden = !hint;
}

function trendQuery() {
  const since = firstDay(state.by, state.asOf);
  const whose = state.course === undefined ? scope("all", "tenant") : { ...scope("course", "tenant_course"), course_id: state.course.id };
  return { ...whose, by: state.by, since, until: state.asOf };
}

let trendRunning;

async function showTrend() {
  trendRunning?.abort();
  trendRunning = new AbortController();
  const tenant = state.tenant === null ? t("all tenants") : nameOf(state.tenant, "tenant", state.tenantNames.get(state.tenant));
  const subject = state.course === undefined ? t("All courses, {tenant}", { tenant }) : t("Course {course}, {tenant}", { course: nameOf(state.course.id, "course", state.course.name), tenant });
  byId("trend-reset").hidden = state.course === undefined;
  try {
    const { rows } = await ratio(trendQuery(), trendRunning.signal);
    const now = state.course === undefined ? state.batches : state.course.batches;
    trend.show(state.by, filled(state.by, rows, state.asOf, now), subject);
  } catch (error) {
    if (error.name === "AbortError") return;
    if (error.status !== 404) throw error;
    byId("trend-subject").textContent = subject;
    trend.fail(error.message);
  }
}

const figure = (name, title, show) => ({ name, title, kind: "number", show: (row) => show(row[name]) });
const FIGURES = [
  figure("download_ratio", t("Ratio"), formatRatio),
  figure("downloads", t("Downloads"), formatNumber),
  figure("batches", t("Batches"), formatNumber),
  {
    ...figure("coverage", t("Coverage"), formatShare),
    show: (row) => make("span", { class: "share" }, formatShare(row.coverage), make("span", { class: "bar", "aria-hidden": "true" }, bar(row.coverage))),
  },
  figure("batches_downloaded", t("Downloaded batches"), formatNumber),
  figure("requests", t("Requests"), formatNumber),
  figure("delivered", t("Delivered"), formatNumber),
  figure("sent_by_subscription", t("Sent by subscription"), formatNumber),
];

function courseButton(row) {
  const name = nameOf(row.course_id, "course", row.course_name);
  const button = make("button", { type: "button", class: "link", title: t("Show over time") }, name);
  button.addEventListener("click", () => {
    state.course = { id: row.course_id ?? "", name: row.course_name, batches: row.batches };
    showTrend().catch(onError);
    byId("trend-title").scrollIntoView({ block: "start" });
  });
  return button;
}

function makeTables() {
  const ofLevel = (query) => (more, signal) => ratio({ ...query(), window: state.window, ...more }, signal);
  const saved = (query, name) => (more) =>
    save("download-ratio", { ...query(), window: state.window, ...more }, `download-ratio_${name}_${state.window}_${state.asOf}.csv`);
  const tenants = () => ({ level: "tenant" });
  const courses = () => scope("course", "tenant_course");
  const neverDownloaded = () => ({ downloaded: "never", ...(state.tenant !== null && { tenant_id: state.tenant }) });
  const noMatch = (search, words) => (search ? t("Nothing is like “{search}”.", { search }) : words);
  return {
    tenants: new DataTable({
      section: byId("tenants"),
      columns: [{ name: "tenant_id", title: t("Tenant"), kind: "text", show: (row) => nameOf(row.tenant_id, "tenant", row.tenant_name) }, ...FIGURES],
      order: "-downloads",
      load: ofLevel(tenants),
      save: saved(tenants, "tenants"),
      what: [t("tenant"), t("tenants")],
      whenEmpty: (search) => noMatch(search, t("There are no tenants in the data.")),
      onError,
    }),
    courses: new DataTable({
      section: byId("courses"),
      columns: [{ name: "course_id", title: t("Course"), kind: "text", show: courseButton }, ...FIGURES],
      order: "-downloads",
      load: ofLevel(courses),
      save: saved(courses, "courses"),
      what: [t("course"), t("courses")],
      whenEmpty: (search) => noMatch(search, t("There are no courses in the data.")),
      onError,
    }),
    followUp: new DataTable({
      section: byId("follow-up"),
      columns: [
        { name: "batch_name", title: t("Batch"), kind: "text", show: (row) => row.batch_name ?? row.batch_id },
        { name: "batch_id", title: t("Id"), kind: "text", show: (row) => row.batch_id },
        { name: "course_id", title: t("Course"), kind: "text", show: (row) => nameOf(row.course_id, "course", row.course_name) },
        { name: "tenant_id", title: t("Tenant"), kind: "text", show: (row) => nameOf(row.tenant_id, "tenant", row.tenant_name) },
        { name: "start_date", title: t("Start"), kind: "number", show: (row) => formatDay(row.start_date) },
      ],
      order: "-start_date",
      load: (more, signal) => batches({ ...neverDownloaded(), ...more }, signal),
      save: (more) => save("download-ratio/batches", { ...neverDownloaded(), ...more }, `never-downloaded_${state.asOf}.csv`),
      what: [t("batch"), t("batches")],
      whenEmpty: (search) => noMatch(search, state.batches > 0 ? t("Every batch was downloaded at least once.") : t("There are no batches in the data.")),
      onError,
    }),
  };
}

async function show() {
  byId("tenants").hidden = state.tenant !== null;
  byId("dashboard").setAttribute("aria-busy", "true");
  try {
    await showOverall();
    const shown = [tables.courses.restart(), tables.followUp.restart()];
    if (state.tenant === null) shown.push(tables.tenants.restart());
    await Promise.all([showTrend(), ...shown]);
  } catch (error) {
    onError(error);
  } finally {
    byId("dashboard").setAttribute("aria-busy", "false");
  }
}

// The beginning --------------------------------------------------------------------------------------------------------------

async function start() {
  clearTimeout(waiting);
  try {
    state.session = await session();
    state.signsIn = state.session.sign_in;
    if (state.session.login === "refused") {
      token.forget();
      return askForLogin(t("Your login has expired or is not valid. Sign in again."));
    }
    if (state.session.login === "missing") return askForLogin();
    byId("who-name").textContent = state.session.user_id;
    byId("sign-out").hidden = !token.has() && state.session.by !== "session";
    const isAdmin = state.session.platform_admin || state.session.tenant_admin_of.length > 0;
    nameThePage(isAdmin);
    if ((await reports.show()) > 0) {
      for (const part of [mine, requests, subscriptions]) part.show(isAdmin);
    } else {
      for (const part of [mine, requests, subscriptions]) part.hide();
    }
    if (!isAdmin) {
      only("nothing");
      if (!byId("report").hidden) return sayNothing();
      return say(t("You are signed in, but you created or mentor no batch, and these figures are for admins of the platform and of tenants."));
    }
    await offerTenants();
    sayNothing();
    only("dashboard");
    await show();
  } catch (error) {
    onError(error);
  }
}

byId("login").addEventListener("submit", (event) => {
  event.preventDefault();
  token.keep(byId("token").value.trim());
  byId("token").value = "";
  start();
});
byId("leave").addEventListener("submit", (event) => {
  // A session ends at the service; a token is forgotten here.
  if (state.session?.by === "session") return;
  event.preventDefault();
  token.forget();
  askForLogin();
});
setInterval(() => {
  if (document.visibilityState !== "visible") return;
  if (!byId("dashboard").hidden) show();
  if (!byId("my-batches").hidden) mine.refresh();
}, REFRESH);

translatePage();
readChoices();
trend = new Trend();
reports = new Reports({
  onLoginEnded: () => {
    token.forget();
    askForLogin(t("Your login has expired or is not valid. Sign in again."));
  },
  onRequest: () => requests.show(),
  onSubscribe: (wish) => subscriptions.subscribe(wish),
  onBack: (batchId) => mine.focus(batchId),
});
mine = new MyBatches({ onReport: (batch) => reports.begin(batch), onError });
requests = new Requests({ nameOf: (batchId) => reports.nameOf(batchId), onError });
subscriptions = new Subscriptions({ nameOf: (batchId) => reports.nameOf(batchId), onError });
tables = makeTables();
bindChoices();
start();
