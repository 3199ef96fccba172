/** Where what must never be reached listens. */
export interface Bait {
  /** Of plain TCP, on every address of this machine. */
  readonly port: number;
}

const badAddresses = [
  "127.0.0.1 127.0.0.2 127.1.2.3 127.255.255.254 0.0.0.0 0.0.0.1 10.0.0.1 10.255.255.255 100.64.0.1",
  "100.127.255.255 100.100.100.200 169.254.169.254 169.254.170.2 169.254.0.1 172.16.0.1 172.31.255.255 192.0.0.1",
  "192.0.0.192 192.0.2.1 192.88.99.1 192.168.0.1 192.168.255.255 198.18.0.1 198.19.0.1 198.51.100.1 203.0.113.1",
  "224.0.0.1 239.1.1.1 240.0.0.1 255.255.255.255 168.63.129.16 ::1 :: ::ffff:127.0.0.1 ::ffff:7f00:1",
  "::ffff:169.254.169.254 ::ffff:10.0.0.1 ::127.0.0.1 64:ff9b::7f00:1 64:ff9b::a9fe:a9fe 64:ff9b:1::7f00:1 100::1",
  "2001::1 2001:db8::1 2002:7f00:1::1 3fff::1 fc00::1 fd00::1 fd00:ec2::254 fe80::1 fe80::1%lo fec0::1 ff01::1",
  "ff02::1 ff05::2 0:0:0:0:0:0:0:1 0:0:0:0:0:ffff:127.0.0.1 nonsense localhost",
].flatMap((line) => line.split(" "));

/** One good address does not excuse a bad one. */
const mixed = ["93.184.216.34 127.0.0.1", "127.0.0.1 93.184.216.34", "2606:2800:220:1::1 ::1", "93.184.216.34 fe80::1", ""];

/** Names that a resolver of the test's own answers, and with what; all of them are on the allow-list with the bait's port, and with 443. */
export const hostileNames: Readonly<Record<string, readonly string[]>> = Object.fromEntries(
  [...badAddresses, ...mixed].map((addresses, index) => [`h${index}.rebound.example`, addresses.split(" ").filter(Boolean)]),
);

/** Ways to write this machine's and the cloud's addresses that some parser or other takes. */
const hosts = [
  "127.0.0.1 127.1 127.0.1 2130706433 0x7f000001 0x7f.0.0.1 0x7f.1 0177.0.0.1 017700000001 0177.1 127.0.0.01",
  "127.0.0.1. 127.00000.0.1 0x7F.0x0.0x0.0x1 0 0.0.0.0 00000000 0x0 127.127.127.127 169.254.169.254 2852039166",
  "0xa9fea9fe 0251.0376.0251.0376 0xa9.0xfe.0xa9.0xfe 169.16689662 10.0.0.1 167772161 192.168.0.1 192.168.1",
  "172.16.0.1 100.64.0.1 224.0.0.1 255.255.255.255 1.1.1.1 [::1] [::] [0:0:0:0:0:0:0:1] [::ffff:127.0.0.1]",
  "[::ffff:7f00:1] [::127.0.0.1] [64:ff9b::7f00:1] [fe80::1] [fe80::1%25lo] [fd00::1] [fc00::1] [ff02::1]",
  "[2002:7f00:1::] [2001::1] [::ffff:a9fe:a9fe] [fd00:ec2::254] [::1%25lo] localhost LOCALHOST localhost.",
  "localhost.localdomain ip6-localhost a.localhost metadata metadata.google.internal kubernetes.default.svc",
  "127.0.0.1.nip.example 127.0.0.1.images.example images.example.evil.example evilimages.example images.example.",
  "images..example .images.example ｌｏｃａｌｈｏｓｔ １２７.０.０.１ 127。0。0。1 ①②⑦.⓪.⓪.① ⓛocalhost loc\u00adalhost",
  "images\u3002example іmages.example images.exampl\u0435 ｉmages.example images\u200b.example xn--images.example",
  "%6c%6f%63alhost 127%2e0%2e0%2e1 images%2eexample %31%32%37.0.0.1 images.example%00.evil.example",
].flatMap((line) => line.split(" "));

