// Makes elements. Texts from data are set as text, never as markup.

export const byId = (id) => document.getElementById(id);

/** An element with properties (`class`, `role`, `aria-…` as attributes, the rest as they are) and children. */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes("-") || ["class", "role", "scope", "for"].includes(name)) {
      element.setAttribute(name, value);
    } else {
      element[name] = value;
    }
  }
  element.append(...children);
  return element;
}

/** Runs `action` when calls have paused for a moment. */
export function afterPause(action, milliseconds = 200) {
  let timer;
  return (...values) => {
    clearTimeout(timer);
    timer = setTimeout(() => action(...values), milliseconds);
  };
}
