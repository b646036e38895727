import { readdir, readFile, readlink, writeFile } from "node:fs/promises";

/** The process id of the workerd that has open files in a folder. Throws if there is no /proc. */
export async function findWorkerd(folder: string): Promise<number> {
  const threads = await readdir("/proc/self/task");
  const children = await Promise.all(threads.map((thread) => readFile(`/proc/self/task/${thread}/children`, "utf8")));
  for (const child of children.join(" ").split(/\s+/).filter(Boolean)) {
    const files = await readdir(`/proc/${child}/fd`).catch(() => []);
    // A file may have been closed meanwhile.
    const open = await Promise.all(files.map((file) => readlink(`/proc/${child}/fd/${file}`).catch(() => "")));
    if (open.some((path) => path.startsWith(folder))) return Number(child);
  }
  throw new Error(`No workerd has open files in ${folder}`);
}

/** The memory of a process in megabytes: now, and the peak since `forgetPeak`. */
export async function memoryOf(pid: number): Promise<{ nowMb: number; peakMb: number }> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  const megabytes = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status)![1]) / 1000;
  return { nowMb: megabytes("VmRSS"), peakMb: megabytes("VmHWM") };
}

/** The CPU time of a process's threads, in milliseconds. On a busy machine it means more than the clock. */
export async function cpuMsOf(pid: number): Promise<number> {
  const threads = await readdir(`/proc/${pid}/task`);
  const times = await Promise.all(threads.map((thread) => readFile(`/proc/${pid}/task/${thread}/schedstat`, "utf8")));
  return times.reduce((sum, time) => sum + Number(time.split(" ")[0]) / 1e6, 0);
}

export async function forgetPeak(pid: number): Promise<void> {
  // man 5 proc: "5" resets the peak resident set size.
  await writeFile(`/proc/${pid}/clear_refs`, "5");
}

/** How many files a process may have open at the same time. */
export async function maxFilesOf(pid: number): Promise<number> {
  return Number(/Max open files\s+(\d+)/.exec(await readFile(`/proc/${pid}/limits`, "utf8"))![1]);
}
