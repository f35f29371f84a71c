// Asks the service, with the token of this tab where there is one; else the browser sends the cookie of a session.

import { t } from "./language.js";

const TOKEN = "pragati.token";

/** Something that the service refused, or did not answer: `status` is 0 where nobody answered. */
export class Refused extends Error {
  constructor(status, detail, retryAfter) {
    super(detail);
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

export const token = {
  has: () => sessionStorage.getItem(TOKEN) !== null,
  kept: () => sessionStorage.getItem(TOKEN),
  keep: (value) => sessionStorage.setItem(TOKEN, value),
  forget: () => sessionStorage.removeItem(TOKEN),
};

async function answer(path, query, signal, body) {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== null) parameters.set(name, value);
  }
  const headers = {};
  if (token.has()) headers.Authorization = `Bearer ${token.kept()}`;
  const options = { headers, signal, credentials: "same-origin" };
  if (body !== undefined) {
    headers["Content-Type"] = "application/json";
    Object.assign(options, { method: "POST", body: JSON.stringify(body) });
  }
  let response;
  try {
    const text = parameters.toString();
    response = await fetch(`api/v1/${path}${text && `?${text}`}`, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused(0, t("The service does not answer. Check your connection, or try again in a little while."));
  }
  if (!response.ok) {
    const problem = await response.json().catch(() => ({}));
    const retryAfter = Number(response.headers.get("Retry-After"));
    throw new Refused(response.status, problem.detail ?? t("The service answered {status}.", { status: response.status }), retryAfter || undefined);
  }
  return response;
}

export const session = async () => (await answer("session", {})).json();

/** Rows of the download ratio: `{as_of, snapshot_date, total, rows}`. */
export const ratio = async (query, signal) => (await answer("download-ratio", query, signal)).json();

/** Batches with their downloads, in the same form. */
export const batches = async (query, signal) => (await answer("download-ratio/batches", query, signal)).json();

/** The batches whose reports the caller may have: `{snapshot_date, counted, changes_since, total, items}`. */
export const batchesOfMine = async (query, signal) => (await answer("batches", query, signal)).json();

/** The caller's requests, newest first: `{items, next}`. */
export const requestsOfMine = async (query) => (await answer("reports", query)).json();

/** The caller's subscriptions, newest first: `{items, next}`. */
export const subscriptions = async () => (await answer("subscriptions", {})).json();

/** Subscribes; the subscription as it stands. */
export const subscribe = async (wish) => (await answer("subscriptions", {}, undefined, wish)).json();

/** Does `action` with a subscription: pause, resume or end. */
export const changeSubscription = (id, action) => answer(`subscriptions/${encodeURIComponent(id)}/${action}`, {}, undefined, {});

/** Asks for a report; the request as it stands. */
export const ask = async (wish) => (await answer("reports", {}, undefined, wish)).json();

/** A request as it stands. */
export const requestOf = async (id) => (await answer(`reports/${id}`, {})).json();

/** Saves the file of a request. */
export const saveFile = async (id, name) => saveAs(await answer(`reports/${id}/file`, {}), name);

/** Saves the rows of either as a CSV file. */
export async function save(path, query, name) {
  await saveAs(await answer(path, { ...query, format: "csv" }), name);
}

async function saveAs(response, name) {
  const url = URL.createObjectURL(await response.blob());
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  // The browser has taken the file over by then.
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
