import type { Library, ModelFile } from "../../core/ports.ts";
import { fault, invalidField } from "../../core/reasons.ts";
import type { EngineLoad } from "../../engine/protocol/load.ts";

const field = "options.lora_adapters";

/** The files of LoRA adapters that a model is to be loaded with. Throws `model_not_found` for one that is not on disk, `invalid_request` for one that is none or was made for another kind of model. */
export function adapterFiles(
  ids: readonly string[],
  base: ModelFile,
  library: Pick<Library, "find">,
): NonNullable<EngineLoad["loraAdapters"]> {
  return ids.map((id) => {
    const file = library.find(id);
    if (file === undefined)
      throw fault(
        "model_not_found",
        `there is no LoRA adapter ${JSON.stringify(id)} on this machine: put its GGUF file into the model folder`,
        {
          metadata: { model: id },
        },
      );
    if (file.isAdapter !== true) throw invalidField(field, `${file.id} is a model and no LoRA adapter`);
    if (file.architecture !== base.architecture)
      throw invalidField(field, `${file.id} was made for ${file.architecture} models, and ${base.id} is ${base.architecture}`);
    return { path: file.path, scale: 1, stamp: `${file.sizeBytes} ${file.modifiedMs}` };
  });
}
