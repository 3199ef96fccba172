import type { Expression } from "./expression.ts";

/** Names of the rules that an expression mentions. */
export function references(expression: Expression): Set<string> {
  const names = new Set<string>();
  const look = (part: Expression): void => {
    if (part.kind === "rule") names.add(part.name);
    else if (part.kind === "sequence" || part.kind === "choice") part.items.forEach(look);
    else if (part.kind === "repeat") look(part.item);
  };
  look(expression);
  return names;
}

/** The rules for which something holds that follows from the rules they use: whenever it is found of one, those that use it are looked at again. */
export function rulesThat(
  rules: ReadonlyMap<string, Expression>,
  holds: (expression: Expression, known: ReadonlySet<string>) => boolean,
): ReadonlySet<string> {
  const users = new Map<string, string[]>();
  for (const [name, expression] of rules) {
    for (const used of references(expression)) {
      const known = users.get(used);
      if (known === undefined) users.set(used, [name]);
      else known.push(name);
    }
  }
  const found = new Set<string>();
  const open = [...rules.keys()];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const expression = found.has(next) ? undefined : rules.get(next);
    if (expression === undefined || !holds(expression, found)) continue;
    found.add(next);
    open.push(...(users.get(next) ?? []));
  }
  return found;
}
