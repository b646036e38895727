import { version } from "../../../package.json";
import type { Metric } from "./metrics-text.ts";

/** Metrics of the running version and of whether its secrets and settings can be read. */
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
      help: "1 if the secret is set and can be read, else 0.",
      type: "gauge",
      samples: Object.entries(secrets).map(([secret, found]) => ({
        labels: { secret },
        value: found === "ok" ? 1 : 0,
      })),
    },
    {
      name: "tracklog_settings_unreadable",
      help: "How many variables cannot be read; /health names them.",
      type: "gauge",
      samples: [{ labels: {}, value: Object.keys(settingFaults).length }],
    },
  ];
}
