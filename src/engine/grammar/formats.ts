const two = (last: string) => `(?:0[1-9]|${last})`;
const longMonth = "(?:0[13578]|1[02])";
const shortMonth = "(?:0[469]|11)";
const leapYear = "(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)";
const date = `(?:[0-9]{4}-(?:${longMonth}-${two("[12][0-9]|3[01]")}|${shortMonth}-${two("[12][0-9]|30")}|02-${two("1[0-9]|2[0-8]")})|${leapYear}-02-29)`;
const hours = "(?:[01][0-9]|2[0-3])";
const time = `${hours}:[0-5][0-9]:[0-5][0-9](?:\\.[0-9]{1,9})?(?:Z|[+-]${hours}:[0-5][0-9])`;
const label = "[A-Za-z0-9]{1,15}(?:-[A-Za-z0-9]{1,15}){0,2}";
const hostname = `${label}(?:\\.${label}){0,3}`;
const byte = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])";
const group = "[0-9a-f]{1,4}";
const mailWord = "[A-Za-z0-9_+-]{1,20}";
const uriCharacter = "[A-Za-z0-9._~-]";
const seconds = "[0-9]{1,6}S";
const minutes = `[0-9]{1,6}M(?:${seconds})?`;
const dayTime = `T(?:[0-9]{1,6}H(?:${minutes})?|${minutes}|${seconds})`;
const days = `[0-9]{1,6}D(?:${dayTime})?`;
const months = `[0-9]{1,6}M(?:[0-9]{1,6}D)?(?:${dayTime})?`;
const years = `[0-9]{1,6}Y(?:[0-9]{1,6}M)?(?:[0-9]{1,6}D)?(?:${dayTime})?`;

/** Addresses with groups of zeros left out: so many groups before, and as many after as there is room for. */
const shortened = Array.from({ length: 7 }, (_, before) => {
  const front = before === 0 ? "" : `${group}(?::${group}){${before - 1}}`;
  const most = 6 - before;
  return `${front}::(?:${group}(?::${group}){0,${Math.max(0, most)}})?`;
});

/** Formats as patterns. What is written is always valid, and not all that is valid is written: the commonest spelling of each is. */
export const formatPatterns: ReadonlyMap<string, string> = new Map([
  ["date", date],
  ["time", time],
  ["date-time", `${date}T${time}`],
  ["duration", `P(?:[0-9]{1,6}W|${years}|${months}|${days}|${dayTime})`],
  ["uuid", "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"],
  ["email", `${mailWord}(?:\\.${mailWord}){0,2}@(?:${label}\\.){1,3}[A-Za-z]{2,15}`],
  ["hostname", hostname],
  ["ipv4", `${byte}(?:\\.${byte}){3}`],
  ["ipv6", `(?:${group}(?::${group}){7}|${shortened.join("|")})`],
  [
    "uri",
    `[a-z]{2,10}://${hostname}(?::[1-9][0-9]{0,3})?(?:/${uriCharacter}{0,40}){0,8}(?:\\?${uriCharacter}{1,20}=${uriCharacter}{0,40}(?:&${uriCharacter}{1,20}=${uriCharacter}{0,40}){0,7})?(?:#${uriCharacter}{1,40})?`,
  ],
]);
