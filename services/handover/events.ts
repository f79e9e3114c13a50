import type { RunningModule } from '../lib/module.ts';
import type { HandoverDeps } from './deps.ts';
import { onMessagesReceived } from './events/messages-received.ts';
import { onSessionChanged } from './events/session-changed.ts';
import { onSessionCreated } from './events/session-created.ts';
import { onTaskChanged } from './events/task-changed.ts';

/** What the service does on other services' events. Every handler may see its event twice. */
export function handlers(deps: HandoverDeps): NonNullable<RunningModule['consumes']> {
  return {
    sessionCreated: onSessionCreated(deps),
    sessionChanged: onSessionChanged(deps),
    messagesReceived: onMessagesReceived(deps),
    taskChanged: onTaskChanged(deps),
  };
}
