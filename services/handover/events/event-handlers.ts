import type { RunningModule } from '../../lib/runtime/module.ts';
import type { HandoverDeps } from '../deps.ts';
import { countMessagesReceived } from './messages-received.ts';
import { recordSessionChanged } from './session-changed.ts';
import { recordSessionCreated } from './session-created.ts';
import { recordTaskChanged } from './task-changed.ts';

/** The handlers of other services' events. Every handler may get an event twice. */
export function handoverEventHandlers(deps: HandoverDeps): NonNullable<RunningModule['eventHandlers']> {
  return {
    sessionCreated: recordSessionCreated(deps),
    sessionChanged: recordSessionChanged(deps),
    messagesReceived: countMessagesReceived(deps),
    taskChanged: recordTaskChanged(deps),
  };
}
