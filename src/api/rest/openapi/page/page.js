import { badge, byId, element, folded } from "./elements.js";
import { schemaView } from "./schema-view.js";
import { tryOut } from "./try-out.js";

/** @typedef {import("./try-out.js").Route} Route */

const description = await describe();
/** @type {Route[]} */
const routes = Object.entries(description.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ method, path, operation })),
);
const search = /** @type {HTMLInputElement} */ (byId("search"));

byId("name").textContent = description.info.title;
byId("version").textContent = description.info.version;
document.title = `${description.info.title} API`;
search.addEventListener("input", list);
addEventListener("hashchange", show);
list();
show();

/** @returns {Promise<any>} what the service serves */
async function describe() {
  try {
    const response = await fetch(new URL("openapi.json", location.href));
    if (!response.ok) throw new Error(`${response.status} ${response.statusText}`);
    return await response.json();
  } catch (error) {
    byId("route").replaceChildren(element("p", { class: "bad" }, `openapi.json cannot be read: ${String(error)}`));
    throw error;
  }
}

/** Lists the routes that hold what is searched for, by whose they are. */
function list() {
  const wanted = search.value.toLowerCase();
  /** @type {(route: Route) => boolean} */
  const isFound = ({ method, path, operation }) =>
    `${method} ${path} ${operation.summary} ${operation.tags[0]}`.toLowerCase().includes(wanted);
  const groups = Map.groupBy(routes.filter(isFound), ({ operation }) => operation.tags[0]);
  const made = [...groups].flatMap(([tag, members]) => [element("h2", {}, tag), element("ul", {}, ...members.map(link))]);
  byId("routes").replaceChildren(...(made.length > 0 ? made : [element("p", {}, "No route is called so.")]));
  mark();
}

/**
 * @param {Route} route
 * @returns {HTMLElement}
 */
function link({ method, path, operation }) {
  return element(
    "li",
    {},
    element("a", { href: `#${operation.operationId}`, title: operation.summary }, badge(method), element("span", {}, path)),
  );
}

/** Shows which of them is open. */
function mark() {
  for (const each of document.querySelectorAll("#routes a")) {
    if (each.getAttribute("href") === location.hash) each.setAttribute("aria-current", "page");
    else each.removeAttribute("aria-current");
  }
}

/** Shows the route that the address names, or the first that takes a body. */
function show() {
  const named = routes.find(({ operation }) => `#${operation.operationId}` === location.hash);
  const route = named ?? routes.find(({ operation }) => operation.requestBody !== undefined) ?? routes[0];
  if (route === undefined) return;
  if (named === undefined) history.replaceState(null, "", `#${route.operation.operationId}`);
  const { method, path, operation } = route;
  byId("route").replaceChildren(
    element("h2", {}, operation.summary),
    element("p", { class: "path" }, badge(method), element("code", {}, path)),
    ...(operation.description === undefined ? [] : [element("p", {}, operation.description)]),
    tryOut(route, description),
    ...schemas(route),
  );
  mark();
}

/**
 * What is sent and what comes back, in words.
 * @param {Route} route
 * @returns {HTMLElement[]}
 */
function schemas({ operation }) {
  const { schema } = operation.requestBody?.content["application/json"] ?? {};
  const bodies = schema === undefined ? [] : [folded(["The body"], () => schemaView(schema, description), true)];
  const answers = Object.entries(operation.responses).flatMap(([status, { content = {} }]) =>
    Object.entries(content).map(([type, { schema: whole, "x-itemSchema": item }]) =>
      folded([`${status} `, element("small", {}, item === undefined ? type : `${type}, each event`)], () =>
        schemaView(item ?? whole, description),
      ),
    ),
  );
  return [element("h3", {}, "What it is made of"), ...bodies, ...answers];
}
