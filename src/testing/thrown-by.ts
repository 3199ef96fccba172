import type { ConnectError } from "@connectrpc/connect";

/** The error that an act throws; throws when it throws none. */
export function thrownBy(act: () => unknown): ConnectError {
  try {
    act();
  } catch (error) {
    return error as ConnectError;
  }
  throw new Error("nothing was thrown");
}
