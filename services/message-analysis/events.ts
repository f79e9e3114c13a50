import type { Session } from '../../gen/autosession/session/v1/session_pb.js';
import { currentTenant } from '../lib/context.ts';
import type { EventHandler, RunningModule } from '../lib/module.ts';
import type { MessageDeps } from './deps.ts';
import { NewsTogether } from './news-together.ts';

/** Stores for every conversation which session it has: when its account becomes known, that session is updated. */
export function consumers(deps: MessageDeps): NonNullable<RunningModule['consumes']> {
  const together = new NewsTogether(deps.db);
  const keep = async (session: Session | undefined) => {
    if (!session?.accountKey || !session.shopKey) return;
    await together.keep(currentTenant(), session);
  };
  const onSession: EventHandler = async ({ payload }) => {
    if (payload.case === 'sessionCreated' || payload.case === 'sessionChanged') await keep(payload.value.session);
  };
  return { sessionCreated: onSession, sessionChanged: onSession };
}