/** URLs that try to be more than one thing. `{port}` is the bait's. */
const shapes = [
  "http://images.example/a http://images.example:{port}/a HTTP://127.0.0.1:{port} ftp://images.example/a",
  "ftp://127.0.0.1:{port}/ file:///etc/passwd file://127.0.0.1/etc/passwd file:/etc/passwd",
  "gopher://127.0.0.1:{port}/_x dict://127.0.0.1:{port}/ ldap://127.0.0.1:{port}/ ws://127.0.0.1:{port}/",
  "wss://images.example:{port}/ jar:https://images.example!/a blob:https://images.example/a about:blank",
  "javascript:alert(1) view-source:https://images.example unix:/var/run/docker.sock tftp://127.0.0.1/a",
  "sftp://127.0.0.1/a netdoc:///etc/passwd phar://a s3://bucket/key gs://bucket/key //127.0.0.1:{port}/",
  "/etc/passwd ../../etc/passwd 127.0.0.1:{port} localhost:{port}/a images.example/a DATA:,x data xdata:,",
  "https://user@images.example/ https://user:word@images.example/ https://images.example@127.0.0.1:{port}/",
  "https://images.example:443@127.0.0.1:{port}/ https://127.0.0.1:{port}@images.example/",
  "https://images.example%40127.0.0.1:{port}/ https://@127.0.0.1:{port}/ https://:@images.example/",
  "https://a@b@images.example/ https:/127.0.0.1:{port}/ https:127.0.0.1:{port} https:///127.0.0.1:{port}/",
  "https:////127.0.0.1:{port} https:images.example https:/images.example https:///images.example/",
  "https://images.example#@127.0.0.1:{port}/ https://images.example/ü https://images.example:0/",
  "https://images.example:-1/ https://images.example:65536/ https://images.example:99999/",
  "https://images.example:/ https://images.example:443:80/ https://images.example:22/",
  "https://images.example:6379/ https://images.example:0x1bb/ https://images.example:４４３/",
  "https://images.example:+443/ https:// https:/// https://? https://# https://. https://.. https://*",
  "https://*.rebound.example/ https://rebound.example/ https://[ https://[]/ https://[::1",
  "https://[images.example]/ https://-/ https://a-.rebound.example-/ https://rebound.example.evil/",
  "https://evil.example/?https://images.example https://evil.example/https://images.example/",
  "https://evil.example#images.example https://evil.example;images.example/ https://evil.example,images.example/",
  "https://images.example&@127.0.0.1:{port}/ https://images.example`127.0.0.1/ https://images.example{127.0.0.1}/",
  "https://images.example|127.0.0.1/",
].flatMap((line) => line.split(" "));

/** Those with blanks, backslashes and what is not printed. */
const blanks = [
  "",
  " ",
  " data:,x",
  "\tdata:,x",
  "dat\na:,x",
  "https://127.0.0.1:{port}\\@images.example/",
  "https://images.example\\@127.0.0.1:{port}/",
  "https:\\\\127.0.0.1:{port}\\",
  "https:/\\127.0.0.1:{port}/",
  "https://images.example\t:{port}/",
  "https://images.example\n/",
  "https://images.example\r\nhost: 127.0.0.1/",
  "https://images.exa\tmple/",
  "https://images.example /",
  " https://images.example/",
  "https://images.example/a b",
  "https://images.example/\u0000",
  "https://images.example/a\\b",
  "https://images.example: 443/",
];

/** Every URL of the corpus, for a bait: odd addresses by https and http, with and without its port, odd shapes, and names that lead to where nobody may go. */
export function hostileUrls({ port }: Bait): string[] {
  const addressed = hosts.flatMap((host) => [`https://${host}:${port}/x`, `https://${host}/x`, `http://${host}:${port}/x`]);
  const named = Object.keys(hostileNames).flatMap((name) => [`https://${name}:${port}/x`, `https://${name}/x`]);
  return [...addressed, ...[...shapes, ...blanks].map((shape) => shape.replaceAll("{port}", String(port))), ...named];
}
