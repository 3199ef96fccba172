import { resolved, type InstalledPackage } from "./packages.ts";

/** What is in an image. */
export interface Contents {
  readonly name: string;
  readonly version: string;
  readonly licence: string;
  readonly packages: readonly InstalledPackage[];
  /** What came by other ways than as a package of the project: Node, llama.cpp. */
  readonly others: readonly OtherPart[];
  /** Hashes by place, as the lock has them: `sha512-...`. */
  readonly integrity: Readonly<Record<string, string | undefined>>;
}

/** A part that is no package of the project. */
export interface OtherPart {
  readonly name: string;
  readonly version: string;
  readonly licence: string;
  /** Its address among packages, as https://github.com/package-url/purl-spec has it. */
  readonly purl: string;
  readonly text: string;
}

/** The bill of materials, CycloneDX 1.5. */
export function billOf(contents: Contents): object {
  const { name, version, licence, packages, others, integrity } = contents;
  const all = new Map(packages.map((each) => [each.path, each]));
  const root = { type: "application", name, version, "bom-ref": `${name}@${version}`, licenses: licencesOf(licence) };
  const components = [
    ...others.map((part) => ({
      type: "library",
      name: part.name,
      version: part.version,
      "bom-ref": part.purl,
      purl: part.purl,
      licenses: licencesOf(part.licence),
    })),
    ...packages.map((each) => ({
      type: "library",
      name: each.name,
      version: each.version,
      "bom-ref": referenceOf(each),
      purl: purlOf(each),
      licenses: licencesOf(each.licence),
      ...hashesOf(integrity[each.path]),
    })),
  ];
  const dependencies = packages.map((each) => ({
    ref: referenceOf(each),
    dependsOn: [
      ...new Set(
        each.dependencies
          .map((one) => resolved(one, each.path, all))
          .filter((one) => one !== undefined)
          .map(referenceOf),
      ),
    ],
  }));
  const own = { ref: root["bom-ref"], dependsOn: [...others.map(({ purl }) => purl), ...packages.map(referenceOf)] };
  return {
    bomFormat: "CycloneDX",
    specVersion: "1.5",
    version: 1,
    metadata: { component: root },
    components,
    dependencies: [own, ...dependencies],
  };
}

/** Every licence of an image with its text, each text once. */
export function licenceText({ name, version, licence, packages, others }: Contents): string {
  const texts = new Map<string, string[]>();
  const title = (part: { readonly name: string; readonly version: string; readonly licence: string }) =>
    `${part.name} ${part.version} (${part.licence || "no licence named"})`;
  const add = (text: string, named: string) => texts.set(text, [...(texts.get(text) ?? []), named]);
  for (const part of others) add(part.text, title(part));
  for (const each of packages) for (const text of each.texts) add(text, title(each));
  const bare = packages.filter((each) => each.texts.length === 0).map(title);
  const line = "-".repeat(80);
  const sections = [...texts].map(([text, parts]) => [line, ...parts, "", text, ""].join("\n"));
  const head = `${name} ${version} is under ${licence}; its text stands beside its package.json. What else is in this image:\n`;
  return [head, ...sections, line, "Without a text of their own in what they publish:", ...bare, ""].join("\n");
}

function purlOf({ name, version }: InstalledPackage): string {
  return `pkg:npm/${name.replace("@", "%40")}@${version}`;
}

/** One version may lie at several places. */
function referenceOf(each: InstalledPackage): string {
  return `${purlOf(each)}#${each.path}`;
}

function licencesOf(licence: string): readonly object[] {
  if (licence === "") return [];
  return /\s/.test(licence) ? [{ expression: licence }] : [{ license: { id: licence } }];
}

function hashesOf(integrity: string | undefined): object {
  const [, content] = /^sha512-(\S+)/.exec(integrity ?? "") ?? [];
  return content === undefined ? {} : { hashes: [{ alg: "SHA-512", content: Buffer.from(content, "base64").toString("hex") }] };
}
