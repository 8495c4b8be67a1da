// Answers of kelp's public API, as docs/api.md describes them.

import type { Exact } from "../model/exact";

export type Value = string | number | Exact | boolean | null | string[];

export type Column = { name: string; type: "int64" | "float64" | "bool" | "string" | "time" | "list" };

export type Missing = { leaf: string; reason: string };

export type Completeness = {
  ratio: number;
  exact: boolean;
  rows_expected: number;
  rows_covered: number;
  leaves: { total: number; answered: number; missing: Missing[] };
  by_time?: { from: string; to: string; ratio: number }[];
};

export type Range = { from: string | null; to: string | null };

export type Answer = {
  columns: Column[];
  rows: Value[][];
  completeness: Completeness;
  range: Range;
  bucket: { column: string; width_ms: number } | null;
  horizon: string | null;
  newest: string | null;
  stats: { rows_scanned: number; rows_matched: number; blocks_scanned: number; blocks_pruned: number; bytes_scanned: number; elapsed_ms: number };
  approximate: string[];
  truncated: { by: string; limit: number; kept: number } | null;
  other: { rows: number[]; groups: number } | null;
  compare: { range: Range; completeness: Completeness } | null;
  warnings: string[];
  query_id: string;
};

export type TableLine = {
  table: string; rows: number; bytes: number; rows_per_s: number; newest: string | null; from: string | null; horizon: string | null;
};

export type TableColumn = { name: string; types: Record<string, number>; nulls: number; distinct: number | null; bytes: number };

export type TableDetail = { table: string; rows: number; from: string | null; to: string | null; horizon: string | null; columns: TableColumn[] };

export type Difference = {
  column: string; value: Value; and_column?: string; and_value?: Value; share_selection: number; share_rest: number; score: number;
};

export type Differs = {
  columns: Difference[]; events_selection: number; events_rest: number; completeness: Completeness; warnings: string[];
  stats: { elapsed_ms: number };
};

export type Member = {
  name: string; role: string; state: string; address: string; rows: number; memory_used: number; memory_budget: number; version: string; damaged_blocks: number;
};

/** Marker is something that happened, until some time or at one, to a table or to all. */
export type Marker = { id: string; text: string; time: string; until?: string; table?: string };

export type Running = {
  id: string; sql: string; remote: string; user?: string; since: string; elapsed_ms: number;
  progress: { leaves: number; leaves_answered: number; blocks: number; blocks_done: number };
  cost: { rows_scanned: number; bytes_scanned: number };
};
