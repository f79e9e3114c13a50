import type { SelectQueryBuilder } from 'kysely';
import type { MessageRow, MessageTables } from './tables.ts';

const CHUNK = 500;

type MessageQuery<O> = SelectQueryBuilder<MessageTables, 'messages', O>;

/**
 * The evaluated messages of all tenants by the time at which they were stored, newest first, in short reads between which the caller
 * may stop. `query` selects from the messages, at least `received_at`.
 */
export async function* recentMessages<O extends Pick<MessageRow, 'received_at'>>(
  query: MessageQuery<O>,
): AsyncGenerator<O[]> {
  let before: string | undefined;
  let skip = 0;
  for (;;) {
    let chunk = query.where('settled', '=', 1).orderBy('received_at', 'desc').limit(CHUNK).offset(skip);
    if (before !== undefined) chunk = chunk.where('received_at', '<=', before);
    const rows = (await chunk.execute()) as O[];
    yield rows;
    const last = rows.at(-1)?.received_at;
    if (rows.length < CHUNK || last === undefined) return;
    const ofLast = rows.filter(({ received_at }) => received_at === last).length;
    skip = last === before ? skip + rows.length : ofLast;
    before = last;
  }
}
