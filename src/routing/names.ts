/** What the configuration says of names. */
export interface NameRules {
  /** Other names of models; `*` catches names that nothing else answers to. */
  readonly aliases: Readonly<Record<string, string>>;
  /** Names that lead to one target each. */
  readonly routes: readonly NameRoute[];
}

/** A name that leads to one target. */
export interface NameRoute {
  readonly model: string;
  readonly provider: string;
  /** The model's name there; empty: the same. */
  readonly targetModel: string;
}

/** Where a name may lead: a model, at a provider or (empty) whichever has it. */
export interface Lead {
  readonly provider: string;
  readonly model: string;
}

/** Where a name may lead, by the configuration alone, best first: what it stands for, then what `*` does. An alias is followed once: what it stands for is no alias. */
export function leadsOf(name: string, { aliases, routes }: NameRules): readonly Lead[] {
  const alias = Object.hasOwn(aliases, name) ? aliases[name] : undefined;
  return [alias ?? name, aliases["*"]].filter((meant) => meant !== undefined).map((meant) => throughRoute(meant, routes));
}

/** Whether a lead ends at the provider that repeats what it is told; a file of that name comes first where no provider is said. */
export function isEcho({ provider, model }: Lead): boolean {
  return provider === "echo" || (provider === "" && model === "echo");
}

function throughRoute(name: string, routes: NameRules["routes"]): Lead {
  const route = routes.find(({ model }) => model === name);
  return { provider: route?.provider ?? "", model: route?.targetModel || name };
}
