import type { Library, Log, Provider } from "../../core/ports.ts";
import { fault } from "../../core/reasons.ts";
import type { Directory } from "../naming/directory.ts";

/** What another default is chosen with. */
export interface DefaultSwitchOptions {
  readonly directory: Directory;
  readonly library: Library;
  readonly local: Provider;
  readonly log: Log;
}

/** What has become of a choice. */
export interface ChosenDefault {
  /** Id of the model that answers from now on. */
  readonly id: string;
  /** Name of the one before; undefined when there was none. */
  readonly before: string | undefined;
}

/** Makes another model the default. A model of this machine is loaded first: until then the old one answers, so that nobody waits. Throws `model_not_found`, `model_state`, and why it cannot be loaded. */
export function defaultSwitch(options: DefaultSwitchOptions): (name: string, signal: AbortSignal) => Promise<ChosenDefault> {
  const { directory, library, local } = options;
  // Whoever asked later has the say, however long an earlier one's load takes.
  let lastTurn = 0;
  let chosenTurn = 0;
  return async (name, signal) => {
    const target = directory.resolve(name, "").stops[0]?.target;
    const id = target?.model ?? name;
    // The default answers chats: what was made for something else would refuse each of them.
    if ((library.find(id)?.purpose ?? "chat") !== "chat")
      throw fault("model_state", `model "${name}" does not chat: choose a chat model as the default`);
    const turn = ++lastTurn;
    if (target?.provider === local.name) await load(id, signal, options);
    if (turn < chosenTurn)
      throw fault(
        "model_state",
        `somebody made "${directory.defaultModel()}" the default while model "${name}" was loaded: ask again if it should be`,
      );
    chosenTurn = turn;
    const before = directory.defaultModel();
    directory.setDefault(name);
    return { id, before };
  };
}

async function load(id: string, signal: AbortSignal, { local, log }: DefaultSwitchOptions): Promise<void> {
  for await (const { fractionDone } of local.local?.load(id, undefined, signal) ?? [])
    log.debug("the next default is being loaded", { model: id, fractionDone });
}
