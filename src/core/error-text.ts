/** What an error says, whatever was thrown. Of what is no fault of ours it may be said to the log alone. */
export function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
