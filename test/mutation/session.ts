import { join } from "node:path";
import { createVitest, type Vitest } from "vitest/node";
import { workerProject } from "../../vitest.config.ts";
import type { Findings, Plan } from "./in-worker.ts";
import { instrument } from "./instrument.ts";
import type { Mutant } from "./mutants.ts";
import { ROOT } from "./source-of.ts";

export interface FileRun {
  state: "passed" | "failed" | "hung";
  findings: Findings;
  /** The first test that failed. */
  failure: string | null;
}

const NOTHING: Findings = { killed: {}, reached: [], outside: [], slow: [], repeated: [] };

/**
 * Runs files of tests in workerd with mutants in the source. The files on disk do not change: the mutants are added while
 * modules are loaded.
 */
export class Session {
  readonly #vitest: Vitest;

  private constructor(vitest: Vitest) {
    this.#vitest = vitest;
  }

  /**
   * @param numbered the mutants, by the numbers that a plan uses
   * @param testTimeout milliseconds; null for the tests' usual timeout
   */
  static async open(numbered: ReadonlyMap<number, Mutant>, testTimeout: number | null): Promise<Session> {
    const worker = await workerProject();
    const plugin = {
      name: "mutants",
      enforce: "pre" as const,
      transform(code: string, id: string) {
        const own = [...numbered].filter(([, { file }]) => id === join(ROOT, file));
        return own.length > 0 ? { code: instrument(code, new Map(own)), map: null } : null;
      },
    };
    const project = {
      ...worker,
      plugins: [...worker.plugins, plugin],
      test: {
        ...worker.test,
        setupFiles: ["test/mutation/in-worker.ts", ...worker.test.setupFiles],
        ...(testTimeout !== null && { testTimeout }),
      },
    };
    const vitest = await createVitest("test", {
      root: ROOT,
      config: false,
      watch: false,
      reporters: [{}],
      // The cache finds a module by its file's content, so it would return the module with the mutants of another run.
      fsModuleCache: false,
      projects: [project],
    } as object);
    return new Session(vitest);
  }

  async run(file: string, plan: Plan, timeoutMs: number): Promise<FileRun> {
    const [project] = this.#vitest.projects;
    (project!.provide as (name: string, plan: Plan) => void)("mutation", plan);
    const specifications = await this.#vitest.globTestSpecifications([join(ROOT, file)]);
    const timer = Promise.withResolvers<null>();
    const timeout = setTimeout(() => timer.resolve(null), timeoutMs);
    const result = await Promise.race([this.#vitest.runTestSpecifications(specifications), timer.promise]);
    clearTimeout(timeout);
    if (!result) return { state: "hung", findings: NOTHING, failure: null };
    const [module] = result.testModules.filter(({ moduleId }) => moduleId === join(ROOT, file));
    const { findings = NOTHING } = (module?.meta() ?? {}) as { findings?: Findings };
    const failed = [...(module?.children.allTests("failed") ?? [])];
    const state = module?.state() === "passed" || module?.state() === "skipped" ? "passed" : "failed";
    return { state, findings, failure: failed[0]?.fullName ?? module?.errors()[0]?.message ?? null };
  }

  close(): Promise<void> {
    return this.#vitest.close();
  }
}
