// The page that the link of a mail leads to, where an access token is pasted: fetches the file with it.

import { token } from "./api.js";
import { byId } from "./dom.js";
import { t } from "./language.js";

const form = byId("login");

function say(words) {
  byId("notice").textContent = words;
  byId("notice").hidden = !words;
}

/** The name that the service gives the file, in any script. */
function nameOf(response) {
  const name = /filename\*=UTF-8''([^;]+)/.exec(response.headers.get("Content-Disposition") ?? "");
  return name ? decodeURIComponent(name[1]) : "report";
}

async function fetchFile() {
  say("");
  let response;
  try {
    response = await fetch(form.dataset.file, { headers: { Authorization: `Bearer ${token.kept()}` }, credentials: "same-origin" });
  } catch {
    return say(t("The service does not answer. Check your connection, or try again in a little while."));
  }
  if (!response.ok) {
    const problem = await response.json().catch(() => ({}));
    if (response.status === 401) token.forget();
    return say(problem.detail ?? t("The service answered {status}.", { status: response.status }));
  }
  const url = URL.createObjectURL(await response.blob());
  const link = document.createElement("a");
  link.href = url;
  link.download = nameOf(response);
  link.click();
  // The browser has taken the file over by then.
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  token.keep(byId("token").value.trim());
  byId("token").value = "";
  fetchFile();
});

if (token.has()) fetchFile();
else byId("token").focus();
