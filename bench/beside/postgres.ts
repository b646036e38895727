import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { accessSync, constants, readdirSync } from "node:fs";
import { chown, readFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { Client } from "pg";

const MAX_START_MS = 30_000;
const MAX_INITDB_MS = 60_000;
/** A stop writes everything to disk first. */
const MAX_END_MS = 30_000;
const MAX_CONNECT_MS = 5_000;
const POLL_MS = 50;
/** Where Debian installs the servers, which are not in PATH. */
const DEBIAN = "/usr/lib/postgresql";
const NOBODY = 65_534;

interface Binaries {
  initdb: string;
  postgres: string;
}

interface Owner {
  uid: number;
  gid: number;
}

/** The paths of PostgreSQL's programs. Null if it is not installed. */
export function findPostgres(): Binaries | null {
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  for (const version of versionsOf(DEBIAN)) folders.push(join(DEBIAN, version, "bin"));
  const find = (name: string) => folders.map((folder) => join(folder, name)).find(isExecutable);
  const [initdb, postgres] = [find("initdb"), find("postgres")];
  return initdb !== undefined && postgres !== undefined ? { initdb, postgres } : null;
}

/** A separate PostgreSQL that listens only on a socket in its folder, and confirms a commit after it is on disk. */
export class Postgres {
  readonly folder: string;
  readonly #binaries: Binaries;
  /** PostgreSQL does not run as root. */
  readonly #owner: Owner | undefined;
  #process: ChildProcess | null = null;

  private constructor(folder: string, binaries: Binaries, owner: Owner | undefined) {
    this.folder = folder;
    this.#binaries = binaries;
    this.#owner = owner;
    process.once("exit", () => this.#process?.kill("SIGKILL"));
  }

  /** @param folder an empty one */
  static async start(folder: string, binaries: Binaries): Promise<Postgres> {
    const owner = process.getuid?.() === 0 ? await ownerNamed("postgres") : undefined;
    if (owner) await chown(folder, owner.uid, owner.gid);
    const args = ["-D", join(folder, "data"), "-U", "tracklog", "-A", "trust", "-E", "UTF8", "--no-locale"];
    await promisify(execFile)(binaries.initdb, args, { cwd: folder, timeout: MAX_INITDB_MS, ...owner });
    const postgres = new Postgres(folder, binaries, owner);
    await postgres.start();
    return postgres;
  }

  async start(): Promise<void> {
    const settings = {
      listen_addresses: "",
      unix_socket_directories: this.folder,
      fsync: "on",
      synchronous_commit: "on",
      full_page_writes: "on",
    };
    const child = spawn(
      this.#binaries.postgres,
      [
        "-D",
        join(this.folder, "data"),
        ...Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]),
      ],
      { cwd: this.folder, stdio: ["ignore", "ignore", "pipe"], ...this.#owner },
    );
    let errors = "";
    child.stderr.on("data", (chunk: Buffer) => (errors = `${errors}${chunk.toString()}`.slice(-2_000)));
    this.#process = child;
    const start = performance.now();
    while (!(await this.#answers())) {
      if (child.exitCode !== null || performance.now() - start > MAX_START_MS)
        throw new Error(`PostgreSQL did not start: ${errors}`);
      await sleep(POLL_MS);
    }
  }

  async query<Row extends object>(sql: string): Promise<Row[]> {
    const client = new Client({
      host: this.folder,
      user: "tracklog",
      database: "postgres",
      connectionTimeoutMillis: MAX_CONNECT_MS,
    });
    await client.connect();
    try {
      return (await client.query<Row>(sql)).rows;
    } finally {
      await client.end();
    }
  }

  /** Kills the server and all of its processes at once, as in a power failure. */
  async kill(): Promise<void> {
    await this.#end(async (pid) => {
      const children = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8");
      for (const one of [pid, ...children.split(" ").filter(Boolean).map(Number)]) killIfThere(one);
    });
  }

  async stop(): Promise<void> {
    // This is the fast shutdown, which does not wait for clients.
    await this.#end(async (pid) => void process.kill(pid, "SIGINT"));
  }

  async #end(end: (pid: number) => Promise<void>): Promise<void> {
    const child = this.#process;
    this.#process = null;
    if (child?.pid === undefined || child.exitCode !== null) return;
    const exited = once(child, "exit", { signal: AbortSignal.timeout(MAX_END_MS) });
    await end(child.pid);
    await exited;
  }

  #answers(): Promise<boolean> {
    return this.query("SELECT 1").then(
      () => true,
      () => false,
    );
  }
}

async function ownerNamed(name: string): Promise<Owner> {
  const users = await readFile("/etc/passwd", "utf8");
  const [, uid, gid] = new RegExp(`^${name}:[^:]*:(\\d+):(\\d+):`, "m").exec(users) ?? [];
  return { uid: Number(uid ?? NOBODY), gid: Number(gid ?? NOBODY) };
}

function versionsOf(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Kills a process that may have ended by itself. */
function killIfThere(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended already.
  }
}
