import { vi } from "vitest";
import { promptRows, silentRows } from "./wall/rows.ts";
import { vectorWallTests } from "./wall/tests.ts";

vi.setConfig({ maxConcurrency: 16 });
vectorWallTests([...promptRows, ...silentRows]);
