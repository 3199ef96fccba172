import { vi } from "vitest";
import { promptRows } from "./wall/rows.ts";
import { httpWallTests } from "./wall/tests.ts";

vi.setConfig({ maxConcurrency: 8 });
httpWallTests(promptRows);
