import { vi } from "vitest";
import { silentRows } from "./wall/rows.ts";
import { httpWallTests } from "./wall/tests.ts";

// They wait for their limits, all at once; beside what takes the machine, content would come too late.
vi.setConfig({ maxConcurrency: 64 });
httpWallTests(silentRows);
