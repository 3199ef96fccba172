/** Errors of requests that never left: they were refused while they were written. Kept aside, for no caller is told. */
const all = new WeakSet<object>();

/** Marks an error as that of a request of which nothing was sent; answers with it. */
export function unsent(error: unknown): unknown {
  if (typeof error === "object" && error !== null) all.add(error);
  return error;
}

/** Whether an error says that nothing was sent: such is no attempt, whatever it is about. */
export function isUnsent(error: unknown): boolean {
  return typeof error === "object" && error !== null && all.has(error);
}
