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
import type { Migrations } from '../db/migrations/migrations.ts';
import type { Executor } from '../db/sql-backend.ts';
import { sqlTime } from '../db/sql-time.ts';
import { appError, ErrorReason } from '../errors/app-error.ts';
import type { Clock } from '../runtime/clock.ts';
import { currentContext } from '../runtime/request-context.ts';

/** How long an answer is kept for repeats. */
export const IDEMPOTENCY_HOURS = 24;

export interface IdempotencyTables {
  idempotency_key: {
    tenant: string;
    method: string;
    idempotency_key: string;
    request_hash: string;
    answer: Uint8Array;
    created_at: string;
  };
}

export const idempotencyMigrations: Migrations = {
  owner: 'idempotency',
  tables: {
    idempotency_key: { column: 'created_at', hours: IDEMPOTENCY_HOURS },
  },
  steps: [
    {
      name: '001_idempotency_key',
      statements: (c) => [
        `CREATE TABLE idempotency_key (
          tenant ${c.id} NOT NULL,
          method ${c.key(100)} NOT NULL,
          idempotency_key ${c.key(100)} NOT NULL,
          request_hash ${c.id} NOT NULL,
          answer ${c.blob} NOT NULL,
          created_at ${c.time} NOT NULL,
          PRIMARY KEY (tenant, method, idempotency_key)
        ) ${c.tableOptions}`,
        'CREATE INDEX idempotency_key_age ON idempotency_key (created_at)',
      ],
    },
  ],
};

class IdempotencyKeyTakenError extends Error {}

/** Writes the command's answer beside its change, so that both are committed or neither. Call it once, in the transaction. */
export type SaveResponse<O> = (tx: Executor, answer: O) => Promise<void>;

/**
 * Runs a command's `commit` at most once per idempotency key of the current request. `commit` makes the change and calls
 * `record` in the same transaction (a command that changes nothing need not). A repeat gets the recorded answer without
 * `commit`; what has to be true of every answer, such as confirmed fences, is done by the caller behind this.
 * Throws IDEMPOTENCY_KEY_REUSED when the key came with another request. Without a key it only runs `commit`.
 */
export async function withIdempotency<I extends DescMessage, O extends DescMessage>(
  deps: { db: Database; clock: Clock },
  method: DescMethodUnary<I, O>,
  request: MessageShape<I>,
  commit: (saveResponse: SaveResponse<MessageShape<O>>) => Promise<MessageShape<O>>,
): Promise<MessageShape<O>> {
  const { idempotencyKey } = currentContext();
  if (!idempotencyKey) return commit(async () => {});
  const name = `${method.parent.typeName}/${method.name}`;
  const hash = requestHash(method.input, request);
  const saved = await findSavedResponse(deps, name, idempotencyKey, hash, method.output);
  if (saved) return saved;
  try {
    return await commit((tx, answer) =>
      insertResponse(deps, tx, { name, key: idempotencyKey, hash, answer: toBinary(method.output, answer) }),
    );
  } catch (error) {
    if (!(error instanceof IdempotencyKeyTakenError)) throw error;
    const winner = await findSavedResponse(deps, name, idempotencyKey, hash, method.output);
    if (!winner) throw appError(ErrorReason.SERVICE_UNAVAILABLE, 'the same request is being handled');
    return winner;
  }
}

/**
 * The same, and whether the answer is a recorded one: the control, state or status in it was current when it was recorded, so
 * the caller of this function adds the current values.
 */
export async function withReplayDetection<I extends DescMessage, O extends DescMessage>(
  ...[deps, method, request, commit]: Parameters<typeof withIdempotency<I, O>>
): Promise<{ answer: MessageShape<O>; replayed: boolean }> {
  let fresh: MessageShape<O> | undefined;
  const answer = await withIdempotency<I, O>(deps, method, request, async (saveResponse) => {
    fresh = await commit(saveResponse);
    return fresh;
  });
  return { answer, replayed: answer !== fresh };
}

function requestHash<I extends DescMessage>(schema: I, request: MessageShape<I>): string {
  const canonical = clone(schema, request) as Record<string, unknown>;
  if ('idempotencyKey' in canonical) canonical.idempotencyKey = '';
  return createHash('sha256')
    .update(toBinary(schema, canonical as MessageShape<I>))
    .digest('hex');
}

async function findSavedResponse<O extends DescMessage>(
  deps: { db: Database; clock: Clock },
  method: string,
  key: string,
  hash: string,
  output: O,
): Promise<MessageShape<O> | undefined> {
  const row = await deps.db
    .autocommit<IdempotencyTables>()
    .selectFrom('idempotency_key')
    .select(['request_hash', 'answer'])
    .where('tenant', '=', currentContext().tenant)
    .where('method', '=', method)
    .where('idempotency_key', '=', key)
    .where('created_at', '>', sqlTime(deps.clock.now() - IDEMPOTENCY_HOURS * 3_600_000))
    .executeTakeFirst();
  if (!row) return undefined;
  if (row.request_hash !== hash)
    throw appError(ErrorReason.IDEMPOTENCY_KEY_REUSED, `the idempotency key ${key} was used with another request`, {
      idempotency_key: key,
    });
  return fromBinary(output, row.answer);
}

async function insertResponse(
  deps: { db: Database; clock: Clock },
  tx: Executor,
  { name, key, hash, answer }: { name: string; key: string; hash: string; answer: Uint8Array },
): Promise<void> {
  const { tenant } = currentContext();
  const tables = tx as Executor<IdempotencyTables>;
  const now = deps.clock.now();
  await tables
    .deleteFrom('idempotency_key')
    .where('tenant', '=', tenant)
    .where('method', '=', name)
    .where('idempotency_key', '=', key)
    .where('created_at', '<=', sqlTime(now - IDEMPOTENCY_HOURS * 3_600_000))
    .execute();
  const row = {
    tenant,
    method: name,
    idempotency_key: key,
    request_hash: hash,
    answer: Buffer.from(answer),
    created_at: sqlTime(now),
  };
  try {
    await tables.insertInto('idempotency_key').values(row).execute();
  } catch (error) {
    throw deps.db.isDuplicateKey(error) ? new IdempotencyKeyTakenError() : error;
  }
}
