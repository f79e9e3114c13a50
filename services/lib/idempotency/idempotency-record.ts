import { createHash } from 'node:crypto';
import {
  clone,
  type DescMessage,
  type DescMethodUnary,
  fromBinary,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import type { Database } from '../db/database.ts';
import type { Executor } from '../db/sql-backend.ts';
import { sqlTime } from '../db/sql-time.ts';
import { appError, ErrorReason } from '../errors/app-error.ts';
import type { Clock } from '../runtime/clock.ts';
import { currentContext } from '../runtime/request-context.ts';
import { IDEMPOTENCY_HOURS, type IdempotencyTables } from './idempotency-table.ts';

/** A concurrent request with the same idempotency key was committed first: look its response up. */
export class IdempotencyKeyTakenError extends Error {}

/**
 * The stored response of one request under its idempotency key: looked up before the command, written in the command's
 * transaction. Without a key there is none, and both do nothing.
 */
export class IdempotencyRecord<I extends DescMessage, O extends DescMessage> {
  /** Empty for a request without a key. */
  readonly key = currentContext().idempotencyKey ?? '';
  readonly #tenant = currentContext().tenant;
  readonly #db: Database;
  readonly #clock: Clock;
  readonly #method: DescMethodUnary<I, O>;
  readonly #requestHash: string;

  constructor({ db, clock }: { db: Database; clock: Clock }, method: DescMethodUnary<I, O>, request: MessageShape<I>) {
    this.#db = db;
    this.#clock = clock;
    this.#method = method;
    this.#requestHash = this.key ? hashOf(method.input, request) : '';
  }

  /**
   * The response of the first request with this key; undefined while there is none. The state in it was current when it was
   * stored: the caller updates it. Throws IDEMPOTENCY_KEY_REUSED when the key came with another request.
   */
  async find(): Promise<MessageShape<O> | undefined> {
    if (!this.key) return undefined;
    const row = await this.#db
      .autocommit<IdempotencyTables>()
      .selectFrom('idempotency_key')
      .select(['request_hash', 'answer'])
      .where('tenant', '=', this.#tenant)
      .where('method', '=', this.#methodName)
      .where('idempotency_key', '=', this.key)
      .where('created_at', '>', this.#expiredBefore())
      .executeTakeFirst();
    if (!row) return undefined;
    if (row.request_hash !== this.#requestHash)
      throw appError(
        ErrorReason.IDEMPOTENCY_KEY_REUSED,
        `the idempotency key ${this.key} was used with another request`,
        {
          idempotency_key: this.key,
        },
      );
    return fromBinary(this.#method.output, row.answer);
  }

  /** Writes the response in the command's transaction, once. Throws IdempotencyKeyTakenError. */
  async save(tx: Executor, response: MessageShape<O>): Promise<void> {
    if (!this.key) return;
    const tables = tx as Executor<IdempotencyTables>;
    await tables
      .deleteFrom('idempotency_key')
      .where('tenant', '=', this.#tenant)
      .where('method', '=', this.#methodName)
      .where('idempotency_key', '=', this.key)
      .where('created_at', '<=', this.#expiredBefore())
      .execute();
    const row = {
      tenant: this.#tenant,
      method: this.#methodName,
      idempotency_key: this.key,
      request_hash: this.#requestHash,
      answer: Buffer.from(toBinary(this.#method.output, response)),
      created_at: sqlTime(this.#clock.now()),
    };
    try {
      await tables.insertInto('idempotency_key').values(row).execute();
    } catch (error) {
      throw this.#db.isDuplicateKey(error) ? new IdempotencyKeyTakenError() : error;
    }
  }

  get #methodName(): string {
    return `${this.#method.parent.typeName}/${this.#method.name}`;
  }

  #expiredBefore(): string {
    return sqlTime(this.#clock.now() - IDEMPOTENCY_HOURS * 3_600_000);
  }
}

function hashOf<I extends DescMessage>(schema: I, request: MessageShape<I>): string {
  const canonical = clone(schema, request) as Record<string, unknown>;
  if ('idempotencyKey' in canonical) canonical.idempotencyKey = '';
  return createHash('sha256')
    .update(toBinary(schema, canonical as MessageShape<I>))
    .digest('hex');
}
