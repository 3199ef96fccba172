// Loaded before a program whose heap is watched (node --expose-gc --import): answers each message of the parent with the heap after a forced collection.

process.on("message", () => {
  // Twice: what the first collection finalizes, the second frees.
  globalThis.gc?.();
  globalThis.gc?.();
  const { heapUsed, external, arrayBuffers, rss } = process.memoryUsage();
  process.send?.({ heapUsed, external, arrayBuffers, rss });
});
// Listening for messages must not keep the program alive.
process.channel?.unref();
