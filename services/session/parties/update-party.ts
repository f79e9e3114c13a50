import type { Executor } from '../../lib/db/sql-backend.ts';
import { appError, ErrorReason } from '../../lib/errors/app-error.ts';
import { currentContext, currentTenant } from '../../lib/runtime/request-context.ts';
import type { SessionDeps } from '../deps.ts';

import {
  addLookAlikeMoves,
  aliasesToLookUp,
  hasChanges,
  type Party,
  type PartyUpdate,
  type PartyUpdatePlan,
  planPartyUpdate,
  resolvePartyKey,
} from '../domain/party-update.ts';
import { PartyConflictError, writePartyUpdate } from '../store/party-store.ts';
import { readParty } from '../store/read-parties.ts';
import type { SessionTables } from '../store/tables.ts';

/** How often a change is planned anew when other writers are faster. */
const MAX_ATTEMPTS = 6;

/**
 * Makes true what a caller wants of an entry and returns it; a repeat changes nothing. `record` is run in the same
 * transaction. Throws ALIAS_TAKEN, ALIAS_IN_USE, INVALID_ARGUMENT; STALE_VERSION when others were faster every time.
 */
export async function updateParty(
  deps: SessionDeps,
  platform: string,
  update: PartyUpdate,
  saveResponse: (tx: Executor, party: Party) => Promise<void>,
): Promise<Party> {
  for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
    const present = await withCurrentKey(deps, platform, update);
    const { entry: party, known: existingAliases, fresh: newParty } = await resolveParty(deps, platform, present);
    const plan = await withLosersLookAlikes(deps, planPartyUpdate(present, party, existingAliases, newParty));
    try {
      const after = await write(deps, plan, saveResponse);
      if (hasChanges(plan)) logPartyChange(deps, plan);
      return after;
    } catch (error) {
      if (!(error instanceof PartyConflictError || deps.db.isDuplicateKey(error))) throw error;
    }
  }
  throw appError(ErrorReason.STALE_VERSION, 'the entry is being changed by many writers at once');
}

/** A former key of a shop means the shop that it has joined. */
async function withCurrentKey(deps: SessionDeps, platform: string, update: PartyUpdate): Promise<PartyUpdate> {
  const key = update.side === 'shop' ? await deps.parties.findMergedInto(platform, update.id) : undefined;
  return key === undefined ? update : { ...update, id: key };
}

/** The plan with all that has to go along with what it moves. */
async function withLosersLookAlikes(deps: SessionDeps, plan: PartyUpdatePlan): Promise<PartyUpdatePlan> {
  if (plan.moves.length === 0) return plan;
  const from = [...new Set(plan.moves.map((move) => move.from))];
  const losingParties = from.map((key) =>
    readParty(deps.db.autocommit<SessionTables>(), currentTenant(), plan.side, key),
  );
  return addLookAlikeMoves(
    plan,
    (await Promise.all(losingParties)).filter((party) => party !== undefined),
  );
}

/** The entry that the wish means, if there is one yet, and whose the aliases in it are. */
async function resolveParty(deps: SessionDeps, platform: string, update: PartyUpdate) {
  const { side, id } = update;
  const tenant = currentTenant();
  const db = deps.db.autocommit<SessionTables>();
  const named = aliasesToLookUp(update);
  const existingAliases = await deps.parties.findExact(platform, side, named);
  const byKey = existingAliases.some(({ kind, value }) => kind === 'id' && value === id)
    ? undefined
    : await readParty(db, tenant, side, id);
  const newParty = { key: deps.ids.next(side === 'account' ? 'acc' : 'shp'), platform };
  if (byKey) return { entry: byKey, known: await deps.parties.findExact(byKey.platform, side, named), fresh: newParty };
  const key = resolvePartyKey(update, existingAliases);
  return {
    entry: key === undefined ? undefined : await readParty(db, tenant, side, key),
    known: existingAliases,
    fresh: newParty,
  };
}

/** What changes nothing is read again all the same: its answer may have to be recorded. */
function write(
  deps: SessionDeps,
  plan: PartyUpdatePlan,
  saveResponse: (tx: Executor, party: Party) => Promise<void>,
): Promise<Party> {
  const tenant = currentTenant();
  return deps.db.transaction<SessionTables, Party>('directory-entry', async (tx) => {
    if (hasChanges(plan)) await writePartyUpdate(tx, tenant, plan, deps.clock.now());
    const after = await readParty(tx, tenant, plan.side, plan.key);
    if (!after) throw new PartyConflictError();
    await saveResponse(tx, after);
    return after;
  });
}

function logPartyChange(
  deps: SessionDeps,
  { key, side, platform, add, moves, remove, name, botPrefix }: PartyUpdatePlan,
): void {
  const line = { event: 'directory_changed', side, key, platform, actor: currentContext().actor, name };
  const aliases = { added: add, moved: moves, removed: remove };
  deps.logger.info({ ...line, bot_prefix: botPrefix, ...aliases }, `directory_changed ${key}`);
}
