import { version } from "../../../package.json";
import type { Metric } from "./metrics-text.ts";

/** Which version runs, and whether what it was given can be read. */
export function configurationMetrics(
  secrets: Readonly<Record<string, string>>,
  settingFaults: Readonly<Partial<Record<string, string>>>,
): Metric[] {
  return [
    {
      name: "tracklog_info",
      help: "Always 1; the label is the version that runs.",
      type: "gauge",
      samples: [{ labels: { version }, value: 1 }],
    },
    {
      name: "tracklog_secret_readable",
      help: "Whether the secret with these keys is set and can be read, 1 or 0.",
      type: "gauge",
      samples: Object.entries(secrets).map(([secret, found]) => ({
        labels: { secret },
        value: found === "ok" ? 1 : 0,
      })),
    },
    {
      name: "tracklog_settings_unreadable",
      help: "Variables that cannot be read; /health names them.",
      type: "gauge",
      samples: [{ labels: {}, value: Object.keys(settingFaults).length }],
    },
  ];
}
