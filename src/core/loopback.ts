/** Whether the name or address of a host, an IPv6 address with or without brackets, reaches nobody but this machine. */
export function isLoopbackHost(host: string): boolean {
  const bare = host.replace(/^\[(.*)\]$/, "$1").toLowerCase();
  return bare === "localhost" || isLoopback(bare);
}

/** The last address that was asked for, since one peer most often sends many requests: to read an address takes longer than all else that is asked of a peer. */
let last = { address: "", isLoopback: false };

/** Whether an IP address is of this machine's loopback interface, as a socket or a person writes it. */
export function isLoopbackAddress(address: string): boolean {
  if (address !== last.address) last = { address, isLoopback: isLoopback(address) };
  return last.isLoopback;
}

function isLoopback(address: string): boolean {
  const bare = address.toLowerCase();
  const ipv4 = /^(?:(?:::|(?:0{1,4}:){5})ffff:)?(\d{1,3}(?:\.\d{1,3}){3})$/.exec(bare)?.[1];
  if (ipv4 !== undefined) return ipv4.startsWith("127.") && ipv4.split(".").every((part) => Number(part) <= 255);
  // `::1`, at whatever length, and 127.0.0.0/8 inside IPv6 as URL writes it.
  return /^(?:::|(?:0{1,4}:){7})0{0,3}1$/.test(bare) || /^::ffff:7f[0-9a-f]{2}:[0-9a-f]{1,4}$/.test(bare);
}
