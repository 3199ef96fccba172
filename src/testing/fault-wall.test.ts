import { vi } from "vitest";
import { promptRows } from "./wall/rows.ts";
import { wallTests } from "./wall/tests.ts";

vi.setConfig({ maxConcurrency: 8 });
wallTests(promptRows);
