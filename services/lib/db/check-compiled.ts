import type { CompiledQuery } from 'kysely';
import { isRow } from './shape.ts';

/** A compiled statement, and how to build it directly from its values. */
export interface Checked {
  readonly sql: string;
  /** Returns every parameter of the statement for these values. */
  parameters(values: object): readonly unknown[];
  build(values: object): CompiledQuery;
}

/** Values that a builder is likely to branch on. */
const PROBES = [null, '', 'x', 0, 1, false, true];

let everyUse = false;

/** Compares every use of a compiled query with the same query built for that use alone. For tests. */
export function checkEveryUse(): void {
  everyUse = true;
}

/** Whether to check another use of a statement that was checked before. */
export function isEveryUseChecked(): boolean {
  return everyUse;
}

/** Throws when building the statement with the values themselves would give a different statement. */
export function checkUse(checked: Checked, values: object): void {
  const { sql, parameters } = checked.build(values);
  const ours = checked.parameters(values);
  const same =
    sql === checked.sql && parameters.length === ours.length && parameters.every((p, i) => isSame(p, ours[i]));
  if (!same) throw wrong(checked.sql, sql);
}

/** Throws when other values of the same shape give a different statement. `given` holds the values it was compiled with. */
export function checkOtherValues(checked: Checked, given: object): void {
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined) continue;
    for (const probe of PROBES) {
      const sql = tryBuild(checked, { ...given, [name]: replaced(value, probe) });
      if (sql !== checked.sql) throw wrong(checked.sql, sql);
    }
  }
}

function tryBuild(checked: Checked, values: object): string {
  try {
    return checked.build(values).sql;
  } catch (error) {
    return `an error: ${(error as Error).message}`;
  }
}

function replaced(value: unknown, probe: unknown): unknown {
  if (Array.isArray(value)) return value.map((element) => replaced(element, probe));
  if (!isRow(value)) return probe;
  return Object.fromEntries(Object.keys(value).map((column) => [column, probe]));
}

function isSame(a: unknown, b: unknown): boolean {
  return Object.is(a, b) || (a instanceof Uint8Array && b instanceof Uint8Array && Buffer.compare(a, b) === 0);
}

function wrong(compiled: string, built: string): Error {
  return new Error(`a compiled query must not depend on its values: compiled ${compiled}; with other values ${built}`);
}
