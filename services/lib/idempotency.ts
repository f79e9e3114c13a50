import { createHash } from 'node:crypto';
import {
  clone,
  type DescMessage,
  type DescMethodUnary,
  fromBinary,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import type { Clock } from './clock.ts';
import { currentContext } from './context.ts';
import type { Database, Executor } from './db/database.ts';
import type { Migrations } from './db/migrate.ts';
import { sqlTime } from './db/time.ts';
import { ErrorReason, refuse } from './errors/refuse.ts';

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
        ) ${c.table}`,
        'CREATE INDEX idempotency_key_age ON idempotency_key (created_at)',
      ],
    },
  ],
};

class KeyTaken extends Error {}

/** Writes the command's answer beside its change, so that both are committed or neither. Call it once, in the transaction. */
export type RecordAnswer<O> = (tx: Executor, answer: O) => Promise<void>;

/**
 * Runs a command's `commit` at most once per idempotency key of the current request. `commit` makes the change and calls
 * `record` in the same transaction (a command that changes nothing need not). A repeat gets the recorded answer without
 * `commit`; what has to be true of every answer, such as confirmed fences, is done by the caller behind this.
 * Throws IDEMPOTENCY_KEY_REUSED when the key came with another request. Without a key it only runs `commit`.
 */
export async function once<I extends DescMessage, O extends DescMessage>(
  deps: { db: Database; clock: Clock },
  method: DescMethodUnary<I, O>,
  request: MessageShape<I>,
  commit: (record: RecordAnswer<MessageShape<O>>) => Promise<MessageShape<O>>,
): Promise<MessageShape<O>> {
  const { idempotencyKey } = currentContext();
  if (!idempotencyKey) return commit(async () => {});
  const name = `${method.parent.typeName}/${method.name}`;
  const hash = requestHash(method.input, request);
  const known = await find(deps, name, idempotencyKey, hash, method.output);
  if (known) return known;
  try {
    return await commit((tx, answer) =>
      insert(deps, tx, { name, key: idempotencyKey, hash, answer: toBinary(method.output, answer) }),
    );
  } catch (error) {
    if (!(error instanceof KeyTaken)) throw error;
    const winner = await find(deps, name, idempotencyKey, hash, method.output);
    if (!winner) throw refuse(ErrorReason.SERVICE_UNAVAILABLE, 'the same request is being handled');
    return winner;
  }
}

/**
 * The same, and whether the answer is a recorded one: the control, state or status in it was current when it was recorded, so
 * the caller of this function adds the current values.
 */
export async function onceOrReplayed<I extends DescMessage, O extends DescMessage>(
  ...[deps, method, request, commit]: Parameters<typeof once<I, O>>
): Promise<{ answer: MessageShape<O>; replayed: boolean }> {
  let fresh: MessageShape<O> | undefined;
  const answer = await once<I, O>(deps, method, request, async (record) => {
    fresh = await commit(record);
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

async function find<O extends DescMessage>(
  deps: { db: Database; clock: Clock },
  method: string,
  key: string,
  hash: string,
  output: O,
): Promise<MessageShape<O> | undefined> {
  const row = await deps.db
    .of<IdempotencyTables>()
    .selectFrom('idempotency_key')
    .select(['request_hash', 'answer'])
    .where('tenant', '=', currentContext().tenant)
    .where('method', '=', method)
    .where('idempotency_key', '=', key)
    .where('created_at', '>', sqlTime(deps.clock.now() - IDEMPOTENCY_HOURS * 3_600_000))
    .executeTakeFirst();
  if (!row) return undefined;
  if (row.request_hash !== hash)
    throw refuse(ErrorReason.IDEMPOTENCY_KEY_REUSED, `the idempotency key ${key} was used with another request`, {
      idempotency_key: key,
    });
  return fromBinary(output, row.answer);
}

async function insert(
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
    throw deps.db.isDuplicateKey(error) ? new KeyTaken() : error;
  }
}
