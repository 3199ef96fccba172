/** Lines of the native libraries: by the level that our logger puts before them, or by what they are known by. */
const native =
  /^(?:warn|error|fatal): |GGML_ASSERT|\b(?:ggml|gguf|llama|cuda|vulkan|metal)_\w+:|terminate called|what\(\): |out of memory/i;

/** What is told where nothing was said that is known. */
const unknown = "llama.cpp said why in words that the log alone tells";

/** As much of a line as is looked at, characters. */
const mostLooked = 1000;

/** A message of the native libraries, and what is told of it: our own words, and what stands in groups of numbers and names of source files. */
type Row = readonly [pattern: RegExp, told: string];

const source = String.raw`^(?:[^'"]{0,300}[\\/])?((?:ggml|gguf|llama|clip|unicode|common)[\w-]{0,40}\.(?:c|cc|cpp|cu|cuh|h|hpp|m|mm)):(\d{1,6}): `;
const number = String.raw`(\d{1,15}(?:\.\d{1,3})?)`;
const loading = "error loading model: ";

/** The first that is in a line is told. */
const known: readonly Row[] = [
  [new RegExp(`${source}GGML_ASSERT\\(`), "$1:$2: GGML_ASSERT failed"],
  // What GGML_ABORT says behind the place is anything.
  [new RegExp(`${source}\\S`), "$1:$2: llama.cpp gave up"],
  [/GGML_ASSERT\(/, "GGML_ASSERT failed"],
  [
    new RegExp(`failed to allocate (CPU|CUDA\\d{1,2}|Vulkan\\d{1,2}|Metal) buffer of size ${number}(?!\\S)`),
    "ggml: failed to allocate $1 buffer of size $2",
  ],
  [new RegExp(`failed to allocate (?:buffer of size )?${number}( bytes| MB| MiB)?(?!\\S)`), "ggml: failed to allocate $1$2"],
  [/unable to allocate \S+ buffer/, `llama: ${loading}unable to allocate a buffer`],
  [/failed to allocate (compute buffers|graph|output buffer)/, "llama: failed to allocate $1"],
  [/out of memory|ErrorOutOf(?:Device|Host)Memory|cudaErrorMemoryAllocation|std::bad_alloc|cannot allocate memory/i, "ggml: out of memory"],
  [/error loading model: missing tensor/, `llama: ${loading}missing tensor`],
  [/error loading model: (?:check_tensor_dims: )?tensor \S{1,100} has wrong shape/, `llama: ${loading}a tensor has the wrong shape`],
  [/error loading model: .{0,100}not within (?:the )?file bounds/, `llama: ${loading}data is not within the file's bounds`],
  [/error loading model: .{0,40}wrong number of tensors/, `llama: ${loading}wrong number of tensors`],
  [/unknown model architecture/, `llama: ${loading}unknown architecture`],
  [/error loading model (hyperparameters|vocabulary|architecture)/, "llama: error loading model $1"],
  [/error loading model: key not found in model/, `llama: ${loading}a key of its header is not there`],
  [/error loading model/, "llama: error loading model"],
  [/invalid magic characters/, "gguf: invalid magic characters"],
  [/bad GGUF version: (\d{1,10})|GGUF file version (\d{1,10}) is extremely large/, "gguf: bad version $1$2"],
  [/gguf_init_from_\w{1,20}: failed to read (magic|header|key-value pairs|tensor info|tensor data)/, "gguf: failed to read $1"],
  [/failed to initialize (?:the )?context/, "llama: failed to initialize the context"],
  [/failed to (decode|encode), ret = (-?\d{1,6})/, "llama: failed to $1, ret = $2"],
  [/failed to compute graph, compute status: (-?\d{1,6})/, "llama: failed to compute the graph, status $1"],
  [/\bCUDA error\b/, "ggml: CUDA error"],
  [/ErrorDeviceLost/, "ggml: the GPU was lost"],
];

/**
 * The last message of the native library among what a process has said, fit for callers. What a process says may be anything, a caller's or the operator's words too: only messages that
 * are known are told, in words of our own. Empty where nothing native was said.
 */
export function lastNativeLine(words: string): string {
  const lines = words.split("\n");
  for (const line of lines.toReversed()) {
    const told = toldOf(line.slice(0, mostLooked));
    if (told !== undefined) return told;
  }
  return lines.some((line) => native.test(line.slice(0, mostLooked))) ? unknown : "";
}

function toldOf(line: string): string | undefined {
  for (const [pattern, told] of known) {
    const match = pattern.exec(line);
    if (match !== null) return told.replaceAll(/\$(\d)/g, (_, group: string) => match[Number(group)] ?? "");
  }
  return undefined;
}
