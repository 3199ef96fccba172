/** A time as `strftime` of Python writes it, in English and in this machine's time zone. What is no known directive stays as it is. */
export function formattedTime(time: Date, format: string): string {
  return format.replaceAll(/%(-?)([A-Za-z%])/g, (whole, dash: string, letter: string) => {
    const text = directives[letter]?.(time);
    return text === undefined ? whole : dash === "" ? text : text.replace(/^0+(?=\d)/, "");
  });
}

const directives: Readonly<Record<string, (time: Date) => string>> = {
  Y: (time) => String(time.getFullYear()),
  y: (time) => two(time.getFullYear() % 100),
  m: (time) => two(time.getMonth() + 1),
  d: (time) => two(time.getDate()),
  e: (time) => String(time.getDate()).padStart(2, " "),
  H: (time) => two(time.getHours()),
  I: (time) => two(time.getHours() % 12 || 12),
  M: (time) => two(time.getMinutes()),
  S: (time) => two(time.getSeconds()),
  p: (time) => (time.getHours() < 12 ? "AM" : "PM"),
  B: (time) => name(time, { month: "long" }),
  b: (time) => name(time, { month: "short" }),
  A: (time) => name(time, { weekday: "long" }),
  a: (time) => name(time, { weekday: "short" }),
  F: (time) => `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`,
  T: (time) => `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`,
  "%": () => "%",
};

function two(number: number): string {
  return String(number).padStart(2, "0");
}

function name(time: Date, options: Intl.DateTimeFormatOptions): string {
  return new Intl.DateTimeFormat("en-US", options).format(time);
}
