import type { CompiledQuery } from 'kysely';
import type { InsertText, JointRead } from './hot-query.ts';

export type Statement = Pick<CompiledQuery, 'sql' | 'parameters'>;

/** A statement on its way to the server, and whom to tell what came of it. */
export interface Request extends Statement {
  resolve(result: unknown): void;
  reject(error: unknown): void;
}

/** Nobody asks. */
export const quiet = { resolve() {}, reject() {} };

/** An insert that nobody asks about, and that may still get more rows. */
export class Insert implements Request {
  readonly parameters: unknown[];
  readonly resolve = quiet.resolve;
  readonly reject = quiet.reject;
  /** Its number among the connection's statements. */
  readonly place: number;
  readonly #text: InsertText;
  readonly #rows: string[];

  constructor(text: InsertText, parameters: readonly unknown[], place: number) {
    this.place = place;
    this.#text = text;
    this.#rows = [text.rows];
    this.parameters = [...parameters];
  }

  /** The same for all that can be one. */
  static kind({ into, orElse }: InsertText): string {
    return into + orElse;
  }

  get sql(): string {
    const { into, orElse } = this.#text;
    return into + this.#rows.join(', ') + orElse;
  }

  add(rows: string, parameters: readonly unknown[]): void {
    this.#rows.push(rows);
    this.parameters.push(...parameters);
  }
}

interface Asker extends Pick<Request, 'resolve' | 'reject'> {
  readonly list: readonly unknown[];
}

/** Several reads of one kind as one; each of those who ask gets the rows of his list. */
export class JointRequest implements Request {
  readonly #read: JointRead;
  readonly #askers: Asker[] = [];
  #statement: Statement | undefined;

  constructor(read: JointRead) {
    this.#read = read;
  }

  add(asker: Asker): void {
    this.#askers.push(asker);
  }

  get sql(): string {
    return this.#compiled.sql;
  }

  get parameters(): readonly unknown[] {
    return this.#compiled.parameters;
  }

  /** Once it is sent, nobody joins any more. */
  get #compiled(): Statement {
    this.#statement ??= this.#read.of([...new Set(this.#askers.flatMap(({ list }) => list))]);
    return this.#statement;
  }

  resolve(result: unknown): void {
    const rows = result as Record<string, unknown>[];
    const { column } = this.#read;
    const isOne = this.#askers.length === 1;
    for (const { list, resolve } of this.#askers)
      resolve(isOne ? rows : rows.filter((row) => list.includes(row[column])));
  }

  reject(error: unknown): void {
    for (const { reject } of this.#askers) reject(error);
  }
}
