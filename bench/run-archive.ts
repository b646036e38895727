import { archiveJson, archiveText } from "./archive-report.ts";
import { measureArchiving, measureQuerying } from "./archive.ts";
import { timedStep } from "./timed-step.ts";

/** Measures the archive, which takes some minutes, and prints what it costs. */
export async function runArchive(isJson: boolean): Promise<void> {
  const archiving = await timedStep("archiving", measureArchiving);
  const querying = await timedStep("querying", measureQuerying);
  console.log(archiveText(archiving, querying));
  if (isJson) console.log(archiveJson(archiving, querying));
}
