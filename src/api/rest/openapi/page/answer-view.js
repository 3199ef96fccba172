import { element, folded } from "./elements.js";

/** How much of an answer is shown, characters: a page that holds more is slow. */
const mostShown = 1_000_000;

/**
 * Shows an answer as it comes.
 * @param {HTMLElement} place
 * @param {() => Promise<Response>} ask
 * @returns {Promise<void>}
 */
export async function showAnswer(place, ask) {
  const startedMs = performance.now();
  const status = element("p", { class: "status", role: "status" }, "Waiting…");
  const body = element("pre", { class: "answer", tabindex: "0" });
  place.replaceChildren(status, body);
  try {
    const response = await ask();
    const took = () => `${Math.round(performance.now() - startedMs)} ms`;
    status.classList.add(response.ok ? "good" : "bad");
    status.textContent = `${response.status} ${response.statusText} · headers after ${took()}`;
    body.before(folded(["Headers"], () => headersView(response.headers)));
    const text = await readInto(body, response);
    body.textContent = shown(text, response.headers.get("content-type") ?? "");
    status.textContent = `${response.status} ${response.statusText} · ${took()} · ${text.length} characters`;
  } catch (error) {
    const isStopped = error instanceof DOMException && error.name === "AbortError";
    status.classList.add("bad");
    status.textContent = isStopped ? "Stopped." : `No answer: ${error instanceof Error ? error.message : String(error)}`;
  }
}

/**
 * @param {Headers} headers
 * @returns {HTMLElement}
 */
function headersView(headers) {
  const rows = [...headers].map(([name, value]) => element("tr", {}, element("th", { scope: "row" }, name), element("td", {}, value)));
  return element("table", {}, ...rows);
}

/**
 * @param {HTMLElement} place
 * @param {Response} response
 * @returns {Promise<string>}
 */
async function readInto(place, response) {
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (let next = await reader?.read(); next !== undefined && !next.done; next = await reader?.read()) {
    text += next.value;
    if (text.length <= mostShown) place.append(next.value);
  }
  return text;
}

/**
 * @param {string} text
 * @param {string} type
 * @returns {string}
 */
function shown(text, type) {
  const cut = text.length > mostShown ? `${text.slice(0, mostShown)}\n… ${text.length - mostShown} more characters` : text;
  if (!type.startsWith("application/json") || cut !== text) return cut;
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text; // what is no JSON is shown as it came
  }
}
