import type { DescMessage, MessageShape } from '@bufbuild/protobuf';
import { appError, ErrorReason } from '../../lib/errors/app-error.ts';
import type { IdempotencyRecord } from '../../lib/idempotency/idempotency-record.ts';
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
import { retryCommand } from '../unit-of-work/retry-command.ts';

/**
 * Applies a client's update to an account or a shop once per idempotency key, and returns the response for the party
 * afterwards; a repeat changes nothing. Throws ALIAS_TAKEN, ALIAS_IN_USE, INVALID_ARGUMENT, STALE_VERSION.
 */
export function updateParty<I extends DescMessage, O extends DescMessage>(
  deps: SessionDeps,
  platform: string,
  update: PartyUpdate,
  record: IdempotencyRecord<I, O>,
  toResponse: (party: Party) => MessageShape<O>,
): Promise<MessageShape<O>> {
  return retryCommand(deps, tooManyWriters, async () => {
    const saved = await record.find();
    if (saved) return saved;
    const current = await withCurrentKey(deps, platform, update);
    const { party, existingAliases, newParty } = await resolveParty(deps, platform, current);
    const plan = await withLosersLookAlikes(deps, planPartyUpdate(current, party, existingAliases, newParty));
    const tenant = currentTenant();
    const response = await deps.db.transaction<SessionTables, MessageShape<O>>('directory-entry', async (tx) => {
      if (hasChanges(plan)) await writePartyUpdate(tx, tenant, plan, deps.clock.now());
      const after = await readParty(tx, tenant, plan.side, plan.key);
      if (!after) throw new PartyConflictError();
      const response = toResponse(after);
      await record.save(tx, response);
      return response;
    });
    if (hasChanges(plan)) logPartyChange(deps, plan);
    return response;
  });
}

function tooManyWriters() {
  const text = 'too many concurrent writers are changing this account or shop; repeat the request';
  return appError(ErrorReason.STALE_VERSION, text);
}

/** Replaces the former key of a merged shop by the key of the shop that it was merged into. */
async function withCurrentKey(deps: SessionDeps, platform: string, update: PartyUpdate): Promise<PartyUpdate> {
  const key = update.side === 'shop' ? await deps.parties.findMergedInto(platform, update.id) : undefined;
  return key === undefined ? update : { ...update, id: key };
}

/** The plan with the look-alikes of the aliases that it moves. */
async function withLosersLookAlikes(deps: SessionDeps, plan: PartyUpdatePlan): Promise<PartyUpdatePlan> {
  if (plan.moves.length === 0) return plan;
  const from = [...new Set(plan.moves.map((move) => move.from))];
  const losingParties = await Promise.all(
    from.map((key) => readParty(deps.db.autocommit<SessionTables>(), currentTenant(), plan.side, key)),
  );
  return addLookAlikeMoves(
    plan,
    losingParties.filter((party) => party !== undefined),
  );
}

/** The account or shop of the update, if it exists, and the owners of the aliases in the update. */
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
  if (byKey)
    return { party: byKey, existingAliases: await deps.parties.findExact(byKey.platform, side, named), newParty };
  const key = resolvePartyKey(update, existingAliases);
  return {
    party: key === undefined ? undefined : await readParty(db, tenant, side, key),
    existingAliases,
    newParty,
  };
}

function logPartyChange(
  deps: SessionDeps,
  { key, side, platform, add, moves, remove, name, botPrefix }: PartyUpdatePlan,
): void {
  const line = { event: 'directory_changed', side, key, platform, actor: currentContext().actor, name };
  const aliases = { added: add, moved: moves, removed: remove };
  deps.logger.info({ ...line, bot_prefix: botPrefix, ...aliases }, `directory_changed ${key}`);
}
