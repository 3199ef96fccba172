import { byId, element } from "./elements.js";

/**
 * Chooses the model that a body names among those that can be asked for. An example whose model is not there begins with the first that runs on this machine.
 * @param {HTMLTextAreaElement} editor
 * @param {string} field the field that names the model
 * @returns {HTMLElement}
 */
export function modelChoice(editor, field) {
  const choose = () => name(editor, field, select.value);
  const select = element("select", { "aria-label": "Model", change: choose, focus: () => void fill() });
  const fill = async () => {
    const models = await listed();
    const named = nameIn(editor, field);
    const first = models.find(({ owned_by: owner }) => owner === "local") ?? models[0];
    if (first !== undefined && named !== undefined && !models.some(({ id }) => id === named)) name(editor, field, first.id);
    const now = nameIn(editor, field);
    select.replaceChildren(...models.map(({ id }) => element("option", { value: id, selected: id === now }, id)));
  };
  // Asked only where it is needed: without a key the answer may be a refusal, which consoles show in red.
  if (/^an?-/.test(nameIn(editor, field) ?? "")) void fill();
  return element("label", { class: "switch" }, "model ", select);
}

/** @returns {Promise<{ id: string, owned_by: string }[]>} what this key may ask for; none where it may not even ask that */
async function listed() {
  const key = /** @type {HTMLInputElement} */ (byId("key")).value;
  const headers = key === "" ? {} : { authorization: `Bearer ${key}` };
  try {
    const response = await fetch(new URL("v1/models", location.href), { headers });
    return response.ok ? (await response.json()).data : [];
  } catch {
    return [];
  }
}

/**
 * @param {HTMLTextAreaElement} editor
 * @param {string} field
 * @returns {string | undefined}
 */
function nameIn(editor, field) {
  try {
    return JSON.parse(editor.value)[field];
  } catch {
    return undefined;
  }
}

/**
 * @param {HTMLTextAreaElement} editor
 * @param {string} field
 * @param {string} model
 */
function name(editor, field, model) {
  if (nameIn(editor, field) === undefined) return;
  editor.value = JSON.stringify({ ...JSON.parse(editor.value), [field]: model }, null, 2);
  editor.dispatchEvent(new Event("input", { bubbles: true }));
}
