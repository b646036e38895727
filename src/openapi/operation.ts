import type { KeyKind } from "../http/keys.ts";
import type { Example } from "./example.ts";
import type { SharedProblem } from "./shared-problems.ts";

export type JsonSchema = Record<string, unknown>;

export interface Operation {
  method: "get" | "post" | "put" | "delete";
  /** With parameters in braces. */
  path: string;
  /** Other paths that lead to the same handler. */
  aliases?: readonly string[];
  operationId: string;
  tag: string;
  summary: string;
  description?: string;
  key: KeyKind | null;
  parameters?: JsonSchema[];
  /** Schemas of the body, by media type. */
  body?: Record<string, JsonSchema>;
  /** Schemas of the answers that are not problems, by status and media type. */
  answers: Record<number, { description: string; content: Record<string, JsonSchema> }>;
  /** The first is an example of success. The shared problems are answers to its request. */
  examples: Record<string, Example>;
  problems: readonly SharedProblem[];
}
