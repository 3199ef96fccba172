import { showAnswer } from "./answer-view.js";
import { byId, element, folded } from "./elements.js";
import { modelChoice } from "./model-choice.js";
import { resolved } from "./schema-view.js";

/** @typedef {import("./schema-view.js").Description} Description */
/** @typedef {{ method: string, path: string, operation: any }} Route */
/** @typedef {{ url: URL, method: string, headers: Record<string, string>, body: string | undefined }} Asked */

/**
 * What sends a request to a route, and shows what comes back.
 * @param {Route} route
 * @param {Description} description
 * @returns {HTMLElement}
 */
export function tryOut(route, description) {
  const answer = element(
    "section",
    { class: "answers", "aria-label": "Answer" },
    element("p", { class: "hint" }, "The answer comes here."),
  );
  /** @type {ParameterInput[]} */
  const inputs = (route.operation.parameters ?? []).map(parameterInput);
  const body = bodyEditor(route, description);
  const curl = element("pre", { class: "curl", tabindex: "0" });
  const asked = () => request(route, inputs, body?.text());
  const send = element("button", { type: "submit", class: "send" }, "Send");
  const stop = element("button", { type: "button", disabled: true, click: () => running.abort() }, "Stop");
  let running = new AbortController();
  const ask = async () => {
    const { url, method, headers, body: text } = asked();
    running = new AbortController();
    const { signal } = running;
    send.disabled = true;
    stop.disabled = false;
    await showAnswer(answer, () => fetch(url, { method, headers, signal, ...(text !== undefined && { body: text }) }));
    send.disabled = false;
    stop.disabled = true;
  };
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    void ask();
  };
  const showCurl = () => (curl.textContent = curlOf(asked()));
  const form = element("form", { submit, input: showCurl, "aria-label": "Request" });
  form.append(...inputs.map(({ row }) => row), ...(body === undefined ? [] : [body.row]));
  form.append(
    element("p", { class: "buttons" }, send, stop),
    folded(["As a command"], () => curl),
  );
  showCurl();
  return element("div", { class: "try" }, form, answer);
}

/** @typedef {{ row: HTMLElement, name: string, place: string, value: () => string }} ParameterInput */

/**
 * @param {any} parameter
 * @returns {ParameterInput}
 */
function parameterInput({ name, in: place, required, description }) {
  const input = element("input", { name, required, spellcheck: "false", autocomplete: "off", placeholder: description });
  const row = element("label", { class: "parameter" }, element("span", {}, `${name} `, element("small", {}, `in the ${place}`)), input);
  return { row, name, place, value: () => input.value };
}

/**
 * The editor of a body; undefined where a route reads none.
 * @param {Route} route
 * @param {Description} description
 * @returns {{ row: HTMLElement, text: () => string } | undefined}
 */
function bodyEditor({ operation }, description) {
  const content = operation.requestBody?.content["application/json"];
  if (content === undefined) return undefined;
  const text = JSON.stringify(content.example ?? {}, null, 2);
  const rows = String(Math.min(24, Math.max(6, text.split("\n").length + 2)));
  const editor = element("textarea", { rows, spellcheck: "false", autocomplete: "off", "aria-label": "Body" });
  editor.value = text;
  const row = element("div", { class: "body" }, element("span", {}, "Body ", element("small", {}, "application/json")), editor);
  const streams = resolved(content.schema, description).schema.properties?.stream !== undefined;
  if (streams) row.prepend(streamSwitch(editor));
  const field = modelFields.find((each) => content.example?.[each] !== undefined);
  if (field !== undefined) row.prepend(modelChoice(editor, field));
  return { row, text: () => editor.value };
}

/** Fields that name the model, whatever the format. */
const modelFields = ["model", "model_name"];

/**
 * Says in a body whether its answer is to be a stream.
 * @param {HTMLTextAreaElement} editor
 * @returns {HTMLElement}
 */
function streamSwitch(editor) {
  const change = () => {
    try {
      editor.value = JSON.stringify({ ...JSON.parse(editor.value), stream: box.checked }, null, 2);
      editor.setCustomValidity("");
    } catch {
      editor.setCustomValidity("This is no JSON yet.");
      editor.reportValidity();
    }
  };
  const box = element("input", { type: "checkbox", change });
  return element("label", { class: "switch" }, box, " stream");
}

/**
 * @param {Route} route
 * @param {ParameterInput[]} inputs
 * @param {string | undefined} body
 * @returns {Asked}
 */
function request({ method, path }, inputs, body) {
  let filled = path;
  const query = new URLSearchParams();
  for (const { name, place, value } of inputs) {
    if (place === "path") filled = filled.replace(`{${name}}`, encodeURIComponent(value()));
    else if (value() !== "") query.set(name, value());
  }
  // Below the same folder as the page, wherever a proxy has put that.
  const url = new URL(filled.slice(1), location.href);
  url.search = query.toString();
  url.hash = "";
  const key = /** @type {HTMLInputElement} */ (byId("key")).value;
  const headers = {
    ...(body !== undefined && { "content-type": "application/json" }),
    ...(key !== "" && { authorization: `Bearer ${key}` }),
  };
  return { url, method: method.toUpperCase(), headers, body };
}

/**
 * The request as a command line; a key is never in it.
 * @param {Asked} asked
 * @returns {string}
 */
function curlOf({ url, method, headers, body }) {
  const quoted = (/** @type {string} */ text) => `'${text.replaceAll("'", String.raw`'\''`)}'`;
  const told = Object.entries(headers).map(([name, value]) =>
    name === "authorization" ? '-H "authorization: Bearer $KEY"' : `-H ${quoted(`${name}: ${value}`)}`,
  );
  const words = [`curl -X ${method} ${quoted(url.href)}`, ...told, ...(body === undefined ? [] : [`-d ${quoted(body)}`])];
  return words.join(" \\\n  ");
}
