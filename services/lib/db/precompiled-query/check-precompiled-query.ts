import type { CompiledQuery } from 'kysely';
import { isRow } from './value-shape.ts';

/** A compiled statement, and how to build it directly from its values. */
export interface CheckableQuery {
  readonly sql: string;
  /** Returns every parameter of the statement for these values. */
  parameters(values: object): readonly unknown[];
  build(values: object): CompiledQuery;
}

/** Values that a builder is likely to branch on. */
const PROBE_VALUES = [null, '', 'x', 0, 1, false, true];

let isEveryUseCheckEnabled = false;

/** Compares every use of a compiled query with the same query built for that use alone. For tests. */
export function enableEveryUseCheck(): void {
  isEveryUseCheckEnabled = true;
}

/** Whether to check another use of a statement that was checked before. */
export function isEveryUseCheckOn(): boolean {
  return isEveryUseCheckEnabled;
}

/** Throws when building the statement with the values themselves would give a different statement. */
export function checkUse(checked: CheckableQuery, values: object): void {
  const { sql, parameters } = checked.build(values);
  const actual = checked.parameters(values);
  const same =
    sql === checked.sql && parameters.length === actual.length && parameters.every((p, i) => isSame(p, actual[i]));
  if (!same) throw dependsOnValuesError(checked.sql, sql);
}

/** Throws when other values of the same shape give a different statement. `given` holds the values it was compiled with. */
export function checkOtherValues(checked: CheckableQuery, compiledValues: object): void {
  for (const [name, value] of Object.entries(compiledValues)) {
    if (value === undefined) continue;
    for (const probe of PROBE_VALUES) {
      const sql = tryBuild(checked, { ...compiledValues, [name]: withProbeValue(value, probe) });
      if (sql !== checked.sql) throw dependsOnValuesError(checked.sql, sql);
    }
  }
}

function tryBuild(checked: CheckableQuery, values: object): string {
  try {
    return checked.build(values).sql;
  } catch (error) {
    return `an error: ${(error as Error).message}`;
  }
}

function withProbeValue(value: unknown, probe: unknown): unknown {
  if (Array.isArray(value)) return value.map((element) => withProbeValue(element, probe));
  if (!isRow(value)) return probe;
  return Object.fromEntries(Object.keys(value).map((column) => [column, probe]));
}

function isSame(a: unknown, b: unknown): boolean {
  return Object.is(a, b) || (a instanceof Uint8Array && b instanceof Uint8Array && Buffer.compare(a, b) === 0);
}

function dependsOnValuesError(compiled: string, built: string): Error {
  return new Error(`a compiled query must not depend on its values: compiled ${compiled}; with other values ${built}`);
}
