import { base64Decode, base64Encode } from "@bufbuild/protobuf/wire";
import { invalidField } from "../../core/reasons.ts";

const defaultPageSize = 100;
const maxPageSize = 1000;

/** What a caller says of the page it wants. */
interface PageRequest {
  /** 0: 100. */
  readonly pageSize: number;
  /** Empty: the first page. */
  readonly pageToken: string;
}

/** One page of a list by name. The token is the last name of the page before, so that what comes and goes between pages shifts nothing. Throws `invalid_request`. */
export function page<Item>(
  all: readonly Item[],
  nameOf: (item: Item) => string,
  { pageSize, pageToken }: PageRequest,
): { readonly items: readonly Item[]; readonly nextPageToken: string } {
  if (pageSize < 0 || pageSize > maxPageSize) throw invalidField("page_size", `${pageSize} is outside 0 to ${maxPageSize}`);
  const after = pageToken === "" ? "" : lastNameOf(pageToken);
  const rest = all.filter((item) => nameOf(item) > after).toSorted((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
  const items = rest.slice(0, pageSize === 0 ? defaultPageSize : pageSize);
  const last = items.at(-1);
  return { items, nextPageToken: rest.length > items.length && last !== undefined ? tokenOf(nameOf(last)) : "" };
}

const mark = "after:";

function tokenOf(name: string): string {
  return base64Encode(new TextEncoder().encode(mark + name), "url");
}

function lastNameOf(token: string): string {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(base64Decode(token));
    if (text.startsWith(mark)) return text.slice(mark.length);
  } catch {
    // Not one of ours: refused below like any other.
  }
  throw invalidField("page_token", "is not the next_page_token of a page before");
}
