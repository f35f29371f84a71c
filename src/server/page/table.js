// A table whose rows the service searches, orders and pages, so that any number of them stays quick.

import { afterPause, make } from "./dom.js";
import { formatNumber } from "./format.js";
import { t } from "./language.js";

const PAGE_ROWS = 10;

/**
 * Shows a table in `section`.
 *
 * `columns`: {name, title, show(row) → text or node, kind: "text" | "number", sort: false where it cannot be ordered by,
 * largestFirst}.
 * `load(query, signal)` → {total, rows}; `save(query)` saves all rows that match; `what`: [singular, plural] of a row;
 * `whenEmpty(search)` → words; `onError(error)` takes errors. Without `save`, rows cannot be saved. `name` is what the table is
 * called where the plural of `what` is not enough.
 */
export class DataTable {
  constructor({ section, columns, order, load, save, what, name, whenEmpty, onError }) {
    Object.assign(this, { columns, load, save, what, whenEmpty, onError, name: name ?? what[1] });
    this.order = order;
    this.search = "";
    this.offset = 0;
    this.build(section);
  }

  build(section) {
    const plural = this.name;
    const input = make("input", { type: "search", id: `${section.id}-search`, placeholder: t("Search {what}", { what: plural }), autocomplete: "off", spellcheck: false });
    input.addEventListener("input", afterPause(() => this.find(input.value)));
    const label = make("label", { for: input.id, class: "sr-only" }, t("Search {what}", { what: plural }));
    const form = make("form", { class: "tools", role: "search", "aria-label": plural }, label, input);
    if (this.save) {
      const csv = make("button", { type: "button", class: "quiet" }, t("Download CSV"));
      csv.addEventListener("click", () => this.save(this.query()).catch(this.onError));
      form.append(csv);
    }
    form.addEventListener("submit", (event) => event.preventDefault());

    this.heads = new Map();
    const cells = this.columns.map((column) => this.head(column));
    const titleId = section.querySelector("h2").id;
    this.body = make("tbody", { role: "rowgroup" });
    const table = make(
      "table",
      { role: "table", "aria-labelledby": titleId, class: "data" },
      make("thead", { role: "rowgroup" }, make("tr", { role: "row" }, ...cells)),
      this.body,
    );
    table.hidden = true;
    this.isDrawn = false;
    this.empty = make("p", { class: "empty" }, t("Loading …"));
    this.status = make("p", { class: "muted", role: "status" });
    this.previous = make("button", { type: "button", class: "quiet" }, t("Previous"));
    this.next = make("button", { type: "button", class: "quiet" }, t("Next"));
    this.previous.addEventListener("click", () => this.turn(-PAGE_ROWS));
    this.next.addEventListener("click", () => this.turn(PAGE_ROWS));
    const pager = make("nav", { class: "pager", "aria-label": t("Pages of {what}", { what: plural }) }, this.status, this.previous, this.next);
    this.parts = [form, make("div", { class: "scroll" }, table), this.empty, pager];
    section.append(...this.parts);
  }

  /** Takes the table away again. */
  remove() {
    this.running?.abort();
    for (const part of this.parts) part.remove();
  }

  head(column) {
    const cell = make("th", { scope: "col", role: "columnheader", class: column.kind });
    if (column.sort === false) {
      cell.append(column.title);
      return cell;
    }
    const button = make("button", { type: "button", class: "sort" }, column.title);
    button.addEventListener("click", () => this.sortBy(column));
    cell.append(button);
    this.heads.set(column.name, cell);
    return cell;
  }

  find(text) {
    this.search = text.trim();
    this.offset = 0;
    this.show();
  }

  sortBy({ name, kind, largestFirst = kind === "number" }) {
    const isDescending = this.order === `-${name}`;
    const isAscending = this.order === name;
    // Large numbers are looked for first, and texts from A on.
    const first = largestFirst ? `-${name}` : name;
    if (isDescending) this.order = name;
    else if (isAscending) this.order = `-${name}`;
    else this.order = first;
    this.offset = 0;
    this.show();
  }

  turn(rows) {
    this.offset = Math.max(0, this.offset + rows);
    this.show();
  }

  /** From the first page on, as after another choice of rows. */
  restart() {
    this.offset = 0;
    return this.show();
  }

  query() {
    return { search: this.search || undefined, sort: this.order };
  }

  async show() {
    this.running?.abort();
    const running = new AbortController();
    this.running = running;
    try {
      const { rows, total } = await this.load({ ...this.query(), limit: PAGE_ROWS, offset: this.offset }, running.signal);
      if (total > 0 && rows.length === 0) {
        this.offset = 0;
        return await this.show();
      }
      this.draw(rows, total);
    } catch (error) {
      if (error.name === "AbortError") return;
      if (!this.isDrawn) this.empty.textContent = t("This could not be loaded.");
      this.onError(error);
    }
  }

  draw(rows, total) {
    for (const [name, cell] of this.heads) {
      const direction = this.order === name ? "ascending" : this.order === `-${name}` ? "descending" : "none";
      cell.setAttribute("aria-sort", direction);
    }
    this.body.replaceChildren(
      ...rows.map((row) =>
        make(
          "tr",
          { role: "row" },
          ...this.columns.map((column, index) =>
            make(index === 0 ? "th" : "td", { class: column.kind, role: index === 0 ? "rowheader" : "cell", ...(index === 0 && { scope: "row" }), "data-title": column.title }, column.show(row)),
          ),
        ),
      ),
    );
    this.isDrawn = true;
    this.body.parentElement.hidden = total === 0;
    this.empty.hidden = total > 0;
    this.empty.textContent = total > 0 ? "" : this.whenEmpty(this.search);
    const [one, many] = this.what;
    const last = this.offset + rows.length;
    const counted = { first: formatNumber(this.offset + 1), last: formatNumber(last), total: formatNumber(total), what: total === 1 ? one : many };
    const words = total > PAGE_ROWS ? t("{first} to {last} of {total} {what}", counted) : t("{total} {what}", counted);
    this.status.textContent = total > 0 ? words : "";
    this.previous.hidden = this.next.hidden = total <= PAGE_ROWS;
    this.previous.disabled = this.offset === 0;
    this.next.disabled = last >= total;
  }
}
