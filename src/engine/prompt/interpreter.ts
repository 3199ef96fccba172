import { Interpreter, valueOf, type Environment, type Node, type Value } from "./library.ts";
import { filters, methods, type Call } from "./python.ts";

/** The parts of nodes that are looked at here; which of them a node has is told by its type. */
interface Parts {
  readonly object: Node;
  readonly property: Node & { readonly value: string };
  readonly computed: boolean;
  readonly callee: Node & Parts & { readonly value: string };
  readonly args: readonly Node[];
  readonly operand: Node;
  readonly filter: Node & Parts & { readonly value: string };
  readonly iterable: Node & { readonly lhs: Node };
  readonly left: Node;
  readonly right: Node;
  readonly operator: { readonly value: string };
  readonly value: Map<Node, Node>;
  readonly type: string;
}

type Held = Node & { readonly held: Value };

/** Most characters of one text while a template is rendered; more are a loop that feeds itself. */
const maxTextLength = 16 * 1024 * 1024;
/** Most characters that filters and methods may make in one rendering, and most elements of lists. */
const maxMadeLength = 256 * 1024 * 1024;
const maxMadeElements = 8 * 1024 * 1024;

/** How much computing one rendering may take, ms; on a machine that is busy it may last longer. All streams wait for it. */
export const renderingMs = 1000;
/** Steps between two looks at the clock. */
const stepsPerLook = 1024;

/**
 * Runs templates as Python's Jinja does where the library is stricter than it: an undefined name is an empty list and an empty text, any key may be asked for,
 * tuples are lists, and the methods and filters of Python that templates use are there. What a template makes is counted, so that it cannot fill the memory.
 */
export class TemplateInterpreter extends Interpreter {
  #madeLength = 0;
  #madeElements = 0;
  #steps = 0;
  readonly #begunMs = computedMs();

  override evaluate(node: Node | undefined, environment: Environment): Value {
    if (node === undefined) return super.evaluate(node, environment);
    if (node.type === "Held") return (node as Held).held;
    this.#spend(1);
    return this.#evaluated(node as Node & Parts, environment);
  }

  #spend(steps: number): void {
    this.#steps += steps;
    if (this.#steps < stepsPerLook) return;
    this.#steps = 0;
    if (computedMs() - this.#begunMs > renderingMs) throw new RangeError(`it took more than ${renderingMs} ms and was stopped`);
  }

  #evaluated(node: Node & Parts, environment: Environment): Value {
    switch (node.type) {
      case "TupleLiteral":
      case "ArrayLiteral":
        return this.#counted(super.evaluate({ ...node, type: "ArrayLiteral" }, environment));
      case "ObjectLiteral":
        return this.#mapping(node, environment);
      case "For":
        return super.evaluate(this.#withList(node, environment), environment);
      case "MemberExpression":
        return this.#member(node, environment);
      case "CallExpression":
        return this.#counted(this.#call(node, environment));
      case "FilterExpression":
        return this.#counted(this.#filtered(node, environment));
      case "BinaryExpression":
        return this.#counted(this.#binary(node, environment), true);
      default:
        return super.evaluate(node, environment);
    }
  }

  /** A value that was made here. What is joined is not copied, and costs nothing until somebody looks into it. */
  #counted(made: Value, isJoined = false): Value {
    const { value } = made;
    if (typeof value === "string") {
      if (!isJoined) this.#madeLength += value.length;
      if (value.length > maxTextLength || this.#madeLength > maxMadeLength) throw new RangeError("it makes too much text");
    } else if (Array.isArray(value)) {
      this.#madeElements += value.length;
      if (this.#madeElements > maxMadeElements) throw new RangeError("it makes lists that are too long");
    }
    return made;
  }

  /** Keys may be numbers as well as texts. */
  #mapping(node: Node & Parts, environment: Environment): Value {
    const mapping = valueOf({});
    for (const [key, value] of node.value) {
      (mapping.value as Map<unknown, Value>).set(this.evaluate(key, environment).value, this.evaluate(value, environment));
    }
    return mapping;
  }

  /** What is gone through becomes a list: an undefined name none, a text its characters. */
  #withList(node: Node & Parts, environment: Environment): Node {
    const { iterable } = node;
    const hasCondition = iterable.type === "SelectExpression";
    const items = asList(this.evaluate(hasCondition ? iterable.lhs : iterable, environment));
    // The library makes a scope for each before it looks at the first.
    if (Array.isArray(items.value)) this.#spend(items.value.length);
    const list = held(items);
    return { ...node, iterable: hasCondition ? { ...iterable, lhs: list } : list } as Node;
  }

