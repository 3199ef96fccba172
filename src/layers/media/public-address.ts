import { BlockList, isIP } from "node:net";

/** IPv4 that is nobody's on the internet, or a cloud's own (168.63.129.16 is Azure's), as IANA's registry of special purposes has it. */
const closedIpv4 = [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["168.63.129.16", 32],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.31.196.0", 24],
  ["192.52.193.0", 24],
  ["192.88.99.0", 24],
  ["192.168.0.0", 16],
  ["192.175.48.0", 24],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 3],
] as const;

/** The only IPv6 that is given out for the internet: loopback, link-local, ULA, multicast, mapped IPv4 and NAT64 lie outside. */
const openIpv6 = ["2000::", 3] as const;

/** What of it is not: protocols (Teredo among them), documentation, and 6to4, which hides an IPv4 address. */
const closedIpv6 = [
  ["2001::", 23],
  ["2001:db8::", 32],
  ["2002::", 16],
  ["2620:4f:8000::", 48],
  ["3fff::", 20],
] as const;

const closed = new BlockList();
for (const [address, bits] of closedIpv4) closed.addSubnet(address, bits, "ipv4");
for (const [address, bits] of closedIpv6) closed.addSubnet(address, bits, "ipv6");
const open = new BlockList();
open.addSubnet(...openIpv6, "ipv6");

/** Whether an IP address is one of the public internet: nothing of this machine, of its networks, or of its cloud. */
export function isPublicAddress(address: string): boolean {
  switch (isIP(address)) {
    case 4:
      return !closed.check(address, "ipv4");
    case 6:
      return !address.includes("%") && open.check(address, "ipv6") && !closed.check(address, "ipv6");
    default:
      return false;
  }
}
