// The language of the page: the first of the browser's that the page has, else English. Texts are found by their English words,
// and what has no translation stays English.

const LANGUAGES = ["en", "hi", "ta", "te", "kn", "or"];

const wanted = navigator.languages.map((tag) => tag.toLowerCase().split("-")[0]);
export const language = wanted.find((code) => LANGUAGES.includes(code)) ?? "en";

/** The texts of a language by the English ones; none where they cannot be fetched. */
async function load() {
  try {
    const response = await fetch(new URL(`messages/${language}.json`, import.meta.url));
    return response.ok ? await response.json() : {};
  } catch {
    return {};
  }
}

const texts = language === "en" ? {} : await load();

/** A text in the language, with what is given in the place of `{name}`. */
export function t(english, given = {}) {
  const text = Object.hasOwn(texts, english) ? texts[english] : english;
  return text.replace(/\{(\w+)\}/g, (whole, name) => (Object.hasOwn(given, name) ? given[name] : whole));
}

/** Puts the texts that stand in the page itself into the language. */
export function translatePage() {
  document.documentElement.lang = language;
  document.title = t(document.title);
  const nodes = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = nodes.nextNode(); node; node = nodes.nextNode()) {
    const words = node.data.trim();
    if (words) node.data = node.data.replace(words, () => t(words));
  }
  for (const element of document.querySelectorAll("[aria-label]")) {
    element.setAttribute("aria-label", t(element.getAttribute("aria-label")));
  }
}
