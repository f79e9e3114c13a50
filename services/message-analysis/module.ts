import { MessageService } from '../../gen/autosession/message/v1/message_service_pb.js';
import { SessionService } from '../../gen/autosession/session/v1/session_service_pb.js';
import { TaskService } from '../../gen/autosession/task/v1/task_service_pb.js';
import { showZero } from '../lib/metrics.ts';
import type { Module } from '../lib/module.ts';
import type { MessageDeps } from './deps.ts';
import { elementRules } from './element-rules.ts';
import { consumers } from './events.ts';
import { PartiesCache } from './parties.ts';
import { getSessionMessages } from './rpc/get-session-messages.ts';
import { ingestMessages } from './rpc/ingest-messages.ts';
import { listMessages } from './rpc/list-messages.ts';
import { messageMigrations } from './store/tables.ts';
import { startRemoving, startSettling } from './sweep.ts';

const VERDICTS = ['stored', 'history', 'duplicate', 'conflict', 'invalid'];

/** What was said, by whom, and whether a human stepped in. */
export const messageAnalysisModule: Module = {
  name: 'message-analysis',
  provides: [MessageService],
  uses: [SessionService, TaskService],
  migrations: messageMigrations,
  start: async (kernel, directory) => {
    const deps: MessageDeps = {
      ...kernel,
      sessions: directory.client(SessionService),
      tasks: directory.client(TaskService),
      parties: new PartiesCache(),
      elementRules: elementRules(kernel.config.timezone),
    };
    showZero(
      kernel.metrics.messages,
      VERDICTS.map((verdict) => ({ verdict })),
    );
    const loops = new AsyncDisposableStack();
    return {
      consumes: consumers(deps),
      routes: (router) =>
        void router.service(MessageService, {
          ingestMessages: ingestMessages(deps),
          listMessages: listMessages(deps),
          getSessionMessages: getSessionMessages(deps),
        }),
      begin: () => {
        loops.use(startSettling(deps));
        loops.use(startRemoving(deps));
      },
      [Symbol.asyncDispose]: () => loops.disposeAsync(),
    };
  },
};
