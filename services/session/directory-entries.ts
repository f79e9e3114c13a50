import { currentContext, currentTenant } from '../lib/context.ts';
import type { Executor } from '../lib/db/database.ts';
import { ErrorReason, refuse } from '../lib/errors/refuse.ts';
import type { SessionDeps } from './deps.ts';
import {
  changesAnything,
  type Entry,
  type EntryPlan,
  type EntryWish,
  meantKey,
  namedBy,
  planEntry,
  withLookAlikes,
} from './domain/directory-entry.ts';
import type { Alias } from './domain/parties.ts';
import { StaleEntry, writePlan } from './store/entry-store.ts';
import { readEntry } from './store/read-entries.ts';
import type { SessionTables } from './store/schema.ts';

/** How often a change is planned anew when other writers are faster. */
const ATTEMPTS = 6;

/** What a caller named an entry by. */
interface Sought {
  readonly side: Alias['side'];
  readonly platform: string;
  readonly id: string;
}

/** The account or shop with this id on the platform, or with this key, also a former one. Throws PARTY_NOT_FOUND. */
export async function mustFindEntry(deps: SessionDeps, { side, platform, id }: Sought): Promise<Entry> {
  const tenant = currentTenant();
  const known = await deps.parties.owners(platform, side, [{ kind: 'id', value: id }]);
  const key = known[0]?.key ?? (side === 'shop' ? await deps.parties.joinedBy(platform, id) : undefined) ?? id;
  const entry = await readEntry(deps.db.of<SessionTables>(), tenant, side, key);
  if (!entry) throw refuse(ErrorReason.PARTY_NOT_FOUND, `there is no ${side} ${id}`, { [`${side}_id`]: id });
  return entry;
}

/**
 * Makes true what a caller wants of an entry and returns it; a repeat changes nothing. `record` is run in the same
 * transaction. Throws ALIAS_TAKEN, ALIAS_IN_USE, INVALID_ARGUMENT; STALE_VERSION when others were faster every time.
 */
export async function changeEntry(
  deps: SessionDeps,
  platform: string,
  wish: EntryWish,
  record: (tx: Executor, entry: Entry) => Promise<void>,
): Promise<Entry> {
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const present = await byPresentKey(deps, platform, wish);
    const { entry, known, fresh } = await meant(deps, platform, present);
    const plan = await planned(deps, planEntry(present, entry, known, fresh));
    try {
      const after = await write(deps, plan, record);
      if (changesAnything(plan)) announce(deps, plan);
      return after;
    } catch (error) {
      if (!(error instanceof StaleEntry || deps.db.isDuplicateKey(error))) throw error;
    }
  }
  throw refuse(ErrorReason.STALE_VERSION, 'the entry is being changed by many writers at once');
}

/** A former key of a shop means the shop that it has joined. */
async function byPresentKey(deps: SessionDeps, platform: string, wish: EntryWish): Promise<EntryWish> {
  const key = wish.side === 'shop' ? await deps.parties.joinedBy(platform, wish.id) : undefined;
  return key === undefined ? wish : { ...wish, id: key };
}

/** The plan with all that has to go along with what it moves. */
async function planned(deps: SessionDeps, plan: EntryPlan): Promise<EntryPlan> {
  if (plan.moves.length === 0) return plan;
  const from = [...new Set(plan.moves.map((move) => move.from))];
  const losers = from.map((key) => readEntry(deps.db.of<SessionTables>(), currentTenant(), plan.side, key));
  return withLookAlikes(
    plan,
    (await Promise.all(losers)).filter((entry) => entry !== undefined),
  );
}

/** The entry that the wish means, if there is one yet, and whose the aliases in it are. */
async function meant(deps: SessionDeps, platform: string, wish: EntryWish) {
  const { side, id } = wish;
  const tenant = currentTenant();
  const db = deps.db.of<SessionTables>();
  const named = namedBy(wish);
  const known = await deps.parties.owners(platform, side, named);
  const byKey = known.some(({ kind, value }) => kind === 'id' && value === id)
    ? undefined
    : await readEntry(db, tenant, side, id);
  const fresh = { key: deps.ids.next(side === 'account' ? 'acc' : 'shp'), platform };
  if (byKey) return { entry: byKey, known: await deps.parties.owners(byKey.platform, side, named), fresh };
  const key = meantKey(wish, known);
  return { entry: key === undefined ? undefined : await readEntry(db, tenant, side, key), known, fresh };
}

/** What changes nothing is read again all the same: its answer may have to be recorded. */
function write(
  deps: SessionDeps,
  plan: EntryPlan,
  record: (tx: Executor, entry: Entry) => Promise<void>,
): Promise<Entry> {
  const tenant = currentTenant();
  return deps.db.transaction<SessionTables, Entry>('directory-entry', async (tx) => {
    if (changesAnything(plan)) await writePlan(tx, tenant, plan, deps.clock.now());
    const after = await readEntry(tx, tenant, plan.side, plan.key);
    if (!after) throw new StaleEntry();
    await record(tx, after);
    return after;
  });
}

function announce(deps: SessionDeps, { key, side, platform, add, moves, remove, name, botPrefix }: EntryPlan): void {
  const line = { event: 'directory_changed', side, key, platform, actor: currentContext().actor, name };
  const aliases = { added: add, moved: moves, removed: remove };
  deps.logger.info({ ...line, bot_prefix: botPrefix, ...aliases }, `directory_changed ${key}`);
}