  #member(node: Node & Parts, environment: Environment): Value {
    const object = this.evaluate(node.object, environment);
    if (!node.computed) return super.evaluate({ ...node, object: held(object) } as Node, environment);
    if (node.property.type === "SliceExpression")
      return this.#counted(super.evaluate({ ...node, object: held(object) } as Node, environment));
    const key = this.evaluate(node.property, environment);
    if (object.value instanceof Map && typeof key.value !== "string")
      return (object.value as Map<unknown, Value>).get(key.value) ?? valueOf(undefined);
    return super.evaluate({ ...node, object: held(object), property: held(key) } as unknown as Node, environment);
  }

  #call(node: Node & Parts, environment: Environment): Value {
    const { callee } = node;
    if (callee.type !== "MemberExpression" || callee.computed) return super.evaluate(node, environment);
    const object = this.evaluate(callee.object, environment);
    const method = methods[callee.property.value];
    const made = method?.(this.#callOf(object, node.args, environment));
    if (made !== undefined) return valueOf(made.value);
    return super.evaluate({ ...node, callee: { ...callee, object: held(object) } } as Node, environment);
  }

  #filtered(node: Node & Parts, environment: Environment): Value {
    const { filter } = node;
    const operand = this.evaluate(node.operand, environment);
    const isCall = filter.type === "CallExpression";
    const made = filters[isCall ? filter.callee.value : filter.value]?.(this.#callOf(operand, isCall ? filter.args : [], environment));
    if (made !== undefined) return valueOf(made.value);
    const known = isNothing(operand) && listFilters.has(isCall ? filter.callee.value : filter.value) ? valueOf([]) : operand;
    return super.evaluate({ ...node, operand: held(known) } as Node, environment);
  }

  #callOf(self: Value, args: readonly Node[], environment: Environment): Call {
    const positional = args.filter(({ type }) => type !== "KeywordArgumentExpression" && !type.endsWith("SpreadExpression"));
    return { self, arguments: () => positional.map((arg) => this.evaluate(arg, environment)) };
  }

  #binary(node: Node & Parts, environment: Environment): Value {
    const operator = node.operator.value;
    const left = this.evaluate(node.left, environment);
    if (operator === "and" || operator === "or") return super.evaluate({ ...node, left: held(left) } as Node, environment);
    const right = this.evaluate(node.right, environment);
    const own = ownBinary(operator, left, right);
    if (own !== undefined) return valueOf(own.value);
    return super.evaluate({ ...node, left: held(left), right: held(right) } as Node, environment);
  }
}

const listFilters = new Set([
  "length",
  "list",
  "first",
  "last",
  "join",
  "sort",
  "reverse",
  "unique",
  "selectattr",
  "rejectattr",
  "map",
  "items",
]);

function held(value: Value): Node {
  return { type: "Held", held: value } as Held;
}

function isNothing({ value }: Value): boolean {
  return value === undefined || value === null;
}

function asList(iterable: Value): Value {
  if (isNothing(iterable)) return valueOf([]);
  return typeof iterable.value === "string" ? valueOf(Array.from(iterable.value)) : iterable;
}

/** What the library has no operator for: undefined texts are empty, nothing is in nothing, keys may be numbers, texts can be repeated. */
function ownBinary(operator: string, left: Value, right: Value): { readonly value: unknown } | undefined {
  switch (operator) {
    case "in":
    case "not in":
      return isNothing(right) || Array.isArray(left.value) || isUndefinedInMany(left, right) ? { value: operator === "not in" } : undefined;
    case "~":
    case "+":
      return joinedWithNothing(left, right);
    case "*":
      return typeof left.value === "string" ? { value: repeated(left.value, Number(right.value)) } : undefined;
    default:
      return compared(operator, left.value, right.value);
  }
}

/** A tuple of texts is asked for the type of a parameter that may have none. */
function isUndefinedInMany(left: Value, right: Value): boolean {
  return left.value === undefined && typeof right.value === "object";
}

function joinedWithNothing(left: Value, right: Value): { readonly value: string } | undefined {
  return isNothing(left) || isNothing(right) ? { value: textOf(left) + textOf(right) } : undefined;
}

function compared(operator: string, left: unknown, right: unknown): { readonly value: boolean } | undefined {
  if (typeof left !== "number" || typeof right !== "number") return undefined;
  switch (operator) {
    case "<":
      return { value: left < right };
    case "<=":
      return { value: left <= right };
    case ">":
      return { value: left > right };
    case ">=":
      return { value: left >= right };
    default:
      return undefined;
  }
}

function repeated(text: string, times: number): string {
  if (!(text.length * times <= maxTextLength)) throw new RangeError("it makes too much text");
  return text.repeat(Math.max(0, times));
}

function textOf(value: Value): string {
  return isNothing(value) ? "" : value.toString();
}

/** What this thread has computed since it began, ms. */
function computedMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}
