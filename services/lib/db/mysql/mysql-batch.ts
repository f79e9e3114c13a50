import type { CompiledQuery } from 'kysely';
import type { BatchableRead, InsertParts } from '../precompiled-query/analyzed-query.ts';

export type SqlStatement = Pick<CompiledQuery, 'sql' | 'parameters'>;

/** A statement on its way to the server, with the callbacks for its result. */
export interface PendingStatement extends SqlStatement {
  resolve(result: unknown): void;
  reject(error: unknown): void;
}

/** For a statement whose result is not awaited. */
export const noopCallbacks = { resolve() {}, reject() {} };

/** An insert whose result is not awaited, to which more rows can be added. */
export class MergedInsert implements PendingStatement {
  readonly parameters: unknown[];
  readonly resolve = noopCallbacks.resolve;
  readonly reject = noopCallbacks.reject;
  /** Its number among the connection's statements. */
  readonly sequence: number;
  readonly #parts: InsertParts;
  readonly #rows: string[];

  constructor(parts: InsertParts, parameters: readonly unknown[], sequence: number) {
    this.sequence = sequence;
    this.#parts = parts;
    this.#rows = [parts.rows];
    this.parameters = [...parameters];
  }

  /** Equal for all statements that can be combined. */
  static mergeKey({ prefix, onDuplicate }: InsertParts): string {
    return prefix + onDuplicate;
  }

  get sql(): string {
    const { prefix, onDuplicate } = this.#parts;
    return prefix + this.#rows.join(', ') + onDuplicate;
  }

  add(rows: string, parameters: readonly unknown[]): void {
    this.#rows.push(rows);
    this.parameters.push(...parameters);
  }
}

interface BatchedReader extends Pick<PendingStatement, 'resolve' | 'reject'> {
  readonly keys: readonly unknown[];
}

/** Several reads of one kind combined into one; each caller gets the rows of its own list. */
export class BatchedRead implements PendingStatement {
  readonly #read: BatchableRead;
  readonly #readers: BatchedReader[] = [];
  #statement: SqlStatement | undefined;

  constructor(read: BatchableRead) {
    this.#read = read;
  }

  add(reader: BatchedReader): void {
    this.#readers.push(reader);
  }

  get sql(): string {
    return this.#compiled.sql;
  }

  get parameters(): readonly unknown[] {
    return this.#compiled.parameters;
  }

  /** After it is sent, no read can join it. */
  get #compiled(): SqlStatement {
    this.#statement ??= this.#read.forKeys([...new Set(this.#readers.flatMap(({ keys }) => keys))]);
    return this.#statement;
  }

  resolve(result: unknown): void {
    const rows = result as Record<string, unknown>[];
    const { keyColumn } = this.#read;
    const isSingle = this.#readers.length === 1;
    for (const { keys, resolve } of this.#readers)
      resolve(isSingle ? rows : rows.filter((row) => keys.includes(row[keyColumn])));
  }

  reject(error: unknown): void {
    for (const { reject } of this.#readers) reject(error);
  }
}
