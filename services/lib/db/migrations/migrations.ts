import type { ColumnTypes } from './column-types.ts';

/** One numbered step of a service's tables. Never changed once it has run anywhere; add another one instead. */
export interface Migration {
  /** `001_sessions`: the number orders the steps of one owner. */
  readonly name: string;
  /** The statements, one each. They must be repeatable from the start: MySQL commits every one by itself. */
  statements(columns: ColumnTypes): string[];
}

/** How long the rows of a table are kept. */
export type Retention =
  /** Until they are older than this, by an indexed time column: lib/runtime/core-purge.ts removes them. For tables of lib. */
  | { readonly column: string; readonly hours: number }
  /** Until the code that owns them removes them: states which rows, and when. */
  | { readonly removed: string }
  /** Without limit: states what bounds their number, or why they must stay. */
  | { readonly keptForEver: string };

/** The steps of one owner of tables: a service, or a part of lib. */
export interface Migrations {
  readonly owner: string;
  /** Every table that the steps create. A test fails when one is missing here. */
  readonly tables: Readonly<Record<string, Retention>>;
  readonly steps: readonly Migration[];
}
